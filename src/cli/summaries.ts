/** From what was measured of each picture to what is said of all of them. */
import { bootstrap, bootstrapRatio, type Interval } from '../color/metrics/bootstrap.ts'
import { fid, kid, productsOf } from '../color/metrics/featureSets.ts'
import { mean } from '../numbers.ts'
import type { Each } from './each.ts'
import type { Evaluated, Scores } from './measure-photos.ts'

/** Means over the pictures, and what is said of all of them together. */
export interface Means extends Scores {
  /** Mean chroma of the results over that of the originals; NaN where all of these are grey. */
  readonly chromaRatio: number
  /** Of the features of two or more pictures; see `kid` and `fid`. */
  readonly kid?: number
  readonly fid?: number
}

export interface Summary {
  readonly means: Means
  /** 95% intervals. FID has none. */
  readonly intervals: { readonly [S in keyof Means]?: Interval }
}

/** Features of an original and of what was made of it. */
interface FeaturePair {
  readonly original: Float32Array
  readonly painted: Float32Array
}

/** At least one picture must have been evaluated. */
export function summariseAll(evaluated: readonly Evaluated[]): Each<Summary> {
  const { shipped, against = [], saturated = [], classified = [] } = evaluated[0]!.scores
  return {
    result: summariseOne(evaluated, ({ result }) => result),
    gray: summariseOne(evaluated, ({ gray }) => gray),
    constant: summariseOne(evaluated, ({ constant }) => constant),
    ...(shipped ? { shipped: summariseOne(evaluated, ({ shipped }) => shipped) } : {}),
    against: against.map((_, i) => summariseOne(evaluated, ({ against }) => against?.[i])),
    saturated: saturated.map((_, i) => summariseOne(evaluated, ({ saturated }) => saturated?.[i])),
    classified: classified.map((_, i) => summariseOne(evaluated, ({ classified }) => classified?.[i])),
  }
}

function summariseOne(evaluated: readonly Evaluated[], pick: <T>(each: Each<T>) => T | undefined): Summary {
  const pairs = evaluated.flatMap(({ features }) => {
    const painted = features && pick(features.painted)
    return painted ? [{ original: features.original, painted }] : []
  })
  return summarise(
    evaluated.map(({ scores }) => pick(scores)!),
    pairs,
  )
}

/**
 * A figure that some pictures do not have is the mean over the others.
 * @throws RangeError when there is nothing to sum up
 */
export function summarise(scores: readonly Scores[], pairs: readonly FeaturePair[] = []): Summary {
  const names = [...new Set(scores.flatMap((score) => Object.keys(score)))] as (keyof Scores)[]
  const columns = names.map((name) => scores.flatMap((score) => score[name] ?? []))
  const intervals = intervalsOf(columns, scores.length)
  const named = <T>(values: readonly T[]) => Object.fromEntries(names.map((name, i) => [name, values[i]!]))
  const [ratio, sets] = [chromaRatio(scores), setDistances(pairs)]
  return {
    means: { ...named(columns.map(mean)), chromaRatio: ratio.value, ...sets.values } as Means,
    intervals: { ...named(intervals), chromaRatio: ratio.interval, ...sets.intervals },
  }
}

function setDistances(pairs: readonly FeaturePair[]): {
  values: Pick<Means, 'kid' | 'fid'>
  intervals: { kid?: Interval }
} {
  if (pairs.length < 2) return { values: {}, intervals: {} }
  const products = productsOf(
    pairs.map(({ original }) => original),
    pairs.map(({ painted }) => painted),
  )
  const { value, interval } = kid(products)
  return { values: { kid: value, fid: fid(products) }, intervals: interval ? { kid: interval } : {} }
}

/** All measures that every picture has see the same resamples. */
function intervalsOf(columns: readonly (readonly number[])[], pictures: number): Interval[] {
  const whole = bootstrap(columns.filter(({ length }) => length === pictures))
  return columns.map((values) => (values.length === pictures ? whole.shift()! : bootstrap([values])[0]!))
}

function chromaRatio(scores: readonly Scores[]): { value: number; interval: Interval } {
  const result = scores.map(({ chroma }) => chroma)
  const truth = scores.map(({ chromaTruth }) => chromaTruth)
  return { value: mean(result) / mean(truth), interval: bootstrapRatio(result, truth) }
}

/** How much lower (below 0) or higher the ab error is than another, over the same pictures. */
export interface Difference {
  readonly mean: number
  /** The mean in the other's mean: -0.03 for 3% less error; NaN where that has none. */
  readonly relative: number
  readonly interval: Interval
}

/** The difference to other scores; null where there are none. */
export function differenceTo(
  evaluated: readonly Evaluated[],
  other: (scores: Each<Scores>) => Scores | undefined,
): Difference | null {
  const references = evaluated.flatMap(({ scores }) => other(scores)?.abMse ?? [])
  if (references.length === 0) return null
  const differences = references.map((reference, i) => evaluated[i]!.scores.result.abMse - reference)
  const middle = mean(differences)
  return {
    ...{ mean: middle, relative: middle / mean(references) },
    interval: bootstrap([differences])[0]!,
  }
}
