/** What age and old cameras do to the lightness of a photograph. All of it works in place, on L* (0…100) of rows of `width`. */

/** A tone curve: b + (w − b) · min(1, exposure · L ⁄ 100)^gamma, L* of black `b` and white `w`. */
export interface Tone {
  /** Above 1 lights burn out. */
  readonly exposure: number
  readonly gamma: number
  readonly black: number
  readonly white: number
}

export interface Vignette {
  /** Its centre, in pixels, and where it reaches its strength, in pixels from there. */
  readonly x: number
  readonly y: number
  readonly radius: number
  /** The share of lightness that is lost there; below 0 what is missing to white is. */
  readonly strength: number
}

/** A straight scratch, or with a length of 0 a speck. */
export interface Scratch {
  /** Where it begins, in pixels. */
  readonly x: number
  readonly y: number
  /** Radians. */
  readonly angle: number
  /** In pixels. */
  readonly length: number
  readonly radius: number
  /** L* of it, and the share of the photograph that it covers at its middle. */
  readonly lightness: number
  readonly cover: number
}

/** Values of a tone curve's table for each 1 L*. */
const TONE_STEPS = 8

/** 116 ⁄ 200: with it, L − this · b* is the lightness of blue light alone, by the definition of b*. */
const BLUE = 0.58

/**
 * As a plate sees it that is sensitive to blue alone (a share of 1), or to other light, too: skies are white, and red is dark.
 * @param ab [pixels, 2]
 */
export function sensitize(L: Float32Array, ab: Float32Array, share: number): void {
  for (let i = 0; i < L.length; i++) L[i] = clamped(L[i]! - share * BLUE * ab[2 * i + 1]!)
}

export function changeTone(L: Float32Array, { exposure, gamma, black, white }: Tone): void {
  // powers are slow: between the values of a table the curve is taken to be straight
  const curve = Float64Array.from({ length: 100 * TONE_STEPS + 2 }, (_, i) => {
    const exposed = Math.min(1, (exposure * i) / (100 * TONE_STEPS))
    return black + (white - black) * exposed ** gamma
  })
  for (let i = 0; i < L.length; i++) {
    const at = TONE_STEPS * clamped(L[i]!)
    const below = at | 0
    L[i] = curve[below]! + (at - below) * (curve[below + 1]! - curve[below]!)
  }
}

/** As much darker, or lighter, as the square of the distance from the centre says, up to all of it. */
export function addVignette(L: Float32Array, width: number, { x, y, radius, strength }: Vignette): void {
  const towards = strength < 0 ? 100 : 0
  for (let i = 0; i < L.length; i++) {
    const [across, down] = [(i % width) - x, Math.floor(i / width) - y]
    const share = Math.min(1, Math.abs(strength) * ((across * across + down * down) / (radius * radius)))
    L[i] = L[i]! + share * (towards - L[i]!)
  }
}

/** Gaussian blur; pixels at the edge are repeated outside. */
export function blur(values: Float32Array, width: number, sigma: number): void {
  const weights = gaussian(sigma)
  const height = values.length / width
  blurLines(values, { lines: height, apart: width, length: width, step: 1 }, weights)
  blurLines(values, { lines: width, apart: 1, length: height, step: width }, weights)
}

/** From the middle outwards; both halves add up to 1. */
function gaussian(sigma: number): Float64Array {
  const half = Float64Array.from({ length: 1 + Math.ceil(2.5 * sigma) }, (_, d) =>
    Math.exp(-(d * d) / (2 * sigma * sigma)),
  )
  const sum = half.reduce((total, weight) => total + 2 * weight, -1)
  return half.map((weight) => weight / sum)
}

interface Lines {
  readonly lines: number
  /** From the start of a line to that of the next. */
  readonly apart: number
  readonly length: number
  /** From an element of a line to the next. */
  readonly step: number
}

function blurLines(values: Float32Array, { lines, apart, length, step }: Lines, weights: Float64Array): void {
  const reach = weights.length - 1
  const line = new Float64Array(length + 2 * reach)
  for (let n = 0; n < lines; n++) {
    const start = n * apart
    for (let i = 0; i < line.length; i++)
      line[i] = values[start + step * Math.max(0, Math.min(length - 1, i - reach))]!
    for (let i = 0; i < length; i++) {
      const at = i + reach
      let sum = weights[0]! * line[at]!
      for (let d = 1; d <= reach; d++) sum += weights[d]! * (line[at - d]! + line[at + d]!)
      values[start + step * i] = sum
    }
  }
}

/**
 * Grain of a standard deviation in L*.
 * @param noise of each pixel, independent, with mean 0 and variance 1; it is used up
 * @param size standard deviation of the Gaussian that a grain is, in pixels; 0: each pixel has its own
 */
export function addGrain(
  L: Float32Array,
  width: number,
  noise: Float32Array,
  { deviation, size }: { readonly deviation: number; readonly size: number },
): void {
  if (size > 0) blur(noise, width, size)
  const weights = size > 0 ? gaussian(size) : Float64Array.of(1)
  // what a blur along one axis leaves of the variance; along both, its square
  const left = weights.reduce((sum, weight, d) => sum + (d ? 2 : 1) * weight * weight, 0)
  for (let i = 0; i < L.length; i++) L[i] = clamped(L[i]! + (deviation / left) * noise[i]!)
}

/** Covers what is less than the radius and half a pixel away from the line, smoothly. */
export function addScratch(L: Float32Array, width: number, scratch: Scratch): void {
  const { x, y, angle, length, radius, lightness, cover } = scratch
  const [along, across] = [Math.cos(angle), Math.sin(angle)]
  const reach = radius + 0.5
  const range = (start: number, end: number, sides: number) =>
    [
      Math.max(0, Math.ceil(Math.min(start, end) - reach)),
      Math.min(sides - 1, Math.floor(Math.max(start, end) + reach)),
    ] as const
  const [left, right] = range(x, x + length * along, width)
  const [top, bottom] = range(y, y + length * across, L.length / width)
  for (let py = top; py <= bottom; py++) {
    for (let px = left; px <= right; px++) {
      const t = Math.max(0, Math.min(length, (px - x) * along + (py - y) * across))
      const distance = Math.hypot(px - x - t * along, py - y - t * across)
      const share = cover * Math.max(0, Math.min(1, reach - distance))
      const i = py * width + px
      L[i] = L[i]! + share * (lightness - L[i]!)
    }
  }
}

const clamped = (L: number) => Math.max(0, Math.min(100, L))
