/** A golden file of a classifier whose last layers are trained: see `test/golden/finetune_torch.py`. */
import { adamHyper, adamStep } from '../autograd/adam.ts'
import { packTensors } from '../autograd/arena.ts'
import { backward } from '../autograd/backward.ts'
import type { Gpu } from '../device/gpu.ts'
import { compile } from '../graph/compile.ts'
import { Executor, Variables } from '../graph/execute.ts'
import { Graph } from '../graph/graph.ts'
import { importOnnx } from '../io/onnx/import.ts'
import type { OnnxModel } from '../io/onnx/model.ts'
import { type Included, includeTrainable, readBehind, weightsIn } from '../io/onnx/trainable.ts'
import { CLASSES } from '../model/classifier.ts'
import { compareWith, type GoldenFile, type GoldenReport, type Group, required } from './golden-comparison.ts'

/** The classifier whose weights such files begin with. */
export const FINE_TUNED = 'mobilenet-v1'
/** Its node behind which the weights are trained. */
const FROZEN = 'Clip_74'
const LEARNING_RATE = 1e-4

const GROUPS = {
  evalForward: { prefix: 'logits', floor: 2e-5 },
  gradients: { prefix: 'grad/', floor: 1e-4 },
  losses: { prefix: 'losses', floor: 1e-4 },
  final: { prefix: 'change/', floor: 1e-4 },
} as const satisfies Record<string, Group>

export const isOfFineTuning = ({ tensors }: GoldenFile): boolean => tensors.has('labels')

/**
 * Replays such a file: logits and gradients of the first step, the losses of all steps, and by what the weights have changed.
 * @param classifier `FINE_TUNED`
 * @throws UserError about weights when the file is not one
 */
export async function replayFineTuning(
  gpu: Gpu,
  file: GoldenFile,
  classifier: OnnxModel,
): Promise<GoldenReport> {
  return compareWith(file, await fineTune(gpu, file, classifier), GROUPS)
}

async function fineTune(gpu: Gpu, { name, tensors }: GoldenFile, classifier: OnnxModel) {
  const { shape, data: grey } = required(name, tensors, 'input')
  const [N, H, W] = shape as [number, number, number]
  const { data: labels } = required(name, tensors, 'labels', [N])
  const losses = required(name, tensors, 'losses').data.slice().fill(Number.NaN)
  const { graph, network } = trainingStep(ofAnySize(classifier, [H, W]), [N, H, W], labels)
  const variables = new Variables(gpu)
  variables.set('parameters', network.initial)
  for (const moment of ['adam.m', 'adam.v']) variables.set(moment, new Float32Array(network.initial.length))
  const plan = compile(graph, gpu.device.limits.maxStorageBufferBindingSize, gpu.traits)
  const executor = await Executor.create(gpu, plan, variables)
  const results = new Map<string, Float32Array>([['losses', losses]])
  // in three equal channels
  const pictures = Float32Array.from(
    { length: 3 * grey.length },
    (_, i) => grey[Math.floor(i / 3)]! / 127.5 - 1,
  )
  try {
    for (const step of losses.keys()) {
      executor.upload('pictures', pictures)
      executor.upload('adam.hyper', adamHyper(LEARNING_RATE, step + 1))
      const [loss, logits, gradients] = await executor.run(['loss', 'logits', 'gradients'])
      losses[step] = loss![0]!
      if (step > 0) continue
      results.set('logits', logits!)
      addNamed(results, 'grad/', network, gradients!)
    }
    const last = await variables.get('parameters')
    addNamed(
      results,
      'change/',
      network,
      last.map((value, i) => value - network.initial[i]!),
    )
    return results
  } finally {
    executor.destroy()
    variables.destroy()
  }
}

function addNamed(results: Map<string, Float32Array>, prefix: string, network: Included, flat: Float32Array) {
  for (const [name, { data }] of weightsIn(network, flat)) results.set(prefix + name, data as Float32Array)
}

/** The model for pictures of any size: its average pool takes 7 × 7 pixels, all that are left of 224 × 224. */
function ofAnySize(model: OnnxModel, [H, W]: readonly [number, number]): OnnxModel {
  return {
    ...model,
    inputs: model.inputs.map((info) => ({ ...info, shape: ['N', 3, H, W] })),
    nodes: model.nodes.map((node) =>
      node.op === 'AveragePool' ? { ...node, op: 'GlobalAveragePool', attributes: new Map() } : node,
    ),
  }
}

function trainingStep(
  model: OnnxModel,
  [N, H, W]: readonly [number, number, number],
  labels: Float32Array,
): { readonly graph: Graph; readonly network: Included } {
  const behind = readBehind(model, FROZEN)
  const graph = new Graph()
  const x = graph.input('pictures', [N, H, W, 3])
  const network = includeTrainable(graph, importOnnx(model, { batch: N }), {
    inputs: new Map([['x', x]]),
    trainable: (name) => behind.has(name),
  })
  const logits = network.outputs.get('logits')!
  const rows = graph.op('view', [logits], { offset: 0, shape: [N, 1, 1, CLASSES] })
  const weight = graph.constant(new Float32Array(N).fill(1), [N, 1, 1, 1])
  const target = graph.constant(oneHot(labels), [N, 1, 1, CLASSES])
  const loss = graph.op('crossEntropy', [rows, target, weight], {})
  const gradients = packTensors(graph, network.arena, backward(graph, loss, network.weights))
  adamStep(graph, network.parameters, gradients)
  for (const [name, tensor] of Object.entries({ logits, loss, gradients })) graph.output(name, tensor)
  return { graph, network }
}

function oneHot(labels: Float32Array): Float32Array {
  const target = new Float32Array(labels.length * CLASSES)
  for (const [n, label] of labels.entries()) target[n * CLASSES + label] = 1
  return target
}
