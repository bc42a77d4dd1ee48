/** The page's own recombination, held against that of the command line. */
import { expect, it } from 'vitest'
import { linesOf, type SmallAb } from '../../../src/color/guided.ts'
import { lightness } from '../../../src/color/lab.ts'
import { paint } from '../../../src/color/paint.ts'
import type { Photo } from '../../../src/color/photo.ts'
import { STREAM, uniform4 } from '../../../src/random.ts'
import { type Look, USUAL_LOOK } from '../../../web/src/look.ts'
import { placesOf, recombine, type View } from '../../../web/src/work/recombine.ts'

const SIZE = { width: 37, height: 23 }
const noise = (i: number) => uniform4(1, STREAM.weights, i)[0]
const photo: Photo = {
  ...SIZE,
  rgb: Uint8Array.from({ length: 3 * 37 * 23 }, (_, i) => 256 * noise(Math.floor(i / 3))),
}
const small: SmallAb = {
  ...{ width: 5, height: 4 },
  ab: Float32Array.from({ length: 40 }, (_, i) => 60 * noise(10_000 + i) - 30),
}
const WHOLE: View = { rect: { x: 0, y: 0, ...SIZE }, ...SIZE }

/** [rows, columns, 3] of a part of the photograph. */
function coloured(look: Partial<Look>, view = WHOLE): number[][] {
  const { x, y, width, height } = view.rect
  const rows = Array.from({ length: height }, (_, row) => {
    const from = 3 * ((y + row) * SIZE.width + x)
    return [...photo.rgb.subarray(from, from + 3 * width)]
  })
  const rgb = Uint8Array.from(rows.flat())
  const pixels = { rgb, L: lightness(rgb), places: placesOf(small, SIZE, view) }
  const rgba = recombine(pixels, linesOf(small, photo), { ...USUAL_LOOK, ...look })
  return Array.from({ length: width * height }, (_, i) => [...rgba.subarray(4 * i, 4 * i + 3)])
}

const pixelsOf = ({ rgb }: Photo) =>
  Array.from({ length: rgb.length / 3 }, (_, i) => [...rgb.subarray(3 * i, 3 * i + 3)])

it.each([0, 1, 1.7])('paints as the command line does at saturation %d', (saturation) => {
  const want = pixelsOf(paint(photo, small, saturation)).flat()
  const got = coloured({ saturation }).flat()
  expect(Math.max(...got.map((level, i) => Math.abs(level - want[i]!)))).toBeLessThanOrEqual(1)
})

it('paints a part as it is in the whole', () => {
  const rect = { x: 11, y: 6, width: 9, height: 8 }
  const part = coloured({}, { rect, width: 9, height: 8 })
  const whole = coloured({})
  expect(part).toEqual(part.map((_, i) => whole[(6 + Math.floor(i / 9)) * 37 + 11 + (i % 9)]))
})

it('is the original without strength, and half-way between at half of it', () => {
  expect(coloured({ strength: 0 })).toEqual(pixelsOf(photo))
  const [original, full, half] = [pixelsOf(photo), coloured({}), coloured({ strength: 0.5 })].map((pixels) =>
    pixels.flat(),
  )
  const off = half!.map((level, i) => Math.abs(level - (original![i]! + full![i]!) / 2))
  expect(Math.max(...off)).toBeLessThanOrEqual(0.5)
})

it('gets redder than blue with warmth, and the other way without', () => {
  const redness = (look: Partial<Look>) => coloured(look).reduce((sum, [r, , b]) => sum + r! - b!, 0)
  expect(redness({ warmth: 1 })).toBeGreaterThan(redness({}) + 1000)
  expect(redness({ warmth: -1 })).toBeLessThan(redness({}) - 1000)
})
