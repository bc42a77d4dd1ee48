/** Evens out blotches: things have one colour more often than a network, which paints place by place, gives them. */
import type { Graph } from '../graph/graph.ts'
import type { Tensor } from '../kernels/op.ts'
import type { Painting } from './network.ts'

/**
 * How alike cells are that get like colours, in the units of L and ab: chosen on every second picture of BSDS500's test
 * photographs, by their ab error and by eye. docs/losses.md has the table.
 */
const ALIKE = { range: 6 / 50, color: 15 }
/** Standard deviation of the weights by distance, in the picture's shorter side, and how far the window reaches in these. */
const [SPACE, REACH] = [0.28, 1.5]

/**
 * The colours `ab` [N,h,w,2], in ab units, each with those of the cells around that are alike. What is lost of their strength is
 * given back to all alike. Those of a network that does not tell the lightness of its cells stay as they are.
 */
export function evened(graph: Graph, ab: Tensor, { cellLightness }: Pick<Painting, 'cellLightness'>): Tensor {
  if (!cellLightness) return ab
  return graph.scope('evened', () => {
    const [, height, width] = graph.shape(ab) as [number, number, number, number]
    const space = SPACE * Math.min(height, width)
    const radius = Math.ceil(REACH * space)
    const even = graph.op('bilateral', [ab, cellLightness], { radius, space, ...ALIKE })
    // colours that are all 0 stay so
    const left = graph.op('clip', [strength(graph, even)], { min: 1e-6, max: Infinity })
    const loss = graph.op('binary', [strength(graph, ab), left], { kind: 'div' })
    return graph.op('binary', [even, loss], { kind: 'mul' })
  })
}

/** Mean of |a*| and |b*| of each picture, [N,1,1,1]. */
function strength(graph: Graph, ab: Tensor): Tensor {
  const sizes = graph.op('leakyRelu', [ab], { alpha: -1 })
  return graph.op('reduce', [sizes], { kind: 'mean', axes: [1, 2, 3], keepDims: true })
}
