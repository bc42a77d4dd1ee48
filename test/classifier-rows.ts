import type { AttrsOf } from '../src/kernels/op.ts'
import { pool2d } from '../src/kernels/pool/pool2d.ts'
import { type Case, type CaseTable, elementwise, images, of, type Rows, type Shape4, table } from './rows.ts'

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
  [[1, 2, 1, 3, 2, 2], [1, 0, 0, 1, 1, 2, 0, 1, 2, 0, 0, 1], 'constant'],
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
  ...pool([2, 5, 7, 8], [3, 3], { stride: [2, 2] }).map((row) => ({
    ...row,
    slice: { channels: 20, offset: 4 },
  })),
] as unknown as Rows<PoolAttrs>

/** Whole numbers, so that many elements equal a maximum, and some windows have several of them. */
const poolGradRows = poolRows.map(({ inputs: [image], attrs }) => {
  const shape = image as Shape4
  const y = pool2d.infer([{ shape }], attrs)[0]!.shape
  const isMax = attrs.kind === 'max'
  return { inputs: isMax ? [y, of('index', ...shape), of('index', ...y)] : [y], attrs: { ...attrs, shape } }
}) as unknown as Rows<AttrsOf<'pool2dGrad'>>

const nearest = { mode: 'nearest' } as const
const linear = { mode: 'linear' } as const

/** The operators that imported classifiers are made of. */
export const classifierRows = {
  binary: [
    ...elementwise({ kind: 'add' as const }, (shape) => [shape, shape]),
    ...table(broadcast, ([a, b], i) => ({
      inputs: [a, of('positive', ...b)],
      attrs: { kind: (['sub', 'mul', 'div', 'add'] as const)[i % 4]! },
    })),
  ],
  leakyRelu: elementwise({ alpha: 0.2 }, (shape) => [of('awayFromZero', ...shape)]),
  clip: [
    ...elementwise({ min: -0.5, max: 0.75 }, (shape) => [shape]),
    { inputs: [[37]], attrs: { min: 0, max: Number.POSITIVE_INFINITY } },
    { inputs: [[37]], attrs: { min: Number.NEGATIVE_INFINITY, max: 0 } },
  ],
  clipGrad: [
    ...elementwise({ min: 0.25, max: 0.75 }, (shape) => [shape, of('unit', ...shape)]),
    { inputs: [[67], of('index', 67)], attrs: { min: 0, max: 5 }, note: 'at the bounds' },
    { inputs: [[37], of('rectified', 37)], attrs: { min: 0, max: Number.POSITIVE_INFINITY } },
  ],
  sigmoid: [
    ...elementwise({}, (shape) => [shape]),
    { inputs: [of('wide', 67)], attrs: {}, note: 'saturated' },
  ],
  softmax: [
    ...table([[1], [5], [4, 1], [3, 2, 7], [2, 64], [3, 65], [2, 1000]], (x) => ({ inputs: [x], attrs: {} })),
    { inputs: [of('offset', 3, 130)], attrs: {}, note: 'exp(x) would overflow' },
    { inputs: [of('wide', 5, 67)], attrs: {}, note: 'almost all of it in one' },
    { inputs: [of('huge', 3, 200)], attrs: {}, note: 'no other element does for the largest' },
    { inputs: [of('huge', 40, 3)], attrs: {}, note: 'nor one of the next row' },
    { inputs: [[65540, 1]], attrs: {}, note: 'more workgroups than fit in one direction' },
  ],
  softmaxGrad: [
    ...table([[1], [5], [4, 1], [3, 2, 7], [2, 64], [3, 65], [2, 1000], [65540, 1]], (y) => ({
      inputs: [y, of('unit', ...y)],
      attrs: {},
    })),
    ...table([[7], [67], [3, 130]], (y) => ({
      inputs: [of('offset', ...y), of('softmax', ...y)],
      attrs: {},
      note: 'almost all of y in one element',
    })),
  ],
  reduce: [
    ...table(meant, ([x, axes], i) => ({
      inputs: [x],
      attrs: { kind: (['mean', 'sum', 'max'] as const)[i % 3]!, axes, keepDims: i % 2 === 0 },
    })),
    { inputs: [[2, 3, 4, 5]], attrs: { kind: 'max', axes: [3, 1], keepDims: false } },
    {
      inputs: [[65540, 2]],
      attrs: { kind: 'sum', axes: [1], keepDims: false },
      note: 'more workgroups than fit in one direction',
    },
    { inputs: [of('offset', 1, 112, 112, 3)], attrs: { kind: 'mean', axes: [1, 2], keepDims: true } },
    { inputs: [[1, 112, 112, 3]], attrs: { kind: 'max', axes: [1, 2], keepDims: true } },
    {
      inputs: [{ ...of('normal', 2, 700, 3), given: { 259: 199, 1332: 99 } }],
      attrs: { kind: 'max', axes: [1], keepDims: false },
      note: 'one element that is largest in its own column only',
    },
  ],
  pool2d: poolRows,
  pool2dGrad: poolGradRows,
  // positions in no order, outside the image, between its pixels
  resize: [
    ...table(images, (x, i) => ({
      inputs: [x, of('index', 1 + 2 * i), of('index', 9 - i)],
      attrs: nearest,
    })),
    ...table(images, (x, i) => ({
      inputs: [x, of(i % 2 ? 'positive' : 'normal', 9 - i), of(i % 2 ? 'wide' : 'positive', 1 + 2 * i)],
      attrs: linear,
    })),
  ],
  resizeGrad: [
    ...table(images, ([N, H, W, C], i) => ({
      inputs: [[N, 1 + 2 * i, 9 - i, C], of('index', 1 + 2 * i), of('index', 9 - i)],
      attrs: { ...nearest, size: [H, W] as const },
    })),
    ...table(images, ([N, H, W, C], i) => ({
      inputs: [
        [N, 9 - i, 1 + 2 * i, C],
        of(i % 2 ? 'positive' : 'normal', 9 - i),
        of(i % 2 ? 'wide' : 'positive', 1 + 2 * i),
      ],
      attrs: { ...linear, size: [H, W] as const },
    })),
    { inputs: [[1, 3, 2, 4], of('index', 3), of('index', 2)], attrs: { ...nearest, size: [67, 9] } },
  ],
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
    {
      inputs: [
        [2, 5, 4],
        [2, 5, 3],
      ],
      attrs: { axis: 2 },
      slice: { channels: 16, offset: 5 },
    },
  ],
  transpose: table(transposed, ([x, perm]) => ({ inputs: [x], attrs: { perm } })),
  pad: table(padded, ([x, pads, mode]) => ({ inputs: [x], attrs: { pads, mode, value: -1.5 } })),
  matmul: table(multiplied, (shapes) => ({ inputs: shapes, attrs: {} })),
} satisfies Partial<CaseTable>
