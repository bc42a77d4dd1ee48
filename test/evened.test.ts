import { expect, it } from 'vitest'
import { Graph } from '../src/graph/graph.ts'
import { runReference } from '../src/graph/reference.ts'
import { evened } from '../src/model/evened.ts'

const [HEIGHT, WIDTH] = [24, 36]
const cells = Array.from({ length: HEIGHT * WIDTH }, (_, i) => [Math.floor(i / WIDTH), i % WIDTH] as const)

type Cell = readonly [L: number, a: number, b: number]

/** E|c|² of a cell is 10⁴ times the probability of the second. */
const bins = { centres: Float32Array.of(0, 0, 100, 0), count: 2, step: 100 }

/** The colours as `evened` leaves them, where the likely ones of every cell have this standard deviation. */
function evenedOf(values: readonly Cell[], deviation: number): Float64Array {
  const graph = new Graph()
  const ab = graph.input('ab', [1, HEIGHT, WIDTH, 2])
  const shares = graph.input('shares', [1, HEIGHT, WIDTH, 2])
  const cellLightness = graph.input('L', [1, HEIGHT, WIDTH, 1])
  graph.output('y', evened(graph, ab, { shares, bins }, { cellLightness }))
  const probabilities = values.map(([, a, b]) => (deviation ** 2 + a ** 2 + b ** 2) / 1e4)
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

it('goes half as far where the doubt is in between, and leaves alone what the network is sure of', () => {
  const [sure, half, all] = [5, 20, 35].map((deviation) => colourOf(evenedOf(things, deviation), 12, 8)[0]!)
  expect(sure).toBeGreaterThan(21)
  expect(half).toBeCloseTo((22 + all!) / 2, 0)
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

it('leaves grey pictures grey', () => {
  expect(
    [
      ...evenedOf(
        cells.map(() => [50, 0, 0]),
        35,
      ),
    ].every((value) => value === 0),
  ).toBe(true)
})

it('leaves colours alone whose lightness is not told', () => {
  const graph = new Graph()
  const [ab, shares] = [graph.input('ab', [1, 2, 2, 2]), graph.input('shares', [1, 2, 2, 2])]
  expect(evened(graph, ab, { shares, bins }, {})).toBe(ab)
})
