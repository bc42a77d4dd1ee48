/** Evens out blotches: a thing has one colour more often than a network, which paints place by place, gives it. */
import type { Graph } from '../graph/graph.ts'
import type { Tensor } from '../kernels/op.ts'
import type { Bins } from './bins.ts'
import { meanOverBins } from './losses.ts'
import type { Painting } from './network.ts'

/** How alike cells are that get like colours, in the units of L and ab. */
const ALIKE = { range: 6 / 50, color: 15 }
/** Standard deviation of the weights by distance, in the picture's shorter side, and how far the window reaches in these. */
const [SPACE, REACH] = [0.28, 1.5]
/** Cells to each side that count: of a larger window every so many, so that a cell costs no more where a picture is shown larger. */
const COUNTED = 14
/** Cells to each side over which a change is averaged, so that small differences within things stay. */
const FINE = 4
/**
 * Standard deviation of a cell's likely colours, in ab units, at which half of the evened colour counts, and how far it is from there
 * to where nearly nothing or nearly all of it does.
 */
const DOUBT = { half: 20, slope: 3 }

/** The probabilities of bins whose mean `ab` is. */
export interface Likely {
  /** [N,h,w,bins] */
  readonly shares: Tensor
  readonly bins: Bins
}

/**
 * The colours `ab` [N,h,w,2], in ab units, of which those that the network doubts become more like those of the cells around that are
 * alike. Those of a network that does not tell the lightness of its cells stay as they are.
 */
export function evened(
  graph: Graph,
  ab: Tensor,
  likely: Likely,
  { cellLightness }: Pick<Painting, 'cellLightness'>,
): Tensor {
  if (!cellLightness) return ab
  return graph.scope('evened', () => {
    const [, height, width] = graph.shape(ab) as [number, number, number, number]
    const space = SPACE * Math.min(height, width)
    const radius = Math.ceil(REACH * space)
    const step = Math.max(1, Math.floor(radius / COUNTED))
    const even = graph.op('bilateral', [ab, cellLightness], { radius, step, space, ...ALIKE })
    const change = graph.op('binary', [even, ab], { kind: 'sub' })
    const doubted = graph.op('binary', [change, doubt(graph, ab, likely)], { kind: 'mul' })
    const padding = [FINE, FINE, FINE, FINE] as const
    const window = {
      kernel: [2 * FINE + 1, 2 * FINE + 1],
      stride: [1, 1],
      dilation: [1, 1],
      padding,
    } as const
    const smooth = graph.op('pool2d', [doubted], {
      kind: 'average',
      ceilMode: false,
      countIncludePad: false,
      ...window,
    })
    return graph.op('binary', [ab, smooth], { kind: 'add' })
  })
}

/** Between 0 and 1, [N,h,w,1]: by the variance of the likely colours, E|c|² − |E c|². */
function doubt(graph: Graph, ab: Tensor, { shares, bins: { centres, count } }: Likely): Tensor {
  const squares = Float32Array.from(
    { length: count },
    (_, i) => centres[2 * i]! ** 2 + centres[2 * i + 1]! ** 2,
  )
  const own = graph.op('reduce', [graph.op('binary', [ab, ab], { kind: 'mul' })], {
    kind: 'sum',
    axes: [3],
    keepDims: true,
  })
  const variance = graph.op('binary', [meanOverBins(graph, shares, squares), own], { kind: 'sub' })
  const { half, slope } = DOUBT
  const beyond = graph.op('binary', [variance, graph.constant(Float32Array.of(half ** 2), [1])], {
    kind: 'sub',
  })
  return graph.op('sigmoid', [graph.op('scale', [beyond], { factor: 1 / (2 * half * slope) })], {})
}
