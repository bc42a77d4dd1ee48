import {
  ceilDiv,
  type Dispatch,
  elems,
  expectRanks,
  expectSame,
  grid,
  input,
  type Op,
  output,
  ShapeError,
  type Spec,
} from '../op.ts'

/**
 * [L [N,H,W,1], L*⁄50 − 1; ab [N,H,W,2] in ab units] → [N,H,W,3]: the picture in sRGB as classifiers see it, level⁄127.5 − 1. Colours
 * that sRGB does not have are cut off channel by channel. Differentiable by ab. Sources: see `color/lab.ts`.
 */
export const labToSrgb: Op<object> = {
  name: 'labToSrgb',

  infer(inputs) {
    expectRanks('labToSrgb', inputs, [4, 4])
    expectPixels('labToSrgb', inputs, 0, [1, 2])
    return [{ shape: inputs[0]!.shape.with(3, 3) }]
  },

  kernels: ([L]) => [pixelwise('lab_to_srgb', L!, 2)],

  grad: (b) => [null, b.op('labToSrgbGrad', [b.outputGrads[0]!, b.inputs[0]!, b.inputs[1]!], {})],

  reference: ([L, ab]) => [
    Float64Array.from(
      [...L!].flatMap((l, i) =>
        linearOf(l, ab![2 * i]!, ab![2 * i + 1]!).map((light) => {
          const v = Math.min(1, Math.max(0, light))
          return 2 * (v <= LINEAR_BELOW ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055) - 1
        }),
      ),
    ),
  ],
}

/** [dy [N,H,W,3], L, ab] → dab. What was cut off has no gradient. */
export const labToSrgbGrad: Op<object> = {
  name: 'labToSrgbGrad',

  infer(inputs) {
    expectRanks('labToSrgbGrad', inputs, [4, 4, 4])
    expectPixels('labToSrgbGrad', inputs, 0, [3, 1, 2])
    return [inputs[2]!]
  },

  kernels: ([, L]) => [pixelwise('lab_to_srgb_grad', L!, 3)],

  reference([dy, L, ab]) {
    const dab: number[] = []
    for (const [i, l] of L!.entries()) {
      const [a, b] = [ab![2 * i]!, ab![2 * i + 1]!]
      const f = (50 * (l + 1) + 16) / 116
      const [slopeX, slopeZ] = [inverseSlope(f + a / 500) / 500, -inverseSlope(f - b / 200) / 200]
      let [da, db] = [0, 0]
      for (const [c, light] of linearOf(l, a, b).entries()) {
        if (light <= 0 || light >= 1) continue
        const slope = light <= LINEAR_BELOW ? 12.92 : (1.055 / 2.4) * light ** (1 / 2.4 - 1)
        da += 2 * dy![3 * i + c]! * slope * FROM_XYZ[c]![0] * slopeX
        db += 2 * dy![3 * i + c]! * slope * FROM_XYZ[c]![2] * slopeZ
      }
      dab.push(da, db)
    }
    return [Float64Array.from(dab)]
  },
}

/** XYZ divided by that of the white point D65 → linear sRGB, from IEC 61966-2-1; each row adds up to 1. */
const FROM_XYZ = [
  [3.0799551079933, -1.5371390038165, -0.5428161041768],
  [-0.9212586255851, 1.8760111164436, 0.0452475091415],
  [0.0528874010312, -0.2040258746703, 1.1511384736391],
] as const
/** CIE's f where its cube root begins, and linear light where sRGB's straight piece ends. */
const [ROOT_FROM, LINEAR_BELOW] = [6 / 29, 0.0031308]
const KAPPA = 24389 / 27

/** Red, green and blue, of which those outside of 0…1 are none of sRGB's. */
function linearOf(l: number, a: number, b: number): number[] {
  const f = (50 * (l + 1) + 16) / 116
  const xyz = [f + a / 500, f, f - b / 200].map((t) => (t > ROOT_FROM ? t ** 3 : (116 * t - 16) / KAPPA))
  return FROM_XYZ.map((row) => row.reduce((sum, weight, k) => sum + weight * xyz[k]!, 0))
}

const inverseSlope = (t: number) => (t > ROOT_FROM ? 3 * t * t : 116 / KAPPA)

function expectPixels(op: string, inputs: readonly Spec[], first: number, channels: readonly number[]): void {
  if (channels.some((count, i) => inputs[first + i]!.shape[3] !== count))
    throw new ShapeError(op, `needs pictures of ${channels.join(', ')} channels`, inputs)
  const sizes = inputs.map(({ shape }) => ({ shape: shape.slice(0, 3) }))
  for (const i of sizes.keys()) expectSame(op, sizes, 0, i)
}

const pixelwise = (shader: string, L: Spec, inputs: number): Dispatch => ({
  ...{ shader, constants: {}, params: { pixels: elems(L) } },
  bindings: [...Array.from({ length: inputs }, (_, i) => input(i)), output(0)],
  workgroups: grid(ceilDiv(elems(L), 64)),
})
