import { getOp } from '../kernels/index.ts'
import type { Tensor } from '../kernels/op.ts'
import { liveNodes, updatesVariable } from './compile.ts'
import { type Graph, GraphError } from './graph.ts'

/**
 * Runs the graph by its operators' float64 references: slow, and the specification that the GPU is held against.
 * `values` holds inputs and variables by name; variables that the graph updates are replaced
 * in it, but for those that it updates through a view.
 */
export function runReference(graph: Graph, values: Map<string, Float64Array>): Map<Tensor, Float64Array> {
  const computed = new Map<Tensor, Float64Array>()
  for (const tensor of graph.tensors()) {
    const origin = graph.origin(tensor)
    if (origin.kind === 'constant') computed.set(tensor, Float64Array.from(origin.data))
    if (origin.kind !== 'input' && origin.kind !== 'variable') continue
    const value = values.get(origin.name)
    if (!value) throw new GraphError(`the reference run has no value for ${origin.kind} ${origin.name}`)
    computed.set(tensor, value)
  }
  for (const node of liveNodes(graph)) {
    const op = getOp(node.op)
    const inputs = node.inputs.map((t) => computed.get(t)!)
    const results = op.reference(
      inputs,
      node.inputs.map((t) => graph.spec(t)),
      node.attrs,
    )
    for (const [i, t] of node.outputs.entries()) computed.set(t, results[i]!)
    if (!updatesVariable(graph, node)) continue
    op.inPlace!.forEach((operand, i) => {
      const origin = operand === null ? null : graph.origin(node.inputs[operand]!)
      if (origin?.kind === 'variable') values.set(origin.name, results[i]!)
    })
  }
  return computed
}
