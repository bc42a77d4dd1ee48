import type { Graph, Node } from '../graph/graph.ts'
import { GraphError } from '../graph/graph.ts'
import { getOp } from '../kernels/index.ts'
import { formatShape, type GradBuilder, type Tensor } from '../kernels/op.ts'

/**
 * Adds the gradient of the scalar `loss` with respect to each tensor of `wrt` to the graph, by reverse mode: nodes are
 * visited last to first and each operator's `grad` emits ordinary nodes. Only what lies on a path from `wrt` to `loss`
 * is differentiated. Throws a `GraphError` for an operator on such a path that has no gradient.
 * @param scale what the loss counts, in the shape of the loss; 1 unless given
 */
export function backward(graph: Graph, loss: Tensor, wrt: readonly Tensor[], scale?: Tensor): Tensor[] {
  if (graph.shape(loss).some((d) => d !== 1)) {
    throw new GraphError(`the loss must be a scalar, not ${formatShape(graph.shape(loss))}`)
  }
  const forward = [...graph.nodes]
  const varying = dependsOn(forward, wrt)
  const grads = new Map<Tensor, Tensor>()
  grads.set(loss, scale ?? graph.constant(new Float32Array([1]), graph.shape(loss)))
  for (const node of forward.reverse()) {
    if (!node.outputs.some((t) => grads.has(t)) || !node.inputs.some((t) => varying.has(t))) continue
    graph.scope(`${node.label}.grad`, () => {
      const contributions = gradOf(graph, node, grads, varying)
      node.inputs.forEach((tensor, i) => {
        const grad = contributions[i]
        if (grad != null && varying.has(tensor)) accumulate(graph, grads, tensor, grad)
      })
    })
  }
  return wrt.map((tensor) => {
    const grad = grads.get(tensor)
    if (grad === undefined) throw new GraphError(`the loss does not depend on tensor ${tensor}`)
    return grad
  })
}

/** The tensors that change when one of `wrt` does. */
function dependsOn(nodes: readonly Node[], wrt: readonly Tensor[]): Set<Tensor> {
  const varying = new Set(wrt)
  for (const node of nodes) {
    if (node.inputs.some((t) => varying.has(t))) for (const t of node.outputs) varying.add(t)
  }
  return varying
}

function gradOf(
  graph: Graph,
  node: Node,
  grads: Map<Tensor, Tensor>,
  varying: Set<Tensor>,
): (Tensor | null)[] {
  const op = getOp(node.op)
  if (!op.grad) throw new GraphError(`layer ${node.label}: ${node.op} has no gradient`)
  const builder: GradBuilder = {
    inputs: node.inputs,
    outputs: node.outputs,
    outputGrads: node.outputs.map((t) => grads.get(t) ?? null),
    needs: (index) => varying.has(node.inputs[index]!),
    shape: (tensor) => graph.shape(tensor),
    constant: (data, shape) => graph.constant(data, shape),
    op: (name, inputs, attrs) => graph.op(name, inputs, attrs),
    all: (name, inputs, attrs) => graph.all(name, inputs, attrs),
  }
  return op.grad(builder, node.attrs)
}

function accumulate(graph: Graph, grads: Map<Tensor, Tensor>, tensor: Tensor, grad: Tensor): void {
  const known = grads.get(tensor)
  grads.set(tensor, known === undefined ? grad : graph.op('binary', [known, grad], { kind: 'add' }))
}
