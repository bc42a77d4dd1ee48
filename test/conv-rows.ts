import { conv2d, conv2dDefaults } from '../src/kernels/conv/conv2d.ts'
import type { AttrsOf } from '../src/kernels/op.ts'
import { type Case, type Rows, type Shape4, shapeOf } from './rows.ts'

type Conv2dRow = Case<AttrsOf<'conv2d'>>

const relu = { activation: 'relu' } as const
const bias = true

/** Without a bias and an activation unless asked for: both have rows of their own. */
function conv(x: Shape4, w: Shape4, attrs: Partial<AttrsOf<'conv2d'>> & { bias?: boolean } = {}): Conv2dRow {
  const { bias: withBias, ...rest } = attrs
  return { inputs: withBias ? [x, w, [w[3]]] : [x, w], attrs: { ...conv2dDefaults, ...rest } }
}

/** Adds the fourth input: what is added to the convolution, of its shape. */
function withResidual({ inputs, attrs }: Conv2dRow): Conv2dRow {
  const specs = inputs.map((x) => ({ shape: shapeOf(x) }))
  return { inputs: [...inputs, conv2d.infer(specs, attrs)[0]!.shape], attrs }
}

// x [N,H,W,C], w [R,S,C/groups,K]
export const convRows: Rows<AttrsOf<'conv2d'>> = [
  // sizes of 1, the network's own first and last layers, its strided layers on odd and even sizes
  conv([1, 1, 1, 1], [1, 1, 1, 1]),
  conv([1, 1, 1, 5], [3, 3, 5, 4], { bias }),
  conv([1, 8, 8, 1], [3, 3, 1, 64], { stride: [2, 2], bias, ...relu }),
  conv([2, 8, 7, 32], [3, 3, 32, 2], { bias }),
  conv([2, 9, 13, 8], [3, 3, 8, 12], { stride: [2, 2], bias, ...relu }),
  conv([3, 8, 8, 4], [3, 3, 4, 8], { stride: [2, 2] }),
  // channels that are no multiple of 4, below and above one tile of 32 or 64
  conv([2, 7, 9, 3], [3, 3, 3, 5], { bias, ...relu }),
  conv([1, 7, 7, 1], [3, 3, 1, 1], relu),
  conv([1, 5, 9, 64], [3, 3, 64, 68], { bias }),
  conv([1, 3, 9, 3], [3, 3, 3, 72], relu),
  conv([1, 3, 17, 5], [3, 3, 5, 128]),
  conv([1, 3, 8, 68], [3, 3, 68, 32], { bias, ...relu }),
  // pixels: widths and heights of 1, one more than a tile of 8, one more than 64 pixels of one row
  conv([2, 9, 1, 4], [3, 3, 4, 8]),
  conv([1, 1, 17, 3], [3, 3, 3, 4]),
  conv([1, 2, 67, 2], [3, 3, 2, 4], { bias }),
  // 1×1: all pixels of all images stand in one row; strided or padded ones do not
  conv([3, 4, 9, 12], [1, 1, 12, 68], { bias, ...relu }),
  conv([1, 1, 13, 12], [1, 1, 12, 2], { bias }),
  conv([2, 7, 7, 4], [1, 1, 4, 8], { stride: [2, 2] }),
  conv([1, 3, 4, 4], [1, 1, 4, 4], { padding: [1, 2, 0, 1], bias }),
  // tiles of 4 × 4 outputs: whole ones, one pixel more and one less, several images, channels that fill no subgroup
  conv([1, 8, 8, 8], [3, 3, 8, 64], { bias }),
  conv([3, 9, 7, 12], [3, 3, 12, 20], { bias, ...relu }),
  conv([2, 5, 13, 4], [3, 3, 4, 4], { padding: [0, 2, 2, 0] }),
  conv([1, 17, 18, 20], [3, 3, 20, 8], { padding: [1, 0, 0, 1] }),
  // other kernel sizes, also larger than the image
  conv([1, 13, 17, 4], [5, 5, 4, 8], { bias }),
  conv([1, 9, 17, 5], [1, 7, 5, 4]),
  conv([1, 17, 9, 4], [7, 1, 4, 12]),
  conv([1, 2, 2, 4], [5, 5, 4, 4]),
  conv([1, 8, 9, 2], [2, 2, 2, 3]),
  // strides, also beyond the kernel's size, so that some pixels are never seen
  conv([1, 13, 13, 8], [3, 3, 8, 64], { stride: [3, 3], bias }),
  conv([2, 8, 9, 4], [2, 2, 4, 4], { stride: [3, 3] }),
  conv([1, 9, 8, 4], [3, 3, 4, 4], { stride: [2, 1], ...relu }),
  conv([1, 5, 9, 4], [3, 3, 4, 8], { stride: [1, 2] }),
  conv([1, 8, 13, 3], [3, 3, 3, 3], { stride: [1, 3] }),
  // padding given outright, unlike on all sides: [top, left, bottom, right]
  conv([3, 7, 7, 2], [2, 2, 2, 4], { stride: [2, 2], padding: [0, 1, 1, 0] }),
  conv([1, 8, 7, 4], [3, 3, 4, 8], { padding: [2, 0, 1, 3], bias }),
  conv([2, 7, 8, 3], [3, 3, 3, 5], { padding: [0, 2, 3, 1] }),
  conv([1, 6, 7, 3], [3, 3, 3, 5], { padding: [2, 0, 0, 2] }),
  conv([1, 9, 13, 8], [3, 3, 8, 8], { padding: [0, 0, 0, 0] }),
  // dilation, alike and unlike in both directions
  conv([1, 13, 9, 4], [3, 3, 4, 8], { dilation: [2, 2], bias }),
  conv([2, 9, 8, 3], [3, 2, 3, 4], { dilation: [1, 2], stride: [2, 1] }),
  conv([1, 9, 9, 2], [3, 3, 2, 3], { dilation: [2, 1], stride: [1, 2], padding: [1, 2, 2, 0] }),
  // groups, down to one channel each (depthwise) and several outputs for each channel
  conv([1, 7, 8, 8], [3, 3, 4, 12], { groups: 2, bias }),
  conv([2, 5, 7, 12], [3, 3, 3, 8], { groups: 4, ...relu }),
  conv([2, 9, 9, 8], [3, 3, 1, 8], { groups: 8, bias, ...relu }),
  conv([1, 7, 9, 5], [3, 3, 1, 10], { groups: 5, stride: [2, 2] }),
  // depthwise in vec4s: one pixel more than an invocation takes, strides, dilation, unlike padding
  conv([2, 5, 9, 4], [3, 3, 1, 4], { groups: 4, bias }),
  conv([1, 8, 7, 12], [3, 3, 1, 12], { groups: 12, stride: [2, 2], ...relu }),
  conv([1, 6, 9, 8], [3, 3, 1, 8], { groups: 8, stride: [1, 2] }),
  // the same, where each row is a whole number of invocations and all of them are three workgroups
  conv([1, 24, 8, 12], [3, 3, 1, 12], { groups: 12 }),
  conv([2, 4, 11, 8], [2, 5, 1, 8], { groups: 8, dilation: [2, 1], padding: [2, 0, 1, 3] }),
  withResidual(conv([2, 3, 5, 8], [3, 3, 1, 8], { groups: 8, bias, residualScale: 0.3 })),
  // few output channels: more than one column of taps, strides, dilation, unlike padding, a kernel of one row
  conv([2, 7, 9, 36], [3, 3, 36, 7], { bias, ...relu }),
  conv([1, 9, 8, 8], [3, 5, 8, 3], { stride: [2, 1], dilation: [1, 2], padding: [0, 3, 2, 1] }),
  conv([2, 5, 6, 8], [2, 1, 8, 2], { padding: [1, 0, 0, 0] }),
  // other activations, tiled and not
  conv([1, 5, 7, 4], [3, 3, 4, 8], { activation: 'clip', min: -1, max: 3, bias }),
  conv([1, 5, 7, 3], [3, 3, 3, 5], { activation: 'clip', min: 0, max: 6 }),
  conv([1, 4, 5, 4], [1, 1, 4, 4], { activation: 'clip', max: 1 }),
  conv([1, 5, 6, 4], [3, 3, 4, 8], { activation: 'leakyRelu', alpha: 0.2 }),
  conv([1, 5, 6, 3], [3, 3, 3, 6], { activation: 'leakyRelu', alpha: 0.01, bias }),
  // residuals, tiled and not, flattened and in groups
  withResidual(conv([2, 5, 7, 4], [1, 1, 4, 12], { bias, residualScale: 0.17, ...relu })),
  withResidual(conv([2, 5, 7, 4], [3, 3, 4, 8], { bias, stride: [2, 1] })),
  withResidual(
    conv([2, 5, 3, 3], [3, 3, 3, 5], { bias, residualScale: -0.5, activation: 'clip', min: -1, max: 1 }),
  ),
  withResidual(conv([1, 5, 5, 4], [3, 3, 2, 4], { bias, groups: 2, residualScale: 0.3 })),
  // into some channels of a wider tensor: the first, the middle and the last ones, tiled and not
  { ...conv([2, 5, 7, 4], [3, 3, 4, 4], { bias, ...relu }), slice: { channels: 12, offset: 0 } },
  { ...conv([2, 5, 9, 4], [1, 1, 4, 64], { bias }), slice: { channels: 76, offset: 8 } },
  { ...withResidual(conv([1, 5, 6, 4], [3, 3, 4, 8], { bias })), slice: { channels: 16, offset: 8 } },
  { ...conv([2, 4, 3, 3], [3, 3, 3, 3], { bias }), slice: { channels: 8, offset: 4 } },
  { ...conv([1, 4, 5, 4], [3, 3, 1, 4], { groups: 4 }), slice: { channels: 12, offset: 4 } },
  { ...conv([2, 4, 3, 8], [3, 3, 8, 3], { bias }), slice: { channels: 7, offset: 2 } },
  // more terms than are summed at once where workgroups are few, of the convolution and of its gradient to the input
  conv([1, 5, 4, 8], [3, 3, 8, 260], { stride: [2, 2] }),
  {
    ...withResidual(conv([1, 2, 3, 260], [1, 1, 260, 8], { bias, residualScale: 0.3, ...relu })),
    slice: { channels: 20, offset: 8 },
  },
  // tiles enough that Winograd's gradient to the weight sums them in parts
  conv([1, 61, 67, 4], [3, 3, 4, 4]),
  // the piece would fit the tiles, the whole or its place does not
  { ...conv([2, 4, 3, 4], [3, 3, 4, 4]), slice: { channels: 11, offset: 4 } },
  { ...conv([1, 5, 3, 4], [1, 1, 4, 4]), slice: { channels: 8, offset: 3 } },
]

/** The rows of a gradient of conv2d: made from the forward rows (bias and activation are none of its business). */
export function convGradRows<A>(
  make: (x: readonly number[], w: readonly number[], dy: readonly number[], row: Conv2dRow) => Case<A>,
): Rows<A> {
  const rows = convRows.map((row) => {
    const [x, w] = [shapeOf(row.inputs[0]), shapeOf(row.inputs[1])]
    return make(x, w, conv2d.infer([{ shape: x }, { shape: w }], row.attrs)[0]!.shape, row)
  })
  return rows as unknown as Rows<A>
}

export const convGeometryOf = ({ attrs: { stride, dilation, padding, groups } }: Conv2dRow) => ({
  stride,
  dilation,
  padding,
  groups,
})
