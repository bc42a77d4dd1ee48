/**
 * Colours told at random places, from which a network learns to listen to a person (after Zhang et al. 2017, "Real-time
 * user-guided image colorization with learned deep priors").
 */
import { type Cells, cellsAround, HINT_CELL, tellColour } from '../infer/hints.ts'
import { STREAM, uniform4 } from '../random.ts'
import type { DataPosition } from './batches.ts'

/** Share of the samples of which something is told, by settings that do not say it, as those of older checkpoints. */
const USUAL_SHARE = 0.6
/** Mean number of hints of the others, which is geometrically distributed. */
const MEAN_COUNT = 8
const MAX_COUNT = 63

export interface HintOptions {
  readonly seed: number
  /** Share of the samples of which something is told. */
  readonly hinted?: number | undefined
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
export function drawHints(
  ab: Float32Array,
  { seed, hinted = USUAL_SHARE, size, place }: HintOptions,
): Float32Array {
  const cells = size / HINT_CELL
  const samples = ab.length / (2 * size * size)
  const hints = new Float32Array(3 * samples * cells * cells)
  for (let n = 0; n < samples; n++) {
    const picture = ab.subarray(2 * n * size * size, 2 * (n + 1) * size * size)
    const told = hints.subarray(3 * n * cells * cells, 3 * (n + 1) * cells * cells)
    const draw = (k: number) =>
      uniform4(seed, STREAM.hints, (place.position + n) * (MAX_COUNT + 1) + k, place.epoch)
    const [silent, many] = draw(0)
    const count = silent < 1 - hinted ? 0 : geometric(many)
    for (let k = 1; k <= count; k++) tell(picture, told, cells, draw(k))
  }
  return hints
}

/** 1, 2, … `MAX_COUNT` with mean `MEAN_COUNT`, by a number in [0, 1). */
const geometric = (draw: number) =>
  Math.min(MAX_COUNT, 1 + Math.floor(Math.log(1 - draw) / Math.log(1 - 1 / MEAN_COUNT)))

/** Tells the mean colour of a cell, or of one and its neighbours. */
function tell(ab: Float32Array, hints: Float32Array, cells: number, [y, x, wide]: readonly number[]): void {
  const reach = wide! < 0.5 ? 0 : 1
  const [rows, columns] = [y!, x!].map((draw) => cellsAround(Math.floor(draw * cells), reach, cells))
  const square = { rows: rows!, columns: columns! }
  tellColour(hints, cells, square, meanColour(ab, cells * HINT_CELL, square))
}

/** Mean a* and b* of cells of a picture with sides of `size` pixels. */
function meanColour(
  ab: Float32Array,
  size: number,
  { rows, columns }: { readonly rows: Cells; readonly columns: Cells },
): [number, number] {
  let [a, b, count] = [0, 0, 0]
  for (let y = HINT_CELL * rows[0]; y < HINT_CELL * rows[1]; y++) {
    for (let x = HINT_CELL * columns[0]; x < HINT_CELL * columns[1]; x++, count++) {
      a += ab[2 * (y * size + x)]!
      b += ab[2 * (y * size + x) + 1]!
    }
  }
  return [a / count, b / count]
}
