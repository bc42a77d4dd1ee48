import { PORTABLE, type Traits } from '../device/traits.ts'
import { getOp } from '../kernels/index.ts'
import { matricesOf } from '../kernels/matrix/gemm.ts'
import type { OpName } from '../kernels/op.ts'
import {
  choiceKey,
  type Dispatch,
  elems,
  formatShape,
  type Ref,
  type Spec,
  type Tensor,
} from '../kernels/op.ts'
import { type Graph, GraphError, type Node } from './graph.ts'
import { halfTensors, type Precision } from './half.ts'
import { type Alias, resolveAliases, storageBytes } from './memory.ts'
import { type Place, Places, type PlannedTensor } from './places.ts'

/** One dispatch with its memory. */
export interface Step {
  readonly node: Node
  readonly dispatch: Dispatch
  readonly places: readonly Place[]
}

/** A compiled graph: pure data, replayed by `execute.ts`. */
export interface Plan {
  readonly slotBytes: readonly number[]
  readonly inputs: ReadonlyMap<string, PlannedTensor>
  readonly outputs: ReadonlyMap<string, PlannedTensor>
  readonly constants: readonly { readonly place: PlannedTensor; readonly data: Float32Array }[]
  readonly variables: ReadonlyMap<string, readonly number[]>
  readonly steps: readonly Step[]
  /** What comes before the first run, and before the next one when variables have changed. */
  readonly preparation: readonly Step[]
  /** Outputs of each node, for runs that look at every one of them. */
  readonly nodeOutputs: ReadonlyMap<number, readonly PlannedTensor[]>
}

/** A tensor or parameter block that the adapter cannot bind. */
export class BindingLimitError extends GraphError {
  constructor(
    readonly layer: string,
    readonly needBytes: number,
    readonly limitBytes: number,
    shape: readonly number[],
  ) {
    const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`
    super(
      `layer ${layer}: a tensor ${formatShape(shape)} needs ${mib(needBytes)}, but the adapter binds at most ${mib(limitBytes)} at once`,
    )
  }
}

/** Parameter blocks stand at multiples of this in one uniform buffer (WebGPU's guaranteed offset alignment). */
export const PARAMS_ALIGNMENT = 256

export interface CompileOptions {
  /** Does in each run what only weights go into, as where they change, instead of once before. */
  readonly everyRun?: boolean
  /** With f16, which needs the feature `shader-f16`, values are float16 where `halfTensors` says so. */
  readonly precision?: Precision
}

/**
 * Compiles the part of `graph` that its outputs and variable updates need.
 * @param maxBindingBytes the adapter's `maxStorageBufferBindingSize`; a `BindingLimitError` names the layer above it
 * @param traits the adapter's, `Gpu.traits`; without them the plan runs on any adapter
 * @returns a plan that is a pure function of all four
 */
export function compile(
  graph: Graph,
  maxBindingBytes: number,
  traits: Traits = PORTABLE,
  { everyRun = false, precision = 'f32' }: CompileOptions = {},
): Plan {
  const nodes = liveNodes(graph)
  const aliases = resolveAliases(graph, nodes)
  const half = precision === 'f16' ? halfTensors(graph, nodes, aliases) : new Set<Tensor>()
  // the subgroups' matrices round what they multiply to float16
  const able = precision === 'f16' ? traits : { ...traits, matrices: [] }
  const dispatches = new Map(
    nodes.map((node) => [node.id, dispatchesOf(graph, node, aliases, able).map(halved(node, half))]),
  )
  checkBindings(graph, nodes, half, maxBindingBytes)
  const prepares = everyRun ? () => false : preparationOf(graph, nodes, aliases)
  const places = new Places({ graph, nodes, aliases, half, dispatches, prepares })
  const place = (tensor: Tensor) => places.of(tensor)
  const steps = (isWanted: (node: Node, dispatch: Dispatch) => boolean): Step[] =>
    nodes.flatMap((node) =>
      dispatches
        .get(node.id)!
        .filter((dispatch) => isWanted(node, dispatch))
        .map((dispatch) => ({
          node,
          dispatch,
          places: dispatch.bindings.map((ref) => places.ofBinding(node, ref)),
        })),
    )
  return {
    slotBytes: places.slotBytes,
    inputs: namedTensors(graph, 'input', place),
    outputs: new Map([...graph.outputs].map(([name, t]) => [name, place(t)])),
    constants: [...graph.tensors()].flatMap((t) => {
      const origin = graph.origin(t)
      return origin.kind === 'constant' && places.isUsed(t) ? [{ place: place(t), data: origin.data }] : []
    }),
    variables: new Map([...namedTensors(graph, 'variable', place)].map(([name, t]) => [name, t.shape])),
    steps: steps((node, dispatch) => !prepares(node, dispatch)),
    preparation: steps(prepares),
    nodeOutputs: new Map(nodes.map((node) => [node.id, node.outputs.map(place)])),
  }
}

/** Nodes that an output or a variable's update depends on, in order. */
export function liveNodes(graph: Graph): Node[] {
  const wanted = new Set<Tensor>(graph.outputs.values())
  const live: Node[] = []
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((t) => wanted.has(t)) && !updatesVariable(graph, node)) continue
    live.push(node)
    for (const tensor of node.inputs) wanted.add(tensor)
  }
  return live.reverse()
}

/** Whether a node overwrites a variable (or a view of one) in place: an effect, so it is never dead. */
export function updatesVariable(graph: Graph, node: Node): boolean {
  const isVariable = (tensor: Tensor): boolean => {
    const origin = graph.origin(tensor)
    if (origin.kind === 'variable') return true
    if (origin.kind !== 'node') return false
    const producer = graph.nodes[origin.node]!
    return getOp(producer.op).alias === 'view' && isVariable(producer.inputs[0]!)
  }
  return getOp(node.op).inPlace?.some((i) => i !== null && isVariable(node.inputs[i]!)) ?? false
}

function dispatchesOf(graph: Graph, node: Node, aliases: Map<Tensor, Alias>, traits: Traits): Dispatch[] {
  const specs = (tensors: readonly Tensor[]): Spec[] =>
    tensors.map((t) => {
      const { slice } = aliases.get(t)!
      return slice ? { ...graph.spec(t), slice } : graph.spec(t)
    })
  const op = getOp(node.op as OpName)
  const work = [specs(node.inputs), specs(node.outputs), node.attrs, traits] as const
  // tuning measures in float32: where the subgroups' matrices are asked for, they come first
  const key = choiceKey(node.op, work[0], node.attrs)
  const wanted = matricesOf(traits) ? undefined : traits.choices?.get(key)
  const chosen = wanted && op.candidates?.(...work).find(({ name }) => name === wanted)
  return chosen ? chosen.dispatches : op.kernels(...work)
}

type IsPreparation = (node: Node, dispatch: Dispatch) => boolean

/** Which dispatches need not be repeated: those of weights, which are constants, or variables that the graph does not update. */
function preparationOf(graph: Graph, nodes: readonly Node[], aliases: Map<Tensor, Alias>): IsPreparation {
  const updates = nodes.some((node) => updatesVariable(graph, node))
  const isFixed = (tensor: Tensor) => {
    const { kind } = graph.origin(aliases.get(tensor)!.root)
    return kind === 'constant' || (kind === 'variable' && !updates)
  }
  return (node, { isPreparation = false, bindings }) =>
    isPreparation && bindings.every(({ from, index }) => from !== 'input' || isFixed(node.inputs[index]!))
}

/** Says which bindings of a node's dispatches hold float16; scratch never does. */
const halved = (node: Node, half: ReadonlySet<Tensor>) => (dispatch: Dispatch) => {
  const isHalf = (ref: Ref) =>
    ref.from !== 'scratch' && half.has((ref.from === 'input' ? node.inputs : node.outputs)[ref.index]!)
  const bindings = dispatch.bindings.flatMap((ref, i) => (isHalf(ref) ? [i] : []))
  return bindings.length ? { ...dispatch, half: bindings } : dispatch
}

function checkBindings(graph: Graph, nodes: readonly Node[], half: ReadonlySet<Tensor>, limit: number): void {
  for (const node of nodes) {
    for (const tensor of [...node.inputs, ...node.outputs]) {
      const need = storageBytes(elems(graph.spec(tensor)), half.has(tensor))
      if (need > limit) throw new BindingLimitError(node.label, need, limit, graph.shape(tensor))
    }
  }
}

function namedTensors(graph: Graph, kind: 'input' | 'variable', place: (t: Tensor) => PlannedTensor) {
  const named = new Map<string, PlannedTensor>()
  for (const tensor of graph.tensors()) {
    const origin = graph.origin(tensor)
    if (origin.kind === kind) named.set(origin.name, place(tensor))
  }
  return named
}
