import { expect, it } from 'vitest'
import { abError } from '../src/color/metrics/abError.ts'
import { GRAY, oneColour } from '../src/color/paint.ts'
import type { Photo } from '../src/color/photo.ts'
import type { Predictor } from '../src/infer/predictor.ts'
import { type ShownPhoto, validate } from '../src/train/validate.ts'

const plain = (...rgb: number[]): Photo => ({
  ...{ width: 4, height: 3 },
  rgb: Uint8Array.from({ length: 36 }, (_, i) => rgb[i % 3]!),
})
const shown: ShownPhoto[] = [
  { photo: plain(200, 40, 40), features: Float32Array.of(30, -20) },
  { photo: plain(10, 90, 160) },
]
/** Paints a picture in the colour that its class vector names. */
const predictor = {
  predict: async (_: Photo, features?: Float32Array) => oneColour(features?.[0] ?? 5, features?.[1] ?? 6),
} as unknown as Predictor

it('is the mean over the pictures, each coloured with its own class vector', async () => {
  const [first, second] = shown.map(({ photo }) => photo) as [Photo, Photo]
  async function* later() {
    yield* shown
  }
  for (const photos of [shown, later()]) {
    const score = await validate(predictor, photos)
    const abMse = (abError(first, oneColour(30, -20)) + abError(second, oneColour(5, 6))) / 2
    expect(score!.abMse).toBeCloseTo(abMse, 10)
    expect(score!.grayMse).toBeCloseTo((abError(first, GRAY) + abError(second, GRAY)) / 2, 10)
  }
})

it('is null when it is interrupted, and reads no further', async () => {
  const interruption = new AbortController()
  let read = 0
  async function* photos() {
    for (const photo of [...shown, ...shown]) {
      if (++read === 2) interruption.abort()
      yield photo
    }
  }
  expect(await validate(predictor, photos(), interruption.signal)).toBe(null)
  expect(read).toBe(2)
})
