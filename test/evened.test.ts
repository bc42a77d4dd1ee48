import { expect, it } from 'vitest'
import { Graph } from '../src/graph/graph.ts'
import { runReference } from '../src/graph/reference.ts'
import { evened } from '../src/model/evened.ts'

const [HEIGHT, WIDTH] = [24, 36]
const cells = Array.from({ length: HEIGHT * WIDTH }, (_, i) => [Math.floor(i / WIDTH), i % WIDTH] as const)

type Cell = readonly [L: number, a: number, b: number]

/** E|c|² of a cell is 10⁴ times the probability of the second. */
const bins = { centres: Float32Array.of(0, 0, 100, 0), count: 2, step: 100 }

/** The colours as `evened` leaves them, where the likely ones of a cell have this standard deviation. */
function evenedOf(values: readonly Cell[], deviation: number | ((cell: number) => number)): Float64Array {
  const graph = new Graph()
  const ab = graph.input('ab', [1, HEIGHT, WIDTH, 2])
  const shares = graph.input('shares', [1, HEIGHT, WIDTH, 2])
  const cellLightness = graph.input('L', [1, HEIGHT, WIDTH, 1])
  graph.output('y', evened(graph, { ab, shares, cellLightness }, bins))
  const deviationOf = typeof deviation === 'number' ? () => deviation : deviation
  const probabilities = values.map(([, a, b], i) => (deviationOf(i) ** 2 + a ** 2 + b ** 2) / 1e4)
  const inputs = new Map([
    ['ab', Float64Array.from(values.flatMap(([, a, b]) => [a, b]))],
    ['shares', Float64Array.from(probabilities.flatMap((p) => [1 - p, p]))],
    ['L', Float64Array.from(values, ([L]) => L / 50 - 1)],
  ])
  return runReference(graph, inputs).get(graph.outputs.get('y')!)!
}
const colourOf = (y: Float64Array, row: number, column: number) =>
  y.subarray(2 * (row * WIDTH + column)).subarray(0, 2)

/** Left a dark thing, brown but for a red blotch, right a light one, blue. */
const things = cells.map(([row, column]): Cell => {
  if (column >= WIDTH / 2) return [80, -5, -20]
  const isIn = row >= 8 && row < 17 && column >= 4 && column < 13
  return isIn ? [40, 22, 15] : [40, 8, 15]
})

it('takes a blotch that the network doubts towards the colour of what is around and as light', () => {
  const [a] = colourOf(evenedOf(things, 35), 12, 8)
  expect(a).toBeGreaterThan(8)
  expect(a).toBeLessThan(19)
})

it.each([
  [5, 0.04],
  [17, 0.28],
  [23, 0.75],
  [35, 1],
])('goes on by the doubt: at a deviation of %d ab units by %d of the way', (deviation, share) => {
  const wayOf = (deviation: number) => 22 - colourOf(evenedOf(things, deviation), 12, 8)[0]!
  expect(wayOf(deviation) / (2 * wayOf(20))).toBeCloseTo(share, 2)
})

it.each([
  ['in the middle', 12, 18, 81],
  ['in a corner', 0, 0, 25],
])(
  'spreads the change of one cell %s over the 9 × 9 around it, as far as they are there',
  (_, row, column, count) => {
    const isIt = (cell: number) => cell === row * WIDTH + column
    const values = cells.map((_, i): Cell => [50, isIt(i) ? 22 : 10, 0])
    const y = evenedOf(values, (i) => (isIt(i) ? 40 : 0))
    const change = (down: number, right: number) => {
      const at = (row + down) * WIDTH + column + right
      return y[2 * at]! - values[at]![1]
    }
    expect(count * change(0, 0)).toBeCloseTo(-12, 0) // all others are alike, so it becomes as they are
    expect(81 * change(4, 4)).toBeCloseTo(-12, 0)
    expect(Math.abs(change(5, 0))).toBeLessThan(0.01)
    expect(Math.abs(change(0, 5))).toBeLessThan(0.01)
  },
)

it('counts lightness by a standard deviation of 6 L*', () => {
  const changeAt = (apart: number) => {
    const halves = cells.map(([, column]): Cell => (column < WIDTH / 2 ? [50, 10, 0] : [50 + apart, 20, 0]))
    return colourOf(evenedOf(halves, 40), 12, WIDTH / 2 - 1)[0]! - 10
  }
  // the weights of the other half fall by exp(−(12² − 6²) ⁄ (2 · 6²)) = 0.22
  expect(changeAt(12) / changeAt(6)).toBeGreaterThan(0.22)
  expect(changeAt(12) / changeAt(6)).toBeLessThan(0.35)
})

it.each([
  [32, { radius: 14, step: 1, space: 8.96, range: 0.12, color: 15 }, 9],
  [64, { radius: 27, step: 1, space: 17.92, range: 0.12, color: 15 }, 9],
  [160, { radius: 68, step: 4, space: 44.8, range: 0.12, color: 15 }, 9],
  [256, { radius: 108, step: 7, space: 71.68, range: 0.12, color: 15 }, 15],
])('of %d cells along the shorter side looks at few enough', (side, attrs, kernel) => {
  const graph = new Graph()
  const of = (name: string, channels: number) => graph.input(name, [1, side + 8, side, channels])
  evened(graph, { ab: of('ab', 2), shares: of('shares', 2), cellLightness: of('L', 1) }, bins)
  const attrsOf = (op: string) => graph.nodes.find((node) => node.op === op)!.attrs as Record<string, unknown>
  const { space, ...counts } = attrsOf('bilateral') as typeof attrs
  const { space: wanted, ...others } = attrs
  expect(counts).toEqual(others)
  expect(space).toBeCloseTo(wanted, 9)
  expect(attrsOf('pool2d').kernel).toEqual([kernel, kernel])
})

it('leaves things apart that differ in lightness, or in colour by much', () => {
  const y = evenedOf(things, 35)
  const [left, right] = [colourOf(y, 1, WIDTH / 2 - 1), colourOf(y, 1, WIDTH / 2)]
  expect(Math.hypot(left[0]! - 8, left[1]! - 15)).toBeLessThan(1.5)
  expect(Math.hypot(right[0]! + 5, right[1]! + 20)).toBeLessThan(1.5)
  const far = cells.map(([, column]): Cell => (column < WIDTH / 2 ? [50, -40, 30] : [50, 30, 30]))
  const z = evenedOf(far, 35)
  for (const [i, [, column]] of cells.entries())
    expect(z[2 * i]!).toBeCloseTo(column < WIDTH / 2 ? -40 : 30, 1)
})

it('leaves colours alone whose lightness or probabilities are not told', () => {
  const graph = new Graph()
  const of = (name: string, channels: number) => graph.input(name, [1, 2, 2, channels])
  const [ab, shares, cellLightness] = [of('ab', 2), of('shares', 2), of('L', 1)]
  expect(evened(graph, { ab, shares, cellLightness: null }, bins)).toBe(ab)
  expect(evened(graph, { ab, shares: null, cellLightness }, bins)).toBe(ab)
})
