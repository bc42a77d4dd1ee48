import type { Gpu } from '../device/gpu.ts'
import { compile, type Plan } from '../graph/compile.ts'
import type { Graph } from '../graph/graph.ts'
import { type FixedVariables, rewriteForInference } from '../graph/rewrite.ts'
import type { Bins } from '../model/bins.ts'
import { inferenceGraph, leaningGraph } from '../model/graphs.ts'
import type { Network } from '../model/network.ts'
import type { Size } from '../rect.ts'

type Adapter = Pick<Gpu, 'device' | 'traits'>

/** The colouring of one picture of this size; `halved` as for the `Predictor`. */
export const colouringPlan = (
  gpu: Adapter,
  network: Network,
  { spread = false, ...size }: PlanSize,
  halved: FixedVariables | null,
): Plan => inferencePlan(gpu, inferenceGraph(network, { batch: 1, ...size }, { spread, even: true }), halved)

/** The same with probabilities that are moved: see `leaningGraph`. */
export const leaningPlan = (
  gpu: Adapter,
  { network, bins, temperature, spread = false, ...size }: LeaningOptions,
  halved: FixedVariables | null,
): Plan =>
  inferencePlan(
    gpu,
    leaningGraph(network, bins, { batch: 1, ...size }, { temperature, spread, even: true }),
    halved,
  )

/** The size of a picture as the network sees it, and whether hints that are told go on to what is alike. */
export interface PlanSize extends Size {
  readonly spread?: boolean
}

interface LeaningOptions extends PlanSize {
  readonly network: Network
  readonly bins: Bins
  readonly temperature: number | undefined
}

/** A network's graph for inference, or a part of it. */
export function inferencePlan(
  { device, traits }: Adapter,
  graph: Graph,
  halved: FixedVariables | null,
): Plan {
  const limit = device.limits.maxStorageBufferBindingSize
  if (!halved) return compile(graph, limit, traits)
  return compile(rewriteForInference(graph, halved), limit, traits, { precision: 'f16' })
}
