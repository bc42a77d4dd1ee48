/** Runs ONNX models, and says what is in them. */

import type { Gpu } from '../device/gpu.ts'
import { UserError } from '../errors.ts'
import { BindingLimitError, compile, liveNodes, type Plan } from '../graph/compile.ts'
import { Executor, Variables } from '../graph/execute.ts'
import type { Graph, Node } from '../graph/graph.ts'
import { lifetimes, resolveAliases } from '../graph/memory.ts'
import { rewriteForInference } from '../graph/rewrite.ts'
import { ImportError, type Imported, type ImportOptions, importOnnx } from '../io/onnx/import.ts'
import type { OnnxModel, ValueInfo } from '../io/onnx/model.ts'
import { type HostTensor, quote } from '../io/onnx/tensors.ts'
import { relayout } from '../io/onnx/values.ts'
import { elems } from '../kernels/op.ts'

export type Tensors = ReadonlyMap<string, HostTensor>

/**
 * Runs a model once on values for all its inputs, and returns its outputs in the model's order. Inputs that are not
 * float32, and all of them where some operator is only computed at import, become constants of the graph.
 * @throws ImportError, UserError (exit code 4) when the model or the inputs cannot be run
 */
export async function runModel(
  gpu: () => Promise<Gpu>,
  model: OnnxModel,
  inputs: Tensors,
): Promise<Map<string, HostTensor>> {
  const missing = model.inputs.find(({ name }) => !inputs.has(name))
  if (missing) throw new UserError(`${model.path}: its input ${quote(missing.name)} has no value`, 'usage')
  const isComputed = ({ dtype, data }: HostTensor) =>
    (dtype === 'float32' || dtype === 'float16') && data.length > 0
  const shapes = new Map([...inputs].map(([name, { shape }]) => [name, shape]))
  const known = new Map([...inputs].filter(([, tensor]) => !isComputed(tensor)))
  return execute(gpu, model, importKnowing(model, { shapes, values: known }, inputs), inputs)
}

function importKnowing(model: OnnxModel, options: ImportOptions, inputs: Tensors): Imported {
  try {
    return importOnnx(model, options)
  } catch (error) {
    if (!(error instanceof ImportError) || error.defect !== 'not known at import') throw error
    return importOnnx(model, { values: inputs })
  }
}

async function execute(open: () => Promise<Gpu>, model: OnnxModel, imported: Imported, inputs: Tensors) {
  const computed = computedBy(imported)
  const results = computed.length ? await onGpu(await open(), model.path, imported, inputs) : []
  return new Map(
    imported.outputs.map(({ name, shape, layout, constant }) => {
      const data = () => relayout(results[computed.indexOf(name)]!, shape, layout, true)
      return [name, constant ?? { dtype: 'float32' as const, shape, data: data() }]
    }),
  )
}

/** The names of the outputs that are not known at import. */
const computedBy = ({ outputs }: Imported) =>
  outputs.filter(({ constant }) => !constant).map(({ name }) => name)

async function onGpu(gpu: Gpu, path: string, imported: Imported, values: Tensors) {
  const plan = planFor(path, imported.graph, gpu)
  const executor = await Executor.create(gpu, plan, new Variables(gpu))
  try {
    for (const { name, shape, layout } of imported.inputs) {
      executor.upload(name, relayout(values.get(name)!.data as Float32Array, shape, layout))
    }
    return await executor.run(computedBy(imported))
  } finally {
    executor.destroy()
    gpu.pool.trim()
  }
}

/** Compiles, and words it as the file's fault when the adapter cannot hold a tensor. */
function planFor(path: string, graph: Graph, gpu: Gpu): Plan {
  try {
    return compile(rewriteForInference(graph), gpu.device.limits.maxStorageBufferBindingSize, gpu.traits)
  } catch (error) {
    if (!(error instanceof BindingLimitError)) throw error
    throw new UserError(`${path}: ${error.message}`, 'weights', { cause: error })
  }
}

export interface ModelInfo {
  readonly file: string
  readonly opset: number
  readonly irVersion: number
  readonly producer: string
  readonly inputs: readonly Described[]
  readonly outputs: readonly Described[]
  /** How many nodes there are of each operator, the most frequent first. */
  readonly operators: Readonly<Record<string, number>>
  /** Numbers in the model's weights, whatever type they are stored in. */
  readonly parameters: number
  /** 10⁹ operations of convolutions and matrix products, two for each product. */
  readonly gflop: number
  /** Memory that the plan takes for all that is computed, and the least that any plan could take. */
  readonly peakActivationBytes: number
  readonly largestAliveBytes: number
  /** Nodes that cannot be imported; what lies behind them is not looked at, and not counted in the figures above. */
  readonly unsupported: readonly { readonly node: string; readonly op: string; readonly reason: string }[]
}

interface Described {
  readonly name: string
  readonly type: string
  readonly shape: readonly (number | string)[] | null
}

/** Looks into a model, for one size of its inputs. Needs no GPU. Throws as `importOnnx`. */
export function describeModel(model: OnnxModel, options: ImportOptions = {}): ModelInfo {
  const imported = importOnnx(model, { ...options, survey: true })
  const graph = rewriteForInference(imported.graph)
  const counts = new Map<string, number>()
  for (const { op } of model.nodes) counts.set(op, (counts.get(op) ?? 0) + 1)
  const described = ({ name, dtype, typeName, shape }: ValueInfo) => ({
    name,
    type: dtype ?? typeName,
    shape,
  })
  return {
    file: model.path,
    opset: model.opset,
    irVersion: model.irVersion,
    producer: model.producer,
    inputs: model.inputs.map(described),
    outputs: model.outputs.map(described),
    operators: Object.fromEntries([...counts].sort((a, b) => b[1] - a[1])),
    parameters: parametersOf(model),
    gflop: gflopOf(graph),
    ...activationBytes(graph),
    unsupported: imported.problems.map(({ node, op, message }) => ({ node, op, reason: message })),
  }
}

/** Weights are what is float, or becomes it; sizes, axes and the scales of packed weights are none. */
function parametersOf({ nodes, initializers }: OnnxModel): number {
  const packed = nodes.filter(({ op }) => op === 'DequantizeLinear').map(({ inputs }) => inputs)
  const weights = new Set(packed.map(([x]) => x!))
  const scales = new Set(packed.flatMap(([, ...rest]) => rest))
  const isWeight = ([name, { dtype }]: [string, HostTensor]) =>
    weights.has(name) || (dtype.startsWith('float') && !scales.has(name))
  return [...initializers].filter(isWeight).reduce((sum, [, { data }]) => sum + data.length, 0)
}

/** 10⁹ operations of the convolutions and matrix products that the outputs need. */
export const gflopOf = (graph: Graph): number =>
  liveNodes(graph).reduce((sum, node) => sum + flopsOf(graph, node), 0) / 1e9

/** Operations of one node that count as arithmetic: two for each product of a convolution or a matrix product. */
function flopsOf(graph: Graph, { op, inputs, outputs }: Node): number {
  const results = elems(graph.spec(outputs[0]!))
  const weight = inputs[1] === undefined ? [] : graph.shape(inputs[1])
  if (op === 'conv2d') return 2 * results * weight[0]! * weight[1]! * weight[2]!
  return op === 'matmul' ? 2 * results * weight.at(-2)! : 0
}

function activationBytes(graph: Graph) {
  const plan = compile(graph, Number.POSITIVE_INFINITY)
  const constant = new Set(
    plan.constants.map(({ place }) => ('slot' in place.buffer ? place.buffer.slot : -1)),
  )
  const slots = plan.slotBytes.filter((_, slot) => !constant.has(slot))
  const nodes = liveNodes(graph)
  const lives = [...lifetimes(graph, nodes, resolveAliases(graph, nodes))].flatMap(([root, life]) => {
    const { kind } = graph.origin(root)
    if (kind === 'constant' || kind === 'variable') return []
    return [kind === 'input' ? { ...life, first: -1 } : life]
  })
  const aliveAt = ({ id }: Node) =>
    lives.filter(({ first, last }) => first <= id && id <= last).reduce((sum, { bytes }) => sum + bytes, 0)
  return {
    peakActivationBytes: slots.reduce((a, b) => a + b, 0),
    largestAliveBytes: Math.max(0, ...nodes.map(aliveAt)),
  }
}
