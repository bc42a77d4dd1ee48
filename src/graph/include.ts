import { formatShape, type Tensor } from '../kernels/op.ts'
import { liveNodes } from './compile.ts'
import { type Graph, GraphError, type Node } from './graph.ts'

/**
 * Adds nodes of `source` to `target`, so that one graph becomes a part of another.
 * @param leaf what stands in `target` for a tensor of `source` that none of the nodes computes; null: one like it, if it is
 *   an input, variable or constant
 * @param nodes in order; those that the outputs of `source` need, unless others are asked for
 * @returns what stands in `target` for a tensor of `source`
 * @throws GraphError when the two have not the same shape
 */
export function include(
  target: Graph,
  source: Graph,
  leaf: (tensor: Tensor) => Tensor | null,
  nodes: readonly Node[] = liveNodes(source),
): (tensor: Tensor) => Tensor {
  const included = new Map<Tensor, Tensor>()
  const standIn = (tensor: Tensor): Tensor => {
    let known = included.get(tensor)
    if (known === undefined) {
      known = leaf(tensor) ?? likeIt(target, source, tensor)
      const [wanted, got] = [source, target].map((graph, i) => formatShape(graph.shape(i ? known! : tensor)))
      if (wanted !== got) throw new GraphError(`a tensor ${got} cannot stand for one that is ${wanted}`)
      included.set(tensor, known)
    }
    return known
  }
  for (const node of nodes) {
    const inputs = node.inputs.map(standIn)
    const outputs = target.scope(node.label, () => target.all(node.op, inputs, node.attrs as never))
    node.outputs.forEach((tensor, i) => {
      included.set(tensor, outputs[i]!)
    })
  }
  return standIn
}

function likeIt(target: Graph, source: Graph, tensor: Tensor): Tensor {
  const [origin, shape] = [source.origin(tensor), source.shape(tensor)]
  if (origin.kind === 'input') return target.input(origin.name, shape)
  if (origin.kind === 'variable') return target.variable(origin.name, shape)
  if (origin.kind === 'constant') return target.constant(origin.data, shape)
  throw new GraphError(`no output needs tensor ${tensor} ${formatShape(shape)}`)
}
