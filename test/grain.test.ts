/** Grain stays in the lightness: to the eye, the shipped network's colours of a grainy photograph are no noisier than of a clean one. */
import { expect, it } from 'vitest'
import { addGrain } from '../src/color/ageing.ts'
import { grayLevel, lightness, srgbToLab } from '../src/color/lab.ts'
import { lookAt } from '../src/color/look.ts'
import type { Photo } from '../src/color/photo.ts'
import { rasterOf } from '../src/color/raster.ts'
import { colorizePicture } from '../src/infer/picture.ts'
import { readPhoto } from '../src/node/image.ts'
import { openPainter } from '../src/node/painter.ts'
import { readWeights, SHIPPED } from '../src/node/weights.ts'
import { STREAM, uniform4 } from '../src/random.ts'
import { useGpu } from './device.ts'

const gpu = useGpu()
/** Side of the squares that are looked at, in px. */
const SIDE = 16
/** Standard deviation of L* of a square without anything on it. */
const FLAT = 1
const GRAIN = 5

const grayOf = (photo: Photo, L: Float32Array): Photo => {
  const rgb = new Uint8Array(photo.rgb.length)
  for (const [i, l] of L.entries()) rgb.fill(grayLevel(l), 3 * i, 3 * i + 3)
  return { ...photo, rgb }
}

/** Values of the square at a place. */
const squareAt = (values: Float32Array, width: number, left: number, top: number) =>
  Array.from(
    { length: SIDE * SIDE },
    (_, i) => values[(top + Math.floor(i / SIDE)) * width + left + (i % SIDE)]!,
  )

function deviation(square: readonly number[]): number {
  const mean = square.reduce((sum, value) => sum + value, 0) / square.length
  return Math.sqrt(square.reduce((sum, value) => sum + (value - mean) ** 2, 0) / square.length)
}

/** The values without the plane that fits them best: a slow change of colours, as across a sky, is no noise. */
function withoutSlope(square: readonly number[]): number[] {
  const from = (i: number) => [(i % SIDE) - (SIDE - 1) / 2, Math.floor(i / SIDE) - (SIDE - 1) / 2] as const
  const squares = square.reduce((sum, _, i) => sum + from(i)[0] ** 2, 0)
  const [across, down] = [0, 1].map(
    (axis) => square.reduce((sum, value, i) => sum + from(i)[axis]! * value, 0) / squares,
  )
  return square.map((value, i) => value - across! * from(i)[0] - down! * from(i)[1])
}

it('grain of 5 L* does not become noise of colours', async () => {
  const photo = await readPhoto('samples/photos/rocket.jpg')
  const clean = lightness(photo.rgb)
  const grainy = clean.slice()
  const noise = Float32Array.from(clean, (_, i) => Math.sqrt(12) * (uniform4(1, STREAM.age, i)[0] - 0.5))
  addGrain(grainy, photo.width, noise, { deviation: GRAIN, size: 0.5 })
  const painter = await openPainter(gpu(), await readWeights(SHIPPED), null, { precision: 'f32' })
  /** Mean deviation of a* and b* from a plane in squares where the clean photograph is flat. */
  const chromaNoise = async (L: Float32Array) => {
    const gray = grayOf(photo, L)
    const { picture } = await colorizePicture(painter, rasterOf(gray), lookAt(gray, gray), {})
    const { ab } = srgbToLab(picture.levels as Uint8Array)
    const found: number[] = []
    for (let top = 0; top + SIDE <= photo.height; top += SIDE)
      for (let left = 0; left + SIDE <= photo.width; left += SIDE) {
        if (deviation(squareAt(clean, photo.width, left, top)) > FLAT) continue
        for (const channel of [0, 1]) {
          const values = ab.filter((_, i) => i % 2 === channel)
          found.push(deviation(withoutSlope(squareAt(values, photo.width, left, top))))
        }
      }
    expect(found.length).toBeGreaterThan(10)
    return found.reduce((sum, value) => sum + value, 0) / found.length
  }
  const [before, after] = [await chromaNoise(clean), await chromaNoise(grainy)]
  painter.predictor.destroy()
  painter.enlarger.destroy()
  // the rounding of levels is a part of it; the eye sees differences from about 2 on
  expect(before).toBeLessThan(0.5)
  expect(after).toBeLessThan(0.5)
})
