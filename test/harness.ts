import { backward } from '../src/autograd/backward.ts'
import { toHalf } from '../src/device/float16.ts'
import type { Gpu } from '../src/device/gpu.ts'
import { loadShader } from '../src/device/shader.ts'
import { PORTABLE, type SubgroupMatrices, type Traits } from '../src/device/traits.ts'
import { Graph } from '../src/graph/graph.ts'
import { runReference } from '../src/graph/reference.ts'
import { getOp, ops } from '../src/kernels/index.ts'
import type { OpName } from '../src/kernels/op.ts'
import {
  type AnyOp,
  type Dispatch,
  elems,
  formatShape,
  type Slice,
  type Spec,
  type Tensor,
} from '../src/kernels/op.ts'
import { cases } from './cases.ts'
import type { Case, CaseInput, Distribution } from './rows.ts'

export const opNames = Object.keys(ops) as OpName[]

/** Operators without a gradient; the gradient test fails when this list is wrong. */
export const NOT_DIFFERENTIABLE: readonly OpName[] = [
  'pack',
  'reluGrad',
  'labToSrgbGrad',
  'clipGrad',
  'tanhGrad',
  'softmaxGrad',
  'pool2dGrad',
  'sumRows',
  'conv2dGradInput',
  'conv2dGradWeight',
  'batchNormGrad',
  'mseGrad',
  'encodeBins',
  'crossEntropyGrad',
  'cellMeans',
  'guidedFit',
  'guidedApply',
  'jointBilateral',
  'affinities',
  'laplacian',
  'conjugateGradient',
  'spreadHints',
  'bilateral',
  'lerp',
  'lossScaling',
  'adam',
]

/** Inputs and outputs that an operator does not differentiate, by design; the others all are. */
// the target of a loss is data
export const FIXED_INPUTS: Partial<Record<OpName, readonly number[]>> = {
  mse: [1],
  // the lightness is the photograph's
  labToSrgb: [0],
  crossEntropy: [1, 2],
  // positions are the graph's own
  resize: [1, 2],
  resizeGrad: [1, 2],
}
// the batch's statistics only feed the running ones
export const FIXED_OUTPUTS: Partial<Record<OpName, readonly number[]>> = { batchNormTrain: [1, 2] }

/** One row of the table, its random inputs drawn. */
export interface Row {
  readonly name: OpName
  readonly op: AnyOp
  /** Its place among the operator's rows. */
  readonly number: number
  /** "3: [2×9×13×8] [3×3×8×12] stride=2,2 …" */
  readonly title: string
  readonly specs: readonly Spec[]
  readonly attrs: object
  readonly slice?: Slice | undefined
  /** What computes it, where there are several ways; what the operator chooses for any adapter unless given. */
  readonly dispatches?: readonly Dispatch[]
  /** What is stored as float16: the inputs that the operator can read so, the output. */
  readonly half?: { readonly inputs: boolean; readonly output: boolean }
  /** float32 values, so that GPU and reference start from the same numbers. */
  readonly inputs: readonly Float32Array[]
}

/** The row behind its name, for titles of tests. */
export const named = (row: Row) => [`${row.name} ${row.title}`, row] as const

export function rowsOf(name: OpName): Row[] {
  return cases[name].map((row: Case<object>, i) => {
    const specs = row.inputs.map((input) => ({ shape: 'shape' in input ? input.shape : input }))
    const random = seeded(`${name} ${i}`)
    const shapes = specs.map((spec) => formatShape(spec.shape)).join(' ')
    return {
      name,
      op: getOp(name),
      number: i,
      title:
        `${i}: ${shapes} ${describeAttrs(row.attrs)}${describeSlice(row.slice)}${row.note ? ` (${row.note})` : ''}`.trim(),
      specs,
      attrs: row.attrs,
      slice: row.slice,
      inputs: row.inputs.map((input, j) =>
        Object.assign(draw(elems(specs[j]!), distribution(input), random), given(input)),
      ),
    }
  })
}

const describeSlice = (slice: Slice | undefined) =>
  slice ? ` into ${slice.channels} channels from ${slice.offset} on` : ''

/** Adapters between whose kernels the operators choose: llvmpipe, any other software, and GPUs. */
const ADAPTERS: Readonly<Record<string, Traits>> = {
  '': { ...PORTABLE, subgroupLanes: 8 },
  'portable ': PORTABLE,
  'GPU ': { ...PORTABLE, isSoftware: false },
}

/** The row once for each way to compute it, on each kind of adapter where it differs. */
export const variantsOf = (row: Row): Row[] => variantsOn(ADAPTERS, row)

function variantsOn(adapters: Readonly<Record<string, Traits>>, row: Row): Row[] {
  const { candidates } = row.op
  if (!candidates) return [row]
  const variants = new Map<string, Row>()
  for (const [adapter, traits] of Object.entries(adapters)) {
    const ways = candidates(row.specs, slicedOutputs(row), row.attrs, traits)
    for (const { name, dispatches } of ways) {
      const key = JSON.stringify(dispatches)
      const title = `${adapter}${name} ${row.title}`
      if (!variants.has(key)) variants.set(key, { ...row, dispatches, title })
    }
  }
  return [...variants.values()]
}

/** A row whose operands lie in memory as float16, or its output, or both; from numbers that float16 has. */
export function inHalf(row: Row, half: { inputs: boolean; output: boolean }): Row {
  const name = (isHalf: boolean) => (isHalf ? 'f16' : 'f32')
  const title = `${name(half.inputs)} to ${name(half.output)} ${row.title}`
  return {
    ...row,
    half: { ...half, output: half.output && !row.op.fullOutput },
    title,
    inputs: row.inputs.map((x, i) => (isHalfInput({ ...row, half }, i) ? x.map(toHalf) : x)),
  }
}

/** Everything in float16; what is written alone; what is read alone. */
export const HALF_STORAGE = [
  { inputs: true, output: true },
  { inputs: false, output: true },
  { inputs: true, output: false },
]

export const isHalfInput = ({ op, half }: Row, i: number) =>
  half?.inputs === true && (op.half === 'all' || (op.half?.includes(i) ?? false))

/** The bindings, from 0 on, of a row's dispatch that hold float16. */
export const halfBindings = (row: Row, { bindings }: Dispatch): number[] =>
  bindings.flatMap((ref, i) => {
    const isOutput = ref.from === 'output' && ref.index === 0 && row.half?.output === true
    return isOutput || (ref.from === 'input' && isHalfInput(row, ref.index)) ? [i] : []
  })

/** The dispatches of a row, its first output a slice if the row says so. */
export const dispatchesOf = (row: Row): readonly Dispatch[] =>
  row.dispatches ?? row.op.kernels(row.specs, slicedOutputs(row), row.attrs, PORTABLE)

const slicedOutputs = (row: Row): Spec[] =>
  outputSpecs(row).map((spec, i) => (row.slice && i === 0 ? { ...spec, slice: row.slice } : spec))

/** The row by the subgroups' matrices of an adapter, if that is a way to compute it. */
export const byMatrices = (row: Row, matrices: SubgroupMatrices): Row[] =>
  variantsOn({ '': { ...PORTABLE, isSoftware: false, matrices: [matrices] } }, row).filter(({ title }) =>
    title.startsWith('matrix '),
  )

/** Whether the adapter has what the dispatches of a row need. */
export const runsOn = (gpu: Gpu, row: Row) =>
  gpu.traits.subgroupLanes === 8 || dispatchesOf(row).every(({ shader }) => !needsSubgroups(shader))

export const needsSubgroups = (shader: string) => /^enable subgroups;$/m.test(loadShader(shader))

export const outputSpecs = (row: Row): Spec[] => row.op.infer(row.specs, row.attrs)
export const float64 = (data: Float32Array) => Float64Array.from(data)

const distribution = (input: CaseInput): Distribution => ('shape' in input ? input.dist : 'normal')
const given = (input: CaseInput) => ('shape' in input ? input.given : undefined)
const describeAttrs = (attrs: object) =>
  Object.entries(attrs)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')

/** Uniform numbers in 0…1 that depend on nothing but the seed: FNV-1a, then mulberry32. */
export function seeded(seed: string): () => number {
  let state = [...seed].reduce((hash, char) => Math.imul(hash ^ char.charCodeAt(0), 16777619), 2166136261)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export function draw(count: number, dist: Distribution, random: () => number): Float32Array {
  // Box and Muller 1958
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const sample: Record<Distribution, () => number> = {
    normal,
    wide: () => 20 * normal(),
    huge: () => 100 * normal(),
    offset: () => 100 + normal(),
    rectified: () => Math.max(normal(), 0),
    index: () => Math.floor(12 * random()) - 2,
    positive: () => 0.5 + 1.5 * random(),
    unit: random,
    awayFromZero: () => (random() < 0.5 ? -1 : 1) * (0.1 + 0.9 * random()),
    softmax: () => Math.exp(20 * normal()),
    zero: () => 0,
  }
  const drawn = Float64Array.from({ length: count }, sample[dist])
  const whole = dist === 'softmax' ? drawn.reduce((a, b) => a + b) : 1
  return Float32Array.from(drawn, (value) => value / whole)
}

/** The graph of a row: a scalar loss over its outputs, and the gradient with respect to its inputs. */
export interface GradientGraph {
  readonly graph: Graph
  readonly inputs: readonly Tensor[]
  readonly loss: Tensor
  /** Gradient of the loss for each input; null for those in `FIXED_INPUTS`. */
  readonly grads: readonly (Tensor | null)[]
  /** Values of all graph inputs, by name. */
  readonly values: Map<string, Float32Array>
}

/** loss = Σ over outputs of the mean squared distance to a random target; `scale` by 1 makes every input a node. */
export function gradientGraph(row: Row): GradientGraph {
  const graph = new Graph()
  const values = new Map<string, Float32Array>()
  const feed = (name: string, shape: readonly number[], data: Float32Array) => {
    values.set(name, data)
    return graph.input(name, shape)
  }
  const random = seeded(`target ${row.name} ${row.title}`)
  const inputs = row.specs.map(({ shape }, i) => feed(`x${i}`, shape, row.inputs[i]!))
  const operands = inputs.map((x) => graph.op('scale', [x], { factor: 1 }))
  const outputs = graph.all(row.name, operands, row.attrs as never)
  const losses = outputs.flatMap((y, i) => {
    if (FIXED_OUTPUTS[row.name]?.includes(i)) return []
    const shape = graph.shape(y)
    return [graph.op('mse', [y, feed(`t${i}`, shape, draw(elems({ shape }), 'normal', random))], {})]
  })
  const loss = losses.reduce((sum, term) => graph.op('binary', [sum, term], { kind: 'add' }))
  const isFixed = (i: number) => FIXED_INPUTS[row.name]?.includes(i) ?? false
  const found = backward(
    graph,
    loss,
    inputs.filter((_, i) => !isFixed(i)),
  )
  const grads = inputs.map((_, i) => (isFixed(i) ? null : found.shift()!))
  graph.output('loss', loss)
  grads.forEach((grad, i) => {
    if (grad !== null) graph.output(`grad${i}`, grad)
  })
  return { graph, inputs, loss, grads, values }
}

/** Every tensor of the graph by the float64 references. */
export function referenceValues(graph: Graph, values: ReadonlyMap<string, Float32Array | Float64Array>) {
  return runReference(graph, new Map([...values].map(([name, data]) => [name, Float64Array.from(data)])))
}
