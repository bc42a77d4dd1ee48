import type { Conv2dAttrs } from '../kernels/conv/conv2d.ts'
import { getOp } from '../kernels/index.ts'
import type { ViewAttrs } from '../kernels/movement/view.ts'
import type { AttrsOf, OpName } from '../kernels/op.ts'
import { elems, type Tensor } from '../kernels/op.ts'
import { Derivations } from './derivations.ts'
import { Graph, type Node } from './graph.ts'

/**
 * Rewrites of a graph for inference. Each rule looks at one node, whose inputs are already rewritten, and may emit
 * something cheaper in its place; what nobody reads any more falls away in `compile`. `test/rewrite.test.ts` holds every
 * rule against the graph it replaces.
 */
type Rule = (context: Context, node: Node, inputs: readonly Tensor[]) => readonly Tensor[] | null

/** Constants are folded on the host up to this size, of operands and of results; above it the GPU is quicker. */
const MAX_FOLDED_ELEMS = 2 ** 16
/** Operators that look at many elements for each one of their results: a small tensor may be much work. */
const NEVER_FOLDED: readonly Node['op'][] = ['conv2d', 'pool2d', 'matmul']

const foldConstants: Rule = ({ target, derivations }, node, inputs) => {
  const op = getOp(node.op)
  const data = inputs.map((t) => constantOf(target, t))
  if (op.alias === 'pack' || op.inPlace || data.length === 0 || data.some((d) => d === null)) return null
  const specs = inputs.map((t) => target.spec(t))
  const outputs = op.infer(specs, node.attrs)
  if ([...specs, ...outputs].some((spec) => elems(spec) > MAX_FOLDED_ELEMS) || NEVER_FOLDED.includes(node.op))
    return null
  const compute = () =>
    op
      .reference(
        data.map((d) => Float64Array.from(d!)),
        specs,
        node.attrs,
      )
      .map((result) => Float32Array.from(result))
  const results = derivations.of(data as Float32Array[], howOf(node, specs), compute)
  return outputs.map(({ shape }, i) => target.constant(results[i]!, shape))
}

/** A part of a constant is a constant, whatever its size: nothing is copied. */
const foldView: Rule = ({ target }, node, inputs) => {
  const data = node.op === 'view' ? constantOf(target, inputs[0]!) : null
  const { offset, shape } = node.attrs as ViewAttrs
  return data && [target.constant(data.subarray(offset, offset + elems({ shape })), shape)]
}

/** conv, then y·scale + shift per channel with constant scale and shift: into the convolution's weight and bias. */
const foldScaleAndShift: Rule = (context, node, inputs) => {
  const { target } = context
  for (const [i, tensor] of inputs.entries()) {
    const conv = context.soleProducer(node.inputs[i]!, tensor, 'conv2d')
    const weight = conv && constantOf(target, conv.inputs[1]!)
    const bias = conv?.inputs[2] === undefined ? null : constantOf(target, conv.inputs[2])
    if (!conv || !weight || (conv.inputs.length > 2 && !bias) || !isLinear(conv)) continue
    const K = target.shape(conv.inputs[1]!)[3]!
    const affine = affineOf(target, node, inputs, i)
    if (!affine) continue
    const sources = [weight, bias, ...inputs.map((t) => constantOf(target, t))]
    const how = howOf(
      node,
      sources.map((source) => source?.length ?? null),
      K,
    )
    const folded = context.derivations.of(
      sources.filter((source) => source !== null),
      how,
      () => scaledAndShifted({ weight, bias }, affine),
    )
    const operands = [
      conv.inputs[0]!,
      target.constant(folded.weight, target.shape(conv.inputs[1]!)),
      target.constant(folded.bias, [K]),
    ]
    return context.emit(conv.label, 'conv2d', operands, conv.attrs as Conv2dAttrs)
  }
  return null
}

/** (x ∗ w + b)·scale + shift as another x ∗ w + b. */
function scaledAndShifted(
  { weight, bias }: { readonly weight: Float32Array; readonly bias: Float32Array | null },
  [scale, shift]: readonly [Float32Array, Float32Array],
) {
  const K = scale.length
  return {
    weight: weight.map((w, at) => w * scale[at % K]!),
    bias: scale.map((factor, k) => (bias?.[k] ?? 0) * factor + shift[k]!),
  }
}

/** All that the result of folding a node depends on besides the constants. */
const howOf = ({ op, attrs }: Node, ...sizes: unknown[]) =>
  JSON.stringify([op, attrs, sizes], (_, value) => (typeof value === 'number' ? String(value) : value))

/** residual + conv, of one shape: into the convolution's epilogue. */
const fuseResidual: Rule = (context, node, inputs) => {
  const { target } = context
  if (node.op !== 'binary' || (node.attrs as { kind: string }).kind !== 'add') return null
  for (const [i, tensor] of inputs.entries()) {
    const conv = context.soleProducer(node.inputs[i]!, tensor, 'conv2d')
    const residual = inputs[1 - i]!
    if (!conv || !isLinear(conv) || target.shape(residual).join() !== target.shape(tensor).join()) continue
    const [x, weight, bias] = conv.inputs
    const K = target.shape(tensor)[3]!
    const operands = [x!, weight!, bias ?? target.constant(new Float32Array(K), [K]), residual]
    return context.emit(conv.label, 'conv2d', operands, conv.attrs as Conv2dAttrs)
  }
  return null
}

const fuseActivation: Rule = (context, node, inputs) => {
  const activation = node.op
  if (activation !== 'relu' && activation !== 'clip' && activation !== 'leakyRelu') return null
  const conv = context.soleProducer(node.inputs[0]!, inputs[0]!, 'conv2d')
  if (!conv || (conv.attrs as Conv2dAttrs).activation !== 'none') return null
  const attrs = { ...(conv.attrs as Conv2dAttrs), ...node.attrs, activation }
  return context.emit(conv.label, 'conv2d', conv.inputs, attrs)
}

const RULES: readonly Rule[] = [foldView, foldConstants, foldScaleAndShift, fuseResidual, fuseActivation]

/**
 * An equivalent graph that does less work, with the same inputs, variables and outputs by name; variables whose values are
 * given in `fixed` become constants. Graphs with the same constants share what is computed of these by `derivations`.
 */
export function rewriteForInference(
  source: Graph,
  fixed: FixedVariables = new Map(),
  derivations = new Derivations(),
): Graph {
  const context = new Context(source, fixed, derivations)
  for (const node of source.nodes) {
    const inputs = node.inputs.map((t) => context.rewritten(t))
    const outputs =
      apply(context, node, inputs) ?? context.emit(node.label, node.op, inputs, node.attrs as never)
    node.outputs.forEach((t, i) => {
      context.replace(t, outputs[i]!)
    })
  }
  for (const [name, tensor] of source.outputs) context.target.output(name, context.rewritten(tensor))
  return context.target
}

function apply(context: Context, node: Node, inputs: readonly Tensor[]): readonly Tensor[] | null {
  for (const rule of RULES) {
    const emitted = rule(context, node, inputs)
    if (emitted) return emitted
  }
  return null
}

/** Values by name. */
export type FixedVariables = ReadonlyMap<string, Float32Array>

/** The graph under construction, and what became of the source's tensors. */
class Context {
  readonly target = new Graph()
  readonly #rewritten = new Map<Tensor, Tensor>()
  readonly #readers = new Map<Tensor, number>()

  constructor(
    readonly source: Graph,
    private readonly fixed: FixedVariables,
    readonly derivations: Derivations,
  ) {
    for (const tensor of source.tensors()) this.#copyLeaf(tensor)
    const read = [...source.nodes.flatMap((node) => node.inputs), ...source.outputs.values()]
    for (const tensor of read) this.#readers.set(tensor, (this.#readers.get(tensor) ?? 0) + 1)
  }

  rewritten(tensor: Tensor): Tensor {
    return this.#rewritten.get(tensor)!
  }

  replace(tensor: Tensor, by: Tensor): void {
    this.#rewritten.set(tensor, by)
  }

  /** Adds a node to the new graph; a fused one keeps the name of the layer that does the work. */
  emit<N extends OpName>(label: string, op: N, inputs: readonly Tensor[], attrs: AttrsOf<N>): Tensor[] {
    return this.target.scope(label, () => this.target.all(op, inputs, attrs))
  }

  /** The node that computes `rewritten`, if it is an `op` and nobody but the node at hand reads the tensor. */
  soleProducer(tensor: Tensor, rewritten: Tensor, op: Node['op']): Node | null {
    const origin = this.target.origin(rewritten)
    if (this.#readers.get(tensor) !== 1 || origin.kind !== 'node') return null
    const node = this.target.nodes[origin.node]!
    return node.op === op ? node : null
  }

  #copyLeaf(tensor: Tensor): void {
    const origin = this.source.origin(tensor)
    const shape = this.source.shape(tensor)
    if (origin.kind === 'input') this.replace(tensor, this.target.input(origin.name, shape))
    if (origin.kind === 'variable') this.replace(tensor, this.#variable(origin.name, shape))
    if (origin.kind === 'constant') this.replace(tensor, this.target.constant(origin.data, shape))
  }

  #variable(name: string, shape: readonly number[]): Tensor {
    const values = this.fixed.get(name)
    return values ? this.target.constant(values, shape) : this.target.variable(name, shape)
  }
}

function constantOf(graph: Graph, tensor: Tensor): Float32Array | null {
  const origin = graph.origin(tensor)
  return origin.kind === 'constant' ? origin.data : null
}

/** Whether a convolution's result is still linear in weight and bias: nothing stands behind it yet. */
const isLinear = ({ attrs, inputs }: Node) =>
  (attrs as Conv2dAttrs).activation === 'none' && inputs.length < 4

/** [scale, shift] per channel, when `node` computes input·scale + shift from its input `at` and constants. */
function affineOf(
  graph: Graph,
  node: Node,
  inputs: readonly Tensor[],
  at: number,
): [Float32Array, Float32Array] | null {
  const K = graph.shape(inputs[at]!)[3]!
  if (node.op === 'batchNorm' && at === 0) return normalization(graph, node, inputs, K)
  if (node.op === 'scale')
    return [new Float32Array(K).fill((node.attrs as { factor: number }).factor), new Float32Array(K)]
  if (node.op !== 'binary') return null
  const other = inputs[1 - at]
  const values = other === undefined ? null : perChannel(graph, other, K)
  if (!values) return null
  const ones = new Float32Array(K).fill(1)
  const { kind } = node.attrs as { kind: 'add' | 'sub' | 'mul' | 'div' }
  if (kind === 'mul') return [values, new Float32Array(K)]
  if (kind === 'add') return [ones, values]
  if (at !== 0) return null
  return kind === 'sub' ? [ones, values.map((v) => -v)] : [values.map((v) => 1 / v), new Float32Array(K)]
}

function normalization(
  graph: Graph,
  node: Node,
  inputs: readonly Tensor[],
  K: number,
): [Float32Array, Float32Array] | null {
  const data = inputs.slice(1).map((t) => constantOf(graph, t))
  if (data.some((d) => d === null)) return null
  const [gamma, beta, mean, variance] = data as Float32Array[]
  const { epsilon } = node.attrs as { epsilon: number }
  const scale = Float64Array.from({ length: K }, (_, k) => gamma![k]! / Math.sqrt(variance![k]! + epsilon))
  return [Float32Array.from(scale), Float32Array.from(scale, (s, k) => beta![k]! - mean![k]! * s)]
}

/** A constant that broadcasts over [N,H,W,K] as one value a channel: a scalar, [K], or [1,1,1,K]. */
function perChannel(graph: Graph, tensor: Tensor, K: number): Float32Array | null {
  const data = constantOf(graph, tensor)
  const shape = graph.shape(tensor)
  if (!data || shape.length > 4 || shape.slice(0, -1).some((d) => d !== 1)) return null
  if (data.length === 1) return new Float32Array(K).fill(data[0]!)
  return data.length === K ? data : null
}
