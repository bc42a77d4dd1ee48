/** The page's own recombination, held against that of the command line. */
import { expect, it } from 'vitest'
import { linesOf, type SmallAb } from '../../../src/color/guided.ts'
import { lightness, srgbToLab } from '../../../src/color/lab.ts'
import type { Look as PictureLook } from '../../../src/color/look.ts'
import { paint } from '../../../src/color/paint.ts'
import type { Photo } from '../../../src/color/photo.ts'
import { toneAdder } from '../../../src/infer/picture.ts'
import { STREAM, uniform4 } from '../../../src/random.ts'
import { type Look, USUAL_LOOK } from '../../../web/src/look.ts'
import { recombine, type View } from '../../../web/src/worker/recombine.ts'

const SIZE = { width: 37, height: 23 }
const noise = (i: number) => uniform4(1, STREAM.weights, i)[0]
const photo: Photo = {
  ...SIZE,
  rgb: Uint8Array.from({ length: 3 * 37 * 23 }, (_, i) => 40 + 160 * noise(Math.floor(i / 3)) + 20 * (i % 3)),
}
const small: SmallAb = {
  ...{ width: 5, height: 4 },
  ab: Float32Array.from({ length: 40 }, (_, i) => 60 * noise(10_000 + i) - 30),
}
/** What a look at a sepia print would have told. */
const print = { tone: (L: number) => [4, L / 5], isInColour: false } as unknown as PictureLook
const WHOLE: View = { rect: { x: 0, y: 0, ...SIZE }, ...SIZE }

/** [rows, columns, 3] of a part of the photograph. */
function coloured(look: Partial<Look>, view = WHOLE, content = WHOLE.rect): number[][] {
  const { x, y, width, height } = view.rect
  const rows = Array.from({ length: height }, (_, row) => {
    const from = 3 * ((y + row) * SIZE.width + x)
    return [...photo.rgb.subarray(from, from + 3 * width)]
  })
  const rgb = Uint8Array.from(rows.flat())
  const colouring = { colours: linesOf(small, photo), content, addTone: toneAdder(print) }
  const L = lightness(rgb)
  const rgba = recombine({ view, rgb, L, followed: L }, colouring, { ...USUAL_LOOK, ...look })
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

it('leaves the border of a picture grey, in the whole and in its parts', () => {
  const content = { x: 8, y: 5, width: 20, height: 14 }
  const isGrey = ([r, g, b]: number[]) => r === g && g === b
  const isInside = (x: number, y: number) => x >= 8 && x < 28 && y >= 5 && y < 19
  const whole = coloured({}, WHOLE, content)
  const wrong = whole.filter((pixel, i) => !isInside(i % 37, Math.floor(i / 37)) && !isGrey(pixel))
  expect(wrong).toEqual([])
  expect(whole.filter((pixel) => !isGrey(pixel)).length).toBeGreaterThan(200)
  const rect = { x: 4, y: 2, width: 9, height: 8 }
  const part = coloured({}, { rect, width: 9, height: 8 }, content)
  expect(part).toEqual(part.map((_, i) => whole[(2 + Math.floor(i / 9)) * 37 + 4 + (i % 9)]))
})

it('has the original colours without strength, and colours half-way between at half of it', () => {
  const original = srgbToLab(photo.rgb).ab
  const abOf = (look: Partial<Look>) => srgbToLab(Uint8Array.from(coloured(look).flat())).ab
  const off = (got: Float32Array, want: (i: number) => number) =>
    got.reduce((sum, value, i) => sum + Math.abs(value - want(i)), 0) / got.length
  expect(off(abOf({ strength: 0 }), (i) => original[i]!)).toBeLessThan(0.5)
  const full = abOf({ saturation: 0.5 })
  const half = abOf({ saturation: 0.5, strength: 0.5 })
  expect(off(half, (i) => (original[i]! + full[i]!) / 2)).toBeLessThan(1)
  expect(off(half, (i) => full[i]!)).toBeGreaterThan(2)
})

it('adds the tone of a print, to its border, too', () => {
  const content = { x: 8, y: 5, width: 20, height: 14 }
  const abOf = (look: Partial<Look>) =>
    srgbToLab(Uint8Array.from(coloured({ saturation: 0.3, ...look }, WHOLE, content).flat())).ab
  const [kept, plain] = [abOf({ keepTone: true }), abOf({})]
  const L = lightness(photo.rgb)
  const off = kept.map((value, i) => value - plain[i]! - (i % 2 ? Math.round(L[i >> 1]!) / 5 : 4))
  expect(Math.max(...off.map(Math.abs))).toBeLessThan(1.5) // levels are whole
})

it('gets redder than blue with warmth, and the other way without', () => {
  const redness = (look: Partial<Look>) => coloured(look).reduce((sum, [r, , b]) => sum + r! - b!, 0)
  expect(redness({ warmth: 1 })).toBeGreaterThan(redness({}) + 1000)
  expect(redness({ warmth: -1 })).toBeLessThan(redness({}) - 1000)
})
