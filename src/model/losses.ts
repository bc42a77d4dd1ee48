/** What training makes small. */
import type { Graph } from '../graph/graph.ts'
import { conv2dDefaults } from '../kernels/conv/conv2d.ts'
import type { Tensor } from '../kernels/op.ts'
import { BIN_CENTRES, BIN_STEP, BINS } from './bins.ts'
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

/** Weights of the bins' colours, [BINS]; their mean over photographs is 1. */
export type Rarity = Float32Array

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
function binLoss(graph: Graph, logits: Tensor, target: Tensor, rarity: Rarity): Tensor {
  const bins = binsOf(graph, target)
  return graph.op('crossEntropy', [logits, bins, meanOverBins(graph, bins, rarity)], {})
}

/** mean of w (y − t)² as the mean square of √w y − √w t. */
function rarityLoss(graph: Graph, ab: Tensor, target: Tensor, rarity: Rarity): Tensor {
  const root = meanOverBins(graph, binsOf(graph, target), rarity.map(Math.sqrt))
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

/** The colours at half size as distributions over the bins, [N, H/2, W/2, BINS]. */
export function binsOf(graph: Graph, ab: Tensor): Tensor {
  const halved = graph.op('pool2d', [ab], {
    ...{ kind: 'average', kernel: [2, 2], stride: [2, 2], dilation: [1, 1] },
    ...{ padding: [0, 0, 0, 0], ceilMode: false, countIncludePad: false },
  })
  return graph.op('encodeBins', [halved, graph.constant(BIN_CENTRES, [BINS, 2])], { step: BIN_STEP })
}

/** Σ over the bins of their share times their value: [N,H,W,BINS] → [N,H,W,values per bin]. */
export function meanOverBins(graph: Graph, shares: Tensor, values: Float32Array): Tensor {
  const weight = graph.constant(values, [1, 1, BINS, values.length / BINS])
  return graph.op('conv2d', [shares, weight], conv2dDefaults)
}
