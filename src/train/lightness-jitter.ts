/**
 * What age and other cameras do to the lightness of a photograph: more or less contrast, and grain. Training on it keeps
 * the network from leaning on how clean its own photographs are; the colours to be learnt stay as they were.
 */
import { philox } from '../random.ts'

export interface LightnessJitter {
  /** Contrast changes by up to this share, and grain has a standard deviation of up to 12.5 times this in L*. */
  readonly strength: number
  /** In [0, 1), multiples of 2^-32: contrast, amount of grain, and two that tell this grain from any other. */
  readonly draws: readonly [number, number, number, number]
}

const MOST_GRAIN = 0.25
const TWO_32 = 2 ** 32
/** Pixels that one block of random bits is enough for, 16 bits each. */
const PIXELS = 8

/**
 * Changes lightness (L / 50 - 1, in -1…1) in place: c·x + σ·n, c within 1 ± strength, n of variance 1. Grain is the sum
 * of two evenly distributed bytes, so a triangle. Pure white stays: it is padding, or a light that is burnt out.
 */
export function jitterLightness(lightness: Float32Array, { strength, draws }: LightnessJitter): void {
  const contrast = 1 + strength * (2 * draws[0] - 1)
  const grain = (strength * MOST_GRAIN * draws[1] * Math.sqrt(6)) / 255
  const key = [draws[2] * TWO_32, draws[3] * TWO_32] as const
  for (let first = 0; first < lightness.length; first += PIXELS) {
    const words = philox([first / PIXELS, 0, 0, 0], key)
    const end = Math.min(first + PIXELS, lightness.length)
    for (let i = first; i < end; i++) {
      if (lightness[i] === 1) continue
      const bits = words[(i - first) >> 1]! >>> (16 * (i & 1))
      const noise = (bits & 255) + ((bits >>> 8) & 255) - 255
      lightness[i] = Math.max(-1, Math.min(1, contrast * lightness[i]! + grain * noise))
    }
  }
}
