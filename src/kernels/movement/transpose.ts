import { elementwise, elems, expectRanks, input, type Op, output, ShapeError, type Spec } from '../op.ts'
import { denseStrides, mergeAxes, walkParams } from './strided.ts'

export interface TransposeAttrs {
  /** Axis i of y is axis perm[i] of x. */
  readonly perm: readonly number[]
}

/** y = x with its axes in another order; at most 6 of them that do not stay neighbours. */
export const transpose: Op<TransposeAttrs> = {
  name: 'transpose',
  half: 'all',

  infer(inputs, { perm }) {
    expectRanks('transpose', inputs, [null])
    const { shape } = inputs[0]!
    if (perm.length !== shape.length || shape.some((_, axis) => !perm.includes(axis))) {
      throw new ShapeError('transpose', `${perm.join(', ')} is no order of the axes`, inputs)
    }
    walkOf(inputs, perm)
    return [{ shape: perm.map((axis) => shape[axis]!) }]
  },

  kernels(inputs, [y], { perm }) {
    const walk = walkOf(inputs, perm)
    const { params, constants: axes } = walkParams(walk, ['x'])
    const whole = walk.sizes.length === 1 || walk.sizes.at(-1)! % 4 === 0
    const constants = { VECTOR: Number(whole && walk.strides[0]!.at(-1) === 1), ...axes }
    return [elementwise('transpose', elems(y!), [input(0), output(0)], { params, constants })]
  },

  grad: (b, { perm }) => [
    b.op('transpose', [b.outputGrads[0]!], { perm: perm.map((_, axis) => perm.indexOf(axis)) }),
  ],

  reference([x], [spec], { perm }) {
    const { shape } = spec!
    const y: number[] = []
    const at = shape.map(() => 0)
    const visit = (depth: number): void => {
      if (depth === perm.length) {
        y.push(x![at.reduce((sum, i, axis) => sum * shape[axis]! + i, 0)]!)
        return
      }
      const axis = perm[depth]!
      for (at[axis] = 0; at[axis]! < shape[axis]!; at[axis]!++) visit(depth + 1)
    }
    visit(0)
    return [Float64Array.from(y)]
  },
}

/** How the kernel goes through x in the order of y. */
function walkOf(inputs: readonly Spec[], perm: readonly number[]) {
  const { shape } = inputs[0]!
  const dense = denseStrides(shape)
  const walk = { sizes: perm.map((axis) => shape[axis]!), strides: [perm.map((axis) => dense[axis]!)] }
  return mergeAxes('transpose', walk, inputs)
}
