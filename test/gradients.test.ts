import { describe, expect, it } from 'vitest'
import { backward } from '../src/autograd/backward.ts'
import { Graph } from '../src/graph/graph.ts'
import { getOp } from '../src/kernels/index.ts'
import { elems } from '../src/kernels/op.ts'
import { product } from '../src/numbers.ts'
import {
  draw,
  float64,
  type GradientGraph,
  gradientGraph,
  NOT_DIFFERENTIABLE,
  opNames,
  type Row,
  referenceValues,
  rowsOf,
  seeded,
} from './harness.ts'

/** Step of the central differences, and how near to them the gradient must be (no GPU: all in float64). */
const EPSILON = 1e-6
const RTOL = 1e-5
/** Elements looked at one by one in each input; one more difference goes along a random direction of all of them. */
const SAMPLES = 40
/** Multiplications and elements that one row may cost: large rows look at fewer elements. */
const BUDGET = { products: 3e7, elements: 1e6 }

const differentiable = opNames.filter((name) => !NOT_DIFFERENTIABLE.includes(name))

it('has a gradient for every operator but those listed', () => {
  expect(opNames.filter((name) => getOp(name).grad === undefined)).toEqual(NOT_DIFFERENTIABLE)
})

describe('backward', () => {
  // loss = mse(a + b, 0) of four elements with a = 2x and b = relu(x): dloss/dx = (4 + 2·relu'(x)) (2x + relu(x)) / 4
  const build = () => {
    const graph = new Graph()
    const x = graph.input('x', [4])
    const a = graph.op('scale', [x], { factor: 2 })
    const b = graph.op('relu', [x], {})
    const zero = graph.constant(new Float32Array(4), [4])
    const loss = graph.op('mse', [graph.op('binary', [a, b], { kind: 'add' }), zero], {})
    return { graph, x, a, b, zero, loss }
  }

  it('adds up what a tensor gets from all its readers', () => {
    const { graph, x, loss } = build()
    const [dx] = backward(graph, loss, [x])
    graph.output('dx', dx!)
    const values = referenceValues(graph, new Map([['x', Float64Array.of(1, -1, 2, -3)]]))
    expect([...values.get(dx!)!]).toEqual([4.5, -2, 9, -6])
  })

  it('asks only for the gradients that lie between the loss and what it is asked for', () => {
    const { graph, b, loss } = build()
    const before = graph.nodes.length
    backward(graph, loss, [b])
    expect(graph.nodes.slice(before).map((node) => node.op)).toEqual(['mseGrad'])
  })

  it('refuses a loss that is no scalar, a tensor that the loss does not depend on, an operator without gradient', () => {
    const { graph, a, x, zero, loss } = build()
    expect(() => backward(graph, a, [x])).toThrow('the loss must be a scalar, not [4]')
    expect(() => backward(graph, loss, [zero])).toThrow('the loss does not depend on tensor')
    const summed = graph.scope('head', () =>
      graph.op('mse', [graph.op('sumRows', [x], { keepBatch: false }), zero], {}),
    )
    expect(() => backward(graph, summed, [x])).toThrow('layer head: sumRows has no gradient')
  })
})

describe.each(differentiable)('gradient of %s', (name) => {
  it.each(rowsOf(name))('equals finite differences: $title', (row) => {
    const built = gradientGraph(row)
    const values = new Map([...built.values].map(([key, data]) => [key, float64(data)]))
    const analytic = referenceValues(built.graph, values)
    // differences need the loss alone
    for (const i of built.grads.keys()) built.graph.outputs.delete(`grad${i}`)
    const loss = analytic.get(built.loss)![0]!
    const random = seeded(`samples ${name} ${row.title}`)
    for (const [i, grad] of built.grads.entries()) {
      if (grad === null) continue
      const gradient = analytic.get(grad)!
      const scale = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0) / gradient.length)
      for (const direction of directions(gradient.length, samplesFor(row), random)) {
        const slope = slopeAlong(built, values, `x${i}`, direction)
        const expected = direction.reduce((sum, d, at) => sum + d * gradient[at]!, 0)
        const size = Math.sqrt(direction.reduce((sum, d) => sum + d * d, 0))
        // rounding of the loss itself, divided by the step, is all that a difference can resolve
        const allowed = RTOL * Math.max(Math.abs(expected), scale * size) + (1e-15 * loss) / EPSILON
        const what = `input ${i}, ${size === 1 ? `element ${direction.indexOf(1)}` : 'random direction'}`
        expect(
          Math.abs(slope - expected),
          `${what}: ${expected}, by differences ${slope}`,
        ).toBeLessThanOrEqual(allowed)
      }
    }
  })
})

function samplesFor(row: Row): number {
  const sizes = row.specs.map(elems)
  const products = BUDGET.products / product(sizes)
  const elements = BUDGET.elements / sizes.reduce((a, b) => a + b, 0)
  return Math.max(4, Math.floor(Math.min(SAMPLES, products, elements)))
}

/** Unit vectors for all elements, or for a sample of them; then one vector that moves all elements at once. */
function directions(length: number, count: number, random: () => number): Float64Array[] {
  const all = Array.from({ length }, (_, i) => i)
  const chosen = length <= count ? all : Array.from({ length: count }, () => Math.floor(random() * length))
  const units = chosen.map((at) => {
    const unit = new Float64Array(length)
    unit[at] = 1
    return unit
  })
  return [...units, float64(draw(length, 'normal', random))]
}

/** (loss(x + ε·d) − loss(x − ε·d)) / 2ε */
function slopeAlong(
  { graph, loss }: GradientGraph,
  values: ReadonlyMap<string, Float64Array>,
  name: string,
  direction: Float64Array,
): number {
  const [above, below] = [EPSILON, -EPSILON].map((step) => {
    const moved = values.get(name)!.map((x, i) => x + step * direction[i]!)
    return referenceValues(graph, new Map([...values, [name, moved]])).get(loss)![0]!
  })
  return (above! - below!) / (2 * EPSILON)
}
