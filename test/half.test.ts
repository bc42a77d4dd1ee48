import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { measurer } from '../src/color/metrics/measure.ts'
import { resize } from '../src/color/resample.ts'
import { halfBits, halfToFloat, toHalf } from '../src/device/float16.ts'
import type { Gpu } from '../src/device/gpu.ts'
import { PORTABLE } from '../src/device/traits.ts'
import { compile, type Plan } from '../src/graph/compile.ts'
import { Executor, Variables } from '../src/graph/execute.ts'
import { Graph } from '../src/graph/graph.ts'
import { predictorOf } from '../src/infer/predictor.ts'
import { conv2dDefaults } from '../src/kernels/conv/conv2d.ts'
import type { Tensor } from '../src/kernels/op.ts'
import { initialStatistics } from '../src/model/arena.ts'
import { reportNetwork } from '../src/model/report/index.ts'
import { initialParameters, layoutOf } from '../src/model/report/layout.ts'
import { readPhoto } from '../src/node/image.ts'
import { findClassifier, loadClassifier } from '../src/node/store/classifiers.ts'
import { precisionOn } from '../src/node/store/tuning.ts'
import { product } from '../src/numbers.ts'
import { useGpu } from './device.ts'
import { seeded } from './harness.ts'

const gpu = useGpu()
const sample = (name: string) =>
  readPhoto(fileURLToPath(new URL(`../samples/photos/${name}.jpg`, import.meta.url)))

const largest = (values: Float32Array) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0)

const halfPlan = (graph: Graph): Plan => compile(graph, 2 ** 27, PORTABLE, { precision: 'f16' })
const storedHalf = (plan: Plan) =>
  [...plan.nodeOutputs].flatMap(([, outputs]) => outputs.map(({ half }) => half))

describe('float16 on the host', () => {
  it('is every one of its numbers again, and rounds to the nearest, ties to even', () => {
    const all = Array.from({ length: 0x10000 }, (_, bits) => bits)
    const numbers = all.filter((bits) => !Number.isNaN(halfToFloat(bits)))
    expect(numbers.map((bits) => halfBits(halfToFloat(bits)))).toEqual(numbers)
    expect(halfToFloat(halfBits(Number.NaN))).toBeNaN()
    expect([2049, 2051, 2049.001, 65519.9, 65520, -1e9].map(toHalf)).toEqual([
      2048,
      2052,
      2050,
      65504,
      Infinity,
      -Infinity,
    ])
    // half of the least step and a little more; the greatest number below a power of two
    expect([2 ** -25, 2 ** -25 * 1.001, 3 * 2 ** -25].map(toHalf)).toEqual([0, 2 ** -24, 2 ** -23])
    expect(toHalf(1 - 2 ** -24)).toBe(1)
  })
})

describe('a plan with float16', () => {
  const chain = (build: (graph: Graph, x: Tensor) => Tensor) => {
    const graph = new Graph()
    graph.output('y', build(graph, graph.op('scale', [graph.input('x', [1, 4, 4, 4])], { factor: 2 })))
    return halfPlan(graph)
  }

  it('keeps inputs and outputs as float32, and what is between them as float16 in half the memory', () => {
    const plan = chain((g, x) => g.op('relu', [x], {}))
    expect(storedHalf(plan)).toEqual([true, false])
    expect(plan.steps.map(({ dispatch }) => dispatch.half)).toEqual([[1], [0]])
    expect(plan.steps[0]!.places[1]!.sizeBytes).toBe(128)
    expect([...plan.inputs.values(), ...plan.outputs.values()].map(({ half }) => half)).toEqual([
      false,
      false,
    ])
  })

  it('gives operators that need float32 what they need', () => {
    const plan = chain((g, x) => g.op('relu', [g.op('tanh', [x], {})], {}))
    expect(storedHalf(plan)).toEqual([false, false, false])
  })

  it('stores all that share memory alike, and parts of a tensor that begin inside of it as float32', () => {
    const shaped = (g: Graph, x: Tensor, offset: number) =>
      g.op('scale', [g.op('view', [x], { offset, shape: [16 - offset / 8] })], { factor: 1 })
    expect(storedHalf(chain((g, x) => g.op('relu', [shaped(g, x, 0)], {})))).toEqual([
      true,
      true,
      true,
      false,
    ])
    const wide = new Graph()
    const x = wide.op('scale', [wide.input('x', [1, 8, 4, 4])], { factor: 2 })
    wide.output('y', wide.op('relu', [wide.op('view', [x], { offset: 64, shape: [64] })], {}))
    expect(storedHalf(halfPlan(wide))).toEqual([false, false, false])
  })

  it('stores weights as float16 unless one of them would become infinite', () => {
    const withWeight = (value: number) => {
      const graph = new Graph()
      const weight = graph.constant(new Float32Array(16).fill(value), [1, 1, 4, 4])
      graph.output('y', graph.op('conv2d', [graph.input('x', [1, 2, 2, 4]), weight], conv2dDefaults))
      return halfPlan(graph).constants.map(({ place }) => place.half)
    }
    expect(withWeight(65504)).toEqual([true])
    expect(withWeight(65520)).toEqual([false])
  })

  it('computes, and in a checked run names the layer where float16 is not enough', async ({ skip }) => {
    skip(!gpu().has('shader-f16'), 'the adapter has no 16-bit floats')
    const graph = new Graph()
    const big = graph.scope('big', () => graph.op('scale', [graph.input('x', [3])], { factor: 1000 }))
    graph.output('y', graph.op('scale', [big], { factor: 0.5 }))
    const executor = await Executor.create(gpu(), halfPlan(graph), new Variables(gpu()))
    const run = (...x: number[]) => {
      executor.upload('x', Float32Array.from(x))
      return executor.runChecked(['y'])
    }
    expect(await run(1, 2, 1.0001)).toEqual([Float32Array.of(500, 1000, 500)])
    await expect(run(1, 2, 66)).rejects.toThrow('layer big: scale (node 0) is the first to give Infinity')
    executor.destroy()
  })
})

/** Weights as a training might leave them: random, and conv5, which begins at zero, too. */
function network(factor = 1) {
  const architecture = { classes: 1000, width: 0.25 }
  const layout = layoutOf(architecture)
  const random = seeded('half')
  const parameters = initialParameters(architecture, random)
  const last = layout.parameters.tensors.find(({ name }) => name === 'decoder.conv5.weight')!
  const length = product(last.shape)
  for (let i = 0; i < length; i++) parameters[last.offset + i] = 100 * (random() - 0.5)
  const statistics = initialStatistics(layout.statistics)
  return {
    network: reportNetwork(architecture),
    parameters: parameters.map((w) => w * factor),
    statistics,
    metadata: {},
  }
}

describe('colouring with float16', () => {
  it.for(['koala', 'cat', 'rocket'])('differs by less than one can see: %s', async (name, { skip }) => {
    skip(!gpu().has('shader-f16'), 'the adapter has no 16-bit floats')
    const photo = await sample(name)
    const [full, half] = [
      predictorOf(gpu(), network(), { resize }),
      predictorOf(gpu(), network(), { resize, precision: 'f16' }),
    ]
    const [want, got] = [await full.predict(photo), await half.predict(photo)]
    full.destroy()
    half.destroy()
    const range = largest(want.ab)
    const worst = largest(want.ab.map((v, i) => v - got.ab[i]!))
    console.log(`${name}: ab up to ${range.toFixed(2)}, float16 differs by ${worst.toFixed(4)} at most`)
    expect(range).toBeGreaterThan(5)
    expect(worst).toBeGreaterThan(0)
    expect(worst).toBeLessThan(0.5)
    const [a, b] = [want, got].map((ab) => measurer(photo)(ab, 1).figures)
    expect(Math.abs(a!.psnr - b!.psnr)).toBeLessThan(0.1)
  })

  it('is refused in one sentence where a value is too large', async ({ skip }) => {
    skip(!gpu().has('shader-f16'), 'the adapter has no 16-bit floats')
    const predictor = predictorOf(gpu(), network(3e4), { resize, precision: 'f16' })
    await expect(predictor.predict(await sample('koala'))).rejects.toThrow(
      'the colours cannot be computed: some value is too large for float16; take float32',
    )
    predictor.destroy()
  })

  it('is refused where the adapter has no 16-bit floats', () => {
    const without = { adapterName: 'a', has: () => false } as unknown as Gpu
    const refused = () => precisionOn(without, 'f16')
    expect(refused).toThrow('the adapter a has no 16-bit floats (shader-f16), which the precision f16 needs')
    expect(refused).toThrow(expect.objectContaining({ trouble: 'adapter' }))
    expect(precisionOn(without, 'f32')).toBe('f32')
  })

  it('sees the same in photographs', async ({ skip }) => {
    skip(!gpu().has('shader-f16'), 'the adapter has no 16-bit floats')
    const file = (await findClassifier('mobilenet-v1'))!
    const photos = await Promise.all(['koala', 'bee'].map(sample))
    const [full, half] = [
      await loadClassifier(gpu(), file),
      await loadClassifier(gpu(), file, { precision: 'f16' }),
    ]
    const [want, got] = [await full.classify(photos), await half.classify(photos)]
    full.destroy()
    half.destroy()
    for (const [i, expected] of want.entries()) {
      const worst = largest(expected.map((p, k) => p - got[i]![k]!))
      console.log(`MobileNet v1: float16 changes a probability by ${worst.toFixed(5)} at most`)
      expect(worst).toBeGreaterThan(0)
      expect(worst).toBeLessThan(0.02)
    }
  })
})
