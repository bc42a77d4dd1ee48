import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { backward } from '../src/autograd/backward.ts'
import { INITIAL_SCALING } from '../src/autograd/scaling.ts'
import { PORTABLE } from '../src/device/traits.ts'
import { compile } from '../src/graph/compile.ts'
import { Executor, Variables } from '../src/graph/execute.ts'
import { Graph } from '../src/graph/graph.ts'
import type { Precision } from '../src/graph/half.ts'
import { conv2dDefaults } from '../src/kernels/conv/conv2d.ts'
import { elems, type Tensor } from '../src/kernels/op.ts'
import { usedInBlocks } from '../src/model/arena.ts'
import { trainingGraph } from '../src/model/graphs.ts'
import { reportNetwork } from '../src/model/report/index.ts'
import { layoutOf } from '../src/model/report/layout.ts'
import { checkpointPath } from '../src/node/store/run-folder.ts'
import { readCheckpoint } from '../src/node/weights.ts'
import type { Batch, TrainingSource } from '../src/train/batches.ts'
import { stepBatch, type TrainingSettings } from '../src/train/settings.ts'
import type { Start } from '../src/train/state.ts'
import { useGpu } from './device.ts'
import { draw, seeded } from './harness.ts'
import { HALF_RTOL } from './tolerance.ts'
import { trainIn } from './training.ts'

const gpu = useGpu()
const NETWORK = { width: 0.1, classes: 5, squaredClasses: true, head: 'ab' as const }
const SETTINGS: TrainingSettings = {
  ...{ size: 16, seed: 3, batch: 4, accumulate: 1, learningRate: 1e-3, fit: 'crop' },
  ...{ loss: 'squared', schedule: 'steps', warmup: 0, averaging: 0.9, classVectors: [] },
  ...{ classDropout: 0, lightnessJitter: 0, data: 'test', precision: 'f16' },
}

describe('the plan of a training step with float16', () => {
  const image = { batch: 2, height: 32, width: 32 }
  const graph = trainingGraph(reportNetwork(NETWORK), image, { scaled: true, average: true })
  const plan = compile(graph, 2 ** 27, PORTABLE, { precision: 'f16' })
  const stored = (ops: RegExp) =>
    graph.nodes
      .filter(({ op, id }) => ops.test(op) && plan.nodeOutputs.has(id))
      .map(({ id }) => plan.nodeOutputs.get(id)!.map(({ half }) => half))

  it('hands activations and their gradients on in half the memory, but for the ends', () => {
    const forward = stored(/^(conv2d|batchNormTrain)$/).map(([first]) => first)
    expect(forward.filter((half) => !half)).toHaveLength(1) // the last layer, of which tanh is taken
    const gradients = stored(/^(conv2dGradInput|batchNormGrad)$/).map(([first]) => first)
    expect(gradients.every(Boolean)).toBe(true)
  })

  it('keeps statistics, gradients of weights and all that they are put together from in float32', () => {
    const sums = [...stored(/^(conv2dGradWeight|sumRows|embed|lerp|adam)$/).flat()]
    const vectors = stored(/^batchNorm(Train|Grad)$/).flatMap(([, ...rest]) => rest)
    expect([...sums, ...vectors].some(Boolean)).toBe(false)
  })
})

/**
 * Layers whose sums have no terms of different signs: there a relative error of each term is at most that of the sum, so
 * every stored tensor adds half's unit roundoff and no more. The loss is the mean square, whose gradient has no
 * difference in it where the target is zero.
 */
function positiveNetwork(precision: Precision) {
  const graph = new Graph()
  const random = seeded('positive')
  const weights: Tensor[] = []
  const values = new Map<string, Float32Array>()
  const input = (name: string, shape: readonly number[]) => {
    values.set(name, draw(elems({ shape }), 'positive', random))
    return graph.input(name, shape)
  }
  const layer = (x: Tensor, channels: number, stride: number) => {
    const shape = [3, 3, graph.shape(x)[3]!, channels]
    const weight = input(`w${weights.length}`, shape)
    weights.push(weight)
    return graph.op('conv2d', [x, weight], {
      ...conv2dDefaults,
      stride: [stride, stride],
      activation: 'relu',
    })
  }
  let y = layer(graph.op('scale', [input('x', [2, 8, 8, 3])], { factor: 1 / 64 }), 3, 2)
  y = graph.op('scale', [y], { factor: 1 / 64 })
  y = graph.op('upsample', [layer(y, 3, 1)], { factor: 2 })
  y = graph.op('scale', [layer(y, 3, 1)], { factor: 1 / 64 })
  const target = graph.constant(new Float32Array(elems({ shape: graph.shape(y) })), graph.shape(y))
  const gradients = backward(graph, graph.op('mse', [y, target], {}), weights)
  for (const [i, gradient] of gradients.entries()) graph.output(`g${i}`, gradient)
  return { plan: compile(graph, 2 ** 27, PORTABLE, { precision }), values, names: [...graph.outputs.keys()] }
}

describe('gradients with float16', () => {
  it('differ by no more than a rounding for each tensor that is stored so', async ({ skip }) => {
    skip(!gpu().has('shader-f16'), 'the adapter has no 16-bit floats')
    const results: Float32Array[][] = []
    let roundings = 0
    for (const precision of ['f32', 'f16'] as const) {
      const { plan, values, names } = positiveNetwork(precision)
      roundings = [...plan.nodeOutputs.values()].flat().filter(({ half }) => half).length
      const executor = await Executor.create(gpu(), plan, new Variables(gpu()))
      for (const [name, data] of values) executor.upload(name, data)
      results.push(await executor.run(names))
      executor.destroy()
    }
    const [full, half] = results as [Float32Array[], Float32Array[]]
    const errors = full.flatMap((want, i) => [
      ...want.map((value, at) => Math.abs(half[i]![at]! / value - 1)),
    ])
    const worst = errors.reduce((most, error) => Math.max(most, error), 0)
    const bound = (1 + HALF_RTOL) ** roundings - 1
    console.log(
      `${roundings} tensors in float16: gradients differ by ${worst.toExponential(1)} of ${bound.toExponential(1)}`,
    )
    expect(roundings).toBeGreaterThan(8)
    expect(worst).toBeGreaterThan(1e-5)
    expect(worst).toBeLessThan(bound)
  })
})

describe('the scale of the loss', () => {
  /** What a step of two blocks of gradients, the second one of 10 elements, makes of the state, and its factor. */
  async function judged(state: readonly number[], change: Record<number, number>) {
    const graph = new Graph()
    const operands = [graph.input('state', [4]), graph.input('gradients', [128]), graph.input('used', [2])]
    const results = graph.all('lossScaling', operands, { every: 5, most: 64 })
    for (const [i, name] of ['state', 'factor'].entries()) graph.output(name, results[i]!)
    const executor = await Executor.create(gpu(), compile(graph, 2 ** 27), new Variables(gpu()))
    executor.upload('state', Float32Array.from(state))
    executor.upload('gradients', Object.assign(new Float32Array(128).fill(3e38), change))
    executor.upload('used', Float32Array.of(64, 10))
    const [after, factor] = await executor.run(['state', 'factor'])
    executor.destroy()
    return [...after!, ...factor!]
  }

  it('is halved by a gradient that is not finite, and doubled after enough that are', async () => {
    expect(await judged([32, 2, 1, 0], {})).toEqual([32, 3, 1, 0, 1 / 32])
    expect(await judged([32, 4, 1, 0], {})).toEqual([64, 0, 1, 0, 1 / 32])
    expect(await judged([64, 4, 1, 0], {})).toEqual([64, 0, 1, 0, 1 / 64])
    for (const value of [Number.NaN, Infinity, -Infinity])
      for (const at of [0, 63, 73])
        expect(await judged([32, 4, 1, 0], { [at]: value })).toEqual([16, 0, 2, 0, 0])
  })

  it('knows what lies between tensors, and skips nothing that no scale would mend', async () => {
    expect(await judged([32, 2, 1, 0], { 74: Number.NaN, 127: Infinity })).toEqual([32, 3, 1, 0, 1 / 32])
    expect(await judged([1, 2, 1, 0], { 3: Number.NaN })).toEqual([1, 3, 1, 0, 1])
    const { parameters } = layoutOf(NETWORK)
    const sizes = parameters.tensors.map(elems)
    const used = usedInBlocks(parameters)
    expect(used.reduce((a, b) => a + b)).toBe(sizes.reduce((a, b) => a + b))
    for (const [i, { offset }] of parameters.tensors.entries())
      expect(used[offset / 64]).toBe(Math.min(64, sizes[i]!))
  })
})

describe('training with float16', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'colorizer-half-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  /** Steps on one batch; of the first ones the colours are so far off that their gradients overflow. */
  const source = (far: number, count: number): TrainingSource => ({
    ...{ length: count, batchesPerEpoch: 1000 },
    async *batches({ position }) {
      const random = seeded('half training')
      const [L, ab] = [draw(count * 256, 'unit', random), draw(count * 512, 'wide', random)]
      const features = new Float32Array(count * NETWORK.classes)
      for (let i = position; ; i++) {
        const colours = i < far ? ab.map((value) => 1e5 * value) : ab
        yield { L, ab: colours, features, epoch: 0, position: i + 1, lastOfEpoch: false } as Batch
      }
    },
    async close() {},
  })

  async function trained(
    name: string,
    steps: number,
    far: number,
    change = {},
    start: Start = { kind: 'fresh' },
  ) {
    const settings = { ...SETTINGS, ...change }
    const training = { network: reportNetwork(NETWORK), settings, steps, out: join(folder, name), start }
    return (await trainIn(gpu(), source(far, stepBatch(settings)), training)).checkpoint
  }

  it('skips steps whose gradients overflow, and goes on to the same bytes when resumed', async ({ skip }) => {
    skip(!gpu().has('shader-f16'), 'the adapter has no 16-bit floats')
    const skipped = await trained('skipped', 2, 2)
    expect(skipped.scaling).toEqual([INITIAL_SCALING[0]! / 4, 0, 2, 0])
    expect(skipped.m.every((value) => value === 0)).toBe(true)
    const whole = await trained('whole', 5, 2)
    expect(whole.scaling![2]).toBeGreaterThanOrEqual(2)
    expect(whole.scaling![2]).toBeLessThan(5)
    expect(whole.m.some((value) => value !== 0)).toBe(true)
    await trained('parts', 2, 2)
    const checkpoint = await readCheckpoint(checkpointPath(join(folder, 'parts')))
    await trained('parts', 5, 2, {}, { kind: 'resume', checkpoint })
    const [a, b] = await Promise.all(['whole', 'parts'].map((n) => readFile(checkpointPath(join(folder, n)))))
    expect(a!.equals(b!)).toBe(true)
  })

  it('recovers from a skipped step whose gradients were accumulated', async ({ skip }) => {
    skip(!gpu().has('shader-f16'), 'the adapter has no 16-bit floats')
    const { scaling, m } = await trained('accumulated', 6, 1, { accumulate: 2 })
    expect(scaling![2]).toBeGreaterThanOrEqual(1)
    expect(scaling![1]).toBeGreaterThan(0)
    expect(m.some((value) => value !== 0)).toBe(true)
  })
})
