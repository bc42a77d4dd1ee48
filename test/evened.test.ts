import { expect, it } from 'vitest'
import { Graph } from '../src/graph/graph.ts'
import { runReference } from '../src/graph/reference.ts'
import { evened } from '../src/model/evened.ts'

const [HEIGHT, WIDTH] = [8, 12]
const cells = Array.from({ length: HEIGHT * WIDTH }, (_, i) => [Math.floor(i / WIDTH), i % WIDTH] as const)

/** The colours as `evened` leaves them, of cells of which each has its [L*, a*, b*]. */
function evenedOf(values: readonly (readonly [number, number, number])[]): Float64Array {
  const graph = new Graph()
  const ab = graph.input('ab', [1, HEIGHT, WIDTH, 2])
  const cellLightness = graph.input('L', [1, HEIGHT, WIDTH, 1])
  graph.output('y', evened(graph, ab, { cellLightness }))
  const inputs = new Map([
    ['ab', Float64Array.from(values.flatMap(([, a, b]) => [a, b]))],
    ['L', Float64Array.from(values, ([L]) => L / 50 - 1)],
  ])
  return runReference(graph, inputs).get(graph.outputs.get('y')!)!
}
const chromaOf = (y: Float64Array, row: number, column: number) =>
  y.subarray(2 * (row * WIDTH + column)).subarray(0, 2)
const strength = (y: ArrayLike<number>) => Array.from(y, Math.abs).reduce((a, b) => a + b)

/** Left a dark thing, brown but for a red blotch, right a light one, blue. */
const things = cells.map(([row, column]): [number, number, number] => {
  if (column >= WIDTH / 2) return [80, -5, -20]
  return row === 4 && column === 2 ? [40, 22, 15] : [40, 8, 15]
})

it('takes a blotch to the colour of what is around and as light', () => {
  const [a] = chromaOf(evenedOf(things), 4, 2)
  expect(a).toBeGreaterThan(7)
  expect(a).toBeLessThan(12)
})

it('leaves things apart that differ in lightness, or in colour by much', () => {
  const y = evenedOf(things)
  const [left, right] = [chromaOf(y, 1, WIDTH / 2 - 1), chromaOf(y, 1, WIDTH / 2)]
  expect(Math.hypot(left[0]! - 8, left[1]! - 15)).toBeLessThan(1.5)
  expect(Math.hypot(right[0]! + 5, right[1]! + 20)).toBeLessThan(1.5)
  const far = cells.map(([, column]): [number, number, number] =>
    column < WIDTH / 2 ? [50, -40, 30] : [50, 30, 30],
  )
  const z = evenedOf(far)
  for (const [i, [, column]] of cells.entries())
    expect(z[2 * i]!).toBeCloseTo(column < WIDTH / 2 ? -40 : 30, 1)
})

it('leaves the strength of all colours together as it was', () => {
  expect(strength(evenedOf(things))).toBeCloseTo(strength(things.flatMap(([, a, b]) => [a, b])), 6)
})

it('leaves grey pictures grey', () => {
  expect([...evenedOf(cells.map(() => [50, 0, 0]))]).toEqual(Array(2 * cells.length).fill(0))
})

it('leaves colours alone whose lightness is not told', () => {
  const graph = new Graph()
  const ab = graph.input('ab', [1, 2, 2, 2])
  expect(evened(graph, ab, {})).toBe(ab)
})
