/**
 * The colours that a network with the head `bins` chooses from: the points of a square grid in the ab plane that lie next to
 * a colour of sRGB (after Zhang, Isola and Efros 2016, section 2.1, whose grid has a step of 10).
 */

/**
 * Distance between neighbours along a and b. Wide, since colours are split among the four bins around them; and such that the
 * bins are 128, for which the kernels of convolutions are fast.
 */
export const BIN_STEP = 17

/** For a = −102, −85 … 102 the first and the last b, in steps: every corner of a cell that holds one of the 2²⁴ colours. */
const FIRST_ROW = -6
const ROWS: readonly (readonly [number, number])[] = [
  ...([
    [4, 5],
    [1, 6],
    [-1, 6],
    [-2, 6],
    [-3, 6],
    [-4, 6],
    [-5, 6],
  ] as const),
  ...([
    [-5, 6],
    [-6, 5],
    [-6, 5],
    [-7, 5],
    [-7, 5],
    [-6, 1],
  ] as const),
]

/** Centres of the bins, [BINS, 2] in ab units. */
export const BIN_CENTRES: Float32Array = Float32Array.from(
  ROWS.flatMap(([first, last], row) =>
    Array.from({ length: last - first + 1 }, (_, i) => [FIRST_ROW + row, first + i]).flat(),
  ),
  (steps) => steps * BIN_STEP,
)

export const BINS = BIN_CENTRES.length / 2

/** Colours that a last layer can give probabilities of. */
export interface Bins {
  /** [count, 2] in ab units, points of a square grid. */
  readonly centres: Float32Array
  /** Distance between neighbours along a* and b*. */
  readonly step: number
  readonly count: number
}

/** The grid above. */
export const COARSE_BINS: Bins = { centres: BIN_CENTRES, step: BIN_STEP, count: BINS }
