import type { Graph } from '../graph/graph.ts'
import { getOp } from '../kernels/index.ts'
import { ARENA_ALIGNMENT_ELEMS } from '../kernels/movement/view.ts'
import { elems, type Spec, type Tensor } from '../kernels/op.ts'

/** Tensors side by side in one flat array, so that an optimiser's step over all of them is one dispatch. */
export interface Arena<T extends Spec = Spec> {
  /** With the first element of each, a multiple of `ARENA_ALIGNMENT_ELEMS`. */
  readonly tensors: readonly (T & { readonly offset: number })[]
  /** Elements in all. What lies between two tensors belongs to none. */
  readonly length: number
}

/** Elements that a tensor takes up, what lies behind it included. */
export const arenaElems = (spec: Spec) =>
  Math.ceil(elems(spec) / ARENA_ALIGNMENT_ELEMS) * ARENA_ALIGNMENT_ELEMS

/** Lays tensors out in the order they are given. */
export function arenaOf<T extends Spec>(specs: readonly T[]): Arena<T> {
  let length = 0
  const tensors = specs.map((spec) => {
    const offset = length
    length += arenaElems(spec)
    return { ...spec, offset }
  })
  return { tensors, length }
}

/** The tensors of an arena as views of the variable that holds it. */
export const viewsOf = (graph: Graph, { tensors }: Arena, variable: Tensor): Tensor[] =>
  tensors.map(({ shape, offset }) => graph.op('view', [variable], { offset, shape }))

/** Lets tensors, the gradients of an arena's above all, be computed straight into one flat array that is laid out like it. */
export function packTensors(graph: Graph, arena: Arena, tensors: readonly Tensor[]): Tensor {
  const inputs = tensors.map((tensor, i) => (ownsMemory(graph, tensors, i) ? tensor : copy(graph, tensor)))
  return graph.op('pack', inputs, {
    offsets: arena.tensors.map(({ offset }) => offset),
    length: arena.length,
  })
}

/** Whether a tensor can be computed where it is wanted: a node writes it, into memory of its own, for this place only. */
function ownsMemory(graph: Graph, tensors: readonly Tensor[], index: number): boolean {
  const tensor = tensors[index]!
  const origin = graph.origin(tensor)
  if (origin.kind !== 'node' || tensors.indexOf(tensor) < index) return false
  const op = getOp(graph.nodes[origin.node]!.op)
  return op.alias === undefined && op.inPlace === undefined
}

const copy = (graph: Graph, tensor: Tensor) => graph.op('scale', [tensor], { factor: 1 })
