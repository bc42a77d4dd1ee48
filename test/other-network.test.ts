import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { arenaOf } from '../src/autograd/arena.ts'
import type { Photo } from '../src/color/photo.ts'
import { resize } from '../src/color/resample.ts'
import { predictorOf } from '../src/infer/predictor.ts'
import { conv2dDefaults } from '../src/kernels/conv/conv2d.ts'
import { weight } from '../src/model/arena.ts'
import { MisfitError, type Network, type NetworkKind } from '../src/model/network.ts'
import { NETWORKS } from '../src/model/registry.ts'
import { exportWeights } from '../src/node/store/export-weights.ts'
import { bestPath, checkpointPath } from '../src/node/store/run-folder.ts'
import { readCheckpoint, readWeights } from '../src/node/weights.ts'
import { integerOf, setting } from '../src/setting.ts'
import type { Batch, TrainingSource } from '../src/train/batches.ts'
import type { TrainingSettings } from '../src/train/settings.ts'
import { useGpu } from './device.ts'
import { type TrainingInFolder, trainIn } from './training.ts'

/*
 * A network that has nothing in common with the report's but the interface: one convolution of the lightness, without a class
 * vector, without batch norms. It is trained, saved, resumed, exported and coloured with, as any network must be.
 */
interface Architecture {
  readonly reach: number
}

const schema = v.object({
  reach: setting(v.optional(integerOf(), 1), { flag: 'reach', value: 'PX', help: 'of the convolution' }),
})

function oneLayer(architecture: Architecture): Network {
  const side = 2 * architecture.reach + 1
  const parameters = arenaOf([
    weight('paint.weight', [side, side, 1, 2], [2, 1, side, side]),
    weight('paint.bias', [2]),
  ])
  return {
    ...{ name: 'one-layer', architecture: { ...architecture }, classes: 0, multiple: 1, bins: null },
    ...{ colourStride: 1, layout: { parameters, statistics: arenaOf([]) } },
    ...{ takesHints: false, statisticsRate: 0 },
    build(graph, { batch, height, width }) {
      const flat = graph.variable('parameters', [parameters.length])
      const views = parameters.tensors.map(({ name, shape, offset }) => {
        return [name, graph.op('view', [flat], { offset, shape })] as const
      })
      const L = graph.input('L', [batch, height, width, 1])
      const { reach } = architecture
      const padding = [reach, reach, reach, reach] as const
      const ab = graph.op('conv2d', [L, ...views.map(([, view]) => view)], { ...conv2dDefaults, padding })
      return {
        ab,
        logits: null,
        temperature: 1,
        shares: null,
        hints: null,
        cellLightness: null,
        parameters: new Map(views),
        batchStatistics: new Map(),
      }
    },
    initial: () => ({
      parameters: new Float32Array(parameters.length),
      statistics: new Float32Array(),
    }),
    isTrained: (values) => values.some((value) => value !== 0),
    variant: (change) => oneLayer({ ...architecture, ...change }),
  }
}

const kind: NetworkKind<Architecture> = {
  name: 'one-layer',
  schema,
  sizes: { lite: { reach: 1 }, full: { reach: 2 } },
  create: oneLayer,
  read({ architecture }) {
    const { success, output } = v.safeParse(schema, architecture)
    if (!success) throw new MisfitError('its architecture is none of one layer')
    return oneLayer(output)
  },
}
const networks = new Map([...NETWORKS, [kind.name, kind as NetworkKind]])

const SETTINGS: TrainingSettings = {
  ...{ size: 16, seed: 1, batch: 2, accumulate: 1, learningRate: 0.5, fit: 'crop', loss: 'squared' },
  ...{ schedule: 'steps', warmup: 0, averaging: 0, classVectors: [], classDropout: 0 },
  ...{ lightnessJitter: 0, data: 'test', precision: 'f32' },
}

/** Pictures whose colours follow from their lightness, as this network can tell: a = 20 L, b = 30 − 10 L. */
const source: TrainingSource = {
  ...{ length: 8, batchesPerEpoch: 4 },
  async *batches({ position }) {
    for (let at = position; ; at += 2) {
      const L = Float32Array.from({ length: 2 * 16 * 16 }, (_, i) => Math.sin(i * 0.37 + at))
      const ab = Float32Array.from({ length: 2 * L.length }, (_, i) =>
        i % 2 ? 30 - 10 * L[i >> 1]! : 20 * L[i >> 1]!,
      )
      yield { L, ab, features: new Float32Array(), epoch: 0, position: at + 2, lastOfEpoch: false } as Batch
    }
  },
  async close() {},
}

const gpu = useGpu()
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'colorizer-network-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('a network of another kind', () => {
  const training = (name: string, more: Partial<TrainingInFolder>) => ({
    ...{ network: oneLayer({ reach: 1 }), settings: SETTINGS, out: join(folder, name), ...more },
  })

  it('learns, and goes on to the same bytes when it is resumed', async () => {
    const whole = await trainIn(gpu(), source, training('whole', { steps: 300 }))
    expect(whole.checkpoint.losses[0]).toBeGreaterThan(200)
    expect(whole.checkpoint.losses.at(-1)).toBeLessThan(1)
    await trainIn(gpu(), source, training('parts', { steps: 120 }))
    const checkpoint = await readCheckpoint(checkpointPath(join(folder, 'parts')), networks)
    expect(checkpoint.weights.network).toMatchObject({ name: 'one-layer', architecture: { reach: 1 } })
    await trainIn(gpu(), source, training('parts', { steps: 300, start: { kind: 'resume', checkpoint } }))
    const files = ['whole', 'parts'].map((name) => readFile(checkpointPath(join(folder, name))))
    const [a, b] = await Promise.all(files)
    expect(a!.equals(b!)).toBe(true)
  })

  it('is exported, and colours as it has learnt', async () => {
    const out = join(folder, 'judged')
    const validate = async () => 1
    await trainIn(gpu(), source, training('judged', { steps: 300 }), { validate })
    const small = join(folder, 'small.safetensors')
    expect(await exportWeights(bestPath(out), small, { networks })).toBe(20)
    const weights = await readWeights(small, networks)
    const predictor = predictorOf(gpu(), weights, { resize: async (...of) => resize(...of) })
    const rgb = new Uint8Array(3 * 20 * 30).fill(119) // L* 50, which the network sees as 0
    const { ab, width, height } = await predictor.predict({ width: 20, height: 30, rgb } satisfies Photo)
    predictor.destroy()
    const middle = 2 * (Math.floor(height / 2) * width + Math.floor(width / 2))
    expect(ab[middle]).toBeCloseTo(0, 0)
    expect(ab[middle + 1]).toBeCloseTo(30, 0)
  })

  it('is refused by name where it is not known, and has no class vector to weaken', async () => {
    const path = checkpointPath(join(folder, 'whole'))
    await expect(readWeights(path)).rejects.toThrow(
      'holds the weights of a network "one-layer", which this program does not know (it knows pyramid, report)',
    )
    const weakened = exportWeights(path, join(folder, 'weak.safetensors'), { networks, classStrength: 0.5 })
    await expect(weakened).rejects.toThrow('holds a network without weights for a class vector')
  })
})
