/** Lets colours that a person has told go on to what is alike, beyond what the network makes of them. */
import type { Graph } from '../graph/graph.ts'
import type { Tensor } from '../kernels/op.ts'
import type { Painting } from './network.ts'

/** ab units for a value of 1 in the input `hints`. */
export const HINT_UNIT = 50

/**
 * How alike cells are that a hint changes alike: chosen on every fourth picture of BSDS500's test photographs. Wider weights have
 * less error still, as the whole of such a picture often errs to one side; but a person who tells one colour of one thing does not
 * want all others to follow.
 */
const ALIKE = { range: 15 / 50, color: 12, prior: 0.1 }
/** Standard deviation of the weights by distance, in the picture's shorter side. */
const REACH = 0.15

/**
 * The colours `ab` [N,h,w,2], in ab units, with what hints ask for beyond them gone on to the cells that are alike. Those of a
 * network that takes no hints or does not tell the lightness of its cells stay as they are.
 */
export function spreadTold(
  graph: Graph,
  ab: Tensor,
  { hints, cellLightness }: Pick<Painting, 'hints' | 'cellLightness'>,
): Tensor {
  if (!hints || !cellLightness) return ab
  const [, height, width] = graph.shape(ab) as [number, number, number, number]
  const space = REACH * Math.min(height, width)
  return graph.op('spreadHints', [ab, cellLightness, hints], { unit: HINT_UNIT, space, ...ALIKE })
}
