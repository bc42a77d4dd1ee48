import { describe, expect, it } from 'vitest'
import { GRAY_LIGHTNESS } from '../src/color/lab.ts'
import { abError, abErrors } from '../src/color/metrics/abError.ts'
import { bootstrap, bootstrapRatio } from '../src/color/metrics/bootstrap.ts'
import { colorfulness } from '../src/color/metrics/colorfulness.ts'
import { deltaE, deltaE2000 } from '../src/color/metrics/deltaE.ts'
import { nearEdges } from '../src/color/metrics/edges.ts'
import { measurer } from '../src/color/metrics/measure.ts'
import { paintedColours } from '../src/color/metrics/painted.ts'
import { psnr } from '../src/color/metrics/psnr.ts'
import { ssim } from '../src/color/metrics/ssim.ts'
import { GRAY, oneColour } from '../src/color/paint.ts'
import type { Photo } from '../src/color/photo.ts'
import { seeded } from './harness.ts'

type Level = (x: number, y: number, channel: number) => number

function picture(width: number, height: number, level: Level): Photo {
  const rgb = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3)
    return level(pixel % width, Math.floor(pixel / width), i % 3)
  })
  return { width, height, rgb }
}

const plain = (width: number, height: number, rgb: readonly number[]) =>
  picture(width, height, (_x, _y, channel) => rgb[channel]!)

const RED = [255, 0, 0]
const BLUE = [0, 0, 255]
/** L*a*b* of red: Lindbloom's CIE Color Calculator. */
const RED_LAB = [53.2408, 80.0925, 67.2032] as const

// Sharma, Wu and Dalal 2005, table 1.
const PAIRS: readonly (readonly number[])[] = [
  [50, 2.6772, -79.7751, 50, 0, -82.7485, 2.0425],
  [50, 3.1571, -77.2803, 50, 0, -82.7485, 2.8615],
  [50, 2.8361, -74.02, 50, 0, -82.7485, 3.4412],
  [50, -1.3802, -84.2814, 50, 0, -82.7485, 1],
  [50, -1.1848, -84.8006, 50, 0, -82.7485, 1],
  [50, -0.9009, -85.5211, 50, 0, -82.7485, 1],
  [50, 0, 0, 50, -1, 2, 2.3669],
  [50, -1, 2, 50, 0, 0, 2.3669],
  [50, 2.49, -0.001, 50, -2.49, 0.0009, 7.1792],
  [50, 2.49, -0.001, 50, -2.49, 0.001, 7.1792],
  [50, 2.49, -0.001, 50, -2.49, 0.0011, 7.2195],
  [50, 2.49, -0.001, 50, -2.49, 0.0012, 7.2195],
  [50, -0.001, 2.49, 50, 0.0009, -2.49, 4.8045],
  [50, -0.001, 2.49, 50, 0.001, -2.49, 4.8045],
  [50, -0.001, 2.49, 50, 0.0011, -2.49, 4.7461],
  [50, 2.5, 0, 50, 0, -2.5, 4.3065],
  [50, 2.5, 0, 73, 25, -18, 27.1492],
  [50, 2.5, 0, 61, -5, 29, 22.8977],
  [50, 2.5, 0, 56, -27, -3, 31.903],
  [50, 2.5, 0, 58, 24, 15, 19.4535],
  [50, 2.5, 0, 50, 3.1736, 0.5854, 1],
  [50, 2.5, 0, 50, 3.2972, 0, 1],
  [50, 2.5, 0, 50, 1.8634, 0.5757, 1],
  [50, 2.5, 0, 50, 3.2592, 0.335, 1],
  [60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644],
  [63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.263],
  [61.2901, 3.7196, -5.3901, 61.4292, 2.248, -4.962, 1.8731],
  [35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645],
  [22.7233, 20.0904, -46.694, 23.0331, 14.973, -42.5619, 2.0373],
  [36.4612, 47.858, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146],
  [90.8027, -2.0831, 1.441, 91.1528, -1.6435, 0.0447, 1.4441],
  [90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381],
  [6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377],
  [2.0776, 0.0795, -1.135, 0.9033, -0.0636, -0.5514, 0.9082],
]

describe('ΔE2000', () => {
  it.each(PAIRS)(
    'of (%d, %d, %d) and (%d, %d, %d) is the published one',
    (L1, a1, b1, L2, a2, b2, wanted) => {
      const first = [L1!, a1!, b1!] as const
      const second = [L2!, a2!, b2!] as const
      expect(Math.abs(deltaE2000(first, second) - wanted!)).toBeLessThan(0.5001e-4)
      expect(Math.abs(deltaE2000(second, first) - wanted!)).toBeLessThan(0.5001e-4)
    },
  )

  it('of pictures is the mean over their pixels, also over several bands', () => {
    const [width, height] = [1100, 1000]
    const striped = picture(width, height, (_x, y, channel) => (y < height / 4 ? RED : BLUE)[channel]!)
    const gray = plain(width, height, [119, 119, 119])
    const of = (rgb: number[]) => deltaE(plain(1, 1, rgb), plain(1, 1, [119, 119, 119]))
    expect(of(RED)).toBeCloseTo(deltaE2000(RED_LAB, [50.0344, 0, 0]), 3)
    expect(deltaE(striped, gray)).toBeCloseTo(0.25 * of(RED) + 0.75 * of(BLUE), 8)
  })
})

describe('SSIM', () => {
  const pattern: Level = (x, y, c) => (7 * x + 13 * y + 3 * x * y + 40 * c) % 256
  const disturbed: Level = (x, y, c) => (pattern(x, y, c) + ((x * x + 5 * y * (c + 1)) % 31)) % 256
  const paler: Level = (x, y, c) => Math.min(255, Math.floor((pattern(x, y, c) * 3) / 4) + 10 * c)

  // By SciPy 1.17.1, gaussian_filter(sigma=1.5, truncate=3.5) less a border of 5, and by NumPy 2.4.6 window by window,
  // which agree to 15 digits; those smaller than the window by the latter alone.
  it.each([
    [24, 17, 0.6214065451317804, 0.9396975279531682],
    [40, 30, 0.6193103135438099, 0.9395868636507326],
    [11, 11, 0.495515962188943, 0.938077410767205],
    [7, 20, 0.6118033400785803, 0.9396301646361145],
    [12, 5, 0.9024890712126022, 0.9384929231050584],
  ])('of %d × %d pixels is what others compute', (width, height, ofDisturbed, ofPaler) => {
    const original = picture(width, height, pattern)
    expect(ssim(original, picture(width, height, disturbed))).toBeCloseTo(ofDisturbed, 10)
    expect(ssim(original, picture(width, height, paler))).toBeCloseTo(ofPaler, 10)
  })

  it('is 1 for equal pictures, of one pixel too', () => {
    for (const size of [1, 30])
      expect(ssim(picture(size, size, pattern), picture(size, size, pattern))).toBe(1)
  })

  it('of two plain pictures is the luminance term', () => {
    const [x, y, C1] = [100, 150, (0.01 * 255) ** 2]
    const got = ssim(plain(20, 20, [x, x, x]), plain(20, 20, [y, y, y]))
    expect(got).toBeCloseTo((2 * x * y + C1) / (x * x + y * y + C1), 12)
  })
})

describe('PSNR', () => {
  it('of pictures that differ by 10 everywhere is 20 log₁₀ 25.5', () => {
    expect(psnr(plain(5, 3, [60, 70, 80]), plain(5, 3, [70, 60, 90]))).toBeCloseTo(28.1308, 4)
  })

  it('is finite for equal pictures: as if one of the 12 levels differed by 1', () => {
    const equal = plain(2, 2, [1, 2, 3])
    expect(psnr(equal, equal)).toBeCloseTo(10 * Math.log10(255 ** 2 * 12), 10)
  })
})

describe('colourfulness', () => {
  it('is 0 of grey, and 0.3 of the mean opponent colour of a plain picture', () => {
    expect(colorfulness(plain(3, 3, [80, 80, 80]))).toBe(0)
    expect(colorfulness(plain(3, 3, RED))).toBeCloseTo(0.3 * Math.hypot(255, 127.5), 10)
  })

  it('of half red and half blue is 272.619', () => {
    // R − G: 255 and 0, so 127.5 ± 127.5; (R + G)/2 − B: 127.5 and −255, so −63.75 ± 191.25
    const halves = picture(2, 4, (x, _y, channel) => (x ? RED : BLUE)[channel]!)
    const wanted = Math.hypot(127.5, 191.25) + 0.3 * Math.hypot(127.5, 63.75)
    expect(wanted).toBeCloseTo(272.619, 3)
    expect(colorfulness(halves)).toBeCloseTo(wanted, 10)
  })
})

describe('ab error', () => {
  const [, a, b] = RED_LAB
  it('is the mean of both squares, also over several bands', () => {
    const striped = picture(1100, 1000, (_x, y, channel) => (y < 100 ? RED : [90, 90, 90])[channel]!)
    expect(abError(striped, GRAY)).toBeCloseTo((0.1 * (a ** 2 + b ** 2)) / 2, 1)
    const red = plain(1100, 1000, RED)
    expect(abError(red, oneColour(a - 3, b + 4))).toBeCloseTo((9 + 16) / 2, 2)
  })

  it('knows nothing of saturation and of what sRGB has, unlike all other figures', () => {
    const red = plain(12, 12, RED)
    const [pale, strong] = [0.1, 10].map((saturation) => measurer(red)(oneColour(a, b), saturation).figures)
    expect(pale!.abMse).toBeLessThan(1e-4)
    expect(strong!.abMse).toBe(pale!.abMse)
    expect(strong!.psnr).toBeGreaterThan(40) // it loses chroma until it is red again
    expect(pale!.psnr).toBeLessThan(15)
    expect(pale!.colorfulnessTruth).toBe(colorfulness(red))
    expect(pale!.colorfulnessDifference).toBeLessThan(-40)
    expect(pale!.colorfulnessError).toBe(-pale!.colorfulnessDifference)
  })
})

describe('the share of the ab error that comes from other hues', () => {
  const red = plain(6, 4, RED)
  const [, a, b] = RED_LAB
  // k times the chroma, a quarter of a turn away: ΔC² = (1 − k)², ΔH² = 2k, of 1 + k² in all
  it.each([
    [1, 1, 1],
    [0.5, 0.8, 1],
    [0.2, 0.4 / 1.04, 0],
  ])('at %d of the chroma and a right angle is %d', (k, share, wrongHue) => {
    const { figures } = measurer(red)(oneColour(-k * b, k * a), 1)
    expect(figures.hueShare).toBeCloseTo(share, 4)
    expect(figures.wrongHue).toBe(wrongHue)
  })

  it('is 0 where only the chroma is wrong, or nothing', () => {
    for (const k of [0, 0.5, 1.5]) expect(abErrors(red, oneColour(k * a, k * b)).hueShare).toBeCloseTo(0, 6)
    expect(abErrors(plain(2, 2, [9, 9, 9]), GRAY).hueShare).toBe(0)
  })
})

describe('edges', () => {
  const count = (marks: Uint8Array) => marks.reduce((sum, mark) => sum + mark, 0)
  const levelOf = (L: number) => GRAY_LIGHTNESS.findIndex((lightness) => lightness >= L)

  it('are steps of 20 L*, and near them are 3 pixels to each side of the two that see the step', () => {
    const step = (high: number) =>
      nearEdges(picture(40, 9, (x) => (x < 10 ? levelOf(40) : levelOf(40 + high))))
    expect(count(step(19))).toBe(0)
    const near = step(21)
    expect([...near.subarray(0, 40).entries()].filter(([, mark]) => mark).map(([x]) => x)).toEqual([
      6, 7, 8, 9, 10, 11, 12, 13,
    ])
    expect(count(near)).toBe(8 * 9)
  })

  it('around a dot are strong where 10/32 or √2 · 3/32 of its height are at least 10', () => {
    const dot = (L: number, at: number) =>
      count(nearEdges(picture(20, 20, (x, y) => (x === at && y === at ? levelOf(L) : 0))))
    expect(dot(30, 10)).toBe(0)
    expect(dot(60, 10)).toBe(7 * 9 + 9 * 7 - 7 * 7) // the four pixels beside it
    expect(dot(100, 10)).toBe(9 * 9) // those at its corners, too
    expect(dot(100, 0)).toBe(5 * 5)
  })

  it('have an ab error of their own', () => {
    const chroma = RED_LAB[1] ** 2 + RED_LAB[2] ** 2
    const striped = picture(40, 9, (x, _y, channel) => (x < 30 ? 0 : RED[channel]!))
    const { figures } = measurer(striped)(GRAY, 1)
    expect(figures.abMse).toBeCloseTo((0.25 * chroma) / 2, 1)
    expect(figures.edgeAbMse).toBeCloseTo((0.5 * chroma) / 2, 1)
    expect(measurer(plain(5, 5, RED))(GRAY, 1).figures).not.toHaveProperty('edgeAbMse')
  })
})

describe('the colours of a picture as it is painted', () => {
  const [, a, b] = RED_LAB
  const halves = picture(1100, 1000, (x, _y, channel) => (x < 550 ? RED[channel]! : 77))

  it('have a chroma, also over several bands: of half red and half grey it is half of that of red', () => {
    const { chroma, chromaTruth } = paintedColours(plain(1100, 1000, [9, 9, 9]), halves)
    expect(chroma).toBeCloseTo(Math.hypot(a, b) / 2, 2)
    expect(chromaTruth).toBe(0)
    const { figures } = measurer(plain(12, 12, RED))(GRAY, 1)
    expect(figures.chroma).toBe(0)
    expect(figures.chromaTruth).toBeCloseTo(Math.hypot(a, b), 2)
  })

  it('have an ab error, that of what saturation and the gamut left', () => {
    const { paintedAbMse } = paintedColours(plain(1100, 1000, [77, 77, 77]), halves)
    expect(paintedAbMse).toBeCloseTo((a ** 2 + b ** 2) / 4, 1)
    // sRGB has these colours of a middle grey, to half a level
    const gray = plain(8, 8, [119, 119, 119])
    const at = (saturation: number) => measurer(gray)(oneColour(12, -16), saturation).figures
    expect(at(0).paintedAbMse).toBe(0)
    expect(Math.abs(at(1).paintedAbMse / 200 - 1)).toBeLessThan(0.05)
    expect(Math.abs(at(2).paintedAbMse / 800 - 1)).toBeLessThan(0.05)
    expect(at(2).abMse).toBeCloseTo(200, 8)
    // but none of white
    const { paintedAbMse: ofWhite, abMse } = measurer(plain(8, 8, [255, 255, 255]))(
      oneColour(30, 40),
      1,
    ).figures
    expect([ofWhite, abMse]).toEqual([0, 1250])
  })

  it('tint what was neutral: the mean chroma where that of the original is below 4', () => {
    const columns = [
      [119, 119, 119], // 0
      [122, 119, 116], // below 4
      [128, 118, 108], // above 4
      RED,
    ]
    const original = picture(400, 5, (x, _y, channel) => columns[Math.floor(x / 100)]![channel]!)
    const chromaOf = (rgb: readonly number[]) => paintedColours(plain(1, 1, rgb), plain(1, 1, rgb)).chroma
    const [, nearly, tinted] = columns.map(chromaOf)
    expect([nearly! < 4, tinted! > 4]).toEqual([true, true])
    const painted = picture(400, 5, (x, _y, channel) => (x < 100 ? 119 : RED[channel]!))
    const { neutralChroma, neutralChromaTruth } = paintedColours(original, painted)
    expect(neutralChroma).toBeCloseTo(Math.hypot(a, b) / 2, 2)
    expect(neutralChromaTruth).toBeCloseTo(nearly! / 2, 10)
  })

  it.each([
    [1, false],
    [2, true],
  ])('say nothing of tints where less than 1%% is neutral: %d of 200 pixels', (count, isSeen) => {
    const original = picture(20, 10, (x, y, channel) => (20 * y + x < count ? 119 : RED[channel]!))
    expect('neutralChroma' in measurer(original)(GRAY, 1).figures).toBe(isSeen)
  })
})

describe('bootstrap', () => {
  const random = seeded('bootstrap')
  const values = Array.from({ length: 400 }, random)

  it('gives an interval like that of the normal distribution, which narrows with the root of the count', () => {
    const mean = values.reduce((a, b) => a + b) / 400
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 400)
    const [[low, high]] = bootstrap([values]) as [[number, number]]
    const half = (1.96 * deviation) / Math.sqrt(400)
    expect(Math.abs(low - (mean - half))).toBeLessThan(0.1 * half)
    expect(Math.abs(high - (mean + half))).toBeLessThan(0.1 * half)
  })

  it('shows every measure the same resamples, and is the same each time', () => {
    const [first, second] = bootstrap([values, values.map((value) => 2 * value)])
    expect(second![0]).toBeCloseTo(2 * first![0], 12)
    expect(second![1]).toBeCloseTo(2 * first![1], 12)
    expect(bootstrap([values])[0]).toEqual(first)
  })

  it('of a ratio of means takes both from the same resample', () => {
    expect(bootstrapRatio(values, values)).toEqual([1, 1])
    const [low, high] = bootstrapRatio([1, 5], [10, 10])
    expect(low).toBeCloseTo(0.1, 12)
    expect(high).toBeCloseTo(0.5, 12)
  })

  it('of one value is that value, and of none nothing', () => {
    expect(bootstrap([[3]])).toEqual([[3, 3]])
    expect(() => bootstrap([])).toThrow(RangeError)
    expect(() => bootstrap([[]])).toThrow(RangeError)
  })
})
