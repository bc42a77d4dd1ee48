/** The guided filter in TypeScript, held against the formulas of He, Sun and Tang 2010 written out. */
import { describe, expect, it } from 'vitest'
import { enlarger, GUIDED, type SmallAb } from '../src/color/guided.ts'
import { grayLevel, lightness } from '../src/color/lab.ts'
import type { Photo } from '../src/color/photo.ts'
import { upsampleAb } from '../src/color/resample.ts'
import { draw, seeded } from './harness.ts'

/** A grey picture of the lightness `L` (x, y). */
function grayPhoto(width: number, height: number, L: (x: number, y: number) => number): Photo {
  const rgb = new Uint8Array(3 * width * height)
  for (let i = 0; i < width * height; i++)
    rgb.fill(grayLevel(L(i % width, Math.floor(i / width))), 3 * i, 3 * i + 3)
  return { width, height, rgb }
}

const smallAb = (width: number, height: number, colour: (x: number, y: number) => [number, number]) => ({
  ab: Float32Array.from(
    { length: 2 * width * height },
    (_, i) => colour((i >> 1) % width, Math.floor((i >> 1) / width))[i % 2]!,
  ),
  width,
  height,
})

const noise = (width: number, height: number, name: string): SmallAb => ({
  ab: draw(2 * width * height, 'wide', seeded(name)),
  width,
  height,
})

const bilinear = ({ ab, width, height }: SmallAb, photo: Photo) =>
  upsampleAb({ ab, stride: width, content: { x: 0, y: 0, width, height } }, photo)

const guided = (small: SmallAb, photo: Photo) => enlarger(small, photo)(lightness(photo.rgb), 0, photo.height)

/** The largest difference between two lists of colours. */
const distance = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0)

/** Cells of the window around a cell that lie in the grid. */
function windowOf(cell: number, { width, height }: SmallAb): number[] {
  const [x, y] = [cell % width, Math.floor(cell / width)]
  return Array.from({ length: width * height }, (_, other) => other).filter(
    (other) =>
      Math.abs((other % width) - x) <= GUIDED.radius &&
      Math.abs(Math.floor(other / width) - y) <= GUIDED.radius,
  )
}

const meanOf = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length

/** One channel by the formulas, [pixels]. */
function byFormulas(small: SmallAb, photo: Photo, channel: number): number[] {
  const { width, height } = small
  const L = lightness(photo.rgb)
  const inCell: number[][] = Array.from({ length: width * height }, () => [])
  L.forEach((l, i) => {
    const [x, y] = [i % photo.width, Math.floor(i / photo.width)]
    const [column, row] = [((x + 0.5) / photo.width) * width, ((y + 0.5) / photo.height) * height]
    inCell[Math.floor(row) * width + Math.floor(column)]!.push(l)
  })
  const I = inCell.map(meanOf)
  const lines = I.map((_, k) => {
    const cells = windowOf(k, small)
    const [mu, p] = [meanOf(cells.map((i) => I[i]!)), meanOf(cells.map((i) => small.ab[2 * i + channel]!))]
    const covariance = meanOf(cells.map((i) => (I[i]! - mu) * (small.ab[2 * i + channel]! - p)))
    const a = covariance / (meanOf(cells.map((i) => (I[i]! - mu) ** 2)) + GUIDED.epsilon)
    return [a, p - a * mu] as const
  })
  const averages = lines.map((_, k) =>
    [0, 1].map((j) => meanOf(windowOf(k, small).map((i) => lines[i]![j as 0 | 1]))),
  )
  const up = bilinear({ ab: Float32Array.from(averages.flat()), width, height }, photo)
  return Array.from(L, (l, i) => up[2 * i]! * l + up[2 * i + 1]!)
}

describe('guided enlargement', () => {
  it.each([
    [5, 4, 17, 13],
    [2, 2, 9, 7],
    [1, 6, 4, 31],
    [7, 1, 40, 3],
    [8, 6, 9, 7],
  ])('is what the formulas say, a grid of %d × %d for %d × %d pixels', (w, h, width, height) => {
    const small = noise(w, h, `${w} ${h}`)
    const random = seeded('levels')
    const photo = grayPhoto(width, height, () => 100 * random())
    const got = guided(small, photo)
    for (const channel of [0, 1]) {
      const want = byFormulas(small, photo, channel)
      const of = got.filter((_, i) => i % 2 === channel)
      expect(of).toHaveLength(want.length)
      expect(distance(of, want)).toBeLessThan(1e-4)
    }
  })

  it('moves an edge of the colours to the edge of the lightness, in the middle of a cell', () => {
    const edge = 22
    const photo = grayPhoto(40, 24, (x) => (x < edge ? 30 : 80))
    const small = smallAb(10, 6, (x) => (x < 5 ? [30, -20] : x > 5 ? [-10, 40] : [10, 10]))
    const truth = Array.from({ length: 40 * 24 }, (_, i) => (i % 40 < edge ? [30, -20] : [-10, 40])).flat()
    expect(distance(bilinear(small, photo), truth)).toBeGreaterThan(20)
    expect(distance(guided(small, photo), truth)).toBeLessThan(3)
  })

  it('where the lightness is flat, is bilinear: of a slope itself, of others as smooth as two windows make them', () => {
    const photo = grayPhoto(60, 44, () => 55)
    const slope = smallAb(15, 11, (x, y) => [3 * x - y, 5 * y])
    const [got, want] = [guided(slope, photo), bilinear(slope, photo)]
    for (let y = 12; y < 32; y++)
      expect(
        distance(got.subarray(120 * y + 24, 120 * y + 96), want.subarray(120 * y + 24, 120 * y + 96)),
        `row ${y}`,
      ).toBeLessThan(1e-4)
    const one = smallAb(15, 11, () => [7, -9])
    expect(distance(guided(one, photo), bilinear(one, photo))).toBeLessThan(1e-5)
    const dot = smallAb(15, 11, (x, y) => [x === 7 && y === 5 ? 81 : 0, 0])
    const hat = (d: number) => Math.max(0, 3 - Math.abs(d))
    const smooth = smallAb(15, 11, (x, y) => [hat(x - 7) * hat(y - 5), 0])
    expect(distance(guided(dot, photo), bilinear(smooth, photo))).toBeLessThan(1e-4)
  })

  it.each([
    [1, 1, 6, 4],
    [5, 4, 3, 9],
    [5, 4, 9, 3],
    [5, 4, 5, 4],
    [5, 4, 9, 4],
    [5, 4, 5, 9],
  ])(
    'is bilinear for a grid of %d × %d cells and %d × %d pixels: no cell has an edge in it',
    (w, h, width, height) => {
      const random = seeded('levels')
      const photo = grayPhoto(width, height, () => 100 * random())
      const small = noise(w, h, 'small')
      expect(guided(small, photo)).toEqual(bilinear(small, photo))
    },
  )

  it('gives in bands what it gives at once', () => {
    const random = seeded('levels')
    const photo = grayPhoto(23, 19, () => 100 * random())
    const enlarge = enlarger(noise(6, 5, 'small'), photo)
    const L = lightness(photo.rgb)
    const parts = [0, 1, 8, 19].flatMap((last, i, ends) => {
      const first = ends[i - 1] ?? 0
      return [...enlarge(L.subarray(23 * first, 23 * last), first, last)]
    })
    expect(parts).toEqual([...enlarge(L, 0, 19)])
  })

  it('sees a large picture whole, whose bands end within cells', () => {
    const photo = grayPhoto(1200, 1100, (x, y) => (x * 7 + y * 3) % 100)
    const small = noise(5, 7, 'small')
    const got = guided(small, photo).filter((_, i) => i % 2 === 0)
    expect(distance(got, byFormulas(small, photo, 0))).toBeLessThan(1e-4)
  })
})
