/** Prints with a dot screen: it is found, and does not become noise of colours. */
import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { lightness, srgbToLab } from '../src/color/lab.ts'
import { lookAt } from '../src/color/look.ts'
import { grayOf } from '../src/color/paint.ts'
import { type Lightness, type Photo, photoLightness } from '../src/color/photo.ts'
import { rasterOf, rowsOf, wholeOf } from '../src/color/raster.ts'
import { descreened, screenPeriod } from '../src/color/screen.ts'
import type { Painter } from '../src/infer/colorizer.ts'
import type { Band } from '../src/infer/enlargement.ts'
import { colorizePicture } from '../src/infer/picture.ts'
import { readPhoto } from '../src/node/image.ts'
import { flatPainter } from './flat-painter.ts'
import { halftone } from './halftone.ts'

const periodOf = (photo: Photo) => screenPeriod(rowsOf(rasterOf(photo)), wholeOf(photo))
const spread = (values: Float32Array) => {
  const mean = values.reduce((a, b) => a + b) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
}
/** Dots of a surface, and the surface. */
const surface = (level: number): Photo => ({
  ...{ width: 160, height: 140 },
  rgb: new Uint8Array(3 * 160 * 140).fill(level),
})

describe('a dot screen', () => {
  it.each([
    [4, 45],
    [6, 45],
    [6, 15],
    [9, 30],
  ])('of %i px at %i° is found on a photograph', async (period, degrees) => {
    const print = halftone(grayOf(await readPhoto('samples/gray/nagasaki-boats.jpg')), period, degrees)
    const found = await periodOf(print)
    expect(found).not.toBe(null)
    expect(Math.abs(found! / period - 1)).toBeLessThan(0.12)
  })

  it.each(readdirSync('samples/photos').filter((_, i) => i % 3 === 0))('is not found on %s', async (name) => {
    expect(await periodOf(grayOf(await readPhoto(`samples/photos/${name}`)))).toBe(null)
  })

  it.each(readdirSync('samples/gray'))('is not found on the old photograph %s', async (name) => {
    expect(await periodOf(await readPhoto(`samples/gray/${name}`))).toBe(null)
  })

  it('is gone from the lightness that colours follow, in rows as in the whole', async () => {
    const print = halftone(surface(130), 6)
    const before = photoLightness(print)
    const plain = descreened(before, 6)
    const whole = await plain.rows(0, 140)
    const inside = whole.subarray(160 * 20, 160 * 120)
    expect(spread(before.rows(20, 120))).toBeGreaterThan(20)
    expect(spread(inside)).toBeLessThan(1.5)
    expect(await plain.rows(50, 60)).toEqual(whole.subarray(160 * 50, 160 * 60))
  })
})

/** Colours that follow the lightness, as a guided filter lets them. */
function followingPainter(seen: Photo[]): Painter {
  const flat = flatPainter((photo) => seen.push(photo))
  const enlarge = async (photo: Lightness, _: unknown, take: (band: Band) => void | Promise<void>) => {
    const L = await photo.rows(0, photo.height)
    const colours = Float32Array.from({ length: 2 * L.length }, (_, i) => 0.1 * L[i >> 1]!)
    await take({ first: 0, last: photo.height, L, colours })
  }
  return { ...flat, enlarger: { enlarge } } as unknown as Painter
}

it('dots neither reach the network nor become noise of colours, and stay in the lightness', async () => {
  const print = halftone(surface(130), 6)
  const seen: Photo[] = []
  const copy = { ...print, rgb: print.rgb.slice() }
  const look = lookAt(print, print)
  const { picture } = await colorizePicture(
    followingPainter(seen),
    rasterOf(copy),
    { ...look, content: wholeOf(print) },
    {},
  )
  const inside = (photo: Photo) => photo.rgb.subarray(3 * 160 * 20, 3 * 160 * 120)
  expect(spread(lightness(inside(seen[0]!)))).toBeLessThan(1.5)
  const { L, ab } = srgbToLab(inside({ ...print, rgb: picture.levels as Uint8Array }))
  expect(spread(ab.filter((_, i) => i % 2 === 0))).toBeLessThan(0.7) // the rounding of levels
  const before = lightness(inside(print))
  expect(Math.max(...L.map((l, i) => Math.abs(l - before[i]!)))).toBeLessThan(0.5)
})
