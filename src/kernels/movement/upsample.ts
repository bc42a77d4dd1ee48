import { elementwise, elems, expectRanks, input, type Op, output, ShapeError, type Spec } from '../op.ts'

export interface UpsampleAttrs {
  /** How many times as high and as wide, an integer. */
  readonly factor: number
}

/** Nearest-neighbour upsampling: x [N,H,W,C] → y [N,H·factor,W·factor,C]. */
export const upsample: Op<UpsampleAttrs> = {
  name: 'upsample',
  half: 'all',

  infer(inputs, { factor }) {
    expectRanks('upsample', inputs, [4])
    if (!Number.isInteger(factor) || factor < 1) {
      throw new ShapeError('upsample', `factor must be a whole number of at least 1, not ${factor}`, inputs)
    }
    const [N, H, W, C] = inputs[0]!.shape
    return [{ shape: [N!, H! * factor, W! * factor, C!] }]
  },

  kernels: ([x], [y], { factor }) => [dispatch('upsample', x!, isVector(x!) ? x! : y!, factor)],

  grad: (b, attrs) => [b.op('upsampleGrad', [b.outputGrads[0]!], attrs)],

  reference([x], [spec], { factor }) {
    const [N, H, W, C] = spec!.shape as [number, number, number, number]
    const y: number[] = []
    for (let n = 0; n < N; n++) {
      for (let oh = 0; oh < H * factor; oh++) {
        for (let ow = 0; ow < W * factor; ow++) {
          const [h, w] = [Math.floor(oh / factor), Math.floor(ow / factor)]
          for (let c = 0; c < C; c++) y.push(x![((n * H + h) * W + w) * C + c]!)
        }
      }
    }
    return [Float64Array.from(y)]
  },
}

/** The sums of the factor × factor blocks of dy [N,H·factor,W·factor,C] → dx [N,H,W,C]. */
export const upsampleGrad: Op<UpsampleAttrs> = {
  name: 'upsampleGrad',
  half: 'all',

  infer(inputs, { factor }) {
    expectRanks('upsampleGrad', inputs, [4])
    const [N, OH, OW, C] = inputs[0]!.shape
    if (OH! % factor || OW! % factor) {
      throw new ShapeError('upsampleGrad', `height and width must be multiples of ${factor}`, inputs)
    }
    return [{ shape: [N!, OH! / factor, OW! / factor, C!] }]
  },

  kernels: (_inputs, [dx], { factor }) => [dispatch('upsample_grad', dx!, dx!, factor)],

  grad: (b, attrs) => [b.op('upsample', [b.outputGrads[0]!], attrs)],

  reference([dy], [spec], { factor }) {
    const [N, OH, OW, C] = spec!.shape as [number, number, number, number]
    const [H, W] = [OH / factor, OW / factor]
    const dx = new Float64Array(N * H * W * C)
    let i = 0
    for (let n = 0; n < N; n++) {
      for (let oh = 0; oh < OH; oh++) {
        for (let ow = 0; ow < OW; ow++) {
          const [h, w] = [Math.floor(oh / factor), Math.floor(ow / factor)]
          for (let c = 0; c < C; c++) dx[((n * H + h) * W + w) * C + c]! += dy![i++]!
        }
      }
    }
    return [dx]
  },
}

const isVector = (image: Spec) => image.shape[3]! % 4 === 0

/** One invocation for each vec4 of `counted`; `small` is the tensor at the lower resolution. */
function dispatch(shader: string, small: Spec, counted: Spec, factor: number) {
  const [, , W, C] = small.shape as [number, number, number, number]
  const vector = isVector(small)
  const params = { W, channels: vector ? C / 4 : C, factor }
  const constants = { VECTOR: Number(vector) }
  return elementwise(shader, elems(counted), [input(0), output(0)], { params, constants })
}
