/** A network's weights in the graph that is being built, and the layer that they are normalised by. */
import type { Graph } from '../graph/graph.ts'
import type { Tensor } from '../kernels/op.ts'
import type { Arena, Layout } from './arena.ts'

export interface GraphWeights {
  readonly graph: Graph
  /** By name, as views of the variable `parameters`. */
  readonly parameters: ReadonlyMap<string, Tensor>
  /** Running means and variances by name; empty in training. */
  readonly statistics: ReadonlyMap<string, Tensor>
  /** Those of the batch by the same names; in training each batch norm adds its own. */
  readonly batchStatistics: Map<string, Tensor>
}

/** Batch norm's ε (Keras' default, which the report used). */
const EPSILON = 1e-3

/** Adds the variables `parameters` and, outside training, `statistics`. */
export function graphWeights(graph: Graph, layout: Layout, mode: 'train' | 'infer'): GraphWeights {
  const viewsIn = (variable: string, arena: Arena) =>
    namedViews(graph, graph.variable(variable, [arena.length]), arena)
  return {
    graph,
    parameters: viewsIn('parameters', layout.parameters),
    statistics: mode === 'infer' ? viewsIn('statistics', layout.statistics) : new Map(),
    batchStatistics: new Map(),
  }
}

/** The tensors of an arena as views of its flat variable. */
function namedViews(graph: Graph, flat: Tensor, arena: Arena): Map<string, Tensor> {
  return new Map(
    arena.tensors.map(({ name, shape, offset }) => [
      name,
      graph.scope(name, () => graph.op('view', [flat], { offset, shape })),
    ]),
  )
}

/** The batch norm called `norm`: by the running statistics where there are any, else by those of the batch. */
export function normalize(weights: GraphWeights, x: Tensor, norm: string): Tensor {
  const { graph, parameters, statistics, batchStatistics } = weights
  const scaleAndShift = [parameters.get(`${norm}.gamma`)!, parameters.get(`${norm}.beta`)!]
  if (statistics.size) {
    const running = [statistics.get(`${norm}.mean`)!, statistics.get(`${norm}.var`)!]
    return graph.op('batchNorm', [x, ...scaleAndShift, ...running], { epsilon: EPSILON })
  }
  const [y, mean, variance] = graph.all('batchNormTrain', [x, ...scaleAndShift], { epsilon: EPSILON })
  batchStatistics.set(`${norm}.mean`, mean!).set(`${norm}.var`, variance!)
  return y!
}
