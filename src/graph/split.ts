import type { Tensor } from '../kernels/op.ts'
import { liveNodes } from './compile.ts'
import { Graph, type Node } from './graph.ts'
import { include } from './include.ts'

/** A graph in two parts, so that the second can run many times after one run of the first. */
export interface Split {
  /** Its outputs are what is kept. */
  readonly early: Graph
  /** Has the outputs of the whole graph. What is kept are variables, by the same names. */
  readonly late: Graph
}

/**
 * Parts a graph where its input `name` begins to matter. The late part is what depends on this input. What it reads of the
 * rest is kept, unless that depends on no input at all, such as a view of weights: both parts have their own.
 */
export function splitAtInput(source: Graph, name: string): Split {
  const nodes = liveNodes(source)
  const late = dependents(source, nodes, (input) => input === name)
  const shown = dependents(source, nodes, () => true)
  const isLate = ({ outputs }: Node) => outputs.some((tensor) => late.has(tensor))
  const read = [...nodes.filter(isLate).flatMap(({ inputs }) => inputs), ...source.outputs.values()]
  const isKept = (tensor: Tensor) =>
    source.origin(tensor).kind === 'node' && shown.has(tensor) && !late.has(tensor)
  const kept = new Map([...new Set(read.filter(isKept))].map((tensor, i) => [tensor, `kept.${i}`]))

  const split = { early: new Graph(), late: new Graph() }
  const early = nodes.filter((node) => !isLate(node))
  const inEarly = include(split.early, source, () => null, early)
  for (const [tensor, name] of kept) split.early.output(name, inEarly(tensor))
  const leaf = (tensor: Tensor) => {
    const name = kept.get(tensor)
    return name === undefined ? null : split.late.variable(name, source.shape(tensor))
  }
  const onWeights = ({ outputs }: Node) => !outputs.some((tensor) => shown.has(tensor))
  const inLate = include(
    split.late,
    source,
    leaf,
    nodes.filter((node) => isLate(node) || onWeights(node)),
  )
  for (const [name, tensor] of source.outputs) split.late.output(name, inLate(tensor))
  return split
}

/** The tensors that the chosen inputs have an influence on, these included. */
function dependents(graph: Graph, nodes: readonly Node[], isChosen: (input: string) => boolean): Set<Tensor> {
  const isInput = (tensor: Tensor) => {
    const origin = graph.origin(tensor)
    return origin.kind === 'input' && isChosen(origin.name)
  }
  const found = new Set([...graph.tensors()].filter(isInput))
  for (const { inputs, outputs } of nodes) {
    if (!inputs.some((tensor) => found.has(tensor))) continue
    for (const tensor of outputs) found.add(tensor)
  }
  return found
}
