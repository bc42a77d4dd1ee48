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
export function bootstrap(measures: readonly (readonly number[])[]): Interval[] {
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
  const tail = Math.floor((RESAMPLES * OUTSIDE) / 2)
  return means.map((values) => {
    const sorted = values.sort()
    return [sorted[tail]!, sorted[RESAMPLES - 1 - tail]!]
  })
}
