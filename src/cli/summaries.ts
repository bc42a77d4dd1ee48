/** From what was measured of each picture to what is said of all of them. */
import { bootstrap, bootstrapRatio, type Interval } from '../color/metrics/bootstrap.ts'
import { mean } from '../numbers.ts'
import type { Each, Evaluated, Scores } from './measure-photos.ts'

/** Means over the pictures. */
export interface Means extends Scores {
  /** Mean chroma of the results over that of the originals; NaN where all of these are grey. */
  readonly chromaRatio: number
}

export interface Summary {
  readonly means: Means
  /** 95% intervals. */
  readonly intervals: { readonly [S in keyof Means]: Interval }
}

/**
 * A figure that some pictures do not have is the mean over the others.
 * @throws RangeError when there is nothing to sum up
 */
export function summarise(scores: readonly Scores[]): Summary {
  const names = new Set(scores.flatMap((score) => Object.keys(score))) as Set<keyof Scores>
  const columns = [...names].map((name) => scores.flatMap((score) => score[name] ?? []))
  const ratio = chromaRatio(scores)
  const named = <T>(values: readonly T[], ofRatio: T) =>
    Object.fromEntries([...[...names].map((name, i) => [name, values[i]!]), ['chromaRatio', ofRatio]])
  return {
    means: named(columns.map(mean), ratio.value),
    intervals: named(intervalsOf(columns, scores.length), ratio.interval),
  }
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

/** How much lower or higher the ab error is than that of other scores, over the same pictures. */
export function differenceTo(
  evaluated: readonly Evaluated[],
  other: (scores: Each<Scores>) => Scores | undefined,
): { mean: number; interval: Interval } | null {
  const differences = evaluated.flatMap(({ scores }) => {
    const reference = other(scores)
    return reference ? [scores.result.abMse - reference.abMse] : []
  })
  if (differences.length === 0) return null
  return { mean: mean(differences), interval: bootstrap([differences])[0]! }
}
