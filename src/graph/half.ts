import { HALF_OVERFLOW } from '../device/float16.ts'
import { UserError } from '../errors.ts'
import { getOp } from '../kernels/index.ts'
import type { ViewAttrs } from '../kernels/movement/view.ts'
import type { Tensor } from '../kernels/op.ts'
import type { Graph, Node } from './graph.ts'
import type { Alias } from './memory.ts'

/** How values between kernels are stored. Sums are float32 in either case. */
export const PRECISIONS = ['f32', 'f16'] as const
export type Precision = (typeof PRECISIONS)[number]

/**
 * The tensors that may be stored as float16: results of operators that can write it, and constants, where all readers can
 * read it. These stay float32: inputs, outputs and variables of the graph; operands of operators that need float32;
 * constants that float16 would make infinite; packed tensors and what they are computed from (gradients of weights); and
 * tensors that share memory with one of these. Kernels convert as they load and store, so no node is added.
 */
export function halfTensors(
  graph: Graph,
  nodes: readonly Node[],
  aliases: ReadonlyMap<Tensor, Alias>,
): ReadonlySet<Tensor> {
  const read = new Set(nodes.flatMap((node) => node.inputs))
  const full = new Set([...graph.outputs.values(), ...packedTensors(nodes)])
  for (const node of nodes) {
    for (const [i, tensor] of node.inputs.entries()) if (!takesHalf(node, i)) full.add(tensor)
    for (const [i, tensor] of node.outputs.entries())
      if (i > 0 || !writesHalf(node) || !read.has(tensor)) full.add(tensor)
  }
  for (const tensor of read) if (!mayBeHalf(graph, tensor)) full.add(tensor)
  const rootOf = (tensor: Tensor) => aliases.get(tensor)!.root
  const fullRoots = new Set([...full].map(rootOf))
  const all = [...read, ...nodes.flatMap((node) => node.outputs)]
  return new Set(all.filter((tensor) => !fullRoots.has(rootOf(tensor))))
}

/** What is packed, and what that is put together from, back to the operators that summed it up. */
function packedTensors(nodes: readonly Node[]): Set<Tensor> {
  const packed = new Set<Tensor>()
  for (const { op, inputs, outputs } of nodes.toReversed()) {
    const { alias, fullOutput } = getOp(op)
    if (alias === 'pack' || (packed.has(outputs[0]!) && !fullOutput)) for (const t of inputs) packed.add(t)
  }
  return packed
}

const writesHalf = (node: Node) => takesHalf(node, 0) && !getOp(node.op).fullOutput

/** Whether a node reads its input `index` as float16, too. */
function takesHalf({ op, attrs }: Node, index: number): boolean {
  const { alias, half } = getOp(op)
  // a range inside a tensor begins at a multiple of the binding alignment only if it is float32
  if (alias === 'view') return (attrs as ViewAttrs).offset === 0
  return half === 'all' || (half?.includes(index) ?? false)
}

function mayBeHalf(graph: Graph, tensor: Tensor): boolean {
  const origin = graph.origin(tensor)
  if (origin.kind === 'constant') return origin.data.every((value) => Math.abs(value) < HALF_OVERFLOW)
  return origin.kind === 'node'
}

/**
 * An infinity, as which float16 stores what is beyond 65504, becomes NaN or an infinity of the result where it matters.
 * @throws UserError
 */
export function expectFinite(values: Float32Array, what: string): void {
  if (values.every(Number.isFinite)) return
  throw new UserError(
    `${what} cannot be computed: some value is too large for float16; take float32`,
    'input',
    {
      mend: ['precision'],
    },
  )
}
