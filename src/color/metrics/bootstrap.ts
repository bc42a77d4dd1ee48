import { STREAM, uniform4 } from '../../random.ts'

/** Between which two values a mean lies with 95% confidence. */
export type Interval = readonly [low: number, high: number]

const RESAMPLES = 2000
const OUTSIDE = 0.05
const SEED = 0

/**
 * 95% intervals of the means of several measures of the same pictures: the percentile bootstrap over pictures. All
 * measures see the same resamples, and the same values always give the same intervals.
 *
 * Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3.
 * @param measures the values of each measure, one a picture
 */
export const bootstrap = (measures: readonly (readonly number[])[]): Interval[] =>
  resampledMeans(measures).map(middle)

/** The same of the ratio of two means. */
export function bootstrapRatio(above: readonly number[], below: readonly number[]): Interval {
  const [numerators, denominators] = resampledMeans([above, below])
  return middle(numerators!.map((value, i) => value / denominators![i]!))
}

function resampledMeans(measures: readonly (readonly number[])[]): Float64Array[] {
  const count = measures[0]?.length ?? 0
  if (count === 0) throw new RangeError('there is no interval of nothing')
  const means = measures.map(() => new Float64Array(RESAMPLES))
  for (let resample = 0; resample < RESAMPLES; resample++) {
    let draws = uniform4(SEED, STREAM.bootstrap, 0, resample)
    for (let i = 0; i < count; i++) {
      if (i > 0 && i % 4 === 0) draws = uniform4(SEED, STREAM.bootstrap, i / 4, resample)
      const drawn = Math.floor(draws[i % 4]! * count)
      for (let m = 0; m < means.length; m++) means[m]![resample]! += measures[m]![drawn]! / count
    }
  }
  return means
}

/** Sorts the values and gives those between which 95% of them lie. */
function middle(values: Float64Array): Interval {
  const tail = Math.floor((RESAMPLES * OUTSIDE) / 2)
  values.sort()
  return [values[tail]!, values[RESAMPLES - 1 - tail]!]
}
