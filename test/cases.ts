/**
 * The rows that test every operator: shape rule, gradient, kernels, shaders and mutants all run over this one table.
 * Its type makes an operator without rows a compile error. A row is cheap: a few thousand elements at most.
 */

import { conv2d, conv2dDefaults } from '../src/kernels/conv2d.ts'
import type { AttrsOf, OpName } from '../src/kernels/index.ts'

/**
 * normal: mean 0, variance 1. positive: uniform in 0.5…2. unit: uniform in 0…1. awayFromZero: uniform in ±(0.1…1), so
 * that finite differences do not straddle the kink of a ReLU. wide: variance 400. offset: mean 100, variance 1.
 * rectified: the positive part of a normal one, and zeros. index: whole numbers from −2 to 9.
 */
export type Distribution =
  | 'normal'
  | 'positive'
  | 'unit'
  | 'awayFromZero'
  | 'wide'
  | 'offset'
  | 'rectified'
  | 'index'

/** A shape alone means normal. */
export type CaseInput = readonly number[] | { readonly shape: readonly number[]; readonly dist: Distribution }

export interface Case<A> {
  readonly inputs: readonly CaseInput[]
  readonly attrs: A
  /** What this row is there for, where the shapes do not say it. */
  readonly note?: string
}

export type Rows<A> = readonly [Case<A>, ...Case<A>[]]
export type CaseTable = { readonly [N in OpName]: Rows<AttrsOf<N>> }

type Conv2dRow = Case<AttrsOf<'conv2d'>>
type Shape4 = readonly [number, number, number, number]

const relu = { activation: 'relu' } as const
const bias = true

/** Without a bias and an activation unless asked for: both have rows of their own. */
function conv(x: Shape4, w: Shape4, attrs: Partial<AttrsOf<'conv2d'>> & { bias?: boolean } = {}): Conv2dRow {
  const { bias: withBias, ...rest } = attrs
  return { inputs: withBias ? [x, w, [w[3]]] : [x, w], attrs: { ...conv2dDefaults, ...rest } }
}

// x [N,H,W,C], w [R,S,C/groups,K]
const convRows: Rows<AttrsOf<'conv2d'>> = [
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
]

const shapeOf = (input: CaseInput | undefined) =>
  (input && 'shape' in input ? input.shape : input) as readonly number[]

/** The rows of a gradient of conv2d: made from the forward rows (bias and activation are none of its business). */
function convGradRows<A>(
  make: (x: readonly number[], w: readonly number[], dy: readonly number[], row: Conv2dRow) => Case<A>,
): Rows<A> {
  const rows = convRows.map((row) => {
    const [x, w] = [shapeOf(row.inputs[0]), shapeOf(row.inputs[1])]
    return make(x, w, conv2d.infer([{ shape: x }, { shape: w }], row.attrs)[0]!.shape, row)
  })
  return rows as unknown as Rows<A>
}

const convGeometryOf = ({ attrs: { stride, dilation, padding, groups } }: Conv2dRow) => ({
  stride,
  dilation,
  padding,
  groups,
})

const of = (dist: Distribution, ...shape: number[]): CaseInput => ({ shape, dist })
const none = { activation: 'none' } as const

// any shape: one element, whole vec4s, a part of one, more than a workgroup of 256 elements
const anyShape: readonly (readonly number[])[] = [[1], [4], [3, 2, 7], [1, 5, 13, 16], [2, 3, 1, 1], [259]]

/** A row for each of `anyShape`, which `make` turns into the inputs. */
function elementwise<A>(attrs: A, make: (shape: readonly number[]) => CaseInput[]): Rows<A> {
  return anyShape.map((shape) => ({ inputs: make(shape), attrs })) as unknown as Rows<A>
}

// shape of x, factor
const upsampled: readonly (readonly [Shape4, number])[] = [
  [[1, 1, 1, 1], 2],
  [[1, 1, 1, 4], 1],
  [[2, 3, 5, 8], 2],
  [[2, 5, 3, 2], 2],
  [[1, 7, 4, 3], 3],
  [[3, 1, 7, 12], 3],
  [[2, 11, 1, 5], 4],
]

// channels that are multiples of 4 or not; several samples whose sizes are not; one pixel, one row, one column
const images: readonly Shape4[] = [
  [1, 1, 1, 1],
  [1, 1, 1, 4],
  [2, 3, 5, 8],
  [3, 7, 1, 5],
  [2, 1, 9, 2],
  [3, 5, 7, 3],
  [1, 13, 11, 36],
]

// shape of x, channels of the vector: vec4s in both, in one, in none
const tiled: readonly (readonly [Shape4, number])[] = [
  [[1, 1, 1, 1], 1],
  [[1, 1, 1, 4], 8],
  [[2, 3, 5, 8], 12],
  [[3, 7, 1, 5], 4],
  [[2, 5, 3, 4], 3],
  [[2, 1, 9, 2], 2],
  [[1, 11, 7, 36], 40],
]

// for reductions over rows, also: more rows than one stage takes, more than one chunk, more than one workgroup of
// channels, a last super-row that is not full
const reduced: readonly Shape4[] = [
  ...images,
  [1, 1, 65, 1],
  [2, 8, 8, 4],
  [3, 9, 9, 7],
  [2, 10, 13, 68],
  [1, 37, 31, 2],
  [1, 29, 31, 3],
  [3, 11, 13, 12],
  [1, 2, 3, 260],
]

// shape of the whole, axis, start, size of the piece
const pieces: readonly (readonly [readonly number[], number, number, number])[] = [
  [[1], 0, 0, 1],
  [[7], 0, 2, 3],
  [[2, 3, 5, 16], 3, 4, 8],
  [[2, 3, 5, 7], 3, 2, 5],
  [[1, 1, 12, 8], 2, 4, 8],
  [[1, 1, 13, 3], 2, 5, 7],
  [[3, 5, 4], 1, 1, 3],
  [[5, 2, 3], 0, 0, 4],
  [[2, 9, 12], 2, 8, 4],
  [[2, 9, 12], 2, 6, 4],
]

const cut = (shape: readonly number[], axis: number, size: number) =>
  shape.map((d, i) => (i === axis ? size : d))

const table = <T, A>(list: readonly T[], make: (item: T, i: number) => Case<A>) =>
  list.map(make) as unknown as Rows<A>

// numpy's broadcasting: by channel, scalars, to both sides, axes that are missing, in vec4s and not, five axes
const broadcast: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[2, 3, 5, 8], [8]],
  [[2, 3, 5, 7], [7]],
  [[3, 5, 7], [1]],
  [[1], [2, 9]],
  [[6], [4, 1]],
  [
    [3, 1, 4],
    [5, 1],
  ],
  [
    [2, 1, 3, 8],
    [1, 4, 1, 8],
  ],
  [
    [2, 1, 3, 1, 5],
    [1, 4, 1, 2, 1],
  ],
  [
    [3, 4, 5, 2],
    [3, 1, 1, 2],
  ],
  [
    [2, 7, 12],
    [2, 1, 12],
  ],
  [
    [2, 3, 1],
    [2, 3, 8],
  ],
  [
    [2, 3, 8],
    [2, 3, 1],
  ],
  [[], []],
  [[3, 1], []],
]

// shape, axes: none, all, the last, the first, neighbours, apart, also more rows than one stage takes
const meant: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[5], [0]],
  [[2, 3, 5], []],
  [
    [2, 3, 5, 7],
    [1, 2],
  ],
  [
    [2, 3, 4, 5],
    [0, 2],
  ],
  [
    [2, 3, 4, 5],
    [3, 1],
  ],
  [
    [3, 4, 5],
    [0, 1, 2],
  ],
  [[2, 7, 9, 20], [3]],
  [
    [2, 7, 9, 36],
    [1, 2],
  ],
  [[65, 3], [0]],
  [[2, 513, 3], [1]],
  [[2, 600, 3], [1]],
  [[3, 1030], [1]],
  [
    [515, 2, 520],
    [0, 2],
  ],
  [
    [1, 3, 1, 5],
    [0, 2],
  ],
  [
    [3, 2, 1, 17],
    [1, 2],
  ],
]

// shape, perm: what stays in place, vec4s that move whole, matrices, images between NHWC and NCHW, six axes
const transposed: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[5], [0]],
  [
    [3, 7],
    [1, 0],
  ],
  [
    [2, 3, 5, 8],
    [0, 3, 1, 2],
  ],
  [
    [2, 8, 3, 5],
    [0, 2, 3, 1],
  ],
  [
    [2, 3, 5, 8],
    [0, 2, 1, 3],
  ],
  [
    [2, 3, 5, 6],
    [2, 1, 0, 3],
  ],
  [
    [2, 3, 2, 2],
    [1, 0, 2, 3],
  ],
  [
    [1, 4, 1, 3],
    [3, 2, 1, 0],
  ],
  [
    [2, 3, 4, 1, 2, 5],
    [5, 3, 1, 4, 2, 0],
  ],
  [
    [2, 3, 2, 4, 2, 3],
    [4, 2, 0, 5, 1, 3],
  ],
]

// shape, pads, mode: also pads longer than the axis, axes of 1, negative pads
const padded: readonly (readonly [readonly number[], readonly number[], AttrsOf<'pad'>['mode']])[] = [
  [[5], [0, 0], 'constant'],
  [[3], [2, 1], 'constant'],
  [[2, 3, 5, 4], [0, 1, 2, 0, 0, 3, 1, 0], 'constant'],
  [[2, 3, 5, 3], [1, 0, 2, 1, 0, 1, 0, 2], 'constant'],
  [[6, 7], [-2, 1, 3, -3], 'constant'],
  [[2, 3, 4], [1, 2, 3, 2, 1, 0], 'edge'],
  [[1, 5], [2, 0, 3, 7], 'edge'],
  [[6, 5], [-1, 2, 2, -2], 'edge'],
  [[3, 4, 5], [2, 0, 3, 1, 3, 4], 'reflect'],
  [[1, 3, 2], [3, 5, 2, 0, 7, 4], 'reflect'],
  [[2, 3, 4], [1, 2, 0, 5, 1, 9], 'wrap'],
  [[2, 1, 3, 2, 2], [0, 1, 1, 0, 2, 1, 0, 2, 1, 0], 'reflect'],
  [[1, 2, 1, 3, 2, 2], [1, 0, 0, 1, 1, 0, 0, 1, 2, 0, 0, 1], 'constant'],
]

// a, b, maybe a bias: a tile and one more in each direction, vectors, one right matrix for all, batches of many kinds
const multiplied: readonly (readonly (readonly number[])[])[] = [
  [
    [1, 1],
    [1, 1],
  ],
  [[1, 13], [13, 12], [12]],
  [[5, 7], [7, 9], [9]],
  [
    [9, 3],
    [3, 68],
  ],
  [
    [66, 5],
    [5, 17],
  ],
  [[2, 3, 5], [5, 8], [8]],
  [
    [2, 3, 5],
    [1, 5, 6],
  ],
  [[2, 9, 5], [2, 5, 4], [4]],
  [
    [3, 1, 4, 5],
    [2, 5, 7],
  ],
  [
    [4, 5],
    [2, 3, 5, 9],
  ],
  [
    [2, 1, 3, 2, 4],
    [1, 3, 1, 4, 3],
  ],
  [[2, 2, 65, 11], [2, 2, 11, 33], [33]],
]

type PoolAttrs = AttrsOf<'pool2d'>

/** A maximum and an average with stride 1 and no padding, unless asked for. */
function pool(x: Shape4, kernel: PoolAttrs['kernel'], attrs: Partial<PoolAttrs> = {}): Case<PoolAttrs>[] {
  const plain = { stride: [1, 1], dilation: [1, 1], padding: [0, 0, 0, 0] } as const
  return (['max', 'average'] as const).map((kind) => ({
    inputs: [x],
    attrs: { ...plain, ceilMode: false, countIncludePad: false, kind, kernel, ...attrs },
  }))
}

const poolRows = [
  ...pool([1, 1, 1, 1], [1, 1]),
  ...pool([2, 7, 9, 8], [3, 3], { stride: [2, 2] }),
  ...pool([1, 8, 7, 5], [3, 2], { stride: [2, 3] }),
  ...pool([2, 5, 7, 4], [3, 3], { padding: [1, 1, 1, 1] }),
  ...pool([2, 5, 7, 3], [3, 3], { padding: [1, 1, 1, 1], countIncludePad: true }),
  ...pool([1, 6, 5, 4], [3, 4], { stride: [2, 1], padding: [2, 0, 1, 3], countIncludePad: true }),
  ...pool([1, 6, 5, 2], [3, 4], { stride: [1, 2], padding: [0, 3, 2, 1] }),
  ...pool([1, 9, 10, 4], [2, 3], { dilation: [3, 2] }),
  ...pool([1, 9, 8, 3], [3, 2], {
    dilation: [2, 3],
    stride: [2, 1],
    padding: [2, 1, 1, 2],
    countIncludePad: true,
  }),
  // a last window that reaches beyond the image, or beyond its padding; one that would start in the padding is no window
  ...pool([1, 6, 8, 4], [3, 3], { stride: [2, 2], ceilMode: true }),
  ...pool([1, 6, 8, 5], [3, 3], { stride: [2, 2], ceilMode: true, countIncludePad: true }),
  ...pool([2, 6, 5, 4], [3, 3], {
    stride: [2, 3],
    padding: [1, 0, 1, 2],
    ceilMode: true,
    countIncludePad: true,
  }),
  ...pool([1, 5, 5, 2], [2, 2], { stride: [2, 2], padding: [1, 1, 1, 1], ceilMode: true }),
  ...pool([1, 7, 6, 2], [2, 2], { stride: [3, 2], dilation: [2, 2], padding: [0, 1, 1, 1], ceilMode: true }),
  ...pool([1, 17, 19, 12], [17, 19]),
] as unknown as Rows<PoolAttrs>

/** [x, gamma, beta] or [x, gamma, beta, mean, var]: every channel with its own scale and shift. */
const normed = (x: Shape4, vectors: readonly Distribution[]): CaseInput[] => [
  x,
  ...vectors.map((dist) => of(dist, x[3])),
]

const adamAttrs = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }

export const cases: CaseTable = {
  view: [
    { inputs: [[5]], attrs: { offset: 0, shape: [5] } },
    { inputs: [[200]], attrs: { offset: 128, shape: [2, 5, 7] } },
    { inputs: [[64, 3]], attrs: { offset: 64, shape: [1, 1] } },
  ],
  pack: [
    { inputs: [[3]], attrs: { offsets: [0], length: 3 } },
    {
      inputs: [[2, 3], [65], [1]],
      attrs: { offsets: [64, 128, 0], length: 256 },
      note: 'out of order, with gaps',
    },
  ],
  binary: [
    ...elementwise({ kind: 'add' as const }, (shape) => [shape, shape]),
    ...table(broadcast, ([a, b], i) => ({
      inputs: [a, of('positive', ...b)],
      attrs: { kind: (['sub', 'mul', 'div', 'add'] as const)[i % 4]! },
    })),
  ],
  scale: elementwise({ factor: -1.75 }, (shape) => [shape]),
  relu: elementwise({}, (shape) => [of('awayFromZero', ...shape)]),
  reluGrad: elementwise({}, (shape) => [shape, of('rectified', ...shape)]),
  leakyRelu: elementwise({ alpha: 0.2 }, (shape) => [of('awayFromZero', ...shape)]),
  clip: [
    ...elementwise({ min: -0.5, max: 0.75 }, (shape) => [shape]),
    { inputs: [[37]], attrs: { min: 0, max: Number.POSITIVE_INFINITY } },
    { inputs: [[37]], attrs: { min: Number.NEGATIVE_INFINITY, max: 0 } },
  ],
  clipGrad: [
    ...elementwise({ min: 0.25, max: 0.75 }, (shape) => [shape, of('unit', ...shape)]),
    { inputs: [[37], of('rectified', 37)], attrs: { min: 0, max: Number.POSITIVE_INFINITY } },
  ],
  sigmoid: [
    ...elementwise({}, (shape) => [shape]),
    { inputs: [of('wide', 67)], attrs: {}, note: 'saturated' },
  ],
  tanh: [...elementwise({}, (shape) => [shape]), { inputs: [of('wide', 67)], attrs: {}, note: 'saturated' }],
  tanhGrad: elementwise({}, (shape) => [shape, of('unit', ...shape)]),
  softmax: [
    ...table([[1], [5], [4, 1], [3, 2, 7], [2, 64], [3, 65], [2, 259]], (x) => ({ inputs: [x], attrs: {} })),
    { inputs: [of('offset', 3, 130)], attrs: {}, note: 'exp(x) would overflow' },
    { inputs: [of('wide', 5, 67)], attrs: {}, note: 'almost all of it in one' },
  ],
  reduce: [
    ...table(meant, ([x, axes], i) => ({
      inputs: [x],
      attrs: { kind: (['mean', 'sum', 'max'] as const)[i % 3]!, axes, keepDims: i % 2 === 0 },
    })),
    { inputs: [of('offset', 1, 112, 112, 3)], attrs: { kind: 'mean', axes: [1, 2], keepDims: true } },
    { inputs: [[1, 112, 112, 3]], attrs: { kind: 'max', axes: [1, 2], keepDims: true } },
  ],
  pool2d: poolRows,
  resize: table(images, (x, i) => ({
    inputs: [x, of('index', 1 + 2 * i), of('index', 9 - i)],
    attrs: {},
  })),
  upsample: table(upsampled, ([x, factor]) => ({ inputs: [x], attrs: { factor } })),
  upsampleGrad: table(upsampled, ([[N, H, W, C], factor]) => ({
    inputs: [[N, H * factor, W * factor, C]],
    attrs: { factor },
  })),
  tileConcat: table(tiled, ([x, B]) => ({ inputs: [x, [x[0], 1, 1, B]], attrs: {} })),
  slice: table(pieces, ([shape, axis, start, size]) => ({ inputs: [shape], attrs: { axis, start, size } })),
  embed: table(pieces, ([shape, axis, start, size]) => ({
    inputs: [cut(shape, axis, size)],
    attrs: { axis, start, size: shape[axis]! },
  })),
  concat: [
    { inputs: [[5]], attrs: { axis: 0 } },
    { inputs: [[1], [1], [2]], attrs: { axis: 0 } },
    {
      inputs: [
        [2, 3, 5, 8],
        [2, 3, 5, 4],
        [2, 3, 5, 12],
      ],
      attrs: { axis: 3 },
    },
    {
      inputs: [
        [2, 3, 5, 3],
        [2, 3, 5, 7],
        [2, 3, 5, 1],
      ],
      attrs: { axis: 3 },
    },
    {
      inputs: [
        [3, 2, 7],
        [3, 5, 7],
      ],
      attrs: { axis: 1 },
    },
    { inputs: Array.from({ length: 11 }, (_, i) => [2, i + 1]), attrs: { axis: 1 } },
  ],
  transpose: table(transposed, ([x, perm]) => ({ inputs: [x], attrs: { perm } })),
  pad: table(padded, ([x, pads, mode]) => ({ inputs: [x], attrs: { pads, mode, value: -1.5 } })),
  addRows: [
    ...table(images, (x) => ({ inputs: [x, [x[0], 1, 1, x[3]]], attrs: none })),
    ...table(images, (x) => ({ inputs: [x, [x[0], 1, 1, x[3]]], attrs: relu })),
  ],
  sumRows: [
    ...table(reduced, (x) => ({ inputs: [x], attrs: { keepBatch: false } })),
    ...table(reduced, (x) => ({ inputs: [x], attrs: { keepBatch: true } })),
    {
      inputs: [[65540, 1, 1, 1]],
      attrs: { keepBatch: true },
      note: 'more workgroups than fit in one direction',
    },
    { inputs: [[13, 8]], attrs: { keepBatch: false } },
    { inputs: [[9]], attrs: { keepBatch: false } },
  ],
  matmul: table(multiplied, (shapes) => ({ inputs: shapes, attrs: {} })),
  batchNormTrain: [
    ...table(reduced, (x) => ({ inputs: normed(x, ['normal', 'normal']), attrs: { epsilon: 1e-3 } })),
    {
      inputs: [of('offset', 2, 11, 13, 5), [5], [5]],
      attrs: { epsilon: 1e-3 },
      note: 'a variance that E[x²] − E[x]² would lose',
    },
  ],
  batchNorm: table(reduced, (x) => ({
    inputs: normed(x, ['normal', 'normal', 'normal', 'positive']),
    attrs: { epsilon: 1e-3 },
  })),
  batchNormGrad: table(reduced, (x) => ({
    inputs: [x, ...normed(x, ['normal', 'normal', 'positive'])],
    attrs: { epsilon: 1e-3 },
  })),
  mse: [
    ...elementwise({}, (shape) => [shape, shape]),
    {
      inputs: [
        [3, 61, 67, 2],
        [3, 61, 67, 2],
      ],
      attrs: {},
    },
  ],
  mseGrad: elementwise({}, (shape) => [[1], shape, shape]),
  lerp: elementwise({ t: 0.01 }, (shape) => [shape, shape]),
  // params, grads, m, v, hyper (positive: learning rate and bias corrections)
  adam: [
    ...elementwise(adamAttrs, (shape) => [shape, shape, shape, of('unit', ...shape), of('positive', 4)]),
    {
      inputs: [[7], [7], [7], of('unit', 7), of('positive', 4)],
      attrs: { beta1: 0.5, beta2: 0.9, epsilon: 0.25 },
      note: 'an epsilon that shows',
    },
  ],
  conv2d: convRows,
  // [dy, w] → dx
  conv2dGradInput: convGradRows((x, w, dy, row) => ({
    inputs: [dy, w],
    attrs: { ...convGeometryOf(row), shape: x },
  })),
  // [x, dy] → dw
  conv2dGradWeight: convGradRows((x, w, dy, row) => ({
    inputs: [x, dy],
    attrs: { ...convGeometryOf(row), shape: w },
  })),
}
