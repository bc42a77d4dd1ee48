import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { elems } from '../src/kernels/op.ts'
import { initialStatistics } from '../src/model/arena.ts'
import { reportNetwork } from '../src/model/report/index.ts'
import { initialParameters } from '../src/model/report/layout.ts'
import { openPhotos } from '../src/node/data/dataset.ts'
import { findPhotos } from '../src/node/photos.ts'
import { checkpointPath } from '../src/node/store/run-folder.ts'
import { readCheckpoint } from '../src/node/weights.ts'
import type { Batch, TrainingSource } from '../src/train/batches.ts'
import type { Checkpoint } from '../src/train/checkpoint.ts'
import type { TrainingSettings } from '../src/train/settings.ts'
import type { Start } from '../src/train/state.ts'
import { useGpu } from './device.ts'
import { seeded } from './harness.ts'
import { compare } from './tolerance.ts'
import { type TrainingInFolder, trainIn } from './training.ts'

const [SIZE, CLASSES] = [16, 5]
const SETTINGS: TrainingSettings = {
  ...{ size: SIZE, loss: 'squared' },
  ...{ seed: 3, batch: 2, accumulate: 2, learningRate: 1e-3, schedule: 'steps', warmup: 0, averaging: 0.9 },
  ...{ fit: 'crop', classVectors: [], classDropout: 0, lightnessJitter: 0, data: 'test' },
  precision: 'f32',
}
const ARCHITECTURE = { width: 0.1, classes: CLASSES, squaredClasses: true }
const NETWORK = reportNetwork(ARCHITECTURE)
/** None of them zero, so that every layer has a gradient. */
const PARAMETERS = Float32Array.from(
  initialParameters(ARCHITECTURE, seeded('accumulate')),
  (value, i) => value || 0.1 * Math.sin(i),
)
const STATISTICS = initialStatistics(NETWORK.layout.statistics)

const gpu = useGpu()
let folder: string
/** Four different pictures. */
let four: Batch
beforeAll(async () => {
  const source = await openPictures(4)
  for await (const batch of source.batches({ epoch: 0, position: 0 })) {
    four = { ...batch, features: batch.features.map((_, i) => (i % 7) / 7) }
    break
  }
  await source.close()
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'colorizer-accumulate-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function openPictures(batch: number): Promise<TrainingSource> {
  const photos = (await findPhotos(['samples/photos'])).slice(0, 9).map(({ path }) => path)
  return openPhotos(photos, { size: SIZE, batch, seed: 3, classes: CLASSES, augment: true, fit: 'crop' })
}

/** Nothing but these pictures of the four. */
function only(...pictures: number[]): TrainingSource {
  const chosen = (data: Float32Array) => {
    const size = data.length / 4
    return Float32Array.from(pictures.flatMap((n) => [...data.subarray(n * size, (n + 1) * size)]))
  }
  const batch = { ...four, L: chosen(four.L), ab: chosen(four.ab), features: chosen(four.features) }
  return {
    ...{ length: pictures.length, batchesPerEpoch: 1 },
    async *batches() {
      for (;;) yield batch
    },
    async close() {},
  }
}

async function trained(
  source: TrainingSource,
  change: Partial<TrainingSettings>,
  options: Partial<TrainingInFolder> = {},
): Promise<Checkpoint> {
  const start: Start = { kind: 'weights', parameters: PARAMETERS, statistics: STATISTICS }
  const settings = { ...SETTINGS, ...change }
  const training = { network: NETWORK, settings, steps: 1, out: join(folder, 'run'), start, ...options }
  try {
    return (await trainIn(gpu(), source, training)).checkpoint
  } finally {
    await source.close()
  }
}

/** Adam's first moment after one step is a tenth of the gradient: every tensor of it. */
function gradientsOf({ m, weights }: Checkpoint): Map<string, Float32Array> {
  const { tensors } = weights.network.layout.parameters
  return new Map(tensors.map(({ name, shape, offset }) => [name, m.slice(offset, offset + elems({ shape }))]))
}

function expectEqual(got: Map<string, Float32Array>, want: (name: string) => Float32Array) {
  for (const [name, gradient] of got) {
    const { share, worst } = compare(gradient, want(name), 2 * SIZE * SIZE)
    expect(share, `${name}: ${worst}`).toBeLessThanOrEqual(1)
  }
}

describe('accumulated gradients', () => {
  it('are the mean over the parts of a batch, and so is the loss', async () => {
    const both = await trained(only(0, 1, 2, 3), {})
    const first = await trained(only(0, 1), { accumulate: 1 })
    const second = await trained(only(2, 3), { accumulate: 1 })
    expect(first.losses[0]).not.toBeCloseTo(second.losses[0]!, 0)
    expect(both.losses[0]).toBeCloseTo((first.losses[0]! + second.losses[0]!) / 2, 3)
    const [a, b] = [gradientsOf(first), gradientsOf(second)]
    expectEqual(gradientsOf(both), (name) => a.get(name)!.map((value, i) => (value + b.get(name)![i]!) / 2))
  })

  it('are those of the whole batch where the parts are alike, so that batch norms see the same', async () => {
    const pictures = [0, 1, 0, 1, 0, 1]
    const parts = await trained(only(...pictures), { accumulate: 3 })
    const whole = gradientsOf(await trained(only(...pictures), { batch: 6, accumulate: 1 }))
    expectEqual(gradientsOf(parts), (name) => whole.get(name)!)
  })

  it('count as one step, and go on to the same bytes', async () => {
    const whole = await trained(await openPictures(4), {}, { steps: 5, out: join(folder, 'whole') })
    expect(whole).toMatchObject({ step: 5, epoch: 2, position: 4 }) // two steps an epoch of nine pictures
    const out = join(folder, 'parts')
    await trained(await openPictures(4), {}, { steps: 2, out })
    const checkpoint = await readCheckpoint(checkpointPath(out))
    await trained(await openPictures(4), {}, { steps: 5, out, start: { kind: 'resume', checkpoint } })
    const files = ['whole', 'parts'].map((name) => readFile(checkpointPath(join(folder, name))))
    const [a, b] = await Promise.all(files)
    expect(a!.equals(b!)).toBe(true)
  })

  it('are found node by node, too', async () => {
    const usual = await trained(only(0, 1, 2, 3), {}, { steps: 2 })
    const options = { steps: 2, out: join(folder, 'checked'), checked: true }
    const checked = await trained(only(0, 1, 2, 3), {}, options)
    expect(checked.losses).toEqual(usual.losses)
  })
})
