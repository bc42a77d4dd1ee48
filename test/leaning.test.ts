/** Probabilities of colours that are moved before their mean is taken. */
import { expect, it } from 'vitest'
import { resize } from '../src/color/resample.ts'
import { Executor, uploadNeeded, Variables } from '../src/graph/execute.ts'
import { networkInputs } from '../src/infer/inputs.ts'
import { coloursOf, drawnLean, leans, priorTowards } from '../src/infer/leaning.ts'
import { inferencePlan, leaningPlan } from '../src/infer/plans.ts'
import { predictorOf } from '../src/infer/predictor.ts'
import { inferenceGraph } from '../src/model/graphs.ts'
import { reportNetwork } from '../src/model/report/index.ts'
import { useGpu } from './device.ts'
import { draw, seeded } from './harness.ts'

const gpu = useGpu()
const size = { width: 24, height: 16 }
const L = draw(size.width * size.height, 'normal', seeded('lightness'))

function networkWith(head: 'ab' | 'bins') {
  const network = reportNetwork({ width: 0.1, classes: 5, head })
  const parameters = draw(network.layout.parameters.length, 'normal', seeded('leaning')).map(
    (value) => value / 5,
  )
  const statistics = new Float32Array(network.layout.statistics.length).fill(1)
  return { network, parameters, statistics, metadata: { settings: JSON.stringify({ size: 16 }) } }
}

const predictorWith = (head: 'ab' | 'bins') =>
  predictorOf(gpu(), networkWith(head), { resize: async (...of) => resize(...of) })

const photo = {
  ...{ width: 30, height: 20 },
  rgb: Uint8Array.from({ length: 3 * 30 * 20 }, (_, at) => (Math.floor(at / 3) * 7) % 256),
}

const mean = (values: Float32Array, axis: 0 | 1) => {
  const own = values.filter((_, i) => i % 2 === axis)
  return own.reduce((a, b) => a + b, 0) / own.length
}

it('are those of the logits by the temperature, the lean and the prior, to the rounding of float32', async () => {
  const { network, parameters, statistics } = networkWith('bins')
  const bins = network.bins!
  const variables = new Variables(gpu())
  variables.set('parameters', parameters)
  variables.set('statistics', statistics)
  const features = new Float32Array(5)
  const graph = inferenceGraph(network, { batch: 1, ...size }, { logits: true })
  const plain = await Executor.create(gpu(), inferencePlan(gpu(), graph, null), variables)
  uploadNeeded(plain, networkInputs({ L, features }))
  const [logits] = await plain.run(['logits'])
  const plan = leaningPlan(gpu(), { network, bins, ...size, temperature: 0.7 }, null)
  const leaning = await Executor.create(gpu(), plan, variables)
  const [, height, width] = plan.inputs.get('lean')!.shape as [number, number, number, number]
  const lean = drawnLean({ width, height }, 5, 1)
  const prior = draw(bins.count, 'normal', seeded('prior'))
  uploadNeeded(leaning, networkInputs({ L, features }))
  leaning.upload('lean', lean)
  leaning.upload('prior', prior)
  const [ab, shares] = await leaning.run(['ab', 'shares'])
  const expectedShares = new Float64Array(bins.count)
  for (let place = 0; place < width * height; place++) {
    const moved = Array.from({ length: bins.count }, (_, k) => {
      const colour = lean[2 * place]! * bins.centres[2 * k]! + lean[2 * place + 1]! * bins.centres[2 * k + 1]!
      return logits![place * bins.count + k]! / 0.7 + colour + prior[k]!
    })
    const most = Math.max(...moved)
    const weights = moved.map((value) => Math.exp(value - most))
    const sum = weights.reduce((a, b) => a + b)
    for (const axis of [0, 1]) {
      const expected = weights.reduce((a, weight, k) => a + (weight / sum) * bins.centres[2 * k + axis]!, 0)
      expect(Math.abs(ab![2 * place + axis]! - expected)).toBeLessThan(0.01)
    }
    for (const [k, weight] of weights.entries()) expectedShares[k]! += weight / sum / (width * height)
  }
  for (const [k, share] of expectedShares.entries()) expect(Math.abs(shares![k]! - share)).toBeLessThan(1e-4)
  for (const one of [plain, leaning, variables]) one.destroy()
})

it('move the colours by chance, the same for the same seed, and by the temperature', async () => {
  const predictor = predictorWith('bins')
  const colours = async (leaning?: Parameters<typeof predictor.predict>[3]) =>
    (await predictor.predict(photo, undefined, [], leaning)).ab
  const variant = (seed: number, number: number) => colours({ variant: { seed, number } })
  const [first, again] = [await variant(1, 0), await variant(1, 0)]
  expect(again).toEqual(first)
  for (const other of [await colours(), await variant(1, 1), await variant(2, 0)])
    expect(other).not.toEqual(first)
  const own = reportNetwork({ width: 0.1, classes: 5, head: 'bins' }).bins!
  const [sharp, flat] = [await colours({ temperature: 0.1 }), await colours({ temperature: 3 })]
  const chroma = (ab: Float32Array) => Math.hypot(mean(ab.map(Math.abs), 0), mean(ab.map(Math.abs), 1))
  expect(chroma(sharp)).toBeGreaterThan(chroma(flat))
  expect(own.count).toBe(128)
  predictor.destroy()
})

it('lean to the colours of another photograph', async () => {
  const predictor = predictorWith('bins')
  const { bins } = networkWith('bins').network
  const solid = (rgb: number[]) => ({
    width: 8,
    height: 8,
    rgb: Uint8Array.from({ length: 192 }, (_, i) => rgb[i % 3]!),
  })
  const towards = async (rgb: number[]) => {
    const palette = await coloursOf(gpu(), bins!, solid(rgb))
    expect(palette.reduce((a, b) => a + b)).toBeCloseTo(1, 4)
    return (await predictor.predict(photo, undefined, [], { palette })).ab
  }
  const [red, blue] = [await towards([200, 40, 40]), await towards([30, 60, 220])]
  expect(mean(red, 1)).toBeGreaterThan(mean(blue, 1) + 5)
  predictor.destroy()
})

it('are refused where the network gives none', async () => {
  const predictor = predictorWith('ab')
  await expect(predictor.predict(photo, undefined, [], { temperature: 0.5 })).rejects.toThrow(
    'give one colour for each place, and no probabilities of others',
  )
  predictor.destroy()
})

it('lean smoothly, about as much to all sides, and never without a bound', () => {
  const values = Array.from({ length: 60 }, (_, n) => drawnLean({ width: 30, height: 20 }, 7, n))
  const all = Float32Array.from(values.flatMap((lean) => [...lean]))
  for (const axis of [0, 1] as const) expect(Math.abs(mean(all, axis))).toBeLessThan(0.01)
  const deviation = Math.sqrt(
    mean(
      all.map((value) => value ** 2),
      0,
    ),
  )
  expect(deviation).toBeGreaterThan(0.02)
  expect(deviation).toBeLessThan(0.04)
  const steps = values[0]!.map((value, i) => (i % 60 < 58 ? Math.abs(value - values[0]![i + 2]!) : 0))
  expect(Math.max(...steps)).toBeLessThan(0.015)
  const prior = priorTowards(Float32Array.of(1, 0, 0.5), Float32Array.of(0, 1, 0.5))
  expect([...prior]).toEqual([4, -4, 0])
  expect([leans({}), leans({ temperature: 1 })]).toEqual([false, true])
})
