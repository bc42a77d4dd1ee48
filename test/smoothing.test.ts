/** Colours by optimization, held against a direct solution of the system in float64. */
import { describe, expect, it } from 'vitest'
import type { SmallAb } from '../src/color/guided.ts'
import { grayLevel } from '../src/color/lab.ts'
import type { Photo } from '../src/color/photo.ts'
import { upsampleAb } from '../src/color/resample.ts'
import { AFFINITY, solveColours } from '../src/infer/optimization.ts'
import { coloursFromHints, smoothColours, workingSize } from '../src/infer/smoothing.ts'
import { useGpu } from './device.ts'
import { draw, seeded } from './harness.ts'

const gpu = useGpu()
const [WIDTH, HEIGHT] = [9, 7]
const PIXELS = WIDTH * HEIGHT

const random = seeded('smoothing')
const L = Float32Array.from({ length: PIXELS }, () => 30 + 15 * random())
const start: SmallAb = { ab: draw(2 * 4 * 3, 'wide', seeded('start')), width: 4, height: 3 }

/** Pixels 5, 20 and 41 are fixed. */
const FIXED: ReadonlyMap<number, readonly [number, number]> = new Map([
  [5, [30, -12]],
  [20, [-8, 44]],
  [41, [3, 3]],
])
const free = Float32Array.from({ length: PIXELS }, (_, i) => (FIXED.has(i) ? 0 : 1))
const known = Float32Array.from({ length: 2 * PIXELS }, (_, i) => FIXED.get(i >> 1)?.[i % 2 ? 1 : 0] ?? 0)

const near = (r: number, s: number) =>
  Math.max(Math.abs((r % WIDTH) - (s % WIDTH)), Math.abs(Math.floor(r / WIDTH) - Math.floor(s / WIDTH)))
const pixels = Array.from({ length: PIXELS }, (_, i) => i)

const variances = pixels.map((r) => {
  const window = pixels.filter((s) => near(r, s) <= 1).map((s) => L[s]!)
  const mean = window.reduce((a, b) => a + b) / window.length
  return window.reduce((sum, l) => sum + (l - mean) ** 2, 0) / window.length
})

const affinity = (r: number, s: number) =>
  Math.max(
    AFFINITY.least,
    Math.exp(
      -((L[r]! - L[s]!) ** 2) / (AFFINITY.share * (variances[r]! + variances[s]!) + 2 * AFFINITY.noise),
    ),
  )

/** One channel, by elimination of the equations that a least sum has: at each free pixel the derivative is 0. */
function directSolution(strength: number, target: Float32Array, channel: number): number[] {
  const rows = pixels.map((r) => {
    const row = new Array<number>(PIXELS + 1).fill(0)
    const fixed = FIXED.get(r)
    row[r] = fixed ? 1 : strength
    row[PIXELS] = fixed ? fixed[channel as 0 | 1] : strength * target[2 * r + channel]!
    for (const s of pixels) {
      if (fixed || near(r, s) !== 1) continue
      row[r]! += affinity(r, s)
      row[s]! -= affinity(r, s)
    }
    return row
  })
  return eliminate(rows)
}

/** Gauß and Jordan, with the largest pivot of each column. */
function eliminate(rows: number[][]): number[] {
  for (let i = 0; i < rows.length; i++) {
    const best = rows.slice(i).reduce((most, row) => (Math.abs(row[i]!) > Math.abs(most[i]!) ? row : most))
    const at = rows.indexOf(best)
    ;[rows[i], rows[at]] = [rows[at]!, rows[i]!]
    for (const [j, row] of rows.entries()) {
      const factor = row[i]! / best[i]!
      if (j !== i && factor !== 0) rows[j] = row.map((value, k) => value - factor * best[k]!)
    }
  }
  return rows.map((row, i) => row.at(-1)! / row[i]!)
}

const worst = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0)

const channelOf = (ab: Float32Array, channel: number) => ab.filter((_, i) => i % 2 === channel)

describe('colours by optimization', () => {
  const content = { x: 0, y: 0, width: 4, height: 3 }
  const target = upsampleAb({ ab: start.ab, stride: 4, content }, { width: WIDTH, height: HEIGHT })

  it.each([
    [0, 'from what is fixed alone'],
    [0.05, 'from what is fixed and what is wanted'],
  ])('are the solution of the system, strength %d: %s', async (strength) => {
    const problem = { width: WIDTH, height: HEIGHT, L, start, strength, free, known }
    const { colours, left, steps } = await solveColours(gpu(), problem, { tolerance: 1e-6 })
    for (const channel of [0, 1])
      expect(worst(channelOf(colours.ab, channel), directSolution(strength, target, channel))).toBeLessThan(
        1e-3,
      )
    for (const [pixel, colour] of FIXED)
      expect([...colours.ab.subarray(2 * pixel, 2 * pixel + 2)]).toEqual(colour)
    expect(left).toBeLessThanOrEqual(1e-6)
    expect(steps).toBeGreaterThan(0)
  })

  it('end where they are told: by what is left, or by the number of steps', async () => {
    const problem = { width: WIDTH, height: HEIGHT, L, start, strength: 0, free, known }
    const few = await solveColours(gpu(), problem, { tolerance: 0, maxSteps: 3 })
    expect(few.steps).toBe(3)
    const loose = await solveColours(gpu(), problem, { tolerance: 1 })
    const tight = await solveColours(gpu(), problem, { tolerance: 1e-4 })
    expect(loose.left).toBeLessThanOrEqual(1)
    expect(loose.steps).toBeLessThan(tight.steps)
    const solved = await solveColours(gpu(), { ...problem, start: tight.colours })
    expect(solved.steps).toBe(0)
  })

  it('give the same bits twice, and all memory back', async () => {
    gpu().pool.trim()
    const before = gpu().pool.created
    const problem = { width: WIDTH, height: HEIGHT, L, start, strength: 0.05 }
    expect(await solveColours(gpu(), problem)).toEqual(await solveColours(gpu(), problem))
    gpu().pool.trim()
    expect(gpu().pool.created).toBe(before)
  })
})

/** Dark on the left of column `edge`, light on its right, with a little noise. */
function twoHalves(width: number, height: number, edge: number): Photo {
  const noise = seeded('halves')
  const rgb = new Uint8Array(3 * width * height)
  for (let i = 0; i < width * height; i++)
    rgb.fill(grayLevel((i % width < edge ? 35 : 75) + noise()), 3 * i, 3 * i + 3)
  return { width, height, rgb }
}

const at = ({ ab, width, height }: SmallAb, x: number, y: number) => {
  const i = 2 * (Math.floor(y * height) * width + Math.floor(x * width))
  return [ab[i]!, ab[i + 1]!]
}

describe('colours from hints', () => {
  const told = [
    { x: 0.1, y: 0.3, a: 40, b: -20 },
    { x: 0.9, y: 0.8, a: -30, b: 10 },
  ]

  it('are those of the hints, each up to the edge of the lightness', async () => {
    const colours = await coloursFromHints(gpu(), twoHalves(60, 40, 33), told)
    expect([colours.width, colours.height]).toEqual([60, 40])
    for (const { x, y, a, b } of told) expect(at(colours, x, y)).toEqual([a, b])
    for (const y of [0.01, 0.5, 0.99]) {
      expect(worst(at(colours, 31.5 / 60, y), [40, -20]), `left, ${y}`).toBeLessThan(8)
      expect(worst(at(colours, 35.5 / 60, y), [-30, 10]), `right, ${y}`).toBeLessThan(8)
    }
  })

  it('are one colour for one hint, hold within its radius, and the later one where two meet', async () => {
    const photo = twoHalves(50, 30, 20)
    const one = await coloursFromHints(gpu(), photo, told.slice(0, 1))
    expect(worst(one.ab, new Array(50 * 30).fill([40, -20]).flat())).toBeLessThan(1e-3)
    const wide = [told[0]!, { x: 0.15, y: 0.35, a: 9, b: 8, radius: 0.1 }]
    const both = await coloursFromHints(gpu(), photo, wide)
    for (const [x, y] of [
      [0.15, 0.35],
      [0.1, 0.3],
      [0.2, 0.4],
    ] as const)
      expect(at(both, x, y)).toEqual([9, 8])
  })

  it('are grey where none is told', async () => {
    expect([...(await coloursFromHints(gpu(), twoHalves(20, 10, 5), [])).ab]).toEqual([0, 0])
  })
})

it.each([
  [640, 480, 640, 480],
  [1024, 1024, 1024, 1024],
  [4000, 3000, 1182, 886],
  [1, 100, 1, 100],
])('works at a megapixel at most: %d × %d → %d × %d', (width, height, toWidth, toHeight) => {
  expect(workingSize({ width, height })).toEqual({ width: toWidth, height: toHeight })
})

it('smooth colours end at the edge of the lightness, where those of the network are blurred', async () => {
  const photo = twoHalves(64, 48, 30)
  const truth = (x: number) => (x < 30 ? [30, -20] : [-10, 40])
  const noise = draw(2 * 16 * 12, 'normal', seeded('blurred'))
  const ab = Float32Array.from(noise, (n, i) => {
    const x = (i >> 1) % 16
    return 3 * n + (x < 7 ? [30, -20] : x > 7 ? [-10, 40] : [10, 10])[i % 2]!
  })
  const smooth = await smoothColours(gpu(), photo, { ab, width: 16, height: 12 })
  const content = { x: 0, y: 0, width: 16, height: 12 }
  const bilinear = upsampleAb({ ab, stride: 16, content }, photo)
  const error = (got: Float32Array) =>
    got.reduce((sum, value, i) => sum + (value - truth((i >> 1) % 64)[i % 2]!) ** 2, 0) / got.length
  expect(error(smooth.ab)).toBeLessThan(error(bilinear) / 3)
})
