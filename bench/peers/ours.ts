import { adamHyper } from '../../src/autograd/adam.ts'
import type { Gpu } from '../../src/device/gpu.ts'
import { BindingLimitError, compile } from '../../src/graph/compile.ts'
import { Executor, Variables } from '../../src/graph/execute.ts'
import { inferenceGraph, trainingGraph } from '../../src/model/graphs.ts'
import { reportNetwork } from '../../src/model/report/index.ts'
import { openTunedGpu } from '../../src/node/store/tuning.ts'
import { Model } from '../model.ts'
import {
  ARCHITECTURE,
  type ColorizerWork,
  type Contender,
  colorizerInputs,
  colorizerWeights,
  LEARNING_RATE,
  type OnnxWork,
  parameterCount,
  valuesFor,
  type Work,
} from './work.ts'

const NETWORK = reportNetwork(ARCHITECTURE)

export async function openOurs(work: Work, adapter: string | undefined): Promise<Contender> {
  const gpu = await openTunedGpu({ adapter }, console.error)
  const opened = await (work.kind === 'onnx' ? openModel(gpu, work) : openColorizer(gpu, work))
  return { title: gpu.adapterName, ...opened }
}

/** The largest power of two of pictures whose training step fits the adapter; TF.js, with the same limit, binds the same tensors. */
export function largestBatch({ device, traits }: Gpu, size: number): number {
  const fits = (batch: number) => {
    const graph = trainingGraph(NETWORK, { batch, height: size, width: size })
    try {
      return compile(graph, device.limits.maxStorageBufferBindingSize, traits) !== null
    } catch (error) {
      if (error instanceof BindingLimitError) return false
      throw error
    }
  }
  let batch = 1
  while (fits(2 * batch)) batch *= 2
  return batch
}

async function openModel(gpu: Gpu, { path }: OnnxWork) {
  const model = await Model.open(gpu, path!, 1)
  const values = valuesFor(model.inputs)
  return { parameters: null, run: async () => [...(await model.run(values)).values()][0]! }
}

async function openColorizer(gpu: Gpu, { kind, size, batch }: ColorizerWork) {
  const image = { batch, height: size, width: size }
  const graph = kind === 'forward' ? inferenceGraph(NETWORK, image) : trainingGraph(NETWORK, image)
  const { layout, parameters, statistics } = colorizerWeights()
  const variables = new Variables(gpu)
  variables.set('parameters', parameters)
  variables.set('statistics', statistics)
  for (const name of ['adam.m', 'adam.v']) variables.set(name, new Float32Array(parameters.length))
  const plan = compile(graph, gpu.device.limits.maxStorageBufferBindingSize, gpu.traits)
  const executor = await Executor.create(gpu, plan, variables)
  const { L, features, ab } = colorizerInputs(size, batch)
  let step = 0
  const run = async () => {
    executor.upload('L', L)
    executor.upload('features', features)
    if (kind === 'training') {
      executor.upload('ab', ab)
      executor.upload('adam.hyper', adamHyper(LEARNING_RATE, ++step))
    }
    return (await executor.run([kind === 'forward' ? 'ab' : 'loss']))[0]!
  }
  return { parameters: parameterCount(layout), run }
}
