/** The values of a trunk's taps as bytes: 0 is the low end of a tap's range, 255 the high one. */
import type { TapRange } from '../model/trunk.ts'

/** Each value as the nearest of 256 levels; those outside the range as its end. */
export function toBytes(values: Float32Array, { low, high }: TapRange): Uint8Array {
  const scale = 255 / (high - low)
  return Uint8Array.from(values, (value) => Math.min(255, Math.max(0, Math.round((value - low) * scale))))
}

/** Writes what `toBytes` was given, to within half a level, into `values`. */
export function fromBytes(bytes: Uint8Array, { low, high }: TapRange, values: Float32Array): void {
  const step = (high - low) / 255
  for (let i = 0; i < bytes.length; i++) values[i] = low + step * bytes[i]!
}

/** Upper ends of a range among which one is chosen. */
const CANDIDATES = 1024

/**
 * The range whose bytes have the least squared error for these values: that of an even distribution within a level,
 * (high − low)² ⁄ (12 · 255²), for all but the lowest values, which are exact, and that of what is cut off at the high end.
 */
export function fittingRange(values: readonly Float32Array[]): TapRange {
  let [low, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const part of values) {
    for (const value of part) {
      if (value < low) low = value
      if (value > most) most = value
    }
  }
  if (!(most > low))
    return { low: Number.isFinite(low) ? low : 0, high: (Number.isFinite(low) ? low : 0) + 1 }
  const width = (most - low) / CANDIDATES
  const counts = new Float64Array(CANDIDATES)
  for (const part of values) {
    for (const value of part)
      if (value > low) counts[Math.min(CANDIDATES - 1, Math.floor((value - low) / width))]!++
  }
  return { low, high: low + width * leastError(counts) }
}

/** The number of bins, from the lowest on, that are best kept; heights are in bins, and values in the middle of theirs. */
function leastError(counts: Float64Array): number {
  const all = counts.reduce((a, b) => a + b, 0)
  let [best, least] = [counts.length, Number.POSITIVE_INFINITY]
  // of the values above: how many, their sum, the sum of their squares
  let [above, sum, squares] = [0, 0, 0]
  for (let kept = counts.length; kept > 0; kept--) {
    const cut = squares - 2 * kept * sum + kept ** 2 * above
    const error = cut + ((all - above) * kept ** 2) / (12 * 255 ** 2)
    if (error < least) [best, least] = [kept, error]
    const [count, middle] = [counts[kept - 1]!, kept - 0.5]
    above += count
    sum += count * middle
    squares += count * middle ** 2
  }
  return best
}
