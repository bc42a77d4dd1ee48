import { ARENA_ALIGNMENT_ELEMS } from '../movement/view.ts'
import { ceilDiv, elems, expectRanks, grid, input, type Op, output, ShapeError, scratch } from '../op.ts'

export interface LossScalingAttrs {
  /** Good steps after which the scale is doubled. */
  readonly every: number
  /** The scale does not grow beyond this. */
  readonly most: number
}

/** Blocks that a workgroup looks at. */
const BLOCKS = 64

/**
 * [state [4], gradients [64·blocks], used [blocks]] → [state, in place, factor [1]]: what becomes of gradients that were
 * computed at a scaled loss, and of the scale s (Micikevicius et al. 2018, section 3.2). state = [s, steps since s changed, steps
 * skipped, 0], `used` says how many elements count of each block of 64. The factor is 1 ⁄ s; or 0, which skips the step, and s is
 * halved, when s is above 1 and a gradient is infinite or no number.
 */
export const lossScaling: Op<LossScalingAttrs> = {
  name: 'lossScaling',
  inPlace: [0, null],

  infer(inputs) {
    expectRanks('lossScaling', inputs, [1, 1, 1])
    const [state, gradients, used] = inputs.map(elems)
    if (state !== 4) throw new ShapeError('lossScaling', 'the state must be [4]', inputs)
    if (gradients !== used! * ARENA_ALIGNMENT_ELEMS)
      throw new ShapeError('lossScaling', `needs ${ARENA_ALIGNMENT_ELEMS} gradients a block`, inputs)
    return [inputs[0]!, { shape: [1] }]
  },

  kernels([, , used], _outputs, { every, most }) {
    const blocks = elems(used!)
    const parts = ceilDiv(blocks, BLOCKS)
    const bad = scratch(0, parts)
    return [
      {
        shader: 'loss_scaling_partial',
        params: { blocks },
        bindings: [input(1), input(2), bad],
        workgroups: grid(parts),
      },
      {
        shader: 'loss_scaling',
        params: { parts, every, most },
        bindings: [bad, output(0), output(1)],
        workgroups: [1, 1, 1],
      },
    ]
  },

  reference([state, gradients, used], _specs, { every, most }) {
    const [scale, good, skipped, rest] = state! as unknown as [number, number, number, number]
    const isBad = gradients!.some(
      (value, i) =>
        i % ARENA_ALIGNMENT_ELEMS < used![Math.floor(i / ARENA_ALIGNMENT_ELEMS)]! && !Number.isFinite(value),
    )
    if (isBad && scale > 1)
      return [Float64Array.of(Math.max(scale / 2, 1), 0, skipped + 1, rest), Float64Array.of(0)]
    const [next, count] = good + 1 >= every ? [Math.min(2 * scale, most), 0] : [scale, good + 1]
    return [Float64Array.of(next, count, skipped, rest), Float64Array.of(1 / scale)]
  },
}
