import { describe, expect, it } from 'vitest'
import { adamHyper, adamStep } from '../src/autograd/adam.ts'
import { packTensors } from '../src/autograd/arena.ts'
import { backward } from '../src/autograd/backward.ts'
import type { Gpu } from '../src/device/gpu.ts'
import { compile } from '../src/graph/compile.ts'
import { Executor, Variables } from '../src/graph/execute.ts'
import { Graph } from '../src/graph/graph.ts'
import { importOnnx } from '../src/io/onnx/import.ts'
import type { OnnxModel } from '../src/io/onnx/model.ts'
import type { HostTensor } from '../src/io/onnx/tensors.ts'
import { type Included, includeTrainable, readBehind, weightsIn } from '../src/io/onnx/trainable.ts'
import { readModel } from '../src/node/onnx-file.ts'
import { readSafetensors } from '../src/node/safetensors.ts'
import { useGpu } from './device.ts'

/*
 * The last block of MobileNet v1, behind a frozen rest, is trained for some steps on four photographs. What must come out was
 * computed by PyTorch in float64: see golden/finetune_torch.py, which also says what the keys are.
 */
const { tensors: golden } = await readSafetensors('test/golden/finetune.safetensors')
const FROZEN = 'Clip_74'
const LEARNING_RATE = 1e-4
const CLASSES = 1000
const [N, H, W] = golden.get('input')!.shape as [number, number, number]

/** Relative errors that are allowed whatever PyTorch's float32 loses, and how many times as much as that may be lost. */
const FLOORS = { logits: 2e-5, losses: 1e-4, grad: 1e-4, change: 1e-4 } as const
const NOISE_FACTOR = 10

const gpu = useGpu()

/** The model for pictures of any size: its average pool takes 7×7 pixels, all that are left of 224×224. */
function ofAnySize(model: OnnxModel): OnnxModel {
  const isPool = ({ op }: { op: string }) => op === 'AveragePool'
  return {
    ...model,
    inputs: model.inputs.map((info) => ({ ...info, shape: ['N', 3, H, W] })),
    nodes: model.nodes.map((node) =>
      isPool(node) ? { ...node, op: 'GlobalAveragePool', attributes: new Map() } : node,
    ),
  }
}

async function trainingStep() {
  const model = ofAnySize(await readModel('weights/mobilenet_v1.onnx'))
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
  const loss = graph.op('crossEntropy', [rows, graph.constant(oneHot(), [N, 1, 1, CLASSES]), weight], {})
  const gradients = packTensors(graph, network.arena, backward(graph, loss, network.weights))
  adamStep(graph, network.parameters, gradients)
  for (const [name, tensor] of Object.entries({ logits, loss, gradients })) graph.output(name, tensor)
  return { graph, network }
}

function oneHot(): Float32Array {
  const target = new Float32Array(N * CLASSES)
  golden.get('labels')!.data.forEach((label, n) => {
    target[n * CLASSES + label] = 1
  })
  return target
}

/** Grey levels as three equal channels in −1…1. */
const pictures = () =>
  Float32Array.from(
    { length: N * H * W * 3 },
    (_, i) => golden.get('input')!.data[Math.floor(i / 3)]! / 127.5 - 1,
  )

/** What PyTorch computed, by the same keys; tensors whole. */
async function fineTune(device: Gpu): Promise<{ network: Included; results: Map<string, Float32Array> }> {
  const { graph, network } = await trainingStep()
  const variables = new Variables(device)
  variables.set('parameters', network.initial)
  for (const name of ['adam.m', 'adam.v']) variables.set(name, new Float32Array(network.initial.length))
  const plan = compile(graph, device.device.limits.maxStorageBufferBindingSize, device.traits)
  const executor = await Executor.create(device, plan, variables)
  const results = new Map<string, Float32Array>()
  const losses = golden.get('losses')!.data.map(() => Number.NaN)
  for (const step of losses.keys()) {
    executor.upload('pictures', pictures())
    executor.upload('adam.hyper', adamHyper(LEARNING_RATE, step + 1))
    const [loss, logits, gradients] = await executor.run(['loss', 'logits', 'gradients'])
    losses[step] = loss![0]!
    if (step > 0) continue
    results.set('logits', logits!)
    for (const [name, { data }] of weightsIn(network, gradients!))
      results.set(`grad/${name}`, data as Float32Array)
  }
  results.set('losses', losses)
  const last = weightsIn(network, await variables.get('parameters'))
  for (const [name, first] of weightsIn(network, network.initial))
    results.set(`change/${name}`, difference(last.get(name)!, first))
  executor.destroy()
  variables.destroy()
  return { network, results }
}

const difference = (a: HostTensor, b: HostTensor) =>
  Float32Array.from(a.data as Float32Array, (value, i) => value - Number(b.data[i]))

const norm = (data: ArrayLike<number>) => Math.hypot(...Array.from(data))

/** Every k-th element, as many as PyTorch kept. */
function sampled(data: Float32Array, count: number): Float32Array {
  const step = Math.ceil(data.length / count)
  return data.filter((_, i) => i % step === 0)
}

/** The error of one key as a share of what is allowed; at most 1 is right. Of the norm of the whole tensor, too. */
function shareOf(key: string, ours: Float32Array, theirs = golden.get(key)!.data): number {
  const mine = sampled(ours, theirs.length)
  expect(mine.length, key).toBe(theirs.length)
  const error = norm(mine.map((value, i) => value - theirs[i]!)) / norm(theirs)
  const whole = golden.get(`norm/${key}`)!.data[0]!
  const sumOfSquares = ours.reduce((sum, value) => sum + value ** 2, 0)
  const floor = FLOORS[key.split('/')[0] as keyof typeof FLOORS]
  const allowed = Math.max(floor, NOISE_FACTOR * golden.get(`noise/${key}`)!.data[0]!)
  return Math.max(error, Math.abs(Math.sqrt(sumOfSquares) / whole - 1)) / allowed
}

describe("MobileNet's last block, fine-tuned", () => {
  it('takes the steps that PyTorch takes', { timeout: 300_000 }, async () => {
    const { network, results } = await fineTune(gpu())
    const names = [
      'conv25.weight',
      'conv25.bias',
      'conv26.weight',
      'conv26.bias',
      'conv27.weight',
      'conv27.bias',
    ]
    expect(network.arena.tensors.map(({ name }) => name)).toEqual(names)
    const keys = ['logits', 'losses', ...names.flatMap((name) => [`grad/${name}`, `change/${name}`])]
    expect([...results.keys()].sort()).toEqual(keys.sort())
    const shares = keys.map((key) => [key, shareOf(key, results.get(key)!)] as const)
    expect(shares.filter(([, share]) => !(share <= 1))).toEqual([])
    const losses = [...results.get('losses')!]
    expect(losses).toEqual(losses.toSorted((a, b) => b - a))
    // a comparison that would also take other numbers says nothing
    for (const key of keys) {
      const changed = Float32Array.from(golden.get(key)!.data)
      changed[changed.length >> 1]! += norm(changed) / 20
      expect(shareOf(key, results.get(key)!, changed), key).toBeGreaterThan(1)
    }
  })
})
