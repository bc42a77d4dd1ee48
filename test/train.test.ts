import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Weights } from '../src/io/weights.ts'
import { elems } from '../src/kernels/op.ts'
import { reportNetwork } from '../src/model/report/index.ts'
import { openPhotos } from '../src/node/data/dataset.ts'
import { findPhotos } from '../src/node/photos.ts'
import { readSafetensors } from '../src/node/safetensors.ts'
import { bestPath, checkpointPath } from '../src/node/store/run-folder.ts'
import { readCheckpoint, readWeights } from '../src/node/weights.ts'
import { mean } from '../src/numbers.ts'
import type { TrainingSource } from '../src/train/batches.ts'
import type { Checkpoint } from '../src/train/checkpoint.ts'
import type { TrainingSettings } from '../src/train/settings.ts'
import type { Validate } from '../src/train/state.ts'
import type { TrainingProgress } from '../src/train/train.ts'
import { useGpu } from './device.ts'
import { type TrainingInFolder, trainIn } from './training.ts'

const ARCHITECTURE = { width: 0.1, classes: 5, squaredClasses: true }
const SOURCE = {
  size: 16,
  batch: 2,
  seed: 3,
  classes: ARCHITECTURE.classes,
  augment: true,
  fit: 'crop',
} as const
const SETTINGS: TrainingSettings = {
  ...{ size: 16, seed: 3, batch: 2, accumulate: 1, learningRate: 1e-3, fit: 'crop' as const },
  ...{ loss: 'squared' as const, schedule: 'steps' as const, warmup: 0, averaging: 0.9 },
  ...{ classVectors: [], classDropout: 0, lightnessJitter: 0, data: 'test', precision: 'f32' },
}
const never = new AbortController().signal
const noValidation: Validate = async () => null

const gpu = useGpu()
let photos: string[]
let folder: string
beforeAll(async () => {
  photos = (await findPhotos(['samples/photos'])).map(({ path }) => path)
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'colorizer-train-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function optionsFor(change: Partial<TrainingInFolder> = {}): TrainingInFolder {
  const network = reportNetwork(ARCHITECTURE)
  return { network, settings: SETTINGS, steps: 12, out: join(folder, 'run'), ...change }
}

async function run(
  options: TrainingInFolder,
  paths = photos.slice(0, 5),
  signal = never,
  augment = true,
  validate: Validate = noValidation,
) {
  const { size, batch, seed } = options.settings
  const { classes } = options.network
  const source = await openPhotos(paths, { size, batch, seed, classes, augment, fit: 'crop' })
  return runOn(source, options, signal, validate)
}

async function runOn(
  source: TrainingSource,
  options: TrainingInFolder,
  signal = never,
  validate = noValidation,
) {
  try {
    return await trainIn(gpu(), source, options, { signal, validate })
  } finally {
    await source.close()
  }
}

const recentLoss = ({ losses }: Checkpoint) => losses.slice(-10).reduce((a, b) => a + b, 0) / 10

/** Indices of the parameters in their arena; between its tensors anything may lie. */
const ownIndices = ({ network }: Weights) =>
  network.layout.parameters.tensors.flatMap(({ offset, shape }) =>
    Array.from({ length: elems({ shape }) }, (_, i) => offset + i),
  )

/** Of which no batch may be asked for. */
const untouched: TrainingSource = {
  ...{ length: 4, batchesPerEpoch: 2 },
  // biome-ignore lint/correctness/useYield: it ends before
  async *batches() {
    throw new Error('a batch was asked for')
  },
  async close() {},
}

describe('training', () => {
  it('learns four photographs by heart: ab error under 25 within 300 steps at 64 px, width 0.25', async () => {
    // The network paints 2×2 blocks at 64 px, so fine texture alone costs some photographs 40; these four, 4 or less.
    const four = photos.filter(
      (path) => /(cat|dandelions|mountain-path|sky)\.jpg$/.test(path) && !/autumn/.test(path),
    )
    expect(four.length).toBe(4)
    const settings = { ...SETTINGS, batch: 4, size: 64 }
    const network = reportNetwork({ ...ARCHITECTURE, width: 0.25 })
    let { checkpoint } = await run(optionsFor({ network, settings, steps: 50 }), four, never, false)
    expect(checkpoint.losses[0]).toBeGreaterThan(200) // all grey: they do have colours
    while (recentLoss(checkpoint) >= 25 && checkpoint.step < 300) {
      const start = { kind: 'resume', checkpoint } as const
      const more = optionsFor({ network, settings, steps: checkpoint.step + 50, start })
      checkpoint = (await run(more, four, never, false)).checkpoint
    }
    expect(recentLoss(checkpoint)).toBeLessThan(25)
  }, 600_000)

  it('ends in the same bytes when it is stopped and resumed as when it is not', async () => {
    const whole = optionsFor({ out: join(folder, 'whole') })
    await run(whole)
    const parts = optionsFor({ out: join(folder, 'parts') })
    await run({ ...parts, steps: 5 }) // in the middle of the second epoch
    const checkpoint = await readCheckpoint(checkpointPath(parts.out))
    expect(checkpoint.step).toBe(5)
    await run({ ...parts, start: { kind: 'resume', checkpoint } })
    const [a, b] = await Promise.all([whole, parts].map(({ out }) => readFile(checkpointPath(out))))
    expect(a!.equals(b!)).toBe(true)
  })

  it('tells of each step with its own loss, and of the speed of steps alone', async () => {
    const source = await openPhotos(photos.slice(0, 5), SOURCE)
    let begun = 0
    const slow: TrainingSource = {
      ...{ length: source.length, batchesPerEpoch: source.batchesPerEpoch },
      batches(from) {
        begun = performance.now()
        return source.batches(from)
      },
      close: () => source.close(),
    }
    const told: (TrainingProgress & { readonly seconds: number })[] = []
    const onStep = (progress: TrainingProgress) =>
      void told.push({ ...progress, seconds: (performance.now() - begun) / 1000 })
    const settings: TrainingSettings = { ...SETTINGS, loss: 'rarity' } // the colours are counted before
    const { checkpoint } = await runOn(slow, optionsFor({ settings, steps: 4, observer: { onStep } }))
    expect(told.map(({ step }) => step)).toEqual([1, 2, 3, 4])
    for (const { step, total, loss, imagesPerSecond, secondsLeft, seconds } of told) {
      expect(loss).toBeCloseTo(mean([...checkpoint.losses.slice(0, step)]), 5)
      expect((step * SETTINGS.batch) / imagesPerSecond).toBeLessThan(seconds + 0.5)
      expect(secondsLeft).toBeCloseTo(((total - step) * SETTINGS.batch) / imagesPerSecond, 9)
    }
  })

  it('keeps the running average of the weights beside the weights themselves', async () => {
    const { raw: begun } = (await run(optionsFor({ steps: 1, settings: { ...SETTINGS, averaging: 0 } })))
      .checkpoint
    const out = join(folder, 'averaged')
    let average: Float32Array | undefined
    for (let steps = 1; steps <= 5; steps++) {
      const start =
        steps === 1
          ? { kind: 'fresh' as const }
          : { kind: 'resume' as const, checkpoint: await readCheckpoint(checkpointPath(out)) }
      const { raw, weights } = (await run(optionsFor({ steps, out, start }))).checkpoint
      if (steps === 1) for (const i of ownIndices(weights)) expect(raw[i]).toBe(begun[i])
      const kept = Math.min(0.9, steps / (steps + 9))
      average = average?.map((value, i) => kept * value + (1 - kept) * raw[i]!)
      average ??= weights.parameters.slice() // the first one takes in weights that nobody has kept
      const errors = ownIndices(weights).map((i) => Math.abs(average![i]! - weights.parameters[i]!))
      const error = Math.max(...errors)
      expect(error).toBeLessThan(1e-6)
      expect(raw).not.toEqual(weights.parameters)
    }
    const last = (
      await run(optionsFor({ settings: { ...SETTINGS, averaging: 0 }, out: join(folder, 'last') }))
    ).checkpoint
    for (const i of ownIndices(last.weights)) expect(last.weights.parameters[i]).toBe(last.raw[i])
  })

  it('gives other weights for another seed', async () => {
    const first = await run(optionsFor({ steps: 1, out: join(folder, 'a') }))
    const settings = { ...SETTINGS, seed: 4 }
    const second = await run(optionsFor({ steps: 1, settings, out: join(folder, 'b') }))
    expect(first.checkpoint.weights.parameters).not.toEqual(second.checkpoint.weights.parameters)
  })

  it('saves and stops after the step in hand when it is interrupted', async () => {
    const controller = new AbortController()
    const source = await openPhotos(photos.slice(0, 5), SOURCE)
    const interrupting: TrainingSource = {
      ...source,
      async *batches(from) {
        let count = 0
        for await (const batch of source.batches(from)) {
          if (++count === 3) controller.abort()
          yield batch
        }
      },
    }
    const { interrupted, checkpoint } = await runOn(interrupting, optionsFor(), controller.signal)
    expect(interrupted).toBe(true)
    expect(checkpoint.step).toBe(3)
    expect((await readCheckpoint(checkpointPath(join(folder, 'run')))).step).toBe(3)
  })

  it.each<[Partial<TrainingSettings>, string]>([
    [{ learningRate: -1 }, 'the setting learningRate is -1: expected a number above 0'],
    [{ size: 20 }, 'the setting size is 20: expected a multiple of 8'],
    [
      { loss: 'absolute' as 'squared' },
      'the setting loss is "absolute": choose one of squared, huber, rarity',
    ],
    [{ data: undefined as unknown as string }, 'the setting data is missing'],
  ])('refuses wrong settings before its first step: %j', async (change, message) => {
    const options = optionsFor({ settings: { ...SETTINGS, ...change } })
    const name = Object.keys(change)
    await expect(runOn(untouched, options)).rejects.toMatchObject({ message, trouble: 'usage', mend: name })
  })

  it('refuses a wrong course before its first step', async () => {
    const message = 'the setting steps is 1.5: expected a whole number'
    await expect(runOn(untouched, optionsFor({ steps: 1.5 }))).rejects.toThrow(message)
  })

  it('refuses to go on with the checkpoint of another training', async () => {
    const { checkpoint } = await run(optionsFor({ steps: 1 }))
    const start = { kind: 'resume', checkpoint } as const
    const origin = { classifier: 'mine', sha256: '00', fit: 'pad' } as const
    const others: [Partial<TrainingInFolder>, string][] = [
      [{ network: reportNetwork({ ...ARCHITECTURE, width: 0.5 }) }, 'width 0.1, not 0.5'],
      [{ network: { ...reportNetwork(ARCHITECTURE), name: 'mine' } }, 'the network report, not mine'],
      [{ settings: { ...SETTINGS, seed: 4 } }, 'seed 3, not 4'],
      [{ settings: { ...SETTINGS, data: 'others' } }, 'other training pictures'],
      [{ settings: { ...SETTINGS, choices: { a: 'b' } } }, 'other kernels'],
      [
        { settings: { ...SETTINGS, classVectors: [origin] } },
        'no class vectors, not class vectors of mine (pad)',
      ],
    ]
    for (const [change, what] of others) {
      const message = `the checkpoint was trained with ${what}: a resumed training must not change that`
      const going = runOn(untouched, optionsFor({ start, ...change }))
      await expect(going).rejects.toMatchObject({ message, trouble: 'usage' })
    }
  })

  it('goes on when it is asked for what a missing setting means', async () => {
    const { checkpoint } = await run(optionsFor({ steps: 1 }))
    const settings = { ...SETTINGS, decay: 0, aged: 0 }
    const going = run(optionsFor({ start: { kind: 'resume', checkpoint }, settings, steps: 2 }))
    expect((await going).checkpoint.step).toBe(2)
  })

  it('takes no step when it is interrupted while it counts colours', async () => {
    const controller = new AbortController()
    const source = await openPhotos(photos.slice(0, 5), SOURCE)
    let handed = 0
    const interrupting: TrainingSource = {
      ...source,
      async *batches(from) {
        for await (const batch of source.batches(from)) {
          if (++handed === 2) controller.abort()
          yield batch
        }
      },
      batchesPerEpoch: 4,
    }
    const options = optionsFor({ settings: { ...SETTINGS, loss: 'rarity' } })
    const { interrupted, checkpoint } = await runOn(interrupting, options, controller.signal)
    expect([handed, interrupted, checkpoint.step]).toEqual([2, true, 0])
  })

  describe('with several sets to validate on', () => {
    // means 10, 8, 9, 8, 7: the second is the best until patience for two ends
    const errors = [
      { near: 4, far: 16 },
      { near: 10, far: 6 },
      { near: 2, far: 16 },
      { near: 8, far: 8 },
      { near: 7, far: 7 },
    ]
    const judged = (out: string, change: Partial<TrainingInFolder>, from = 0, abort?: AbortController) => {
      let next = from
      const validate: Validate = async () => {
        if (abort && next === from + 1) abort.abort() // after the step that follows
        return errors[next++]!
      }
      const options = optionsFor({ steps: 10, validateEvery: 2, out: join(folder, out), ...change })
      return run(options, undefined, abort?.signal ?? never, true, validate)
    }

    it('keeps the best weights by the mean of the errors, and each error by its name', async () => {
      const { checkpoint, outOfPatience } = await judged('whole', {})
      expect([checkpoint.step, outOfPatience]).toEqual([10, false])
      expect(checkpoint.validations.map(({ abMse }) => abMse)).toEqual([10, 8, 9, 8, 7])
      expect(checkpoint.validations.map(({ sets }) => sets)).toEqual(errors)
      const stored = await readCheckpoint(checkpointPath(join(folder, 'whole')))
      expect(stored.validations).toEqual(checkpoint.validations)
      expect((await readSafetensors(bestPath(join(folder, 'whole')))).metadata.abMse).toBe('7')
    })

    it('ends when the mean was no better for as many validations as patience says, and resumes to the same bytes', async () => {
      const { checkpoint, outOfPatience } = await judged('impatient', { patience: 2 })
      expect([checkpoint.step, outOfPatience]).toEqual([8, true]) // 9 and again 8 are no better than 8
      expect((await readSafetensors(bestPath(join(folder, 'impatient')))).metadata).toMatchObject({
        ...{ step: '4', abMse: '8' },
      })
      const first = await judged('parts', { patience: 2 }, 0, new AbortController())
      expect(first).toMatchObject({ interrupted: true, outOfPatience: false, checkpoint: { step: 4 } })
      const resume = async (change: Partial<TrainingInFolder>, from: number) => {
        const checkpoint = await readCheckpoint(checkpointPath(join(folder, 'parts')))
        return judged('parts', { patience: 2, start: { kind: 'resume', checkpoint }, ...change }, from)
      }
      await resume({}, 2)
      for (const path of [checkpointPath, bestPath]) {
        const [a, b] = await Promise.all(
          ['impatient', 'parts'].map((out) => readFile(path(join(folder, out)))),
        )
        expect(a!.equals(b!)).toBe(true)
      }
      expect((await resume({}, 4)).checkpoint.step).toBe(8) // there is nothing left to do
      expect((await resume({ patience: 3 }, 4)).checkpoint.step).toBe(10)
    })
  })

  it('stops when the loss is no number, says at which step, and keeps the last good checkpoint', async () => {
    const source = await openPhotos(photos.slice(0, 5), SOURCE)
    const poisoned: TrainingSource = {
      ...source,
      async *batches(from) {
        let count = 0
        for await (const batch of source.batches(from)) {
          if (++count === 6) batch.ab[7] = Number.NaN
          yield batch
        }
      },
    }
    const options = optionsFor({ checkpointEvery: 4 })
    await expect(runOn(poisoned, options)).rejects.toThrow(
      /loss became NaN at step 6: .*last good checkpoint/,
    )
    expect((await readCheckpoint(checkpointPath(options.out))).step).toBe(4)
  })

  it('says the limit, the need and the largest batch that fits when a batch is too large', async () => {
    const settings = { ...SETTINGS, batch: 100_000, size: 64 }
    const message =
      /batch 100000 at 64 px is too large: layer .* needs .* MiB, .* binds at most .* MiB at once; the largest batch that fits is \d+/
    await expect(run(optionsFor({ settings }))).rejects.toThrow(message)
  })

  it('keeps the weights of the lowest validation error, whatever was in hand when it was stopped', async () => {
    const errors: Record<number, number> = { 4: 9, 8: 7, 12: 8 }
    const validating = (out: string, stopAt = Number.NaN) => {
      const controller = new AbortController()
      let next = 0
      const measure = async () => {
        next += 4
        if (next === stopAt) controller.abort()
        return controller.signal.aborted ? null : errors[next]!
      }
      return { out: join(folder, out), measure, signal: controller.signal, skip: (n: number) => (next = n) }
    }
    const whole = validating('whole')
    await run(optionsFor({ out: whole.out, validateEvery: 4 }), undefined, never, true, whole.measure)
    const best = await readSafetensors(bestPath(whole.out))
    expect(best.metadata).toMatchObject({ step: '8', abMse: '7' })
    expect(JSON.parse(best.metadata.settings!)).toEqual(SETTINGS)
    const { checkpoint } = await run(optionsFor({ steps: 8, out: join(folder, 'eight') }))
    const { parameters } = (await readWeights(bestPath(whole.out))) satisfies Weights
    for (const i of ownIndices(checkpoint.weights))
      expect(parameters[i]).toBe(checkpoint.weights.parameters[i])

    for (const stopAt of [4, 8, 12]) {
      const first = validating(`stopped-${stopAt}`, stopAt)
      const options = optionsFor({ out: first.out, validateEvery: 4 })
      const stopped = await run(options, undefined, first.signal, true, first.measure)
      expect(stopped).toMatchObject({ interrupted: true, checkpoint: { step: stopAt } })
      expect(stopped.checkpoint.validations.map(({ step }) => step)).toEqual([4, 8].filter((n) => n < stopAt))
      const resume = async ({ measure, signal }: ReturnType<typeof validating>) => {
        const start = { kind: 'resume', checkpoint: await readCheckpoint(checkpointPath(first.out)) } as const
        return run({ ...options, start }, undefined, signal, true, measure)
      }
      const second = validating(`stopped-${stopAt}`, stopAt)
      second.skip(stopAt - 4)
      expect((await resume(second)).checkpoint.step).toBe(stopAt) // interrupted in the same validation
      const third = validating(`stopped-${stopAt}`)
      third.skip(stopAt - 4)
      await resume(third)
      for (const path of [checkpointPath, bestPath])
        expect((await readFile(path(first.out))).equals(await readFile(path(whole.out)))).toBe(true)
    }
  })
})
