import { expect, it } from 'vitest'
import { resize } from '../src/color/resample.ts'
import { predictorOf } from '../src/infer/predictor.ts'
import { reportNetwork } from '../src/model/report/index.ts'
import { useGpu } from './device.ts'
import { draw, seeded } from './harness.ts'

const gpu = useGpu()

function smallPredictor() {
  const network = reportNetwork({ width: 0.1, classes: 5 })
  const { parameters, statistics } = network.layout
  return predictorOf(
    gpu(),
    {
      network,
      parameters: draw(parameters.length, 'normal', seeded('predictor')),
      statistics: new Float32Array(statistics.length).fill(1),
      metadata: { settings: JSON.stringify({ size: 16 }) },
    },
    { resize: async (...of) => resize(...of) },
  )
}

/** Of more proportions than plans are kept for, and one of them twice. */
const photos = [16, 24, 32, 40, 48, 16].map((width, i) => ({
  ...{ width, height: 16 },
  rgb: Uint8Array.from({ length: 3 * width * 16 }, (_, at) => (at * (i + 7)) % 256),
}))

it('colours overlapping calls as it does one after another, and gives all its memory back', async () => {
  gpu().pool.trim()
  const before = gpu().pool.created
  const predictor = smallPredictor()
  const overlapping = await Promise.all(photos.map((photo) => predictor.predict(photo)))
  for (const [i, photo] of photos.entries()) expect(await predictor.predict(photo)).toEqual(overlapping[i])
  expect(new Set(overlapping.map(({ ab }) => ab.join())).size).toBe(photos.length)
  predictor.destroy()
  gpu().pool.trim()
  expect(gpu().pool.created).toBe(before)
})
