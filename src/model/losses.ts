/** What training makes small. */
import type { Graph } from '../graph/graph.ts'
import { conv2dDefaults } from '../kernels/conv/conv2d.ts'
import type { Tensor } from '../kernels/op.ts'
import type { Bins } from './bins.ts'
import type { Network, Painting } from './network.ts'
import { perceptualLoss } from './perceptual.ts'
import type { Trunk } from './trunk.ts'

/**
 * Of the head `ab`: `squared` is the report's, the mean of squares, which rewards the mean of what is likely: brown. `huber`
 * grows only linearly beyond `HUBER_DELTA` (Huber 1964). `rarity` is `squared` with each pixel weighted by how rare its
 * colour is (Zhang, Isola and Efros 2016, section 2.2).
 */
export const LOSSES = ['squared', 'huber', 'rarity'] as const
export type Loss = (typeof LOSSES)[number]

/** What can be added to a loss, and how much it counts; nothing where it is missing. */
export interface AddedLosses {
  /** Of networks with a trunk, see `perceptualLoss`. */
  readonly perceptual?: number | undefined
  /** Of the head `bins`: `huber` of the mean colour, in units of `HUBER_DELTA`². */
  readonly meanHuber?: number | undefined
}

/** Whether a training's loss can be compared with ab errors. */
export const isSquaredError = (
  { bins }: Network,
  { loss, perceptual }: { readonly loss: Loss } & AddedLosses,
) => loss === 'squared' && bins === null && !perceptual

/** ab units; the mean chroma of photographs is about 17. */
const HUBER_DELTA = 10

/** How much the colour of each bin counts; the mean over photographs is 1. */
export interface Rarity {
  readonly bins: Bins
  /** [bins.count] */
  readonly weights: Float32Array
}

export interface LossOptions extends AddedLosses {
  readonly loss: Loss
  /** See `Network`; 2 unless given. */
  readonly colourStride?: number
  /** For the loss `rarity` and for the head `bins`, whose bins these are. */
  readonly rarity?: Rarity | undefined
  /** For the loss `perceptual`. */
  readonly trunk?: Trunk | undefined
}

/**
 * The loss, [1], of what the network says of pictures with the colours `target` [N,H,W,2]. They are averaged over squares
 * where the network paints fewer pixels.
 */
export function lossOf(
  graph: Graph,
  painting: Pick<Painting, 'ab' | 'logits'>,
  target: Tensor,
  options: LossOptions,
): Tensor {
  const { perceptual, meanHuber, trunk } = options
  const { ab, logits } = painting
  const parts = [colourLoss(graph, painting, target, options)]
  const add = (loss: Tensor, factor: number) => parts.push(graph.op('scale', [loss], { factor }))
  if (meanHuber && logits !== null)
    add(huberLoss(graph, ab, seenBy(graph, ab, target)), meanHuber / HUBER_DELTA ** 2)
  if (perceptual) {
    const L = graph.input('L', graph.shape(target).with(3, 1))
    add(
      graph.scope('perceptual', () => perceptualLoss(graph, trunk!, { L, ab, target })),
      perceptual,
    )
  }
  return parts.reduce((a, b) => graph.op('binary', [a, b], { kind: 'add' }))
}

/** The target at the size of what is painted. */
const seenBy = (graph: Graph, ab: Tensor, target: Tensor) =>
  averaged(graph, target, graph.shape(target)[1]! / graph.shape(ab)[1]!)

function colourLoss(
  graph: Graph,
  { ab, logits }: Pick<Painting, 'ab' | 'logits'>,
  target: Tensor,
  { loss, colourStride = 2, rarity }: LossOptions,
): Tensor {
  const shares = ({ bins }: Rarity) => encoded(graph, averaged(graph, target, colourStride), bins)
  if (logits !== null) return binLoss(graph, logits, shares(rarity!), rarity!)
  const seen = seenBy(graph, ab, target)
  if (loss === 'squared') return graph.op('mse', [ab, seen], {})
  if (loss === 'huber') return huberLoss(graph, ab, seen)
  return rarityLoss(graph, ab, seen, meanOverBins(graph, shares(rarity!), rarity!.weights.map(Math.sqrt)))
}

/** Cross entropy against the colours' distributions, pixels weighted by rarity. */
function binLoss(graph: Graph, logits: Tensor, shares: Tensor, rarity: Rarity): Tensor {
  return graph.op('crossEntropy', [logits, shares, meanOverBins(graph, shares, rarity.weights)], {})
}

/** mean of w (y − t)² as the mean square of √w y − √w t; `root` [N,H/s,W/s,1] is √w, with a whole number s. */
function rarityLoss(graph: Graph, ab: Tensor, target: Tensor, root: Tensor): Tensor {
  const factor = graph.shape(ab)[1]! / graph.shape(root)[1]!
  const atFullSize = graph.op('upsample', [root], { factor })
  const weighted = [ab, target].map((x) => graph.op('binary', [x, atFullSize], { kind: 'mul' }))
  return graph.op('mse', weighted, {})
}

/**
 * mean of e² where |e| ≤ δ, else 2δ|e| − δ²: that is e² − (e − c)² with c = e clipped to ±δ. That c counts as a constant in the
 * second term changes nothing of the gradient: where it isn't one, e − c is zero.
 */
function huberLoss(graph: Graph, ab: Tensor, target: Tensor): Tensor {
  const error = graph.op('binary', [ab, target], { kind: 'sub' })
  const clipped = graph.op('clip', [error], { min: -HUBER_DELTA, max: HUBER_DELTA })
  const [squares, excess] = [graph.op('mse', [ab, target], {}), graph.op('mse', [error, clipped], {})]
  return graph.op('binary', [squares, excess], { kind: 'sub' })
}

/** Colours [N,H,W,2] as distributions over the bins, [N,H,W,count]. */
export function encoded(graph: Graph, ab: Tensor, { centres, count, step }: Bins): Tensor {
  return graph.op('encodeBins', [ab, graph.constant(centres, [count, 2])], { step })
}

/** Means over squares of `side` pixels: [N,H,W,C] → [N,H/side,W/side,C]. */
export function averaged(graph: Graph, x: Tensor, side: number): Tensor {
  if (side === 1) return x
  return graph.op('pool2d', [x], {
    ...{ kind: 'average', kernel: [side, side], stride: [side, side], dilation: [1, 1] },
    ...{ padding: [0, 0, 0, 0], ceilMode: false, countIncludePad: false },
  })
}

/** Σ over the bins of their share times their value: [N,H,W,bins] → [N,H,W,values per bin]. */
export function meanOverBins(graph: Graph, shares: Tensor, values: Float32Array): Tensor {
  const count = graph.shape(shares)[3]!
  const weight = graph.constant(values, [1, 1, count, values.length / count])
  return graph.op('conv2d', [shares, weight], conv2dDefaults)
}
