/** Where each tensor of a plan and each scratch area lies. */
import { type Dispatch, elems, type Ref, type Slice, type Tensor } from '../kernels/op.ts'
import type { Graph, Node } from './graph.ts'
import { type Alias, lifetimes, storageBytes } from './memory.ts'
import { assignSlots, type Item } from './slots.ts'

/** A byte range of a slot of the plan, of a variable, or of a constant that plans share, which has a buffer of its own. */
export interface Place {
  readonly buffer: { readonly slot: number } | { readonly variable: string } | { readonly constant: Tensor }
  readonly offsetBytes: number
  readonly sizeBytes: number
}

export interface PlannedTensor extends Place {
  readonly shape: readonly number[]
  /** The tensor is a slice of each row of what lies at the place. */
  readonly slice?: Slice
  /** Its elements are float16. */
  readonly half: boolean
}

/** What is to be placed: a graph's live nodes, and what is known of their tensors. */
export interface Work {
  readonly graph: Graph
  readonly nodes: readonly Node[]
  readonly aliases: ReadonlyMap<Tensor, Alias>
  /** The tensors that are stored as float16. */
  readonly half: ReadonlySet<Tensor>
  /** By the ids of the nodes. */
  readonly dispatches: ReadonlyMap<number, readonly Dispatch[]>
  /** Whether a dispatch is done once, before the first run. */
  readonly prepares: (node: Node, dispatch: Dispatch) => boolean
}

/** When inputs and constants are written, on the scale of node ids. */
const UPLOAD = -1
/** Smaller constants are not worth a buffer of their own. */
const SHARED_BYTES = 2 ** 14
const FOR_GOOD = { first: UPLOAD, last: Number.POSITIVE_INFINITY }

/**
 * Gives every root tensor and every scratch area a slot. Constants and what is prepared keep theirs for good; that of an
 * input is free for others once it has been read.
 */
export class Places {
  readonly slotBytes: readonly number[]
  readonly #places: ReturnType<typeof assignSlots>['places']
  readonly #items: (Item & { readonly clashes: Set<number> })[] = []
  readonly #itemOf = new Map<Tensor | string, number>()
  readonly #lives: ReturnType<typeof lifetimes>
  readonly #shared: ReadonlySet<Tensor>

  constructor(private readonly work: Work) {
    const { graph, nodes, aliases, half } = work
    this.#lives = lifetimes(graph, nodes, aliases, half)
    this.#shared = sharedConstants(work)
    this.#addTensors()
    for (const node of nodes) this.#keepApart(node, this.#addScratch(node))
    const { places, slotBytes } = assignSlots(this.#items)
    this.#places = places
    this.slotBytes = slotBytes
  }

  /** Whether a node reads or writes the tensor. */
  isUsed(tensor: Tensor): boolean {
    return this.#lives.has(tensor)
  }

  of(tensor: Tensor): PlannedTensor {
    const { graph, aliases, half } = this.work
    const { root, offsetElems, slice } = aliases.get(tensor)!
    const origin = graph.origin(root)
    const { slot, offsetBytes } = this.#places[this.#itemOf.get(root) ?? -1] ?? { slot: -1, offsetBytes: 0 }
    const spec = graph.spec(tensor)
    const isHalf = half.has(tensor)
    return {
      buffer: this.#shared.has(root)
        ? { constant: root }
        : origin.kind === 'variable'
          ? { variable: origin.name }
          : { slot },
      offsetBytes: offsetBytes + offsetElems * (isHalf ? 2 : 4),
      sizeBytes: storageBytes(elems(slice ? graph.spec(root) : spec), isHalf),
      shape: spec.shape,
      ...(slice ? { slice } : {}),
      half: isHalf,
    }
  }

  /** Where what a dispatch binds lies. */
  ofBinding(node: Node, ref: Ref): Place {
    if (ref.from !== 'scratch')
      return this.of((ref.from === 'input' ? node.inputs : node.outputs)[ref.index]!)
    const { slot, offsetBytes } = this.#places[this.#itemOf.get(scratchKey(node, ref.index))!]!
    return { buffer: { slot }, offsetBytes, sizeBytes: storageBytes(ref.elems) }
  }

  #add(key: Tensor | string, { bytes, first, last }: Item): number {
    const item = this.#items.push({ bytes, first, last, clashes: new Set() }) - 1
    this.#itemOf.set(key, item)
    return item
  }

  #addTensors(): void {
    const { graph, aliases, half } = this.work
    const prepared = this.#preparedOutputs()
    for (const tensor of graph.tensors()) {
      const { kind } = graph.origin(tensor)
      if (aliases.get(tensor)!.root !== tensor || kind === 'variable' || this.#shared.has(tensor)) continue
      const bytes = storageBytes(elems(graph.spec(tensor)), half.has(tensor))
      const life = this.#lives.get(tensor)
      if (kind === 'input') this.#add(tensor, { bytes, first: UPLOAD, last: life?.last ?? UPLOAD })
      else if (life)
        this.#add(tensor, kind === 'constant' || prepared.has(tensor) ? { bytes, ...FOR_GOOD } : life)
    }
  }

  #preparedOutputs(): Set<Tensor> {
    const { nodes, dispatches, prepares } = this.work
    const isPrepared = (node: Node) => {
      const work = dispatches.get(node.id)!
      return work.length > 0 && work.every((dispatch) => prepares(node, dispatch))
    }
    return new Set(nodes.filter(isPrepared).flatMap(({ outputs }) => outputs))
  }

  /** Returns the items of a node's scratch areas. */
  #addScratch(node: Node): number[] {
    const work = this.work.dispatches.get(node.id)!
    const prepared = scratchOf(work.filter((dispatch) => this.work.prepares(node, dispatch)))
    return [...scratchOf(work)].map(([index, elemCount]) => {
      const life = prepared.has(index) ? FOR_GOOD : { first: node.id, last: node.id }
      return this.#add(scratchKey(node, index), { bytes: storageBytes(elemCount), ...life })
    })
  }

  /** What a node writes must lie in other buffers than all else that it touches. */
  #keepApart(node: Node, scratch: readonly number[]): void {
    const itemsOf = (tensors: readonly Tensor[]) =>
      tensors.map((tensor) => this.#itemOf.get(this.work.aliases.get(tensor)!.root) ?? -1)
    const written = [...itemsOf(node.outputs), ...scratch]
    for (const a of written) {
      for (const b of [...itemsOf(node.inputs), ...written]) {
        if (a === b) continue
        this.#items[a]?.clashes.add(b)
        this.#items[b]?.clashes.add(a)
      }
    }
  }
}

/** The large constants that no node overwrites. */
function sharedConstants({ graph, nodes, aliases, half }: Work): Set<Tensor> {
  const written = new Set(nodes.flatMap(({ outputs }) => outputs.map((t) => aliases.get(t)!.root)))
  const isLarge = (tensor: Tensor) =>
    storageBytes(elems(graph.spec(tensor)), half.has(tensor)) >= SHARED_BYTES
  return new Set(
    [...graph.tensors()].filter(
      (tensor) => graph.origin(tensor).kind === 'constant' && isLarge(tensor) && !written.has(tensor),
    ),
  )
}

const scratchKey = ({ id }: Node, index: number) => `${id}:${index}`

/** Elements of each scratch area, by its index. */
function scratchOf(dispatches: readonly Dispatch[]): Map<number, number> {
  const sizes = new Map<number, number>()
  for (const ref of dispatches.flatMap(({ bindings }) => bindings)) {
    if (ref.from === 'scratch') sizes.set(ref.index, Math.max(ref.elems, sizes.get(ref.index) ?? 0))
  }
  return sizes
}
