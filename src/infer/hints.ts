/** Colours that a person has told, as networks are shown them: the input `hints` of `model/network.ts`. */
import { srgbToLab } from '../color/lab.ts'
import { UserError } from '../errors.ts'
import type { Hint } from '../io/hints.ts'
import type { Network } from '../model/network.ts'
import { HINT_UNIT } from '../model/told.ts'

/** Side in pixels of a cell, which has one colour. */
export const HINT_CELL = 4
/** Networks have been told colours of single cells and of these with their neighbours. */
const MAX_REACH = 1

/** A `Hint` whose colour is in numbers. */
export interface ToldColour {
  readonly x: number
  readonly y: number
  /** ab units, as b */
  readonly a: number
  readonly b: number
  readonly radius?: number | undefined
}

export const toldColours = (hints: readonly Hint[]): ToldColour[] =>
  hints.map(({ x, y, color, radius }) => ({ x, y, ...abOf(color), radius }))

/** @param color sRGB, "#rrggbb" */
export function abOf(color: string): Pick<ToldColour, 'a' | 'b'> {
  const levels = Uint8Array.from([1, 3, 5], (at) => Number.parseInt(color.slice(at, at + 2), 16))
  const { ab } = srgbToLab(levels)
  return { a: ab[0]!, b: ab[1]! }
}

/**
 * The network's input, [1,height/4,width/4,3]. A colour is told of the cell where it lies, and of this cell's neighbours if
 * they are within its radius. Where two are told of one cell, the later one counts.
 * @param size of the picture as the network sees it
 */
export function hintInput(
  told: readonly ToldColour[],
  { width, height }: { readonly width: number; readonly height: number },
): Float32Array {
  const [rows, columns] = [height / HINT_CELL, width / HINT_CELL]
  const input = new Float32Array(rows * columns * 3)
  for (const { x, y, a, b, radius = 0 } of told) {
    const reach = Math.min(MAX_REACH, Math.floor(radius * Math.min(rows, columns)))
    const around = (place: number, count: number) =>
      cellsAround(Math.min(count - 1, Math.floor(place * count)), reach, count)
    tellColour(input, columns, { rows: around(y, rows), columns: around(x, columns) }, [a, b])
  }
  return input
}

/** Cells along one axis; `to` is behind the last. */
export type Cells = readonly [from: number, to: number]

/** Those of `count` that are at most `reach` away from the one in the middle. */
export const cellsAround = (middle: number, reach: number, count: number): Cells => [
  Math.max(0, middle - reach),
  Math.min(count, middle + reach + 1),
]

/** Writes a colour in ab units to a rectangle of a network's input. */
export function tellColour(
  input: Float32Array,
  width: number,
  { rows, columns }: { readonly rows: Cells; readonly columns: Cells },
  [a, b]: readonly [number, number],
): void {
  for (let row = rows[0]; row < rows[1]; row++) {
    for (let column = columns[0]; column < columns[1]; column++)
      input.set([a / HINT_UNIT, b / HINT_UNIT, 1], 3 * (row * width + column))
  }
}

/**
 * Throws a UserError about weights where the network takes no hints.
 * @param weights what errors call the network's weights
 */
export function expectHints(
  weights: string,
  { name, takesHints }: Pick<Network, 'name' | 'takesHints'>,
): void {
  if (takesHints) return
  throw new UserError(
    `${weights} cannot be told colours: the network is a ${name} that takes no hints`,
    'weights',
  )
}
