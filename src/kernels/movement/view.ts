import { elems, expectRanks, type Op, ShapeError } from '../op.ts'

/** Ranges inside an arena start at multiples of this: WebGPU's guaranteed binding alignment of 256 bytes. */
export const ARENA_ALIGNMENT_ELEMS = 64

export interface ViewAttrs {
  /** First element of the view in x, a multiple of `ARENA_ALIGNMENT_ELEMS`. */
  readonly offset: number
  readonly shape: readonly number[]
}

/** y = the elements of x from `offset` on, as `shape`: the planner lets y share x's memory. Not differentiable. */
export const view: Op<ViewAttrs> = {
  name: 'view',
  alias: 'view',

  infer(inputs, { offset, shape }) {
    expectRanks('view', inputs, [null])
    if (offset < 0 || offset % ARENA_ALIGNMENT_ELEMS) {
      throw new ShapeError('view', `offset ${offset} is not a multiple of ${ARENA_ALIGNMENT_ELEMS}`, inputs)
    }
    if (offset + elems({ shape }) > elems(inputs[0]!)) {
      throw new ShapeError('view', `[${shape}] at offset ${offset} reaches beyond the end`, inputs)
    }
    return [{ shape }]
  },

  kernels: () => [],

  reference([x], _specs, { offset, shape }) {
    let length = 1
    for (const d of shape) length *= d
    const y = new Float64Array(length)
    for (let i = 0; i < length; i++) y[i] = x![offset + i]!
    return [y]
  },
}
