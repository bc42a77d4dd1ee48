import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { contentRect, type Photo, padToSquare } from '../src/color/photo.ts'
import { resize, upsampleAb } from '../src/color/resample.ts'
import { readPhoto, sharpResize } from '../src/node/image.ts'
import { seeded } from './harness.ts'

/** All but one level in a thousand are equal, and those differ by one: libvips rounds by what the processor has. */
function expectSame(got: Photo, want: Photo, name = ''): void {
  expect([got.width, got.height, got.rgb.length]).toEqual([want.width, want.height, want.rgb.length])
  const counts = [0, 0]
  got.rgb.forEach((level, i) => {
    const difference = Math.abs(level - want.rgb[i]!)
    counts[difference] = (counts[difference] ?? 0) + 1
  })
  expect(counts, `${name}: levels that differ by 0, 1, 2 …: ${counts}`).toHaveLength(2)
  expect(counts[1], `${name}: levels that differ by 1`).toBeLessThanOrEqual(got.rgb.length / 1000)
}

describe('resize gives the levels of libvips', () => {
  const times = (across: number, down: number) => (photo: Photo) =>
    [Math.ceil(photo.width * across), Math.ceil(photo.height * down)] as const
  const names = readdirSync('samples/photos').filter((_, i) => i % 3 === 0)

  it.each([
    ['a little smaller', times(0.9, 0.9)],
    ['half as large', times(0.5, 0.5)],
    ['smaller than a quarter', times(0.21, 0.13)],
    ['in a square', () => [224, 224] as const],
    ['of 16 pixels', () => [16, 16] as const],
    ['larger', times(1.3, 2.1)],
    ['wider only', times(1.7, 1)],
    ['wider and lower', times(1.3, 0.4)],
    ['narrower and higher', times(0.3, 1.7)],
  ])('%s', async (_, sizeOf) => {
    for (const name of names) {
      const photo = await readPhoto(`samples/photos/${name}`)
      const [width, height] = sizeOf(photo)
      expectSame(resize(photo, width, height), await sharpResize(photo, width, height), name)
    }
  })

  const random = seeded('resample')
  const noise = (width: number, height: number): Photo => ({
    ...{ width, height },
    rgb: Uint8Array.from({ length: 3 * width * height }, () => Math.floor(256 * random())),
  })

  it.each([
    [1, 1, 5, 3],
    [7, 5, 1, 1],
    [1, 9, 1, 4],
    [2, 2, 3, 3],
    [301, 2, 10, 4],
    [17, 1000, 16, 11],
    [64, 64, 63, 65],
  ])('also of noise, %d × %d → %d × %d', async (width, height, toWidth, toHeight) => {
    const photo = noise(width, height)
    expectSame(resize(photo, toWidth, toHeight), await sharpResize(photo, toWidth, toHeight))
  })

  it('of a part of the picture', async () => {
    const photo = noise(60, 50)
    const from = { x: 7, y: 11, width: 40, height: 30 }
    const part = await sharpResize(photo, 16, 12, from)
    expectSame(resize(photo, 16, 12, from), part)
    const [same, cut] = [resize(photo, 40, 30, from), await sharpResize(photo, 40, 30, from)]
    expect(same).toEqual(cut)
    expect(resize(photo, 60, 50)).toEqual(photo)
  })
})

it('contentRect and padToSquare: longest side = size, centred, white around', () => {
  expect(contentRect(300, 200, 60)).toEqual({ x: 0, y: 10, width: 60, height: 40 })
  expect(contentRect(20, 30, 60)).toEqual({ x: 10, y: 0, width: 40, height: 60 })
  expect(contentRect(5000, 1, 60)).toEqual({ x: 0, y: 29, width: 60, height: 1 })
  const photo = { width: 4, height: 2, rgb: Uint8Array.from({ length: 24 }, (_, i) => 10 * i) }
  const { rgb } = padToSquare(photo, 4, contentRect(4, 2, 4))
  expect([...rgb]).toEqual([...Array(12).fill(255), ...photo.rgb, ...Array(12).fill(255)])
})

describe('upsampleAb', () => {
  const ramp = (size: number) =>
    Float32Array.from({ length: 2 * size * size }, (_, i) => {
      const [x, y] = [(i >> 1) % size, Math.floor((i >> 1) / size)]
      return i % 2 ? 10 * y : x
    })

  it('aligns pixel centres: a linear ramp stays the same ramp', () => {
    const content = { x: 0, y: 0, width: 8, height: 8 }
    const up = upsampleAb({ ab: ramp(8), stride: 8, content }, { width: 20, height: 12 })
    for (let y = 0; y < 12; y++)
      for (let x = 0; x < 20; x++) {
        const clamp = (v: number) => Math.min(7, Math.max(0, v))
        expect(up[2 * (20 * y + x)]).toBeCloseTo(clamp((x + 0.5) * (8 / 20) - 0.5), 5)
        expect(up[2 * (20 * y + x) + 1]).toBeCloseTo(10 * clamp((y + 0.5) * (8 / 12) - 0.5), 4)
      }
  })

  it('takes nothing from outside the content, is the identity at equal size, and works in bands', () => {
    const content = { x: 2, y: 3, width: 4, height: 2 }
    const ab = ramp(8).map((v, i) => {
      const [x, y] = [(i >> 1) % 8, i >> 4]
      return x >= 2 && x < 6 && y >= 3 && y < 5 ? v : Number.NaN
    })
    const padded = { ab, stride: 8, content }
    expect([...upsampleAb(padded, content)]).toEqual(
      [3, 4].flatMap((y) => [2, 3, 4, 5].flatMap((x) => [x, 10 * y])),
    )
    const whole = upsampleAb(padded, { width: 13, height: 9 })
    expect(whole.some(Number.isNaN)).toBe(false)
    const bands = [
      [0, 4],
      [4, 5],
      [5, 9],
    ].map((rows) => upsampleAb(padded, { width: 13, height: 9 }, rows as [number, number]))
    expect(bands.flatMap((band) => [...band])).toEqual([...whole])
  })
})
