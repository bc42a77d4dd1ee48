/**
 * The colours that a network with the head `bins` chooses from: the points of a square grid in the ab plane that lie next to
 * a colour of sRGB (after Zhang, Isola and Efros 2016, section 2.1, whose grid has a step of 10).
 */

/** Colours that a last layer can give probabilities of. */
export interface Bins {
  /** [count, 2] in ab units, points of a square grid. */
  readonly centres: Float32Array
  /** Distance between neighbours along a* and b*. */
  readonly step: number
  readonly count: number
}

/** What the odds of colours are multiplied by, each above 0; 1 changes nothing. */
export interface Odds {
  /** Of no colour. */
  readonly grayOdds: number
  /** Of deep blue, violet, purple and pink. */
  readonly purpleOdds: number
  readonly redOdds: number
  /** Of every colour, to the power of its chroma / 100: above 1, strong colours are likelier. */
  readonly chromaOdds: number
}

/** Hues of CIE a*b* in degrees. A clear sky has about −95, skin 50. */
const HUES = { purpleOdds: { above: -80, upTo: 20 }, redOdds: { above: 20, upTo: 48 } } as const

/** The logarithm of what each bin's odds are multiplied by. */
export function logOdds({ centres, count }: Bins, odds: Odds): number[] {
  return Array.from({ length: count }, (_, i) => {
    const [a, b] = [centres[2 * i]!, centres[2 * i + 1]!]
    const chroma = Math.hypot(a, b)
    return Math.log(hueOdds(a, b, odds)) + (Math.log(odds.chromaOdds) * chroma) / 100
  })
}

function hueOdds(a: number, b: number, odds: Odds): number {
  if (a === 0 && b === 0) return odds.grayOdds
  const hue = (Math.atan2(b, a) * 180) / Math.PI
  for (const name of ['purpleOdds', 'redOdds'] as const)
    if (hue > HUES[name].above && hue <= HUES[name].upTo) return odds[name]
  return 1
}

/** The first and the last b* of a row of the grid, in steps. */
type Row = readonly [first: number, last: number]

/** The bins of rows of the same a*, of which the first is at `firstRow` steps. */
function gridOf(step: number, firstRow: number, rows: readonly Row[]): Bins {
  const steps = rows.flatMap(([first, last], row) =>
    Array.from({ length: last - first + 1 }, (_, i) => [firstRow + row, first + i]).flat(),
  )
  return { centres: Float32Array.from(steps, (value) => value * step), step, count: steps.length / 2 }
}

/**
 * Wide, since colours are split among the four bins around them; and such that the bins are 128, for which the kernels of
 * convolutions are fast. Every corner of a cell that holds one of the 2²⁴ colours, for a = −102, −85 … 102.
 */
export const COARSE_BINS: Bins = gridOf(17, -6, [
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
])

/**
 * As fine as that of Zhang, Isola and Efros 2016, for networks that tell more colours apart: for a = −90, −80 … 100 every
 * corner, and three more bins in the last row, so that their number is a multiple of 4.
 */
export const FINE_BINS: Bins = gridOf(10, -9, [
  [5, 9],
  [2, 9],
  [0, 9],
  [-2, 9],
  [-3, 10],
  [-4, 10],
  [-5, 10],
  [-5, 10],
  [-6, 10],
  [-7, 10],
  [-8, 9],
  [-8, 9],
  [-9, 9],
  [-10, 8],
  [-10, 8],
  [-11, 8],
  [-11, 8],
  [-11, 7],
  [-11, 7],
  [-9, 0],
])
