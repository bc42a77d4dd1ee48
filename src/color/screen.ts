/** The dot screen of prints: newspapers and books show greys as dots in a grid, which are no lightness that a colour may follow. */
import type { Rect } from '../rect.ts'
import type { Lightness } from './photo.ts'
import { type Rows, rasterLightness } from './raster.ts'

/** Side of the squares that are looked at, in px, a power of two, and how many there are along each side of the picture. */
const [SIDE, SQUARES] = [128, 3]
/** Periods of screens that are looked for, in px. */
const [FINEST, COARSEST] = [2.5, 16]
/**
 * By which factor a screen's frequency, and the one at a right angle to it, stand out of the others that are as high. Textures of
 * photographs have one such direction at most.
 */
const STANDS_OUT = 200

/** The period of the dot screen in a part of a picture, in px; null where there is none. Throws where rows cannot be read. */
export async function screenPeriod(picture: Rows, { x, y, width, height }: Rect): Promise<number | null> {
  if (Math.min(width, height) < SIDE) return null
  const power = new Float64Array(SIDE * SIDE)
  for (let row = 1; row <= SQUARES; row++) {
    const top = y + Math.floor(((height - SIDE) * row) / (SQUARES + 1))
    const strip = await picture.rows(top, top + SIDE)
    for (let column = 1; column <= SQUARES; column++) {
      const left = x + Math.floor(((width - SIDE) * column) / (SQUARES + 1))
      const L = rasterLightness(strip, { x: left, y: 0, width: SIDE, height: SIDE }).rows(0, SIDE)
      addSpectrum(L, power)
    }
  }
  return periodIn(power)
}

/** The period that stands out of a spectrum, [SIDE, SIDE]. */
function periodIn(power: Float64Array): number | null {
  const at = (u: number, v: number) => power[((v + SIDE) % SIDE) * SIDE + ((u + SIDE) % SIDE)]!
  const half = [...frequencies()]
  const inside = half.filter(({ radius }) => radius >= SIDE / COARSEST && radius <= SIDE / FINEST)
  const highest = inside.reduce((best, one) => (at(one.u, one.v) > at(best.u, best.v) ? one : best))
  let across = 0
  for (const du of [-1, 0, 1])
    for (const dv of [-1, 0, 1]) across = Math.max(across, at(du - highest.v, dv + highest.u))
  const ring = half.filter(({ radius }) => Math.abs(radius - highest.radius) < 3)
  const powers = ring.map(({ u, v }) => at(u, v)).sort((a, b) => a - b)
  return across > STANDS_OUT * powers[powers.length >> 1]! ? SIDE / highest.radius : null
}

/** One of each pair of opposite frequencies, in waves a side. */
function* frequencies(): Generator<{ readonly u: number; readonly v: number; readonly radius: number }> {
  for (let v = 0; v < SIDE / 2; v++)
    for (let u = 1 - SIDE / 2; u < SIDE / 2; u++) yield { u, v, radius: Math.hypot(u, v) }
}

/** Fades out the edges of a square. */
const WINDOW = Float64Array.from({ length: SIDE }, (_, i) => Math.sin((Math.PI * (i + 0.5)) / SIDE) ** 2)

/** Adds the squares of the amplitudes of a square's waves, [SIDE, SIDE]. */
function addSpectrum(L: Float32Array, power: Float64Array): void {
  const mean = L.reduce((sum, l) => sum + l, 0) / L.length
  const real = new Float64Array(L.length)
  for (let i = 0; i < L.length; i++) real[i] = (L[i]! - mean) * WINDOW[i % SIDE]! * WINDOW[(i / SIDE) | 0]!
  const imaginary = new Float64Array(L.length)
  for (let i = 0; i < SIDE; i++) transform(real, imaginary, SIDE * i, 1)
  for (let i = 0; i < SIDE; i++) transform(real, imaginary, i, SIDE)
  for (let i = 0; i < L.length; i++) power[i]! += real[i]! ** 2 + imaginary[i]! ** 2
}

/** e^(−2πik ⁄ SIDE) for each k: powers of it turn the waves of all lengths. */
const [COS, SIN] = [Math.cos, Math.sin].map((wave) =>
  Float64Array.from({ length: SIDE }, (_, k) => wave((-2 * Math.PI * k) / SIDE)),
) as [Float64Array, Float64Array]

/** The Fourier transform of a row or column of SIDE values in place, by Cooley and Tukey. */
function transform(real: Float64Array, imaginary: Float64Array, start: number, step: number): void {
  const at = (i: number) => start + step * i
  for (let i = 1, j = 0; i < SIDE; i++) {
    let bit = SIDE >> 1
    for (; j & bit; bit >>= 1) j ^= bit
    j ^= bit
    if (i < j) {
      swap(real, at(i), at(j))
      swap(imaginary, at(i), at(j))
    }
  }
  for (let length = 2; length <= SIDE; length *= 2)
    for (let k = 0; k < length / 2; k++) {
      const turn = (SIDE / length) * k
      const cos = COS[turn]!
      const sin = SIN[turn]!
      for (let i = k; i < SIDE; i += length) {
        const a = at(i)
        const b = at(i + length / 2)
        const x = real[b]! * cos - imaginary[b]! * sin
        const y = real[b]! * sin + imaginary[b]! * cos
        real[b] = real[a]! - x
        imaginary[b] = imaginary[a]! - y
        real[a]! += x
        imaginary[a]! += y
      }
    }
}

function swap(values: Float64Array, i: number, j: number): void {
  const value = values[i]!
  values[i] = values[j]!
  values[j] = value
}

/** Standard deviation of the blur in periods: it leaves a thousandth of the screen's waves. */
const SIGMA = 0.6
/** Where the blur ends, in standard deviations. */
const REACH = 2.5

/** How far around a place the lightness without a screen of this period depends on, in px. */
export const screenReach = (period: number) => Math.max(1, Math.ceil(REACH * SIGMA * period))

/** The lightness without its dot screen, by a Gaussian. */
export function descreened(picture: Lightness, period: number): Lightness {
  const { width, height } = picture
  const radius = screenReach(period)
  const weights = gaussian(SIGMA * period, radius)
  return {
    ...{ width, height },
    async rows(first, last) {
      const [from, to] = [Math.max(0, first - radius), Math.min(height, last + radius)]
      const L = await picture.rows(from, to)
      const across = blurred(L, { lines: to - from, length: width, step: 1, stride: width }, weights)
      const down = blurred(across, { lines: width, length: to - from, step: width, stride: 1 }, weights)
      return down.subarray(width * (first - from), width * (last - from))
    },
  }
}

function gaussian(sigma: number, radius: number): Float64Array {
  const weights = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)),
  )
  const sum = weights.reduce((a, b) => a + b)
  return weights.map((weight) => weight / sum)
}

/** Rows or columns: how far it is from one value to the next, and from one line to the next. */
interface Lines {
  readonly lines: number
  readonly length: number
  readonly step: number
  readonly stride: number
}

/** Beyond the ends the last values count. */
function blurred(
  values: Float32Array,
  { lines, length, step, stride }: Lines,
  weights: Float64Array,
): Float32Array {
  const radius = weights.length >> 1
  const result = new Float32Array(values.length)
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < length; i++) {
      let sum = 0
      for (let k = -radius; k <= radius; k++) {
        const place = Math.min(length - 1, Math.max(0, i + k))
        sum += weights[k + radius]! * values[line * stride + place * step]!
      }
      result[line * stride + i * step] = sum
    }
  }
  return result
}
