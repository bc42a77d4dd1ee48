/** What training makes small. */
import type { Graph } from '../graph/graph.ts'
import { conv2dDefaults } from '../kernels/conv/conv2d.ts'
import type { Tensor } from '../kernels/op.ts'
import type { Bins } from './bins.ts'
import type { Network, Painting } from './network.ts'

/**
 * Of the head `ab`: `squared` is the report's, the mean of squares, which rewards the mean of what is likely: brown. `huber`
 * grows only linearly beyond `HUBER_DELTA` (Huber 1964). `rarity` is `squared` with each pixel weighted by how rare its
 * colour is (Zhang, Isola and Efros 2016, section 2.2).
 */
export const LOSSES = ['squared', 'huber', 'rarity'] as const
export type Loss = (typeof LOSSES)[number]

/** Whether a training's loss can be compared with ab errors. */
export const isSquaredError = ({ bins }: Network, { loss }: { readonly loss: Loss }) =>
  loss === 'squared' && bins === null

/** ab units; the mean chroma of photographs is about 17. */
const HUBER_DELTA = 10

/** How much the colour of each bin counts; the mean over photographs is 1. */
export interface Rarity {
  readonly bins: Bins
  /** [bins.count] */
  readonly weights: Float32Array
}

/**
 * The loss, [1], of what the network says of pictures with the colours `target` [N,H,W,2].
 * @param rarity for the loss `rarity` and for the head `bins`
 */
export function lossOf(
  graph: Graph,
  { ab, logits }: Pick<Painting, 'ab' | 'logits'>,
  target: Tensor,
  { loss, rarity }: { readonly loss: Loss; readonly rarity?: Rarity | undefined },
): Tensor {
  if (logits !== null) return binLoss(graph, logits, target, rarity!)
  if (loss === 'rarity') return rarityLoss(graph, ab, target, rarity!)
  return loss === 'huber' ? huberLoss(graph, ab, target) : graph.op('mse', [ab, target], {})
}

/** Cross entropy against the colours at the size of the logits, pixels weighted by rarity. */
function binLoss(graph: Graph, logits: Tensor, target: Tensor, { bins, weights }: Rarity): Tensor {
  const shares = sharesOf(graph, target, bins)
  return graph.op('crossEntropy', [logits, shares, meanOverBins(graph, shares, weights)], {})
}

/** mean of w (y − t)² as the mean square of √w y − √w t. */
function rarityLoss(graph: Graph, ab: Tensor, target: Tensor, { bins, weights }: Rarity): Tensor {
  const root = meanOverBins(graph, sharesOf(graph, target, bins), weights.map(Math.sqrt))
  const atFullSize = graph.op('upsample', [root], { factor: 2 })
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

/** The colours at half size as distributions over the bins, [N, H/2, W/2, bins]. */
export function sharesOf(graph: Graph, ab: Tensor, { centres, count, step }: Bins): Tensor {
  const halved = graph.op('pool2d', [ab], {
    ...{ kind: 'average', kernel: [2, 2], stride: [2, 2], dilation: [1, 1] },
    ...{ padding: [0, 0, 0, 0], ceilMode: false, countIncludePad: false },
  })
  return graph.op('encodeBins', [halved, graph.constant(centres, [count, 2])], { step })
}

/** Σ over the bins of their share times their value: [N,H,W,bins] → [N,H,W,values per bin]. */
export function meanOverBins(graph: Graph, shares: Tensor, values: Float32Array): Tensor {
  const bins = graph.shape(shares)[3]!
  const weight = graph.constant(values, [1, 1, bins, values.length / bins])
  return graph.op('conv2d', [shares, weight], conv2dDefaults)
}
