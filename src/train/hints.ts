/**
 * Colours told at random places, from which a network learns to listen to a person (after Zhang et al. 2017, "Real-time
 * user-guided image colorization with learned deep priors").
 */
import { STREAM, uniform4 } from '../random.ts'
import type { DataPosition } from './batches.ts'

/** Samples of which nothing is told. */
const SILENT = 0.4
/** Mean number of hints of the others, which is geometrically distributed. */
const MEAN_COUNT = 8
const MAX_COUNT = 63
/** Side of a cell in pixels; a hint is one of them, or one with its neighbours. */
const CELL = 4
/** ab units for a hint of 1. */
const AB_SCALE = 50

export interface HintOptions {
  readonly seed: number
  /** Side of the pictures. */
  readonly size: number
  /** Of the first sample. */
  readonly place: DataPosition
}

/**
 * Hints with the true colours of pictures.
 * @param ab [N,size,size,2], ab units
 * @returns [N,size/4,size/4,3], see the inputs in `model/network.ts`; a pure function of seed and place
 */
export function drawHints(ab: Float32Array, { seed, size, place }: HintOptions): Float32Array {
  const cells = size / CELL
  const samples = ab.length / (2 * size * size)
  const hints = new Float32Array(3 * samples * cells * cells)
  for (let n = 0; n < samples; n++) {
    const picture = ab.subarray(2 * n * size * size, 2 * (n + 1) * size * size)
    const told = hints.subarray(3 * n * cells * cells, 3 * (n + 1) * cells * cells)
    const draw = (k: number) =>
      uniform4(seed, STREAM.hints, (place.position + n) * (MAX_COUNT + 1) + k, place.epoch)
    const [silent, many] = draw(0)
    const count = silent < SILENT ? 0 : geometric(many)
    for (let k = 1; k <= count; k++) tell(picture, told, cells, draw(k))
  }
  return hints
}

/** 1, 2, … `MAX_COUNT` with mean `MEAN_COUNT`, by a number in [0, 1). */
const geometric = (draw: number) =>
  Math.min(MAX_COUNT, 1 + Math.floor(Math.log(1 - draw) / Math.log(1 - 1 / MEAN_COUNT)))

/** Tells the mean colour of a square of cells. */
function tell(ab: Float32Array, hints: Float32Array, cells: number, [y, x, wide]: readonly number[]): void {
  const reach = wide! < 0.5 ? 0 : 1
  const range = (draw: number) => {
    const middle = Math.floor(draw * cells)
    return [Math.max(0, middle - reach), Math.min(cells, middle + reach + 1)] as const
  }
  const [rows, columns] = [range(y!), range(x!)]
  const colour = meanColour(ab, cells * CELL, rows, columns)
  for (let row = rows[0]; row < rows[1]; row++) {
    for (let column = columns[0]; column < columns[1]; column++)
      hints.set([...colour.map((value) => value / AB_SCALE), 1], 3 * (row * cells + column))
  }
}

type Range = readonly [from: number, to: number]

/** Mean a* and b* of cells of a picture with sides of `size` pixels. */
function meanColour(ab: Float32Array, size: number, rows: Range, columns: Range): [number, number] {
  let [a, b, count] = [0, 0, 0]
  for (let y = CELL * rows[0]; y < CELL * rows[1]; y++) {
    for (let x = CELL * columns[0]; x < CELL * columns[1]; x++, count++) {
      a += ab[2 * (y * size + x)]!
      b += ab[2 * (y * size + x) + 1]!
    }
  }
  return [a / count, b / count]
}
