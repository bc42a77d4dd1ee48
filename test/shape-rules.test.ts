import { describe, expect, it } from 'vitest'
import { conv2d, conv2dDefaults } from '../src/kernels/conv/conv2d.ts'
import { getOp } from '../src/kernels/index.ts'
import type { OpName } from '../src/kernels/op.ts'
import { elems, formatShape, ShapeError, type Spec } from '../src/kernels/op.ts'
import { float64, opNames, outputSpecs, rowsOf } from './harness.ts'

/** Operators that take tensors of any rank. */
const ANY_RANK: readonly OpName[] = [
  'view',
  'pack',
  'binary',
  'scale',
  'relu',
  'reluGrad',
  'leakyRelu',
  'clip',
  'clipGrad',
  'sigmoid',
  'tanh',
  'tanhGrad',
  'softmax',
  'softmaxGrad',
  'reduce',
  'concat',
  'matmul',
  'slice',
  'embed',
  'sumRows',
  'batchNormTrain',
  'batchNorm',
  'batchNormGrad',
  'mse',
  'mseGrad',
  'lerp',
  'adam',
]

/** Operators that take any number of tensors. */
const ANY_NUMBER: readonly OpName[] = ['pack', 'concat']

/** Operators whose inputs need not be alike in rank. */
const BROADCASTING: readonly OpName[] = ['pack', 'binary', 'matmul']

const withRank = (spec: Spec, change: 1 | -1): Spec => ({
  shape: change > 0 ? [2, ...spec.shape] : spec.shape.slice(1),
})

function shapeErrorOf(name: OpName, specs: readonly Spec[], attrs: object): ShapeError | null {
  try {
    getOp(name).infer(specs, attrs)
    return null
  } catch (error) {
    expect(error).toBeInstanceOf(ShapeError)
    return error as ShapeError
  }
}

describe.each(opNames)('%s', (name) => {
  const rows = rowsOf(name)

  it('is called what its table entry says', () => {
    expect(getOp(name).name).toBe(name)
  })

  it.each(rows)('infers the shapes that its reference returns: $title', (row) => {
    const results = row.op.reference(row.inputs.map(float64), row.specs, row.attrs)
    expect(results.map((data) => data.length)).toEqual(outputSpecs(row).map(elems))
  })

  it('refuses too few and too many inputs', () => {
    const { specs, attrs } = rows[0]!
    const one = specs[0]!
    expect(shapeErrorOf(name, [], attrs)?.message).toContain('inputs none')
    if (!ANY_NUMBER.includes(name))
      expect(shapeErrorOf(name, [...specs, one, one, one], attrs)).not.toBeNull()
  })

  it('refuses inputs of another rank and shows their shapes', () => {
    for (const { specs, attrs } of rows) {
      for (const change of [1, -1] as const) {
        const changed = (i: number) => specs.map((spec, j) => (j === i ? withRank(spec, change) : spec))
        if (specs.length > 1 && !BROADCASTING.includes(name))
          for (const i of specs.keys()) expectRefused(changed(i), i, attrs)
        const all = specs.map((spec) => withRank(spec, change))
        if (!ANY_RANK.includes(name)) expectRefused(all, 0, attrs)
      }
    }
  })

  /** A `ShapeError` that shows at least the shape of input `culprit`. */
  function expectRefused(specs: readonly Spec[], culprit: number, attrs: object) {
    const shapes = specs.map((spec) => formatShape(spec.shape))
    expect(shapeErrorOf(name, specs, attrs)?.message, `${name} took ${shapes}`).toContain(shapes[culprit])
  }
})

// Sizes and padding of a convolution are the one thing that its kernels and its reference share, so they are held
// against numbers worked out by hand: with ones everywhere an output counts the pixels that its window sees.
describe("'same' padding as TensorFlow places it", () => {
  const count = (H: number, W: number, [R, S]: [number, number], stride: [number, number], dilation = 1) => {
    const specs = [{ shape: [1, H, W, 1] }, { shape: [R, S, 1, 1] }]
    const attrs = { ...conv2dDefaults, stride, dilation: [dilation, dilation] as [number, number] }
    const ones = specs.map((spec) => new Float64Array(elems(spec)).fill(1))
    return [...conv2d.reference(ones, specs, attrs)[0]!]
  }

  it('pads right and bottom only where stride 2 meets an even size', () => {
    expect(count(4, 4, [3, 3], [2, 2])).toEqual([9, 6, 6, 4])
  })

  it('pads all sides where stride 2 meets an odd size', () => {
    expect(count(5, 5, [3, 3], [2, 2])).toEqual([4, 6, 4, 6, 9, 6, 4, 6, 4])
  })

  it('puts the odd pixel of an even kernel right and bottom', () => {
    expect(count(2, 3, [2, 2], [1, 1])).toEqual([4, 4, 2, 2, 2, 1])
  })

  it('reaches over dilated taps', () => {
    expect(count(1, 5, [1, 3], [1, 1], 2)).toEqual([2, 2, 3, 2, 2])
  })

  it('needs no padding where the stride is beyond the kernel', () => {
    expect(count(1, 7, [1, 2], [1, 3])).toEqual([2, 2, 1])
  })
})
