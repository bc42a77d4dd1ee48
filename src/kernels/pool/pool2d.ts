import { elementwise, elems, expectRanks, input, type Op, output, ShapeError, type Spec } from '../op.ts'

type Pair = readonly [number, number]

export interface Pool2dAttrs {
  readonly kind: 'max' | 'average'
  /** [vertical, horizontal], as the next two. */
  readonly kernel: Pair
  readonly stride: Pair
  readonly dilation: Pair
  /** [top, left, bottom, right] */
  readonly padding: readonly [number, number, number, number]
  /** Whether a last window may reach beyond the padded image; it must start before the bottom or right padding. */
  readonly ceilMode: boolean
  /** Whether an average's divisor counts padding; what lies beyond it never counts. */
  readonly countIncludePad: boolean
}

/**
 * Maximum or average of windows of an image: x [N,H,W,C] → y [N,OH,OW,C], sizes and divisors as ONNX defines them (MaxPool
 * and AveragePool of opset 19, ONNX Runtime 1.21).
 */
export const pool2d: Op<Pool2dAttrs> = {
  name: 'pool2d',
  half: 'all',

  infer(inputs, attrs) {
    expectRanks('pool2d', inputs, [4])
    const [N, , , C] = inputs[0]!.shape
    const { OH, OW } = geometry(inputs[0]!, attrs)
    if (OH < 1 || OW < 1) throw new ShapeError('pool2d', 'the window is larger than the padded image', inputs)
    return [{ shape: [N!, OH, OW, C!] }]
  },

  kernels([x], [y], attrs) {
    const C = x!.shape[3]!
    const vector = C % 4 === 0
    const unit = vector ? 4 : 1
    const { channels, offset } = y!.slice ?? { channels: C, offset: 0 }
    const slice = { yStart: offset / unit, yChannels: channels / unit }
    const params = { pool: { ...geometry(x!, attrs), C: C / unit }, ...slice }
    const constants = {
      VECTOR: Number(vector),
      AVERAGE: Number(attrs.kind === 'average'),
      COUNT_PAD: Number(attrs.countIncludePad),
    }
    return [elementwise('pool2d', elems(y!), [input(0), output(0)], { params, constants })]
  },

  writesSlice: (_inputs, { shape }, _attrs, slice) =>
    [shape[3]!, slice.channels, slice.offset].every((count) => count % 4 === 0),

  grad(b, attrs) {
    const [x, y, dy] = [b.inputs[0]!, b.outputs[0]!, b.outputGrads[0]!]
    const operands = attrs.kind === 'max' ? [dy, x, y] : [dy]
    return [b.op('pool2dGrad', operands, { ...attrs, shape: b.shape(x) })]
  },

  reference([x], [spec], attrs) {
    const [N, H, W, C] = spec!.shape as [number, number, number, number]
    const { OH, OW } = geometry(spec!, attrs)
    const y: number[] = []
    for (let n = 0; n < N; n++) {
      for (let oh = 0; oh < OH; oh++) {
        for (let ow = 0; ow < OW; ow++) {
          const pixels = taps(attrs, 0, oh, H).flatMap((h) =>
            taps(attrs, 1, ow, W).map((v) => [h, v] as const),
          )
          const seen = pixels.filter(([h, v]) => h >= 0 && h < H && v >= 0 && v < W)
          const divisor = attrs.countIncludePad ? pixels.length : seen.length
          for (let c = 0; c < C; c++) {
            const values = seen.map(([h, v]) => x![((n * H + h) * W + v) * C + c]!)
            y.push(attrs.kind === 'max' ? Math.max(-LARGEST, ...values) : sum(values) / Math.max(divisor, 1))
          }
        }
      }
    }
    return [Float64Array.from(y)]
  },
}

/** float32's largest number: what is less than all others. */
const LARGEST = 2 ** 128 - 2 ** 104

const sum = (values: number[]) => values.reduce((a, b) => a + b, 0)

/** For references: coordinates of a window's taps along one axis that lie on the image or its padding. */
export function taps(
  { kernel, stride, dilation, padding }: Pool2dAttrs,
  axis: 0 | 1,
  out: number,
  size: number,
): number[] {
  const all = Array.from(
    { length: kernel[axis] },
    (_, r) => out * stride[axis] + r * dilation[axis] - padding[axis],
  )
  return all.filter((at) => at < size + padding[axis + 2]!)
}

export function geometry({ shape: [, H, W] }: Spec, attrs: Pool2dAttrs) {
  const { kernel, stride, dilation, padding } = attrs
  const paddedH = H! + padding[0] + padding[2]
  const paddedW = W! + padding[1] + padding[3]
  return {
    H: H!,
    W: W!,
    OH: outputSize(attrs, 0, H!, paddedH),
    OW: outputSize(attrs, 1, W!, paddedW),
    R: kernel[0],
    S: kernel[1],
    strideH: stride[0],
    strideW: stride[1],
    dilationH: dilation[0],
    dilationW: dilation[1],
    padTop: padding[0],
    padLeft: padding[1],
    paddedH,
    paddedW,
  }
}

function outputSize(attrs: Pool2dAttrs, axis: 0 | 1, size: number, padded: number): number {
  const { kernel, stride, dilation, padding, ceilMode } = attrs
  const steps = (padded - (kernel[axis] - 1) * dilation[axis] - 1) / stride[axis]
  if (!ceilMode) return Math.floor(steps) + 1
  const out = Math.ceil(steps) + 1
  return (out - 1) * stride[axis] >= size + padding[axis] ? out - 1 : out
}
