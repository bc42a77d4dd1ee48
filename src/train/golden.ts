import { adamHyper } from '../autograd/adam.ts'
import type { Gpu } from '../device/gpu.ts'
import type { Traits } from '../device/traits.ts'
import { compile } from '../graph/compile.ts'
import { Executor, uploadNeeded, Variables } from '../graph/execute.ts'
import type { Graph } from '../graph/graph.ts'
import { type Weights, weightsFrom } from '../io/weights.ts'
import { type Arena, type NamedTensor, unpackArena } from '../model/arena.ts'
import { inferenceGraph, trainingGraph } from '../model/graphs.ts'
import type { ImageSize, Network } from '../model/network.ts'
import {
  compareWith,
  type GoldenFile,
  type GoldenReport,
  type Group,
  required,
  type Tensors,
} from './golden-comparison.ts'
import { networksOf } from './golden-trunk.ts'

const GROUPS = {
  evalForward: { prefix: 'eval/', floor: 1e-5 },
  trainForward: { prefix: 'train/', floor: 2e-5 },
  gradients: { prefix: 'grad/', floor: 1e-4 },
  losses: { prefix: 'adam/', floor: 1e-4 },
  final: { prefix: 'final/', floor: 1e-4 },
} as const satisfies Record<string, Group>

const LEARNING_RATE = 1e-3

/**
 * Replays a golden file of a PyTorch reference: evaluation forward, training forward, gradients, the losses of some
 * Adam steps and all tensors behind them.
 * @param traits of the adapter for which kernels are chosen
 * @throws UserError about weights when the file is not one
 */
export async function replayGolden(
  gpu: Gpu,
  file: GoldenFile,
  traits: Traits = gpu.traits,
): Promise<GoldenReport> {
  const { name, tensors, metadata } = file
  const weights = await weightsFrom(name, withPrefix(tensors, 'init/'), metadata, networksOf(file))
  return compareWith(file, await replay(gpu, file, weights, traits), GROUPS)
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

const named = (prefix: string, arena: Arena, flat: Float32Array) =>
  [...unpackArena(arena, flat)].map(([name, { data }]) => [prefix + name, data] as [string, Float32Array])

const withPrefix = (tensors: Tensors, prefix: string): Map<string, NamedTensor> =>
  new Map(
    [...tensors]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, tensor]) => [key.slice(prefix.length), tensor]),
  )

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
