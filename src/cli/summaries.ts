/** From what was measured of each picture to what is said of all of them. */
import { bootstrap, bootstrapRatio, type Interval } from '../color/metrics/bootstrap.ts'
import { fid, type Kid, kid, kidDifference, productsOf } from '../color/metrics/featureSets.ts'
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
  /** Of what the result is held against. */
  readonly differences?: Differences
}

/** Features of an original and of what was made of it. */
interface FeaturePair {
  readonly original: Float32Array
  readonly painted: Float32Array
}

/** At least one picture must have been evaluated. */
export function summariseAll(evaluated: readonly Evaluated[]): Each<Summary> {
  const { shipped, against = [], saturated = [], classified = [] } = evaluated[0]!.scores
  const one = (pick: Column) => summariseOne(evaluated, pick)
  const opponent = (pick: Column) => ({ ...one(pick), differences: differencesTo(evaluated, pick) })
  return {
    result: one(({ result }) => result),
    saturated: saturated.map((_, i) => one(({ saturated }) => saturated?.[i])),
    classified: classified.map((_, i) => opponent(({ classified }) => classified?.[i])),
    ...{ gray: one(({ gray }) => gray), constant: one(({ constant }) => constant) },
    ...(shipped ? { shipped: opponent(({ shipped }) => shipped) } : {}),
    against: against.map((_, i) => opponent(({ against }) => against?.[i])),
  }
}

/** Takes one of those that are measured. */
type Column = <T>(each: Each<T>) => T | undefined

const summariseOne = (evaluated: readonly Evaluated[], pick: Column): Summary =>
  summarise(
    evaluated.map(({ scores }) => pick(scores)!),
    featurePairs(evaluated, pick),
  )

/** Of the pictures of which there are any. */
const featurePairs = (evaluated: readonly Evaluated[], pick: Column): FeaturePair[] =>
  evaluated.flatMap(({ features }) => {
    const painted = features && pick(features.painted)
    return painted ? [{ original: features.original, painted }] : []
  })

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
  const products = productsIn(pairs)
  const { value, interval } = kid(products)
  return { values: { kid: value, fid: fid(products) }, intervals: interval ? { kid: interval } : {} }
}

const productsIn = (pairs: readonly FeaturePair[]) =>
  productsOf(
    pairs.map(({ original }) => original),
    pairs.map(({ painted }) => painted),
  )

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

/** How much lower (below 0) or higher the ab error of the result is than another, over the same pictures. */
export interface Difference {
  readonly mean: number
  /** The mean in the other's mean: -0.03 for 3% less error; NaN where that has none. */
  readonly relative: number
  readonly interval: Interval
}

/** The result less another one. */
export interface Differences {
  readonly abMse: Difference
  /** Where two or more pictures have features; see `kidDifference`. */
  readonly kid?: Kid
}

/** The result held against another one, of which every picture has scores. */
function differencesTo(evaluated: readonly Evaluated[], pick: Column): Differences {
  const references = evaluated.map(({ scores }) => pick(scores)!.abMse)
  const differences = references.map((reference, i) => evaluated[i]!.scores.result.abMse - reference)
  const middle = mean(differences)
  const [interval] = bootstrap([differences])
  const abMse = { mean: middle, relative: middle / mean(references), interval: interval! }
  const [ours, theirs] = [featurePairs(evaluated, ({ result }) => result), featurePairs(evaluated, pick)]
  if (ours.length < 2 || theirs.length < 2) return { abMse }
  return { abMse, kid: kidDifference(productsIn(ours), productsIn(theirs)) }
}
