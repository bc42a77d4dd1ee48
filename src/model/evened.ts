/** Evens out blotches: a thing has one colour more often than a network, which paints place by place, gives it. */
import type { Graph } from '../graph/graph.ts'
import type { Tensor } from '../kernels/op.ts'
import type { Bins } from './bins.ts'
import { meanOverBins } from './losses.ts'
import type { Painting } from './network.ts'

/** How alike cells are that get like colours: standard deviations in the units of L and ab. */
const ALIKE = { range: 6 / 50, color: 15 }
/** The same of their distance, in the picture's shorter side. */
const SPACE = 0.28
/** How far the window reaches, in that standard deviation. */
const WINDOW = 1.5
/** With at least so many cells to each side, only every second, third … row and column counts, so that a cell never costs much more. */
const LEAST_COUNTED = 14
/** Cells to each side over which a change is averaged, so that small differences within things stay. */
const AVERAGED = 4
/**
 * The share of a change that counts is σ((variance of the likely colours − half²) ⁄ spread), σ the logistic function: half of it at a
 * standard deviation of `half` ab units, 4% at 5, 98% at 30.
 */
const DOUBT = { half: 20, spread: 120 }

/**
 * The colours of a painting, [N,h,w,2] in ab units, of which those that the network doubts become more like those of the cells around
 * that are alike. Those of a network that does not tell its probabilities or the lightness of its cells stay as they are.
 */
export function evened(
  graph: Graph,
  { ab, shares, cellLightness }: Pick<Painting, 'ab' | 'shares' | 'cellLightness'>,
  bins: Bins,
): Tensor {
  if (!cellLightness || !shares) return ab
  return graph.scope('evened', () => {
    const [, height, width] = graph.shape(ab) as [number, number, number, number]
    const space = SPACE * Math.min(height, width)
    const radius = Math.ceil(WINDOW * space)
    const step = Math.max(1, Math.floor(radius / LEAST_COUNTED))
    const even = graph.op('bilateral', [ab, cellLightness], { radius, step, space, ...ALIKE })
    const change = graph.op('binary', [even, ab], { kind: 'sub' })
    const doubted = graph.op('binary', [change, doubt(graph, ab, shares, bins)], { kind: 'mul' })
    return graph.op('binary', [ab, windowMeans(graph, doubted, Math.max(AVERAGED, step))], { kind: 'add' })
  })
}

/** Between 0 and 1, [N,h,w,1]: see `DOUBT`. The variance is E|c|² − |E c|². */
function doubt(graph: Graph, ab: Tensor, shares: Tensor, { centres, count }: Bins): Tensor {
  const squares = Float32Array.from(
    { length: count },
    (_, i) => centres[2 * i]! ** 2 + centres[2 * i + 1]! ** 2,
  )
  const square = graph.op('binary', [ab, ab], { kind: 'mul' })
  const own = graph.op('reduce', [square], { kind: 'sum', axes: [3], keepDims: true })
  const variance = graph.op('binary', [meanOverBins(graph, shares, squares), own], { kind: 'sub' })
  const half = graph.constant(Float32Array.of(DOUBT.half ** 2), [1])
  const beyond = graph.op('binary', [variance, half], { kind: 'sub' })
  return graph.op('sigmoid', [graph.op('scale', [beyond], { factor: 1 / DOUBT.spread })], {})
}

/** Means over the window of so many cells to each side, as much of it as lies in the picture. */
const windowMeans = (graph: Graph, x: Tensor, reach: number): Tensor =>
  graph.op('pool2d', [x], {
    kind: 'average',
    kernel: [2 * reach + 1, 2 * reach + 1],
    stride: [1, 1],
    dilation: [1, 1],
    padding: [reach, reach, reach, reach],
    ceilMode: false,
    countIncludePad: false,
  })
