/** The lightness that colours follow in parts of a print, held against that of all of it. */
import { expect, it } from 'vitest'
import { lightness } from '../../../src/color/lab.ts'
import { type Photo, photoLightness } from '../../../src/color/photo.ts'
import { descreened } from '../../../src/color/screen.ts'
import type { Rect } from '../../../src/rect.ts'
import { withoutDots } from '../../../web/src/worker/followed.ts'
import type { View } from '../../../web/src/worker/recombine.ts'
import { halftone } from '../../halftone.ts'

const SIZE = { width: 120, height: 90 }
const SCREEN = 5
const shades = Uint8Array.from({ length: 3 * 120 * 90 }, (_, i) => 40 + (Math.floor(i / 3) % 120))
const print: Photo = halftone({ ...SIZE, rgb: shades }, SCREEN)
/** Without the border of the print. */
const CONTENT: Rect = { x: 10, y: 8, width: 100, height: 70 }

/** A part of the print as large as it is. */
function draw({ rect: { x, y, width, height } }: View): Photo {
  const rgb = new Uint8Array(3 * width * height)
  for (let row = 0; row < height; row++) {
    const from = 3 * ((y + row) * SIZE.width + x)
    rgb.set(print.rgb.subarray(from, from + 3 * width), 3 * row * width)
  }
  return { width, height, rgb }
}

function followed(rect: Rect): Promise<Float32Array> {
  const view = { rect, width: rect.width, height: rect.height }
  return withoutDots({ view, L: lightness(draw(view).rgb) }, { screen: SCREEN, content: CONTENT }, draw)
}

it.each<[string, Rect]>([
  ['the whole', { x: 0, y: 0, ...SIZE }],
  ['a band', { x: 0, y: 30, width: 120, height: 11 }],
  ['a part in the middle', { x: 50, y: 40, width: 20, height: 15 }],
  ['a corner, border included', { x: 0, y: 0, width: 40, height: 30 }],
  ['the other corner', { x: 80, y: 60, width: 40, height: 30 }],
  ['a part of the border', { x: 0, y: 84, width: 120, height: 6 }],
])('has no dots in %s, and is that of the whole', async (_, rect) => {
  const inside = draw({ rect: CONTENT, width: CONTENT.width, height: CONTENT.height })
  const plain = await descreened(photoLightness(inside), SCREEN).rows(0, CONTENT.height)
  const own = lightness(print.rgb)
  const expected = Float32Array.from({ length: rect.width * rect.height }, (_, i) => {
    const [x, y] = [rect.x + (i % rect.width), rect.y + Math.floor(i / rect.width)]
    const [column, row] = [x - CONTENT.x, y - CONTENT.y]
    const hasDots = column >= 0 && row >= 0 && column < CONTENT.width && row < CONTENT.height
    return hasDots ? plain[row * CONTENT.width + column]! : own[y * SIZE.width + x]!
  })
  expect(await followed(rect)).toEqual(expected)
})

it('is the same at half the size, but for what shrinking does', async () => {
  const rect = { x: 20, y: 18, width: 80, height: 50 }
  const half = ({ rect: { x, y, width, height }, ...size }: View): Photo => {
    const large = draw({ rect: { x, y, width, height }, width, height })
    const rgb = new Uint8Array(3 * size.width * size.height)
    for (let i = 0; i < size.width * size.height; i++) {
      const at = 2 * Math.floor(i / size.width) * width + 2 * (i % size.width)
      const mean = [at, at + 1, at + width, at + width + 1].reduce((sum, k) => sum + large.rgb[3 * k]!, 0) / 4
      rgb.fill(mean, 3 * i, 3 * i + 3)
    }
    return { width: size.width, height: size.height, rgb }
  }
  const view = { rect, width: 40, height: 25 }
  const L = lightness(half(view).rgb)
  const small = await withoutDots({ view, L }, { screen: SCREEN, content: CONTENT }, half)
  const large = await followed(rect)
  const differences = Array.from(small, (l, i) =>
    Math.abs(l - large[2 * Math.floor(i / 40) * 80 + 2 * (i % 40)]!),
  )
  expect(Math.max(...differences)).toBeLessThan(4)
  expect(Math.max(...Array.from(small, (l, i) => Math.abs(l - L[i]!)))).toBeGreaterThan(8)
})
