/** The network `pyramid` on the GPU: against PyTorch, and from photographs to colours. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Photo } from '../src/color/photo.ts'
import { resize } from '../src/color/resample.ts'
import { predictorOf } from '../src/infer/predictor.ts'
import type { Tensor } from '../src/io/safetensors.ts'
import type { NetworkKind } from '../src/model/network.ts'
import { type Architecture, pyramidNetwork, pyramidOn } from '../src/model/pyramid/index.ts'
import type { Networks } from '../src/model/registry.ts'
import { missingTrunk, type Trunk } from '../src/model/trunk.ts'
import { readSafetensors } from '../src/node/safetensors.ts'
import { exportWeights } from '../src/node/store/export-weights.ts'
import { bestPath, checkpointPath } from '../src/node/store/run-folder.ts'
import { readCheckpoint, readWeights } from '../src/node/weights.ts'
import type { Batch, TrainingSource } from '../src/train/batches.ts'
import { replayGolden } from '../src/train/golden.ts'
import type { TrainingSettings } from '../src/train/settings.ts'
import { useGpu } from './device.ts'
import { trainIn } from './training.ts'
import { SHA256, smallTrunk } from './trunk-models.ts'

const gpu = useGpu()
const networksOn = (...trunks: Trunk[]): Networks => {
  const kind = pyramidOn(async (name) => {
    const found = trunks.find(({ sha256 }) => sha256 === name.sha256)
    if (!found) throw missingTrunk(name)
    return found
  })
  return new Map([[kind.name, kind as NetworkKind]])
}

/** Made by `pyramid_torch.py FILE --seed 1`; PyTorch's own float32 loses no more than its `noise` of any tensor. */
const GOLDEN = 'test/golden/pyramid.safetensors'

describe('the network pyramid', () => {
  const replay = async (edit: (tensors: ReadonlyMap<string, Tensor>) => void) => {
    const file = { name: GOLDEN, ...(await readSafetensors(GOLDEN)) }
    edit(file.tensors)
    return replayGolden(gpu(), file)
  }

  it('computes what PyTorch does: colours with hints, gradients, ten steps of Adam', async () => {
    const { passed, worst } = await replay((tensors) => {
      expect(tensors.get('adam/losses')!.data).toHaveLength(10)
      const told = tensors.get('input/hints')!.data.filter((value) => value === 1)
      expect(told.length).toBeGreaterThan(10)
    })
    expect(worst, JSON.stringify(worst)).toSatisfy(() => passed)
    expect(Object.keys(worst)).toEqual(['evalForward', 'trainForward', 'gradients', 'losses', 'final'])
    for (const { error, share } of Object.values(worst)) expect(error > 0 && share <= 1).toBe(true)
  })

  it.each([
    ['trunk/2', 'evalForward'],
    ['input/hints', 'evalForward'],
    ['grad/hints8.weight', 'gradients'],
  ])('one changed number in %s is found', async (key, group) => {
    const { passed, worst } = await replay((tensors) => {
      const { data } = tensors.get(key)!
      data[data.length >> 1]! += Math.hypot(...data) / 10
    })
    expect(passed).toBe(false)
    expect(worst[group]!.share).toBeGreaterThan(1)
  })
})

const SETTINGS: TrainingSettings = {
  ...{ size: 32, seed: 1, batch: 2, accumulate: 1, learningRate: 5e-3, fit: 'crop', loss: 'squared' },
  ...{ schedule: 'steps', warmup: 0, averaging: 0, classVectors: [], classDropout: 0 },
  ...{ lightnessJitter: 0, data: 'test', precision: 'f32' },
}

const OTHER = { name: 'other', sha256: SHA256 }

/** Enough for the running statistics to follow. */
const STEPS = 150

/** Eight pictures of stripes, one cell wide: bright ones are yellow, dark ones blue. */
const source: TrainingSource = {
  ...{ length: 8, batchesPerEpoch: 4 },
  async *batches({ position }) {
    for (let at = position; ; at += 2) {
      const L = Float32Array.from({ length: 2 * 32 * 32 }, (_, i) =>
        Math.sin(((i % 32) >> 2) * 0.8 + (at % 8)),
      )
      const ab = Float32Array.from({ length: 2 * L.length }, (_, i) =>
        i % 2 ? 40 * Math.sign(L[i >> 1]!) : 0,
      )
      yield {
        L,
        ab,
        features: new Float32Array(2 * 3),
        epoch: 0,
        position: at + 2,
        lastOfEpoch: false,
      } as Batch
    }
  },
  async close() {},
}

describe.each(['ab', 'bins'] as const)('training with the head %s', (head) => {
  let folder: string
  let trunk: Trunk
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'colorizer-pyramid-'))
    trunk = await smallTrunk()
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  const training = (name: string, steps: number) => {
    const architecture = {
      trunk: { name: 'small', sha256: SHA256 },
      classes: 3,
      width: 0.1,
      head,
      hints: true,
    }
    return {
      network: pyramidNetwork(architecture, trunk),
      settings: SETTINGS,
      out: join(folder, name),
      steps,
    }
  }

  it('adds to its loss how unlike the original its pictures look, and of bins the mean colour', async () => {
    const lossesWith = async (added: Partial<TrainingSettings>) => {
      const name = Object.keys(added)[0] ?? 'nothing'
      const given = training(name, 2)
      const settings = { ...given.settings, ...added }
      return (await trainIn(gpu(), source, { ...given, settings })).checkpoint.losses
    }
    const plain = await lossesWith({})
    const perceptual = await lossesWith({ perceptual: 100 })
    expect(perceptual[0]! - plain[0]!).toBeGreaterThan(1)
    expect(perceptual[1]! - plain[1]!).toBeGreaterThan(1)
    if (head === 'ab') return
    // an untrained network paints the same bins everywhere; stripes are 40 ab units from grey on one of the two axes
    const mean = (await lossesWith({ meanHuber: 2 }))[0]! - plain[0]!
    expect(mean).toBeGreaterThan(2 * 2)
    expect(mean).toBeLessThan(2 * 6)
  })

  it('learns, goes on to the same bytes when it is resumed, and colours as it has learnt', async () => {
    const networks = networksOn(trunk)
    const whole = await trainIn(gpu(), source, training('whole', STEPS), { validate: async () => 1 })
    const { losses } = whole.checkpoint
    expect(losses.at(-1)).toBeLessThan(0.5 * losses[0]!)
    await trainIn(gpu(), source, training('parts', 20))
    const checkpoint = await readCheckpoint(checkpointPath(join(folder, 'parts')), networks)
    const other = pyramidNetwork(
      { ...(checkpoint.weights.network.architecture as Architecture), trunk: OTHER },
      trunk,
    )
    const elsewhere = {
      ...training('parts', STEPS),
      network: other,
      start: { kind: 'resume', checkpoint } as const,
    }
    await expect(trainIn(gpu(), source, elsewhere)).rejects.toThrow(
      /was trained with trunk .*"small".*, not .*"other"/,
    )
    const resumed = { ...training('parts', STEPS), start: { kind: 'resume', checkpoint } as const }
    await trainIn(gpu(), source, resumed, { validate: async () => 1 })
    const files = ['whole', 'parts'].map((name) => readFile(checkpointPath(join(folder, name))))
    const [a, b] = await Promise.all(files)
    expect(a!.equals(b!)).toBe(true)

    const small = join(folder, 'small.safetensors')
    await exportWeights(bestPath(join(folder, 'whole')), small, { networks })
    const weights = await readWeights(small, networks)
    expect(weights.network.architecture).toMatchObject({ trunk: { name: 'small', sha256: SHA256 }, head })
    await expect(readWeights(small, networksOn())).rejects.toThrow(
      'looks through the classifier small (sha256 01234567…), which is not here',
    )
    const predictor = predictorOf(gpu(), weights, { resize: async (...of) => resize(...of) })
    const rgb = Uint8Array.from({ length: 3 * 64 * 64 }, (_, i) => (Math.floor(i / 3) % 64 < 32 ? 30 : 230))
    const { ab, width, height } = await predictor.predict({ width: 64, height: 64, rgb } satisfies Photo)
    predictor.destroy()
    expect([width, height]).toEqual([8, 8]) // 32 px, at stride 4
    const yellowness = (x: number) => ab[2 * (4 * width + x) + 1]!
    expect(yellowness(1)).toBeLessThan(-10)
    expect(yellowness(6)).toBeGreaterThan(10)
  })
})
