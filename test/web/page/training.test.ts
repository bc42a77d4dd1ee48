/** Trainings of the page's worker, on Dawn: what they leave, also where they fail. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { Gpu } from '../../../src/device/gpu.ts'
import { parseManifest } from '../../../src/io/manifest.ts'
import { openGpu } from '../../../src/node/dawn.ts'
import type { Assets } from '../../../src/web/assets.ts'
import type { TrainingNews, TrainingWish } from '../../../web/src/worker/methods.ts'
import { Training } from '../../../web/src/worker/training.ts'
import { pyramidWeights } from '../../pyramid-weights.ts'
import '../pixels.ts'

const SIZE = 32
/** Two of them are held out. */
const files = Array.from({ length: 16 }, (_, i) => {
  const rgba = Uint8ClampedArray.from({ length: 4 * SIZE * SIZE }, (_, k) => (k * (i + 3)) % 251)
  return Object.assign(new ImageData(rgba, SIZE, SIZE), { name: `${i}.png` }) as unknown as File
})

/** The package's weights, from the disk. */
const assets = {
  find: async (_: string, name: string) =>
    parseManifest(readFileSync('weights/manifest.json', 'utf8')).find((file) => file.name === name),
  load: async ({ file }: { readonly file: string }) => ({
    name: file,
    bytes: readFileSync(`weights/${file}`),
  }),
} as unknown as Assets

let wish: TrainingWish
let gpu: Gpu
beforeAll(async () => {
  gpu = await openGpu({ adapter: process.env.COLORIZER_ADAPTER })
  vi.stubGlobal('navigator', {})
  vi.stubGlobal('createImageBitmap', () => Promise.reject(new Error('no picture')))
  vi.spyOn(Gpu, 'open').mockResolvedValue(gpu) // one for all trainings, so that kernels are compiled once
  vi.spyOn(gpu, 'destroy').mockImplementation(() => {})
  const weights = new Blob([Uint8Array.from(await pyramidWeights({ hints: true }))])
  const settings = { size: SIZE, batch: 2, learningRate: 1e-4, seed: 0, warmup: 0 }
  wish = {
    files,
    settings,
    goOn: false,
    weights: { weights: 'own', file: weights },
    steps: 2,
    validateEvery: 1,
  }
})
afterAll(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
  gpu?.destroy()
})

/** Fails at a step. */
const failing = (at: number) => (news: TrainingNews) => {
  if (news.kind === 'step' && news.step === at) throw new Error('the adapter was lost')
}

it('leaves what it has when it fails, and what was there before when it cannot begin', async () => {
  const training = new Training(() => assets)
  const run = (other: Partial<TrainingWish>, tell: (news: TrainingNews) => void = () => {}) =>
    training.run({ ...wish, ...other }, { signal: new AbortController().signal, tell })
  expect(training.kept).toEqual({ hasWeights: false, step: null })
  expect(() => training.weights()).toThrow('nothing was trained')

  await expect(run({ steps: 3 }, failing(3))).rejects.toThrow('lost')
  expect(training.kept).toEqual({ hasWeights: true, step: null })
  expect(training.weights().size).toBeGreaterThan(1000)

  expect(await run({})).toEqual({ step: 2 })
  expect(training.kept).toEqual({ hasWeights: true, step: 2 })
  const before = await training.weights().arrayBuffer()
  await expect(run({ files: files.slice(0, 1) })).rejects.toThrow('fewer than the 2')
  expect(training.kept).toEqual({ hasWeights: true, step: 2 })
  expect(await training.weights().arrayBuffer()).toEqual(before)
  const damaged = files.map(({ name }) => new File(['no picture'], name))
  await expect(run({ files: damaged })).rejects.toThrow(/none of the 14 .* can be decoded/)
  expect(training.kept).toEqual({ hasWeights: true, step: 2 })
  expect(await training.weights().arrayBuffer()).toEqual(before)

  await expect(run({ goOn: true, steps: 4 }, failing(3))).rejects.toThrow('lost')
  expect(training.kept).toEqual({ hasWeights: true, step: 2 })
})
