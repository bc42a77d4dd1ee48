/** The ab error after hints, against a plain reference: L*a*b* by the textbook, pixel by pixel in double precision. */
import { describe, expect, it } from 'vitest'
import { HINT_COUNTS, hintErrors, trueHints } from '../src/cli/measure-hints.ts'
import type { SmallAb } from '../src/color/guided.ts'
import type { Photo } from '../src/color/photo.ts'
import type { ToldColour } from '../src/infer/hints.ts'
import { seeded } from './harness.ts'

const random = seeded('measure hints')
const photo = (width: number, height: number): Photo => ({
  ...{ width, height },
  rgb: Uint8Array.from({ length: 3 * width * height }, () => 256 * random()),
})

/** CIE 15:2004 and IEC 61966-2-1. */
function ab(levels: ArrayLike<number>, pixel: number): readonly [number, number] {
  const [r, g, b] = [0, 1, 2].map((channel) => {
    const level = levels[3 * pixel + channel]! / 255
    return level <= 0.04045 ? level / 12.92 : ((level + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  const curve = (t: number) => (t > (6 / 29) ** 3 ? Math.cbrt(t) : t / (3 * (6 / 29) ** 2) + 4 / 29)
  const x = curve((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047)
  const y = curve(0.2126729 * r + 0.7151522 * g + 0.072175 * b)
  const z = curve((0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883)
  return [500 * (x - y), 200 * (y - z)]
}

/** Means over the pixels at most `reach` rows and columns away. */
function meanAround({ width, height, rgb }: Photo, [x, y]: readonly [number, number], reach: number) {
  const near = Array.from({ length: width * height }, (_, pixel) => pixel).filter(
    (pixel) => Math.abs((pixel % width) - x) <= reach && Math.abs(Math.floor(pixel / width) - y) <= reach,
  )
  const mean = (channel: number) =>
    near.reduce((sum, pixel) => sum + ab(rgb, pixel)[channel]!, 0) / near.length
  return { a: mean(0), b: mean(1) }
}

/** Each pixel in the colour of the nearest place that is told. */
function nearest({ width, height }: Photo, told: readonly ToldColour[]): SmallAb {
  const colours = Array.from({ length: width * height }, (_, pixel) => {
    const far = ({ x, y }: ToldColour) =>
      Math.hypot(x * width - (pixel % width) - 0.5, y * height - Math.floor(pixel / width) - 0.5)
    const { a, b } = told.reduce((best, one) => (far(one) < far(best) ? one : best))
    return [a, b]
  })
  return { width, height, ab: Float32Array.from(colours.flat()) }
}

describe('true hints', () => {
  it.each([
    ['7 × 7 pixels', 224, 260, 3],
    ['one pixel', 24, 40, 0],
  ])('are the mean colours of a 32nd of the shorter side: %s', (_, width, height, reach) => {
    const picture = photo(width, height)
    const hints = trueHints(picture, 5)
    expect(hints).toHaveLength(30)
    for (const { x, y, a, b } of hints) {
      const wanted = meanAround(picture, [Math.floor(x * width), Math.floor(y * height)], reach)
      expect([Math.abs(a - wanted.a), Math.abs(b - wanted.b)].every((error) => error < 2e-3)).toBe(true)
    }
  })

  it('lie all over the picture, at places that its number alone decides', () => {
    const placesOf = (picture: Photo, number: number) =>
      trueHints(picture, number).map(({ x, y }) => [x, y] as const)
    const small = photo(16, 16)
    expect(placesOf(photo(40, 8), 3)).toEqual(placesOf(small, 3))
    const all = Array.from({ length: 20 }, (_, number) => placesOf(small, number)).flat()
    expect(new Set(all.map(String)).size).toBe(all.length)
    for (const axis of [0, 1]) {
      const sum = all.reduce((sum, place) => sum + place[axis]!, 0)
      expect(Math.abs(sum / all.length - 0.5)).toBeLessThan(0.05)
    }
  })
})

it('the error after N hints is that of the colours when the first N are told', async () => {
  const picture = photo(48, 36)
  const hints = trueHints(picture, 2)
  const colours = async (told: readonly ToldColour[]) => nearest(picture, told)
  const errors = await hintErrors(picture, 2, colours)
  expect(Object.keys(errors)).toEqual(HINT_COUNTS.map((count) => `hints${count}`))
  for (const count of [1, 2, 5, 10, 30] as const) {
    const painted = nearest(picture, hints.slice(0, count)).ab
    let sum = 0
    for (let pixel = 0; pixel < 48 * 36; pixel++) {
      const [a, b] = ab(picture.rgb, pixel)
      sum += (painted[2 * pixel]! - a) ** 2 + (painted[2 * pixel + 1]! - b) ** 2
    }
    const wanted = sum / (2 * 48 * 36)
    expect(Math.abs(errors[`hints${count}`]! / wanted - 1)).toBeLessThan(1e-3)
  }
})
