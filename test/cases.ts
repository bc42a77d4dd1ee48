/**
 * The rows that test every operator: shape rule, gradient, kernels, shaders and mutants all run over this one table.
 * Its type makes an operator without rows a compile error. A row is cheap: a few thousand elements at most.
 */

import { classifierRows } from './classifier-rows.ts'
import { convGeometryOf, convGradRows, convRows } from './conv-rows.ts'
import { enlargeRows } from './enlarge-rows.ts'
import {
  type CaseInput,
  type CaseTable,
  type Distribution,
  elementwise,
  images,
  of,
  type Shape4,
  table,
} from './rows.ts'
import { smoothRows } from './smooth-rows.ts'

const relu = { activation: 'relu' } as const
const none = { activation: 'none' } as const

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

// z of `interleave`: one pixel, vec4s of channels or not, odd sizes
const phases: readonly Shape4[] = [
  [1, 2, 2, 4],
  [2, 4, 6, 16],
  [3, 2, 8, 12],
  [1, 8, 4, 20],
  [2, 6, 2, 48],
]

// w of `phaseWeight`: one pair of channels, more than a workgroup of them
const phaseKernels: readonly Shape4[] = [
  [3, 3, 1, 1],
  [3, 3, 5, 3],
  [3, 3, 4, 8],
  [3, 3, 9, 11],
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

// one pixel, several pictures, more than a workgroup of pixels
const pictures: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [2, 3, 5],
  [1, 13, 11],
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

// N, H, W, and bins: one, less and more than a workgroup has lanes, no multiple of 4; more pixels than lanes
const binned: readonly (readonly [readonly [number, number, number], number])[] = [
  [[1, 1, 1], 1],
  [[1, 1, 1], 7],
  [[2, 3, 5], 4],
  [[1, 7, 3], 65],
  [[3, 5, 7], 33],
  [[1, 2, 3], 141],
]

const cut = (shape: readonly number[], axis: number, size: number) =>
  shape.map((d, i) => (i === axis ? size : d))

/** [x, gamma, beta] or [x, gamma, beta, mean, var]: every channel with its own scale and shift. */
const normed = (x: Shape4, vectors: readonly Distribution[]): CaseInput[] => [
  x,
  ...vectors.map((dist) => of(dist, x[3])),
]

const adamAttrs = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }

/** A gradient that is not finite: its place, its value, how many elements of its block count; the number of all blocks, the scale. */
type Overflow = readonly [at: number, value: number, used: number, blocks: number, scale: number]
// every lane of a block's vec4; first and last element that counts; behind it; blocks of each lane, of the next part; a scale of 1
const overflows: readonly Overflow[] = [
  [0, Number.NaN, 1, 1, 32],
  [1, Infinity, 2, 9, 32],
  [6, -Infinity, 7, 1, 1.5],
  [63, Number.NaN, 64, 2, 32],
  [64 + 9, Infinity, 10, 2, 32],
  [64 + 10, Infinity, 10, 2, 32],
  [64 + 63, Number.NaN, 63, 2, 32],
  [2 * 64, -Infinity, 0, 3, 32],
  [3 * 64 + 17, Number.NaN, 18, 4, 2],
  [4 * 64 + 34, Infinity, 35, 5, 32],
  [5 * 64 + 51, Number.NaN, 51, 7, 32],
  [63 * 64 + 33, -Infinity, 34, 65, 32],
  [64 * 64 + 5, Number.NaN, 6, 65, 32],
  [2 * 4096 + 62, Number.NaN, 64, 130, 32],
  [200 * 64 + 7, Infinity, 8, 201, 32],
  [5, Number.NaN, 6, 4099, 32],
  [4096 * 64 + 5, Number.NaN, 6, 4099, 32],
  [3, Number.NaN, 64, 2, 1],
]

/** Logits whose exponentials are beyond float32, in any bin; target and weight. */
const FAR_LOGITS = [of('huge', 1, 5, 8, 3), of('unit', 1, 5, 8, 3), of('positive', 1, 5, 8, 1)]

export const cases: CaseTable = {
  ...classifierRows,
  ...enlargeRows,
  ...smoothRows,
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
  scale: elementwise({ factor: -1.75 }, (shape) => [shape]),
  relu: elementwise({}, (shape) => [of('awayFromZero', ...shape)]),
  reluGrad: elementwise({}, (shape) => [shape, of('rectified', ...shape)]),
  tanh: [...elementwise({}, (shape) => [shape]), { inputs: [of('wide', 67)], attrs: {}, note: 'saturated' }],
  tanhGrad: elementwise({}, (shape) => [shape, of('unit', ...shape)]),
  upsample: table(upsampled, ([x, factor]) => ({ inputs: [x], attrs: { factor } })),
  upsampleGrad: table(upsampled, ([[N, H, W, C], factor]) => ({
    inputs: [[N, H * factor, W * factor, C]],
    attrs: { factor },
  })),
  phaseWeight: table(phaseKernels, (w) => ({ inputs: [w], attrs: {} })),
  phaseWeightGrad: table(phaseKernels, ([, , C, K]) => ({ inputs: [[2, 2, C, 4 * K]], attrs: {} })),
  interleave: [
    ...table(phases, (z) => ({ inputs: [z, [z[3] / 4]], attrs: relu })),
    ...table(phases, (z) => ({ inputs: [z], attrs: none })),
    { inputs: [[1, 3, 4, 8]], attrs: { activation: 'clip', min: -1, max: 0.5 } },
    { inputs: [[1, 3, 4, 16], [4]], attrs: { activation: 'leakyRelu', alpha: 0.2 } },
  ],
  deinterleave: table(phases, ([N, H, W, K]) => ({
    inputs: [[N, 2 * (H - 1), 2 * (W - 1), K / 4]],
    attrs: {},
  })),
  tileConcat: table(tiled, ([x, B]) => ({ inputs: [x, [x[0], 1, 1, B]], attrs: {} })),
  slice: table(pieces, ([shape, axis, start, size]) => ({ inputs: [shape], attrs: { axis, start, size } })),
  embed: table(pieces, ([shape, axis, start, size]) => ({
    inputs: [cut(shape, axis, size)],
    attrs: { axis, start, size: shape[axis]! },
  })),
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
  labToSrgb: table(pictures, (size) => ({
    inputs: [of('awayFromZero', ...size, 1), of('wide', ...size, 2)],
    attrs: {},
  })),
  labToSrgbGrad: table(pictures, (size) => ({
    inputs: [[...size, 3], of('awayFromZero', ...size, 1), of('wide', ...size, 2)],
    attrs: {},
  })),
  encodeBins: table(binned, ([x, Q]) => ({
    inputs: [of('wide', x[0], x[1], x[2], 2), of('wide', Q, 2)],
    attrs: { step: 16 },
  })),
  crossEntropy: [
    ...table(binned, ([[N, H, W], Q]) => ({
      inputs: [of('wide', N, H, W, Q), of('unit', N, H, W, Q), of('positive', N, H, W, 1)],
      attrs: {},
    })),
    { inputs: FAR_LOGITS, attrs: {}, note: 'exponentials overflow' },
  ],
  crossEntropyGrad: [
    ...table(binned, ([[N, H, W], Q]) => ({
      inputs: [[1], of('wide', N, H, W, Q), of('unit', N, H, W, Q), of('positive', N, H, W, 1)],
      attrs: {},
    })),
    { inputs: [[1], ...FAR_LOGITS], attrs: {}, note: 'exponentials overflow' },
  ],
  lerp: elementwise({}, (shape) => [shape, shape, of('positive', 1)]),
  // state, gradients, used
  lossScaling: [
    { inputs: [of('positive', 4), [64], of('index', 1)], attrs: { every: 3, most: 9 } },
    {
      inputs: [of('positive', 4), [64 * 4099], of('index', 4099)],
      attrs: { every: 1, most: 9 },
      note: 'grows',
    },
    {
      inputs: [of('positive', 4), [64 * 65], of('index', 65)],
      attrs: { every: 1, most: 0.5 },
      note: 'does not grow further',
    },
    ...overflows.map(([at, value, used, blocks, scale]) => ({
      inputs: [
        { ...of('positive', 4), given: { 0: scale, 1: 2 } },
        { ...of('normal', 64 * blocks), given: { [at]: value } },
        { ...of('index', blocks), given: { [Math.floor(at / 64)]: used } },
      ],
      attrs: { every: 3, most: 64 },
      note: `${value} at ${at}, where ${used} of a block count`,
    })),
  ],
  // params, grads, m, v, hyper (positive: learning rate and bias corrections)
  adam: [
    ...elementwise(adamAttrs, (shape) => [shape, shape, shape, of('unit', ...shape), of('positive', 4)]),
    {
      inputs: [[7], [7], [7], of('unit', 7), of('positive', 4)],
      attrs: { beta1: 0.5, beta2: 0.9, epsilon: 0.25 },
      note: 'an epsilon that shows',
    },
    {
      inputs: [[7], [7], [7], of('unit', 7), of('positive', 4), of('positive', 1)],
      attrs: adamAttrs,
      note: 'scaled gradients',
    },
    {
      inputs: [[5], [5], [5], of('unit', 5), of('positive', 4), of('rectified', 1)],
      attrs: adamAttrs,
      note: 'a factor that may be 0',
    },
    {
      inputs: [[6], [6], [6], of('unit', 6), of('positive', 4), of('rectified', 1)],
      attrs: adamAttrs,
      note: 'a factor that may be 0',
    },
    {
      inputs: [[9], [9], [9], of('unit', 9), of('positive', 4), of('rectified', 1)],
      attrs: adamAttrs,
      note: 'a factor that may be 0',
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
