import {
  ceilDiv,
  type Dispatch,
  elems,
  expectRanks,
  grid,
  input,
  type Op,
  output,
  ShapeError,
} from '../op.ts'

/**
 * The weight of a 3×3 convolution behind a nearest-neighbour upsampling to twice the size, at the low resolution: w [3,3,C,K] →
 * [2,2,C,4K]. The output in row a and column b of the block over a pixel sees 2 × 2 pixels only, each by the sum of the taps that
 * fall on it; its weights are channels (2a + b)K and on. `interleave` puts the blocks together.
 */
export const phaseWeight: Op<object> = {
  name: 'phaseWeight',
  half: 'all',

  infer(inputs) {
    expectRanks('phaseWeight', inputs, [4])
    const [R, S, C, K] = inputs[0]!.shape
    if (R !== 3 || S !== 3) throw new ShapeError('phaseWeight', 'the kernel must be 3×3', inputs)
    return [{ shape: [2, 2, C!, 4 * K!] }]
  },

  kernels: ([w]) => [{ ...dispatch('phase_weight', w!.shape), isPreparation: true }],

  grad: (b) => [b.op('phaseWeightGrad', [b.outputGrads[0]!], {})],

  reference([w], [spec]) {
    const sums = new Float64Array((elems(spec!) / 9) * 16)
    forEachTap(spec!.shape, (tap, sum) => {
      sums[sum]! += w![tap]!
    })
    return [sums]
  },
}

/** Its transpose: what each tap's sums get [2,2,C,4K] → [3,3,C,K]. */
export const phaseWeightGrad: Op<object> = {
  name: 'phaseWeightGrad',
  half: 'all',
  fullOutput: true,

  infer(inputs) {
    expectRanks('phaseWeightGrad', inputs, [4])
    const [R, S, C, columns] = inputs[0]!.shape
    if (R !== 2 || S !== 2 || columns! % 4) {
      throw new ShapeError('phaseWeightGrad', 'needs [2×2×C×4K]', inputs)
    }
    return [{ shape: [3, 3, C!, columns! / 4] }]
  },

  kernels: (_inputs, [dw]) => [dispatch('phase_weight_grad', dw!.shape)],

  grad: (b) => [b.op('phaseWeight', [b.outputGrads[0]!], {})],

  reference([sums], [spec]) {
    const [, , C, columns] = spec!.shape as [number, number, number, number]
    const dw = new Float64Array(9 * C * (columns / 4))
    forEachTap([3, 3, C, columns / 4], (tap, sum) => {
      dw[tap]! += sums![sum]!
    })
    return [dw]
  },
}

/** Visits every element of w [3,3,C,K] with every sum [2,2,C,4K] that it is a part of. */
function forEachTap(shape: readonly number[], visit: (tap: number, sum: number) => void): void {
  const [, , C, K] = shape as [number, number, number, number]
  // the pixel, from that under the block, on which tap r of output a falls; the 2 × 2 pixels begin a row further down for a = 1
  const pixel = (a: number, r: number) => Math.floor((a + r - 1) / 2) + 1 - a
  for (const a of [0, 1]) {
    for (const b of [0, 1]) {
      for (let r = 0; r < 3; r++) {
        for (let s = 0; s < 3; s++) {
          const pair = pixel(a, r) * 2 + pixel(b, s)
          for (let c = 0; c < C; c++) {
            for (let k = 0; k < K; k++) {
              visit(((r * 3 + s) * C + c) * K + k, (pair * C + c) * 4 * K + (2 * a + b) * K + k)
            }
          }
        }
      }
    }
  }
}

/** One invocation for each pair of channels of a weight [3,3,C,K]. */
function dispatch(shader: string, [, , C, K]: readonly number[]): Dispatch {
  return {
    shader,
    params: { C: C!, K: K! },
    bindings: [input(0), output(0)],
    workgroups: grid(ceilDiv(C! * K!, 64)),
  }
}
