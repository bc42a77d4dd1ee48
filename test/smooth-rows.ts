/** Rows of the operators that smooth colours: by conjugate gradients, and by means of what is alike. */
import { type CaseTable, of, type Shape4, table } from './rows.ts'

// N, H, W: one pixel, row, column; several images; more than a workgroup
const sizes: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [1, 1, 7],
  [2, 9, 1],
  [3, 4, 5],
  [1, 11, 13],
]

const attrs = { share: 0.7, noise: 0.5, least: 0.1, strength: 0.25 }

const evening = { radius: 2, step: 1, space: 1.3, range: 0.8, color: 0.9 }

const spreading = { unit: 1.5, space: 1.7, range: 0.8, color: 0.9, prior: 0.1 }

/** x, r, p, rz, Ap, diagonal: p · Ap above 0 as in a solution, pixels free and fixed. */
const state = ([N, H, W]: readonly [number, number, number]) => {
  const colours: Shape4 = [N, H, W, 2]
  const [rz, diagonal] = [of('positive', 2), of('index', N, H, W, 1)]
  return [colours, colours, of('positive', ...colours), rz, of('unit', ...colours), diagonal]
}

export const smoothRows: Pick<
  CaseTable,
  'affinities' | 'laplacian' | 'conjugateGradient' | 'spreadHints' | 'bilateral'
> = {
  affinities: [
    ...table(sizes, ([N, H, W]) => ({ inputs: [[N, H, W, 1], of('index', N, H, W, 1)], attrs })),
    {
      inputs: [of('offset', 1, 6, 5, 1), of('positive', 1, 6, 5, 1)],
      attrs: { share: 1, noise: 1, least: 0, strength: 0 },
      note: 'a variance that E[L²] − E[L]² would lose',
    },
  ],
  laplacian: table(sizes, ([N, H, W]) => ({
    inputs: [[N, H, W, 2], of('unit', N, H, W, 4), of('index', N, H, W, 1)],
    attrs: {},
  })),
  conjugateGradient: [
    ...table(sizes, (size) => ({ inputs: state(size), attrs: {} })),
    { inputs: state([1, 32, 32]), attrs: {}, note: 'a part to its last pixel' },
    { inputs: state([2, 33, 37]), attrs: {}, note: 'more than one part' },
    { inputs: state([1, 260, 256]), attrs: {}, note: 'more parts than lanes' },
    {
      inputs: [
        [1, 3, 4, 2],
        [1, 3, 4, 2],
        of('rectified', 1, 3, 4, 2),
        of('index', 2),
        [1, 3, 4, 2],
        [1, 3, 4, 1],
      ],
      attrs: {},
      note: 'divisors that are not above 0',
    },
    {
      inputs: [
        [1, 3, 4, 2],
        [1, 3, 4, 2],
        of('zero', 1, 3, 4, 2),
        of('zero', 2),
        of('zero', 1, 3, 4, 2),
        of('positive', 1, 3, 4, 1),
      ],
      attrs: {},
      note: 'the first step',
    },
  ],
  spreadHints: [
    ...table(sizes, ([N, H, W]) => ({
      inputs: [
        [N, H, W, 2],
        [N, H, W, 1],
        [N, H, W, 3],
      ],
      attrs: spreading,
    })),
    {
      inputs: [[2, 5, 6, 2], [2, 5, 6, 1], of('rectified', 2, 5, 6, 3)],
      attrs: { ...spreading, prior: 0.01, space: 3 },
      note: 'many hints that reach far',
    },
    {
      inputs: [of('offset', 1, 6, 5, 2), of('offset', 1, 6, 5, 1), of('positive', 1, 6, 5, 3)],
      attrs: { ...spreading, range: 5, color: 8 },
      note: 'weights by differences of large numbers',
    },
  ],
  bilateral: [
    ...table(sizes, ([N, H, W]) => ({
      inputs: [
        [N, H, W, 2],
        [N, H, W, 1],
      ],
      attrs: evening,
    })),
    {
      inputs: [
        [2, 5, 6, 2],
        [2, 5, 6, 1],
      ],
      attrs: { ...evening, radius: 9, space: 4, color: 3 },
      note: 'a window that is larger than the picture',
    },
    {
      inputs: [
        [2, 7, 9, 2],
        [2, 7, 9, 1],
      ],
      attrs: { ...evening, radius: 5, step: 2, space: 3 },
      note: 'every other cell',
    },
    {
      inputs: [of('offset', 1, 6, 5, 2), of('offset', 1, 6, 5, 1)],
      attrs: { ...evening, range: 5, color: 8 },
      note: 'weights by differences of large numbers',
    },
  ],
}
