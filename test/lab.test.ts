import { describe, expect, it } from 'vitest'
import { chromaScale, GRAY_LIGHTNESS, grayLevel, labToSrgb, lightness, srgbToLab } from '../src/color/lab.ts'
import { networkGray, networkLightness } from '../src/color/photo.ts'
import { STREAM, uniform4 } from '../src/random.ts'

// The eight corners: Bruce Lindbloom's CIE Color Calculator (sRGB, D65, no adaptation), as the tests of scikit-image
// cite it, too. Orange: the documentation of chroma.js. Greys: L* = 116 (((v + 0.055) / 1.055)^2.4)^(1/3) - 16, by
// hand for #777777 (50.034) and #808080 (53.585).
const PUBLISHED: [string, number[], number[], number][] = [
  ['white', [255, 255, 255], [100, 0, 0], 1e-3],
  ['yellow', [255, 255, 0], [97.1393, -21.5537, 94.478], 2e-3],
  ['cyan', [0, 255, 255], [91.1132, -48.0875, -14.1312], 2e-3],
  ['green', [0, 255, 0], [87.7347, -86.1827, 83.1793], 2e-3],
  ['magenta', [255, 0, 255], [60.3242, 98.2343, -60.8249], 2e-3],
  ['red', [255, 0, 0], [53.2408, 80.0925, 67.2032], 2e-3],
  ['blue', [0, 0, 255], [32.297, 79.1875, -107.8602], 2e-3],
  ['black', [0, 0, 0], [0, 0, 0], 1e-6],
  ['orange', [255, 165, 0], [74.94, 23.93, 78.95], 6e-3],
  ['mid grey', [119, 119, 119], [50.0344, 0, 0], 1e-3],
  ['half grey', [128, 128, 128], [53.585, 0, 0], 1e-3],
]

const COLOURS = 20_000
const randomRgb = Uint8Array.from({ length: 3 * COLOURS }, (_, i) =>
  Math.floor(256 * uniform4(7, STREAM.augment, Math.floor(i / 3))[i % 3]!),
)
const allGrays = Uint8Array.from({ length: 3 * 256 }, (_, i) => Math.floor(i / 3))

function convert(L: number, a: number, b: number): number[] {
  return [...labToSrgb(Float32Array.of(L), Float32Array.of(a, b))]
}

describe('sRGB to CIE L*a*b*', () => {
  it.each(PUBLISHED)('gives the published value of %s', (_, rgb, [L, a, b], tolerance) => {
    const lab = srgbToLab(Uint8Array.from(rgb))
    expect(Math.abs(lab.L[0]! - L!)).toBeLessThan(tolerance)
    expect(Math.abs(lab.ab[0]! - a!)).toBeLessThan(tolerance)
    expect(Math.abs(lab.ab[1]! - b!)).toBeLessThan(tolerance)
    expect(convert(L!, a!, b!)).toEqual(rgb)
  })

  it('agrees with the formulas in double precision to 1e-4', () => {
    const { L, ab } = srgbToLab(randomRgb)
    let worst = 0
    for (let i = 0; i < COLOURS; i++) {
      const [l, a, b] = labByTheBook(randomRgb.subarray(3 * i, 3 * i + 3))
      worst = Math.max(worst, Math.abs(L[i]! - l), Math.abs(ab[2 * i]! - a), Math.abs(ab[2 * i + 1]! - b))
    }
    expect(worst).toBeLessThan(1e-4)
  })

  it('gives greys no colour at all, and every grey its own level back', () => {
    const { L, ab } = srgbToLab(allGrays)
    expect(ab.every((v) => v === 0)).toBe(true)
    expect(labToSrgb(L, ab)).toEqual(allGrays)
    expect(L).toEqual(GRAY_LIGHTNESS)
    expect([...L].map(grayLevel)).toEqual([...Array(256).keys()])
  })

  it('brings random colours back to the same levels', () => {
    const { L, ab } = srgbToLab(randomRgb)
    expect(labToSrgb(L, ab)).toEqual(randomRgb)
  })

  it('rounds to the nearest level, also from colours between levels', () => {
    const lab = srgbToLab(randomRgb.subarray(0, 9000).map((level) => 60 + level / 2))
    const L = lab.L.map((l, i) => l + uniform4(8, STREAM.augment, i)[0])
    const levels = labToSrgb(L, lab.ab)
    for (let i = 0; i < L.length; i++) {
      const linear = linearByTheBook(L[i]!, lab.ab[2 * i]!, lab.ab[2 * i + 1]!)
      linear.forEach((v, c) => {
        const exact = 255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055)
        expect(Math.abs(levels[3 * i + c]! - exact)).toBeLessThan(0.501)
      })
    }
  })

  it('lightness() is the L of srgbToLab(), for colours and for greys', () => {
    for (const rgb of [randomRgb, allGrays]) expect(lightness(rgb)).toEqual(srgbToLab(rgb).L)
  })
})

describe('colours outside the gamut of sRGB', () => {
  const cases = Array.from({ length: 2000 }, (_, i) => {
    const [u, v, w] = uniform4(11, STREAM.augment, i)
    return [5 + 90 * u, 400 * (v - 0.5), 400 * (w - 0.5)] as const
  })

  it('colours inside are left as they are', () => {
    const { L, ab } = srgbToLab(randomRgb)
    for (let i = 0; i < COLOURS; i++) expect(chromaScale(L[i]!, ab[2 * i]!, ab[2 * i + 1]!)).toBe(1)
  })

  it('lose chroma only: what comes out is on the gamut’s edge, at the same L and hue', () => {
    for (const [L, a, b] of cases) {
      const scale = chromaScale(L, a, b)
      const [r, g, bl] = linearByTheBook(L, scale * a, scale * b)
      expect(Math.min(r, g, bl)).toBeGreaterThan(-2e-5)
      expect(Math.max(r, g, bl)).toBeLessThan(1 + 2e-5)
      if (scale === 1) continue
      const further = linearByTheBook(L, (scale + 1e-4) * a, (scale + 1e-4) * b)
      expect(Math.min(...further) < 0 || Math.max(...further) > 1).toBe(true)
    }
  })

  it('the 8-bit result has the L and the hue that were asked for', () => {
    for (const [L, a, b] of cases) {
      const [l, x, y] = labByTheBook(Uint8Array.from(convert(L, a, b)))
      const scale = chromaScale(L, a, b)
      expect(Math.abs(l - L)).toBeLessThan(1.2) // half a level of each channel; in the dark a level is coarse
      expect(Math.hypot(x - scale * a, y - scale * b)).toBeLessThan(4)
    }
  })

  it('clipping the channels instead would change the lightness', () => {
    const clipped = linearByTheBook(60, 120, 100).map((v) => Math.min(1, Math.max(0, v)))
    expect(Math.abs(labOfLinear(clipped)[0] - 60)).toBeGreaterThan(3)
    const ours = labByTheBook(Uint8Array.from(convert(60, 120, 100)))
    expect(Math.abs(ours[0] - 60)).toBeLessThan(0.5)
    expect(Math.abs(Math.atan2(ours[2], ours[1]) - Math.atan2(100, 120))).toBeLessThan(0.01)
  })

  it('keeps black black and white white, however much colour is asked for', () => {
    expect(convert(100, 50, -80)).toEqual([255, 255, 255])
    expect(convert(0, 50, -80)).toEqual([0, 0, 0])
    expect(convert(104, 0, 0)).toEqual([255, 255, 255])
    expect(convert(-4, 0, 0)).toEqual([0, 0, 0])
  })
})

it('classifiers see the level of the grey whose lightness a network sees', () => {
  const levels = networkGray(networkLightness(allGrays))
  expect([...levels]).toEqual(Array.from({ length: 256 }, (_, level) => Math.fround(level / 127.5 - 1)))
  const [blue] = networkGray(networkLightness(Uint8Array.of(0, 0, 255)))
  expect(blue).toBeCloseTo(grayLevel(32.297) / 127.5 - 1, 6)
})

// The textbook again, written independently of src/color/lab.ts: IEC 61966-2-1 and CIE 15:2004.
const M = [
  [0.4124564, 0.3575761, 0.1804375],
  [0.2126729, 0.7151522, 0.072175],
  [0.0193339, 0.119192, 0.9503041],
] as const
const M_INVERSE = [
  [3.2404542, -1.5371385, -0.4985314],
  [-0.969266, 1.8760108, 0.041556],
  [0.0556434, -0.2040259, 1.0572252],
] as const
const WHITE = [0.95047, 1.0000001, 1.08883]

function labByTheBook(rgb: Uint8Array): [number, number, number] {
  return labOfLinear(
    [...rgb].map((level) => {
      const v = level / 255
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
    }),
  )
}

function labOfLinear(linear: number[]): [number, number, number] {
  const [fx, fy, fz] = M.map((row, n) => {
    const t = row.reduce((sum, m, c) => sum + m * linear[c]!, 0) / WHITE[n]!
    return t > 216 / 24389 ? t ** (1 / 3) : ((24389 / 27) * t + 16) / 116
  }) as [number, number, number]
  return [116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)]
}

function linearByTheBook(L: number, a: number, b: number): [number, number, number] {
  const fy = (L + 16) / 116
  const xyz = [fy + a / 500, fy, fy - b / 200].map((f, n) => {
    const t = f ** 3 > 216 / 24389 ? f ** 3 : (116 * f - 16) / (24389 / 27)
    return t * WHITE[n]!
  })
  return M_INVERSE.map((row) => row.reduce((sum, m, c) => sum + m * xyz[c]!, 0)) as [number, number, number]
}
