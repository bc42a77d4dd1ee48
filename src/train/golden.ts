import { adamHyper } from '../autograd/adam.ts'
import type { Gpu } from '../device/gpu.ts'
import type { Traits } from '../device/traits.ts'
import { UserError } from '../errors.ts'
import { compile } from '../graph/compile.ts'
import { Executor, uploadNeeded, Variables } from '../graph/execute.ts'
import type { Graph } from '../graph/graph.ts'
import { type Weights, weightsFrom } from '../io/weights.ts'
import { type Arena, type NamedTensor, unpackArena } from '../model/arena.ts'
import { inferenceGraph, trainingGraph } from '../model/graphs.ts'
import type { ImageSize, Network } from '../model/network.ts'
import { NETWORKS, type Networks } from '../model/registry.ts'

type Tensors = ReadonlyMap<string, NamedTensor>

/** Groups of a golden file's keys, each with a relative error that is allowed even if PyTorch's own float32 is more exact. */
const GROUPS = {
  evalForward: { prefix: 'eval/', floor: 1e-5 },
  trainForward: { prefix: 'train/', floor: 2e-5 },
  gradients: { prefix: 'grad/', floor: 1e-4 },
  losses: { prefix: 'adam/', floor: 1e-4 },
  final: { prefix: 'final/', floor: 1e-4 },
} as const
type Group = keyof typeof GROUPS

/** PyTorch's float32 arithmetic loses `noise/KEY`; ours may lose this many times as much. */
const NOISE_FACTOR = 10
const LEARNING_RATE = 1e-3

export interface WorstKey {
  readonly key: string
  /** ‖ours − golden‖ / ‖golden‖ */
  readonly error: number
  /** error / allowance; at most 1 to pass. */
  readonly share: number
}

export interface GoldenReport {
  readonly file: string
  /** Per group the key that used most of its allowance. */
  readonly worst: Record<Group, WorstKey>
  readonly passed: boolean
}

/** What a golden file holds. */
export interface GoldenFile {
  readonly name: string
  readonly tensors: Tensors
  /** Says which network it is; without it the report's. */
  readonly metadata?: Readonly<Record<string, string>>
}

export interface ReplayOptions {
  /** Of the adapter for which kernels are chosen; this one's unless given. */
  readonly traits?: Traits
  /** Those that the file may be of. */
  readonly networks?: Networks
}

/**
 * Replays a golden file of a PyTorch reference: evaluation forward, training forward, gradients, the losses of some
 * Adam steps and all tensors behind them. Throws a `UserError` about weights when the file is not one.
 */
export async function replayGolden(
  gpu: Gpu,
  file: GoldenFile,
  { traits = gpu.traits, networks = NETWORKS }: ReplayOptions = {},
): Promise<GoldenReport> {
  const { name, tensors, metadata } = file
  const weights = await weightsFrom(name, withPrefix(tensors, 'init/'), metadata, networks)
  const ours = await replay(gpu, file, weights, traits)
  for (const key of ours.keys()) required(name, tensors, key)
  const worst = Object.fromEntries(
    Object.entries(GROUPS).map(([group, { prefix, floor }]) => [
      group,
      worstKey(tensors, ours, prefix, floor),
    ]),
  ) as Record<Group, WorstKey>
  return { file: name, worst, passed: Object.values(worst).every(({ share }) => share <= 1) }
}

async function replay(
  gpu: Gpu,
  { name: file, tensors: golden }: GoldenFile,
  weights: Weights,
  traits: Traits,
): Promise<Map<string, Float32Array>> {
  const { network } = weights
  const { layout } = network
  const L = required(file, golden, 'input/L')
  const [batch, , height, width] = L.shape as [number, number, number, number]
  const size = { batch, height, width }
  const inputs = inputsIn(file, golden, network, size)
  const steps = required(file, golden, 'adam/losses').data.length

  const variables = variablesOf(gpu, weights)
  const run = async <T>(graph: Graph, use: (executor: Executor) => Promise<T>): Promise<T> => {
    const plan = compile(graph, gpu.device.limits.maxStorageBufferBindingSize, traits)
    const executor = await Executor.create(gpu, plan, variables)
    return use(executor).finally(() => executor.destroy())
  }
  try {
    const evaluated = await run(inferenceGraph(network, size), (executor) => infer(executor, inputs))
    const training = trainingGraph(network, size, { inspect: true })
    const trained = await run(training, (executor) => train(executor, inputs, steps))
    return new Map([
      ['eval/ab', toNchw(evaluated, batch)],
      ['train/ab', toNchw(trained.ab, batch)],
      ['adam/losses', trained.losses],
      ...named('grad/', layout.parameters, trained.gradients),
      ...named('final/', layout.parameters, await variables.get('parameters')),
      ...(layout.statistics.length
        ? named('final/', layout.statistics, await variables.get('statistics'))
        : []),
    ])
  } finally {
    variables.destroy()
  }
}

function variablesOf(gpu: Gpu, { network, parameters, statistics }: Weights): Variables {
  const variables = new Variables(gpu)
  variables.set('parameters', parameters)
  if (statistics.length) variables.set('statistics', statistics)
  variables.set('adam.m', new Float32Array(network.layout.parameters.length))
  variables.set('adam.v', new Float32Array(network.layout.parameters.length))
  return variables
}

/** By the names of the graphs' inputs: not every network takes all of them. */
type Inputs = Readonly<Record<string, Float32Array>>

/** What the networks are shown. Some take more than lightness and class vector; a file has it where its network does. */
function inputsIn(
  file: string,
  golden: Tensors,
  { classes }: Network,
  { batch, height, width }: ImageSize,
): Inputs {
  const optional = (name: string, shape: readonly number[]) =>
    golden.has(`input/${name}`) ? { [name]: toNhwc(required(file, golden, `input/${name}`, shape)) } : {}
  return {
    L: required(file, golden, 'input/L', [batch, 1, height, width]).data,
    ...(classes ? { features: required(file, golden, 'input/features', [batch, classes]).data } : {}),
    ab: toNhwc(required(file, golden, 'input/ab', [batch, 2, height, width])),
    ...optional('gray', [batch, 1, height, width]),
    ...optional('hints', [batch, 3, height / 4, width / 4]),
  }
}

async function infer(executor: Executor, inputs: Inputs): Promise<Float32Array> {
  uploadNeeded(executor, inputs)
  const [ab] = await executor.run(['ab'])
  return ab!
}

/** Trains on the one batch; forward and gradients are those of the first step. */
async function train(executor: Executor, inputs: Inputs, steps: number) {
  const losses = new Float32Array(steps)
  let [ab, gradients] = [new Float32Array(), new Float32Array()]
  for (let step = 0; step < steps; step++) {
    uploadNeeded(executor, { ...inputs, 'adam.hyper': adamHyper(LEARNING_RATE, step + 1) })
    const first = step === 0
    const results = await executor.run(first ? ['loss', 'ab', 'gradients'] : ['loss'])
    losses[step] = results[0]![0]!
    if (first) [ab, gradients] = [results[1]! as typeof ab, results[2]! as typeof gradients]
  }
  return { ab, gradients, losses }
}

function worstKey(golden: Tensors, ours: Map<string, Float32Array>, prefix: string, floor: number): WorstKey {
  return [...golden.keys()]
    .filter((key) => key.startsWith(prefix))
    .map((key): WorstKey => {
      const noise = golden.get(`noise/${key}`)?.data[0] ?? 0
      const mine = ours.get(key)
      const error = mine ? relativeError(mine, golden.get(key)!.data) : Number.POSITIVE_INFINITY
      return { key, error, share: error / Math.max(floor, NOISE_FACTOR * noise) }
    })
    .reduce((a, b) => (b.share > a.share || Number.isNaN(b.share) ? b : a))
}

/** ‖ours − golden‖ / ‖golden‖; a difference from an all-zero golden counts as it is. */
function relativeError(ours: Float32Array, golden: Float32Array): number {
  if (ours.length !== golden.length) return Number.POSITIVE_INFINITY
  let [difference, norm] = [0, 0]
  for (let i = 0; i < golden.length; i++) {
    difference += (ours[i]! - golden[i]!) ** 2
    norm += golden[i]! ** 2
  }
  return Math.sqrt(difference) / (norm > 0 ? Math.sqrt(norm) : 1)
}

const named = (prefix: string, arena: Arena, flat: Float32Array) =>
  [...unpackArena(arena, flat)].map(([name, { data }]) => [prefix + name, data] as [string, Float32Array])

const withPrefix = (tensors: Tensors, prefix: string): Map<string, NamedTensor> =>
  new Map(
    [...tensors]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, tensor]) => [key.slice(prefix.length), tensor]),
  )

function required(file: string, tensors: Tensors, key: string, shape?: readonly number[]): NamedTensor {
  const tensor = tensors.get(key)
  if (tensor && (!shape || tensor.shape.join() === shape.join())) return tensor
  const what = tensor ? `its ${key} is [${tensor.shape}], not [${shape}]` : `it has no ${key}`
  throw new UserError(`${file} is not a golden file: ${what}`, 'weights')
}

/** [N,C,H,W] → [N,H,W,C]. */
function toNhwc({ shape, data }: NamedTensor): Float32Array {
  const [N, C, H, W] = shape as [number, number, number, number]
  const result = new Float32Array(data.length)
  for (let n = 0; n < N; n++) {
    for (let c = 0; c < C; c++)
      for (let i = 0; i < H * W; i++) result[(n * H * W + i) * C + c] = data[(n * C + c) * H * W + i]!
  }
  return result
}

/** [N,H,W,2] → [N,2,H,W]. */
function toNchw(data: Float32Array, batch: number) {
  const pixels = data.length / (2 * batch)
  const result = new Float32Array(data.length)
  for (let n = 0; n < batch; n++) {
    for (let i = 0; i < pixels; i++)
      for (let c = 0; c < 2; c++) result[(n * 2 + c) * pixels + i] = data[(n * pixels + i) * 2 + c]!
  }
  return result
}
