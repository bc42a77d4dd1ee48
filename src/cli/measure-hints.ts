/** How much better pictures get when true colours are told of some places. */
import type { SmallAb } from '../color/guided.ts'
import { srgbToLab } from '../color/lab.ts'
import { abError } from '../color/metrics/abError.ts'
import type { Photo } from '../color/photo.ts'
import type { ToldColour } from '../infer/hints.ts'
import { mean } from '../numbers.ts'
import { STREAM, uniform4 } from '../random.ts'

/** Colours told of a picture. */
export const HINT_COUNTS = [1, 2, 5, 10, 30] as const
/** Side of the square whose mean colour is told, in the picture's shorter side: about a cell as networks see it. */
const SQUARE = 1 / 32

/** ab errors by how many colours were told. */
export type HintErrors = { readonly [N in (typeof HINT_COUNTS)[number] as `hints${N}`]?: number }

/** Gives a picture's colours when these are told. */
export type ColoursWhenTold = (told: readonly ToldColour[]) => Promise<SmallAb>

/** The errors after the first, the first two, … of the `trueHints`. */
export async function hintErrors(
  photo: Photo,
  picture: number,
  colours: ColoursWhenTold,
): Promise<HintErrors> {
  const hints = trueHints(photo, picture)
  const errors: [string, number][] = []
  for (const count of HINT_COUNTS)
    errors.push([`hints${count}`, abError(photo, await colours(hints.slice(0, count)))])
  return Object.fromEntries(errors)
}

/**
 * A picture's own colours at places by chance.
 * @param picture its number, which alone decides the places
 */
export function trueHints(photo: Photo, picture: number): ToldColour[] {
  const most = HINT_COUNTS.at(-1)!
  return Array.from({ length: most }, (_, k) => {
    const [x, y] = uniform4(0, STREAM.toldPlaces, picture * most + k)
    return { x, y, ...meanColour(photo, x, y) }
  })
}

/** The mean a* and b* of a square around a place. */
function meanColour({ width, height, rgb }: Photo, x: number, y: number): { a: number; b: number } {
  const reach = Math.max(0, Math.floor((SQUARE * Math.min(width, height)) / 2))
  const around = (place: number, count: number) => {
    const middle = Math.floor(place * count)
    return [Math.max(0, middle - reach), Math.min(count, middle + reach + 1)] as const
  }
  const [[left, right], [top, bottom]] = [around(x, width), around(y, height)]
  const rows = Array.from({ length: bottom - top }, (_, i) => {
    const row = (top + i) * width
    return srgbToLab(rgb.subarray(3 * (row + left), 3 * (row + right))).ab
  })
  const channel = (c: number) => mean(rows.flatMap((ab) => Array.from(ab).filter((_, i) => i % 2 === c)))
  return { a: channel(0), b: channel(1) }
}
