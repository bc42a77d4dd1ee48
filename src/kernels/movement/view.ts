import { elems, expectRanks, type Op, ShapeError } from '../op.ts'

/** Ranges inside an arena start at multiples of this: WebGPU's guaranteed binding alignment of 256 bytes. */
export const ARENA_ALIGNMENT_ELEMS = 64

export interface ViewAttrs {
  /** First element of the view in x, a multiple of `ARENA_ALIGNMENT_ELEMS`. */
  readonly offset: number
  readonly shape: readonly number[]
}

/** y = the elements of x from `offset` on, as `shape`: the planner lets y share x's memory. */
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

  grad(b, { offset }) {
    const x = b.shape(b.inputs[0]!)
    const [size, length] = [elems({ shape: x }), elems({ shape: b.shape(b.outputs[0]!) })]
    const dy = b.op('view', [b.outputGrads[0]!], { offset: 0, shape: [length] })
    // what the view does not show has no influence
    const whole = length === size ? dy : b.op('embed', [dy], { axis: 0, start: offset, size })
    return [b.op('view', [whole], { offset: 0, shape: x })]
  },

  reference([x], _specs, { offset, shape }) {
    let length = 1
    for (const d of shape) length *= d
    const y = new Float64Array(length)
    for (let i = 0; i < length; i++) y[i] = x![offset + i]!
    return [y]
  },
}
