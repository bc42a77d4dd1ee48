import { broadcastShapes, mergeAxes, repeatedStrides, sumTo, walkParams } from '../movement/strided.ts'
import {
  elementwise,
  elems,
  expectRanks,
  type GradBuilder,
  input,
  type Op,
  output,
  type Spec,
  type Tensor,
} from '../op.ts'

const OPERATIONS = ['add', 'sub', 'mul', 'div'] as const

export interface BinaryAttrs {
  readonly kind: (typeof OPERATIONS)[number]
}

/** y = a + b, a − b, a · b or a ÷ b, with numpy's broadcasting. */
export const binary: Op<BinaryAttrs> = {
  name: 'binary',
  half: 'all',

  infer(inputs) {
    expectRanks('binary', inputs, [null, null])
    const shape = broadcastShapes('binary', inputs[0]!.shape, inputs[1]!.shape, inputs)
    walkOf(inputs, shape)
    return [{ shape }]
  },

  kernels(inputs, [y], { kind }) {
    const walk = walkOf(inputs, y!.shape)
    const { params, constants: axes } = walkParams(walk, ['a', 'b'])
    const vector = walk.sizes.length === 1 || walk.sizes.at(-1)! % 4 === 0
    const constants = { OPERATION: OPERATIONS.indexOf(kind), VECTOR: Number(vector), ...axes }
    return [elementwise('binary', elems(y!), [input(0), input(1), output(0)], { params, constants })]
  },

  grad(b, { kind }) {
    const sums = gradients(b, kind)
    return sums.map((grad, i) => (grad === null ? null : sumTo(b, grad, b.shape(b.inputs[i]!))))
  },

  reference([a, b], specs, { kind }) {
    const [p, q] = [specs[0]!.shape, specs[1]!.shape]
    const rank = Math.max(p.length, q.length)
    const [left, right] = [p, q].map((shape) => [...Array(rank - shape.length).fill(1), ...shape] as number[])
    const y: number[] = []
    const visit = (axis: number, i: number, j: number): void => {
      if (axis === rank) {
        y.push(calculate(kind, a![i]!, b![j]!))
        return
      }
      const [m, n] = [left![axis]!, right![axis]!]
      for (let k = 0; k < Math.max(m, n); k++)
        visit(axis + 1, i * m + (m > 1 ? k : 0), j * n + (n > 1 ? k : 0))
    }
    visit(0, 0, 0)
    return [Float64Array.from(y)]
  },
}

/** Gradients of both operands at the shape of y; null where it isn't asked for. */
function gradients(b: GradBuilder, kind: BinaryAttrs['kind']): (Tensor | null)[] {
  const [left, right] = b.inputs as [Tensor, Tensor]
  const dy = b.outputGrads[0]!
  const binary = (op: BinaryAttrs['kind'], p: Tensor, q: Tensor) => b.op('binary', [p, q], { kind: op })
  const minus = (x: Tensor) => b.op('scale', [x], { factor: -1 })
  const da = () => (kind === 'mul' || kind === 'div' ? binary(kind, dy, right) : dy)
  const db = () => {
    if (kind === 'div') return minus(binary('div', binary('mul', dy, b.outputs[0]!), right))
    if (kind === 'mul') return binary('mul', dy, left)
    return kind === 'sub' ? minus(dy) : dy
  }
  return [b.needs(0) ? da() : null, b.needs(1) ? db() : null]
}

function calculate(kind: BinaryAttrs['kind'], a: number, b: number): number {
  if (kind === 'add') return a + b
  if (kind === 'sub') return a - b
  return kind === 'mul' ? a * b : a / b
}

/** How the kernel goes through both inputs, repeated to `shape`. */
function walkOf(inputs: readonly Spec[], shape: readonly number[]) {
  const walk = { sizes: shape, strides: inputs.map((x) => repeatedStrides(x.shape, shape)) }
  return mergeAxes('binary', walk, inputs)
}
