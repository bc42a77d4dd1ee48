import { describe, expect, it } from 'vitest'
import {
  addGrain,
  addScratch,
  addVignette,
  blur,
  changeTone,
  type Scratch,
  sensitize,
} from '../src/color/ageing.ts'
import { lightness, srgbToLab } from '../src/color/lab.ts'
import { STREAM, uniform4 } from '../src/random.ts'
import { type AgeKey, age } from '../src/train/aged.ts'

const SIDE = 64
const flat = (value: number) => new Float32Array(SIDE * SIDE).fill(value)
const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, v) => sum + v, 0) / values.length
const deviation = (values: Float32Array) => {
  const middle = mean(values)
  return Math.sqrt(mean(values.map((v) => (v - middle) ** 2)))
}
/** Mean product of neighbours in a row, by the variance. */
const likeness = (values: Float32Array) => {
  const middle = mean(values)
  const products = values.subarray(1).map((v, i) => (v - middle) * (values[i]! - middle))
  return mean(products) / deviation(values) ** 2
}
/** Independent, with mean 0 and variance 1. */
const noise = () =>
  Float32Array.from({ length: SIDE * SIDE }, (_, i) => Math.sqrt(12) * (uniform4(1, STREAM.age, i)[0] - 0.5))

describe('what age does to lightness', () => {
  it('a plate that is sensitive to blue shows the lightness of blue light: white skies and dark lips', () => {
    const rgb = Uint8Array.of(110, 160, 230, 190, 60, 60, 128, 128, 128)
    const { L, ab } = srgbToLab(rgb)
    const [sky, lips, gray] = L
    const half = L.slice()
    sensitize(L, ab, 1)
    // the lightness of the greys that are as bright as the third axis of XYZ, nearly that of the blue channel
    const [blueSky, blueLips] = lightness(Uint8Array.of(230, 230, 230, 60, 60, 60))
    expect(Math.abs(L[0]! - blueSky!)).toBeLessThan(3)
    expect(Math.abs(L[1]! - blueLips!)).toBeLessThan(6)
    expect(L[2]).toBeCloseTo(gray!, 4)
    sensitize(half, ab, 0.5)
    expect(half[0]).toBeCloseTo((sky! + L[0]!) / 2, 3)
    expect(half[1]).toBeCloseTo((lips! + L[1]!) / 2, 3)
  })

  it('a tone curve moves black and white, bends what is between and burns out lights', () => {
    const levels = Float32Array.of(0, 25, 50, 80, 100)
    changeTone(levels, { exposure: 1.25, gamma: 2, black: 10, white: 90 })
    const want = [10, 10 + 80 * 0.3125 ** 2, 10 + 80 * 0.625 ** 2, 90, 90]
    for (const [i, value] of want.entries()) expect(levels[i]).toBeCloseTo(value, 2)
    const own = Float32Array.from({ length: 1001 }, (_, i) => i / 10)
    changeTone(own, { exposure: 1, gamma: 1, black: 0, white: 100 })
    for (const [i, value] of own.entries()) expect(value).toBeCloseTo(i / 10, 4)
  })

  it('a vignette darkens, or fades, with the square of the distance from its centre', () => {
    const at = { x: 10, y: 20, radius: 20 }
    const [dark, light] = [flat(60), flat(60)]
    addVignette(dark, SIDE, { ...at, strength: 0.5 })
    addVignette(light, SIDE, { ...at, strength: -0.5 })
    const pixel = (L: Float32Array, x: number, y: number) => L[y * SIDE + x]
    expect([pixel(dark, 10, 20), pixel(dark, 30, 20), pixel(dark, 10, 30)]).toEqual([60, 30, 52.5])
    expect([pixel(light, 10, 20), pixel(light, 30, 20), pixel(light, 10, 30)]).toEqual([60, 80, 65])
    expect(pixel(dark, 63, 63)).toBe(0)
    expect(pixel(light, 63, 63)).toBe(100)
  })

  it('a blur spreads a point to a Gaussian, keeps what is flat, and reaches to the edges', () => {
    const point = flat(0)
    point[32 * SIDE + 20] = 1000
    blur(point, SIDE, 1.5)
    const spread = (axis: (i: number) => number) =>
      point.reduce((sum, v, i) => sum + v * axis(i) ** 2, 0) / 1000
    expect(point.reduce((sum, v) => sum + v, 0)).toBeCloseTo(1000, 2)
    for (const axis of [(i: number) => (i % SIDE) - 20, (i: number) => Math.floor(i / SIDE) - 32])
      expect(Math.sqrt(spread(axis))).toBeCloseTo(1.5, 1)
    const edge = flat(50).map((v, i) => v + (i % SIDE ? 0 : 30))
    blur(edge, SIDE, 1)
    expect(edge[0]).toBeCloseTo(edge[40 * SIDE]!, 4)
    // its own column and the repeated ones outside, and half of a Gaussian's middle
    expect(edge[0]).toBeGreaterThan(65)
    expect(edge[10]).toBeCloseTo(50, 4)
  })

  it.each([0, 0.5, 1])('grain of %d pixels has the deviation that was asked for', (size) => {
    const [L, other] = [flat(50), flat(50)]
    addGrain(L, SIDE, noise(), { deviation: 4, size })
    expect(Math.abs(mean(L) - 50)).toBeLessThan(0.5)
    expect(Math.abs(deviation(L) / 4 - 1)).toBeLessThan(0.1)
    expect(likeness(L)).toBeGreaterThan(size ? 0.2 * size : -0.05)
    expect(likeness(L)).toBeLessThan(size ? 0.9 : 0.05)
    addGrain(other, SIDE, noise(), { deviation: 100, size })
    for (const value of other) expect(Math.abs(value - 50)).toBeLessThanOrEqual(50)
  })

  it('a scratch covers a straight line, and one without length a speck', () => {
    const line: Scratch = { x: 5, y: 10, angle: 0, length: 20, radius: 0.5, lightness: 90, cover: 0.5 }
    const L = flat(50)
    addScratch(L, SIDE, line)
    const covered = [...L.keys()].filter((i) => L[i] !== 50)
    expect(covered.length).toBe(21)
    for (const i of covered) {
      expect(L[i]).toBeCloseTo(70, 4)
      expect(Math.floor(i / SIDE)).toBe(10)
    }
    const steep = flat(50)
    addScratch(steep, SIDE, { ...line, angle: Math.PI / 2, y: -10, radius: 1 })
    expect(steep[10 * SIDE + 5]).toBeCloseTo(70, 4)
    expect(steep[12 * SIDE + 5]).toBe(50)
    const speck = flat(50)
    addScratch(speck, SIDE, { ...line, length: 0, radius: 1 })
    expect(speck.filter((v) => v !== 50).length).toBe(9)
    addScratch(speck, SIDE, { ...line, x: -50 }) // outside
    expect(speck.filter((v) => v !== 50).length).toBe(9)
  })
})

describe('an aged picture', () => {
  const key = (n: number): AgeKey => [uniform4(1, STREAM.age, n)[0], uniform4(1, STREAM.age, n)[1]]
  /** A scene with a bright sky and a textured ground. */
  const scene = Float32Array.from({ length: SIDE * SIDE }, (_, i) =>
    i < 1500 ? 85 : 30 + 25 * Math.sin(i / 3),
  )
  const ab = new Float32Array(2 * scene.length).map((_, i) => (i % 2 ? (i < 3000 ? -25 : 20) : 0))
  const aged = (n: number) => {
    const [L, colours] = [scene.slice(), ab.slice()]
    age(L, colours, key(n))
    expect(colours.every((value, i) => value === ab[i])).toBe(true)
    return L
  }

  it('is the same with the same key, and another one with another', () => {
    expect(aged(1)).toEqual(aged(1))
    expect(aged(2)).not.toEqual(aged(1))
    const other = scene.slice()
    age(other, ab, [key(1)[0], key(2)[1]])
    expect(other).not.toEqual(aged(1))
  })

  it('is still the same scene, in L*, and as faded, blurred and grainy as old photographs are', () => {
    const all = Array.from({ length: 60 }, (_, n) => aged(n))
    for (const L of all) expect(L.every((value) => value >= 0 && value <= 100)).toBe(true)
    const alike = all.map((L) => {
      const [a, b] = [mean(L), mean(scene)]
      return mean(L.map((v, i) => (v - a) * (scene[i]! - b))) / (deviation(L) * deviation(scene))
    })
    expect(Math.min(...alike)).toBeGreaterThan(0.3)
    expect(mean(alike)).toBeGreaterThan(0.75)
    expect(mean(alike)).toBeLessThan(0.97)
    const contrasts = all.map((L) => deviation(L) / deviation(scene))
    expect(Math.min(...contrasts)).toBeLessThan(0.7)
    expect(Math.max(...contrasts)).toBeGreaterThan(1)
    // typical differences of neighbours in the sky: vignettes are smooth, and scratches few
    const grains = all.map((L) => {
      const steps = Array.from({ length: 12 * SIDE }, (_, i) => (i % SIDE ? Math.abs(L[i]! - L[i - 1]!) : 0))
      return steps.toSorted((a, b) => a - b)[6 * SIDE]!
    })
    expect(grains.filter((grain) => grain < 0.3).length).toBeGreaterThan(8)
    expect(grains.filter((grain) => grain > 0.7).length).toBeGreaterThan(8)
  })
})
