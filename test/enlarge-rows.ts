/** Rows of the operators that enlarge colours. */
import { type CaseTable, of, type Shape4, table } from './rows.ts'

// cells: one, one row, one column, several images, more than a workgroup; pixels of each of their images: fewer, as many, more
const grids: readonly (readonly [readonly [number, number, number], readonly [number, number]])[] = [
  [
    [1, 1, 1],
    [3, 5],
  ],
  [
    [1, 1, 7],
    [1, 1],
  ],
  [
    [2, 5, 1],
    [2, 9],
  ],
  [
    [3, 4, 6],
    [4, 6],
  ],
  [
    [1, 9, 11],
    [13, 7],
  ],
]

/** Lightness at full size, and where its pixels lie among the cells: in no order, also outside. */
const pixels = (N: number, H: number, W: number) => [[N, H, W, 1], of('wide', H), of('positive', W)] as const

const fit = { radius: 1, epsilon: 0.5 }
const bilateral = { radius: 1, space: 0.7, range: 0.5 }

const meanImages: readonly (readonly [Shape4, number, number])[] = [
  [[1, 1, 1, 1], 1, 1],
  [[1, 9, 7, 1], 8, 5],
  [[2, 7, 9, 3], 3, 12],
  [[3, 8, 4, 2], 11, 2],
]

export const enlargeRows: Pick<CaseTable, 'cellMeans' | 'guidedFit' | 'guidedApply' | 'jointBilateral'> = {
  // cells that overlap, are empty, or lie partly outside the image
  cellMeans: [
    ...table(meanImages, ([x, OH, OW]) => ({
      inputs: [x, of('index', OH + 1), of('index', OW + 1)],
      attrs: {},
    })),
    { inputs: [of('offset', 1, 9, 9, 1), of('index', 65), of('index', 3)], attrs: {}, note: 'large numbers' },
  ],
  guidedFit: [
    ...table(grids, ([[N, H, W]]) => ({
      inputs: [
        [N, H, W, 2],
        [N, H, W, 1],
      ],
      attrs: fit,
    })),
    {
      inputs: [
        [2, 5, 6, 2],
        [2, 5, 6, 1],
      ],
      attrs: { radius: 3, epsilon: 2 },
    },
    {
      inputs: [
        [1, 4, 5, 2],
        [1, 4, 5, 1],
      ],
      attrs: { radius: 0, epsilon: 1 },
      note: 'windows of one cell',
    },
    {
      inputs: [[1, 7, 6, 2], of('offset', 1, 7, 6, 1)],
      attrs: fit,
      note: 'a variance that E[L²] − E[L]² would lose',
    },
  ],
  guidedApply: table(grids, ([[N, H, W], [PH, PW]]) => ({
    inputs: [[N, H, W, 4], ...pixels(N, PH, PW)],
    attrs: {},
  })),
  jointBilateral: [
    ...table(grids, ([[N, H, W], [PH, PW]]) => ({
      inputs: [[N, H, W, 2], [N, H, W, 1], ...pixels(N, PH, PW)],
      attrs: bilateral,
    })),
    {
      inputs: [[2, 6, 5, 2], [2, 6, 5, 1], ...pixels(2, 7, 4)],
      attrs: { radius: 2, space: 1.5, range: 2 },
    },
    {
      inputs: [[1, 5, 6, 2], of('huge', 1, 5, 6, 1), ...pixels(1, 4, 9)],
      attrs: bilateral,
      note: 'weights that underflow',
    },
  ],
}
