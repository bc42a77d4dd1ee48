import type { AttrsOf, OpName, Slice } from '../src/kernels/op.ts'

/**
 * normal: mean 0, variance 1. positive: uniform in 0.5…2. unit: uniform in 0…1. awayFromZero: uniform in ±(0.1…1), so
 * that finite differences do not straddle the kink of a ReLU. wide: variance 400. huge: variance 10⁴. offset: mean 100, variance 1.
 * rectified: the positive part of a normal one, and zeros. index: whole numbers from −2 to 9. softmax: that of wide numbers, the
 * whole tensor being one row: almost all of it in one element. zero: nothing but zeros.
 */
export type Distribution =
  | 'normal'
  | 'positive'
  | 'unit'
  | 'awayFromZero'
  | 'wide'
  | 'huge'
  | 'offset'
  | 'rectified'
  | 'index'
  | 'softmax'
  | 'zero'

/** A shape alone means normal. `given` are the values of single elements. */
export type CaseInput =
  | readonly number[]
  | {
      readonly shape: readonly number[]
      readonly dist: Distribution
      readonly given?: Readonly<Record<number, number>>
    }

export interface Case<A> {
  readonly inputs: readonly CaseInput[]
  readonly attrs: A
  /** The kernels write output 0 into these channels of a wider tensor, as they do before a concatenation. */
  readonly slice?: Slice
  /** What this row is there for, where the shapes do not say it. */
  readonly note?: string
}

export type Rows<A> = readonly [Case<A>, ...Case<A>[]]
export type CaseTable = { readonly [N in OpName]: Rows<AttrsOf<N>> }

export type Shape4 = readonly [number, number, number, number]

export const of = (dist: Distribution, ...shape: number[]) => ({ shape, dist })
export const shapeOf = (input: CaseInput | undefined) =>
  (input && 'shape' in input ? input.shape : input) as readonly number[]

export const table = <T, A>(list: readonly T[], make: (item: T, i: number) => Case<A>) =>
  list.map(make) as unknown as Rows<A>

// any shape: one element, whole vec4s, a part of one, more than a workgroup of 256 elements
export const anyShape: readonly (readonly number[])[] = [
  [1],
  [4],
  [3, 2, 7],
  [1, 5, 13, 16],
  [2, 3, 1, 1],
  [259],
]

/** A row for each of `anyShape`, which `make` turns into the inputs. */
export function elementwise<A>(attrs: A, make: (shape: readonly number[]) => CaseInput[]): Rows<A> {
  return anyShape.map((shape) => ({ inputs: make(shape), attrs })) as unknown as Rows<A>
}

// channels that are multiples of 4 or not; several samples whose sizes are not; one pixel, one row, one column
export const images: readonly Shape4[] = [
  [1, 1, 1, 1],
  [1, 1, 1, 4],
  [2, 3, 5, 8],
  [3, 7, 1, 5],
  [2, 1, 9, 2],
  [3, 5, 7, 3],
  [1, 13, 11, 36],
]
