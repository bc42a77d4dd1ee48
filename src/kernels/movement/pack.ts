import { elems, type Op, ShapeError } from '../op.ts'
import { ARENA_ALIGNMENT_ELEMS } from './view.ts'

export interface PackAttrs {
  /** First element of each input in y, in any order, each a multiple of `ARENA_ALIGNMENT_ELEMS`. */
  readonly offsets: readonly number[]
  /** Elements of y. */
  readonly length: number
}

/**
 * y [length] = the inputs side by side: the planner lets their producers write straight into y. What lies between
 * them is unspecified (0 in the reference). Not differentiable.
 */
export const pack: Op<PackAttrs> = {
  name: 'pack',
  alias: 'pack',

  infer(inputs, { offsets, length }) {
    if (offsets.length !== inputs.length || inputs.length === 0) {
      throw new ShapeError('pack', `${offsets.length} offsets for ${inputs.length} inputs`, inputs)
    }
    const ranges = inputs.map((spec, i) => ({ start: offsets[i]!, end: offsets[i]! + elems(spec) }))
    ranges.sort((a, b) => a.start - b.start)
    ranges.forEach(({ start, end }, i) => {
      const limit = ranges[i + 1]?.start ?? length
      if (start < 0 || start % ARENA_ALIGNMENT_ELEMS || end > limit) {
        throw new ShapeError('pack', `${start}…${end} is not aligned or reaches beyond ${limit}`, inputs)
      }
    })
    return [{ shape: [length] }]
  },

  kernels: () => [],

  reference(inputs, _specs, { offsets, length }) {
    const y = new Float64Array(length)
    inputs.forEach((x, n) => {
      for (let i = 0; i < x.length; i++) y[offsets[n]! + i] = x[i]!
    })
    return [y]
  },
}
