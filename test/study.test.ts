/** Pictures that are looked at once and coloured with one hint after another. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { resize } from '../src/color/resample.ts'
import { UserError } from '../src/errors.ts'
import { Executor } from '../src/graph/execute.ts'
import { Graph } from '../src/graph/graph.ts'
import { runReference } from '../src/graph/reference.ts'
import { rewriteForInference } from '../src/graph/rewrite.ts'
import { splitAtInput } from '../src/graph/split.ts'
import type { ToldColour } from '../src/infer/hints.ts'
import { type Predictor, predictorOf } from '../src/infer/predictor.ts'
import type { LikelyColour } from '../src/infer/study.ts'
import { FINE_BINS } from '../src/model/bins.ts'
import { inferenceGraph } from '../src/model/graphs.ts'
import type { Network } from '../src/model/network.ts'
import { type Architecture, pyramidNetwork } from '../src/model/pyramid/index.ts'
import { reportNetwork } from '../src/model/report/index.ts'
import type { Trunk } from '../src/model/trunk.ts'
import { readWeights, SHIPPED } from '../src/node/weights.ts'
import { convolutionsOf } from '../src/tune/convolutions.ts'
import { useGpu } from './device.ts'
import { seeded } from './harness.ts'
import { SHA256, smallTrunk } from './trunk-models.ts'

const gpu = useGpu()

describe('a graph in two parts', () => {
  const graph = new Graph()
  const [x, hint] = [graph.input('x', [4]), graph.input('hint', [4])]
  const weights = graph.variable('weights', [68])
  const [w, bias] = [0, 64].map((offset) => graph.op('view', [weights], { offset, shape: [4] }))
  const seen = graph.op('binary', [x, w!], { kind: 'mul' })
  const twice = graph.op('scale', [seen], { factor: 2 })
  const told = graph.op('binary', [hint, bias!], { kind: 'add' })
  graph.output('y', graph.op('binary', [twice, told], { kind: 'mul' }))
  graph.output('seen', seen)
  const { early, late } = splitAtInput(graph, 'hint')
  const values = {
    x: Float64Array.of(1, 2, 3, 4),
    hint: Float64Array.of(5, 6, 7, 8),
    weights: Float64Array.from({ length: 68 }, (_, i) => i - 3),
  }
  const outputsOf = (part: Graph, given: Record<string, Float64Array>) => {
    const computed = runReference(part, new Map(Object.entries(given)))
    return Object.fromEntries([...part.outputs].map(([name, tensor]) => [name, computed.get(tensor)!]))
  }

  it('gives in its second part what the whole gives', () => {
    const { hint, ...others } = values
    const kept = outputsOf(early, others)
    const { weights } = values
    expect(outputsOf(late, { hint, weights, ...kept })).toEqual(outputsOf(graph, values))
  })

  it('keeps what the hint has no influence on and somebody reads, but no views of weights', () => {
    const shapes = [...early.outputs.values()].map((tensor) => early.shape(tensor))
    expect(shapes).toEqual([[4], [4]]) // twice and seen
    expect(early.nodes.map(({ op }) => op).sort()).toEqual(['binary', 'scale', 'view', 'view'])
    expect(late.nodes.map(({ op }) => op).sort()).toEqual(['binary', 'binary', 'view', 'view'])
  })
})

const architecture = {
  ...{ trunk: { name: 'small', sha256: SHA256 }, classes: 5, width: 0.1, hints: true },
} as const

const photo = {
  ...{ width: 80, height: 64 },
  rgb: Uint8Array.from({ length: 3 * 80 * 64 }, (_, at) => (Math.floor(at / 3) * 7) % 256),
}
const features = Float32Array.of(0.1, 0, 0.6, 0.3, 0)
const RED: ToldColour = { x: 0.3, y: 0.3, a: 60, b: 40 }
const BLUE: ToldColour = { x: 0.9, y: 0.8, a: 10, b: -60, radius: 0.1 }

let trunk: Trunk
const opened: Predictor[] = []
beforeAll(async () => {
  trunk = await smallTrunk()
})
afterAll(() => {
  for (const predictor of opened) predictor.destroy()
})

function predictorOn(network: Network, precision: 'f32' | 'f16' = 'f32'): Predictor {
  const random = seeded('study')
  const { parameters, statistics } = network.initial(random)
  const weights = {
    ...{ network, statistics, metadata: { settings: JSON.stringify({ size: 64 }) } },
    parameters: parameters.map((value) => value || 0.4 * random() - 0.2),
  }
  const predictor = predictorOf(gpu(), weights, { resize: async (...of) => resize(...of), precision })
  opened.push(predictor)
  return predictor
}
const pyramid = (chosen: Partial<Architecture> = {}) =>
  pyramidNetwork({ ...architecture, head: 'bins', ...chosen }, trunk)
/** The same, but its colours are not evened out. */
const blotchy = (network: Network): Network => ({
  ...network,
  build: (...of) => ({ ...network.build(...of), cellLightness: null }),
})

describe('a study', () => {
  it.each(['ab', 'bins'] as const)(
    'gives the colours of a single pass, hints or none: head %s',
    async (head) => {
      const predictor = predictorOn(pyramid({ head }))
      const study = await predictor.study(photo, features)
      for (const told of [[], [RED], [RED, BLUE], []])
        expect(await study.colours(told)).toEqual(await predictor.predict(photo, features, told))
      study.destroy()
    },
  )

  it.each([
    [20, 12],
    [9, 70],
    [1, 1],
  ])('gives the colours of a single pass for a tiny picture, too: %i × %i', async (width, height) => {
    const rgb = Uint8Array.from({ length: 3 * width * height }, (_, at) => (Math.floor(at / 3) * 37) % 256)
    const predictor = predictorOn(pyramid())
    const study = await predictor.study({ width, height, rgb }, features)
    for (const told of [[], [RED, BLUE]])
      expect(await study.colours(told)).toEqual(
        await predictor.predict({ width, height, rgb }, features, told),
      )
    study.destroy()
    const plain = await predictorOn(blotchy(pyramid())).study({ width, height, rgb }, features)
    const { ab } = await plain.colours()
    const last = await plain.likely(1, 1)
    const mean = last.reduce((sum, { a, probability }) => sum + a * probability, 0)
    expect(mean).toBeCloseTo(ab.at(-2)!, 3)
    plain.destroy()
  })

  it('gives colours that a caller may change', async () => {
    const study = await predictorOn(pyramid()).study(photo, features)
    const { ab } = await study.colours([RED])
    const before = ab.slice()
    ab.fill(0)
    expect((await study.colours([RED])).ab).toEqual(before)
    study.destroy()
  })

  it('compiles its kernels while the classes are still found out', async () => {
    const predictor = predictorOn(pyramid())
    let found: (features: Float32Array) => void = () => {}
    const kernel = vi.spyOn(gpu(), 'kernel')
    const studying = predictor.study(photo, new Promise<Float32Array>((resolve) => (found = resolve)))
    const compiled = () => kernel.mock.calls.map(([shader]) => shader)
    await vi.waitFor(() => expect(compiled()).toContain('spread_hints'), 20_000)
    kernel.mockRestore()
    found(features)
    const study = await studying
    expect(await study.colours()).toEqual(await predictor.predict(photo, features))
    study.destroy()
  })

  it('leaves no memory behind where the classes are not found out', async () => {
    const predictor = predictorOn(pyramid())
    const { pool } = gpu()
    const failing = async () => {
      const features = new Promise<never>((_, fail) => setTimeout(() => fail(new Error('no classes')), 50))
      await expect(predictor.study(photo, features)).rejects.toThrow('no classes')
      await gpu().idle()
      return pool.created
    }
    const first = await failing()
    expect(await failing()).toBe(first)
    expect(await failing()).toBe(first)
  })

  it('gives nearly the same with float16', async ({ skip }) => {
    skip(!gpu().has('shader-f16'), 'the adapter has no 16-bit floats')
    const [exact, halved] = [predictorOn(pyramid()), predictorOn(pyramid(), 'f16')]
    const study = await halved.study(photo, features)
    const [wanted, got] = [await exact.predict(photo, features, [RED]), await study.colours([RED])]
    const errors = Array.from(wanted.ab, (value, i) => Math.abs(value - got.ab[i]!))
    expect(Math.max(...errors)).toBeGreaterThan(0)
    expect(Math.max(...errors)).toBeLessThan(0.02 * Math.max(...wanted.ab.map(Math.abs)))
    study.destroy()
  })

  it('costs a colouring without hints nothing; both are evened out', async () => {
    const predictor = predictorOn(pyramid())
    const encode = vi.spyOn(Executor.prototype, 'encode')
    await predictor.predict(photo)
    await predictor.predict(photo, features, [RED])
    const plans = encode.mock.contexts.map((executor) => (executor as Executor).plan)
    encode.mockRestore()
    const have = (op: string) => plans.map(({ steps }) => steps.some(({ node }) => node.op === op))
    expect(have('spreadHints')).toEqual([false, true])
    expect(have('bilateral')).toEqual([true, true])
  })

  it("computes 52% of the shipped network's products again for other hints, as docs/pyramid.md says", async () => {
    const { network } = await readWeights(SHIPPED)
    const size = { batch: 1, width: 160, height: 160 }
    const graph = inferenceGraph(network, size, { logits: true, even: true, spread: true })
    const products = (part: Graph) =>
      convolutionsOf([rewriteForInference(part)]).reduce(
        (sum, { flops, layers }) => sum + flops * layers.length,
        0,
      )
    const { late } = splitAtInput(graph, 'hints')
    expect(products(late) / products(graph)).toBeCloseTo(0.52, 2)
  })

  it('changes colours where they are told, most of all there', async () => {
    const study = await predictorOn(pyramid({ head: 'ab' })).study(photo)
    const [before, after] = [await study.colours(), await study.colours([RED])]
    const { width, height } = before
    expect([width, height]).toEqual([24, 16])
    const change = (x: number, y: number) => {
      const at = 2 * (y * width + x)
      return Math.hypot(after.ab[at]! - before.ab[at]!, after.ab[at + 1]! - before.ab[at + 1]!)
    }
    const told = [Math.floor(RED.x * width), Math.floor(RED.y * height)] as const
    expect(change(...told)).toBeGreaterThan(0.5)
    expect(change(...told)).toBeGreaterThan(5 * change(23, 15))
    study.destroy()
  })

  it('says how likely each colour is: the mean is what is painted, before it is evened out', async () => {
    const study = await predictorOn(pyramid()).study(photo, features)
    const plain = await predictorOn(blotchy(pyramid())).study(photo, features)
    expect((await study.colours()).ab).not.toEqual((await plain.colours()).ab)
    for (const [x, y] of [
      [RED.x, RED.y],
      [0, 0],
      [1, 1],
    ] as const) {
      const { ab, width, height } = await plain.colours()
      const likely = await study.likely(x, y)
      expect(likely.length).toBe(FINE_BINS.count)
      const sum = (of: (colour: LikelyColour) => number) => likely.reduce((total, one) => total + of(one), 0)
      expect(sum(({ probability }) => probability)).toBeCloseTo(1, 9)
      const falls = likely.every(({ probability }, i) => i === 0 || probability <= likely[i - 1]!.probability)
      expect(falls).toBe(true)
      const [row, column] = [
        Math.min(height - 1, Math.floor(y * height)),
        Math.min(width - 1, Math.floor(x * width)),
      ]
      const at = 2 * (row * width + column)
      expect(sum(({ a, probability }) => a * probability)).toBeCloseTo(ab[at]!, 3)
      expect(sum(({ b, probability }) => b * probability)).toBeCloseTo(ab[at + 1]!, 3)
    }
    study.destroy()
    plain.destroy()
  })

  it('paints overlapping calls as if each were alone', async () => {
    const study = await predictorOn(pyramid()).study(photo)
    const tellings = [[RED], [BLUE], [], [RED]]
    const together = await Promise.all(tellings.map((told) => study.colours(told)))
    for (const [i, told] of tellings.entries()) expect(await study.colours(told)).toEqual(together[i])
    expect(together[0]).not.toEqual(together[1])
    study.destroy()
  })

  it('computes in a pass what depends on hints alone, and nothing when it is asked the same again', async () => {
    const predictor = predictorOn(pyramid())
    const study = await predictor.study(photo, features)
    const encode = vi.spyOn(Executor.prototype, 'encode')
    await study.colours([RED])
    await study.likely(0.5, 0.5, [RED])
    await study.colours([RED])
    const plans = encode.mock.contexts.map((executor) => (executor as Executor).plan)
    encode.mockRestore()
    expect(plans.length).toBe(1)
    const layers = new Set(plans[0]!.steps.map(({ node }) => node.label))
    const [told, decoded] = [
      [4, 8, 16, 32].map((stride) => `hints${stride}`),
      ['decoder16', 'decoder8', 'decoder4'],
    ]
    expect([...layers].sort()).toEqual(
      [...told, ...decoded, 'decoder.last', 'head', 'concat', 'upsample', 'evened', 'spreadHints'].sort(),
    )
    study.destroy()
  })

  it('gives all its memory back', async () => {
    gpu().pool.trim()
    const before = gpu().pool.created
    const predictor = predictorOn(pyramid())
    const study = await predictor.study(photo)
    await study.colours([BLUE])
    study.destroy()
    study.destroy()
    predictor.destroy()
    gpu().pool.trim()
    expect(gpu().pool.created).toBe(before)
    await expect(study.colours()).rejects.toThrow('this study was disposed of: begin another one')
  })

  it.each<[string, () => Network, (predictor: Predictor) => Promise<unknown>, string]>([
    [
      'a study with a network without hints',
      () => reportNetwork({ width: 0.1, classes: 5 }),
      (predictor) => predictor.study(photo),
      'these weights cannot be told colours: the network is a report that takes no hints',
    ],
    [
      'hints for it in a single pass',
      () => pyramid({ hints: false }),
      (predictor) => predictor.predict(photo, features, [RED]),
      'these weights cannot be told colours: the network is a pyramid that takes no hints',
    ],
    [
      'probabilities of a network with the head ab',
      () => pyramid({ head: 'ab' }),
      async (predictor) => (await predictor.study(photo)).likely(0.5, 0.5),
      'give one colour for each place, and no probabilities of others',
    ],
  ])('refuses %s', async (_, network, ask, sentence) => {
    const asked = ask(predictorOn(network()))
    await expect(asked).rejects.toThrow(UserError)
    await expect(asked).rejects.toThrow(sentence)
  })
})
