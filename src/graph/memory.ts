import { getOp } from '../kernels/index.ts'
import type { ConcatAttrs } from '../kernels/movement/concat.ts'
import type { PackAttrs } from '../kernels/movement/pack.ts'
import type { ViewAttrs } from '../kernels/movement/view.ts'
import { elems, type Slice, type Tensor } from '../kernels/op.ts'
import { type Graph, GraphError, type Node } from './graph.ts'
import type { Item } from './slots.ts'

/** Storage is handed out in whole vec4s, of float16 with `half`: kernels may read and write up to the end of the last one. */
export const storageBytes = (elemCount: number, half = false) => Math.ceil(elemCount / 4) * (half ? 8 : 16)

/** Where a tensor lives: an element range of the storage of its root tensor, or a slice of each of its rows. */
export interface Alias {
  readonly root: Tensor
  readonly offsetElems: number
  readonly slice?: Slice
}

/**
 * Which tensors share storage: a view lies in its source, the inputs of a pack in its output, an in-place result in
 * the operand it overwrites, what is concatenated along the last axis in its slice of the result. Throws a `GraphError` where sharing would lose a value somebody still reads.
 */
export function resolveAliases(graph: Graph, nodes: readonly Node[]): Map<Tensor, Alias> {
  const parents = new Map<Tensor, Alias>()
  for (const node of nodes) {
    const op = getOp(node.op)
    if (op.alias === 'view') {
      parents.set(node.outputs[0]!, { root: node.inputs[0]!, offsetElems: (node.attrs as ViewAttrs).offset })
    } else if (op.alias === 'pack') {
      packInto(graph, node, parents)
    }
    op.inPlace?.forEach((operand, i) => {
      if (operand === null) return
      parents.set(node.outputs[i]!, { root: node.inputs[operand]!, offsetElems: 0 })
    })
  }
  // the outer one of nested concatenations first: it decides where the rows of the inner one lie
  for (const node of nodes.toReversed()) if (node.op === 'concat') writeInto(graph, nodes, node, parents)
  const resolve = (tensor: Tensor): Alias => {
    const parent = parents.get(tensor)
    if (!parent) return { root: tensor, offsetElems: 0 }
    const { root, offsetElems, ...outer } = resolve(parent.root)
    const slice = parent.slice ? { slice: parent.slice } : outer
    return { root, offsetElems: offsetElems + parent.offsetElems, ...slice }
  }
  const aliases = new Map([...graph.tensors()].map((t) => [t, resolve(t)]))
  for (const { op, outputs } of nodes) {
    outputs.forEach((tensor, i) => {
      if (getOp(op).inPlace?.[i] != null) expectLastReader(graph, nodes, aliases, tensor)
    })
  }
  return aliases
}

/** Lets the operators before a concatenation write their results where it would copy them, if nobody else reads them. */
function writeInto(graph: Graph, nodes: readonly Node[], concat: Node, parents: Map<Tensor, Alias>): void {
  const result = concat.outputs[0]!
  const shape = graph.shape(result)
  if ((concat.attrs as ConcatAttrs).axis !== shape.length - 1) return
  const outer = parents.get(result)?.slice ?? { channels: shape.at(-1)!, offset: 0 }
  let { offset } = outer
  for (const tensor of concat.inputs) {
    const slice = { channels: outer.channels, offset }
    offset += graph.shape(tensor).at(-1)!
    const origin = graph.origin(tensor)
    if (origin.kind !== 'node' || origin.output !== 0 || parents.has(tensor)) continue
    const writer = graph.nodes[origin.node]!
    const specs = writer.inputs.map((t) => graph.spec(t))
    if (!getOp(writer.op).writesSlice?.(specs, graph.spec(tensor), writer.attrs, slice)) continue
    if (readersOf(graph, nodes, tensor) === 1) parents.set(tensor, { root: result, offsetElems: 0, slice })
  }
}

const readersOf = (graph: Graph, nodes: readonly Node[], tensor: Tensor) =>
  [...nodes.flatMap((node) => node.inputs), ...graph.outputs.values()].filter((t) => t === tensor).length

function packInto(graph: Graph, node: Node, parents: Map<Tensor, Alias>): void {
  node.inputs.forEach((tensor, i) => {
    if (graph.origin(tensor).kind !== 'node' || parents.has(tensor)) {
      throw new GraphError(
        `${node.label}: input ${i} of pack must be computed by a node and packed only once`,
      )
    }
    parents.set(tensor, { root: node.outputs[0]!, offsetElems: (node.attrs as PackAttrs).offsets[i]! })
  })
}

/** Older tensors in the range that `written` overwrites, views and packs too, must not be read after that. */
function expectLastReader(
  graph: Graph,
  nodes: readonly Node[],
  aliases: ReadonlyMap<Tensor, Alias>,
  written: Tensor,
): void {
  const writer = nodes.find(({ outputs }) => outputs.includes(written))!
  const range = (tensor: Tensor) => {
    const { root, offsetElems } = aliases.get(tensor)!
    return { root, start: offsetElems, end: offsetElems + elems(graph.spec(tensor)) }
  }
  const target = range(written)
  const isStale = (tensor: Tensor) => {
    const { root, start, end } = range(tensor)
    return tensor < written && root === target.root && start < target.end && target.start < end
  }
  const reader = nodes.find((n) => n.id > writer.id && n.inputs.some(isStale))?.label
  const output = [...graph.outputs].find(([, tensor]) => isStale(tensor))?.[0]
  const who = reader ?? (output === undefined ? null : `output ${output}`)
  if (who !== null)
    throw new GraphError(`${who} reads a tensor that ${writer.label} has overwritten in place`)
}

/** First and last node that touch each root's storage. Graph outputs live on after the last node. */
export function lifetimes(
  graph: Graph,
  nodes: readonly Node[],
  aliases: ReadonlyMap<Tensor, Alias>,
  half: ReadonlySet<Tensor> = new Set(),
): Map<Tensor, Item> {
  const result = new Map<Tensor, Item>()
  const touch = (tensor: Tensor, when: number) => {
    const { root } = aliases.get(tensor)!
    const known = result.get(root)
    const bytes = storageBytes(elems(graph.spec(root)), half.has(root))
    result.set(root, {
      bytes,
      first: Math.min(known?.first ?? when, when),
      last: Math.max(known?.last ?? when, when),
    })
  }
  for (const node of nodes) for (const tensor of [...node.inputs, ...node.outputs]) touch(tensor, node.id)
  for (const tensor of graph.outputs.values()) touch(tensor, Number.POSITIVE_INFINITY)
  return result
}
