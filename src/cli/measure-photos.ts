import type { SmallAb } from '../color/guided.ts'
import { bootstrap, type Interval } from '../color/metrics/bootstrap.ts'
import { type Figures, measure } from '../color/metrics/measure.ts'
import { GRAY, oneColour } from '../color/paint.ts'
import type { Photo } from '../color/photo.ts'
import { UserError } from '../errors.ts'
import type { Classifier } from '../infer/classifier.ts'
import { topClasses } from '../model/classifier.ts'
import { type PhotoPath, readAhead } from '../node/photos.ts'
import { mean } from '../numbers.ts'
import { advised } from './advice.ts'
import type { Call } from './commands/command.ts'
import { bar } from './terminal.ts'

/** Something that gives photographs colours, and is measured by them. */
export interface Colourist {
  readonly saturation: number
  /** Whether the judge looks at its pictures, which costs more than all the rest. */
  readonly judged: boolean
  colours(photo: Photo): SmallAb | Promise<SmallAb>
}

/** What is measured, and what it is held against. */
export interface Each<T> {
  readonly result: T
  readonly gray: T
  readonly constant: T
  /** The weights that come with the package, where the result is of others. */
  readonly shipped?: T
  /** Other weights that the result is held against. */
  readonly against?: readonly T[]
}

/** What anybody can do without looking: leave all grey, or give every picture the mean colour of photographs. */
export const BASELINES = {
  gray: { saturation: 1, judged: true, colours: () => GRAY },
  constant: { saturation: 1, judged: false, colours: () => oneColour(3.5, 8.5) },
}

export interface Scores extends Figures {
  /** 1 where the judge sees in the coloured picture what it sees in the original, else 0; of those that are judged. */
  readonly agreement?: number
}

export interface Evaluated {
  readonly input: string
  readonly scores: Each<Scores>
}

export interface Failure {
  readonly input: string
  readonly error: string
}

/**
 * Makes every photograph grey, lets each colourist colour it, and compares that with the photograph's own colours. One
 * that cannot be read is warned of and left out. Ends early when it is interrupted.
 * @param judge looks at originals and results in colour
 */
export async function evaluate(
  photos: readonly PhotoPath[],
  colourists: Each<Colourist>,
  judge: Classifier,
  { terminal, interrupted }: Pick<Call, 'terminal' | 'interrupted'>,
): Promise<{ evaluated: Evaluated[]; failures: Failure[] }> {
  const evaluated: Evaluated[] = []
  const failures: Failure[] = []
  let at = 0
  for (const reading of readAhead(photos.map(({ path }) => path))) {
    if (interrupted.aborted) break
    const { path: input, relative } = photos[at]!
    terminal.progress(`${bar(at / photos.length)} ${++at} of ${photos.length} · ${relative}`)
    try {
      const photo = await reading
      const seen = await likeliest(judge, photo)
      const scores = await forEach(colourists, (colourist) => score(photo, colourist, judge, seen))
      evaluated.push({ input, scores })
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      const sentence = advised(error)
      failures.push({ input, error: sentence })
      terminal.warn(sentence)
    }
  }
  return { evaluated, failures }
}

async function score(
  photo: Photo,
  { colours, saturation, judged }: Colourist,
  judge: Classifier,
  seen: number,
): Promise<Scores> {
  const { painted, figures } = measure(photo, await colours(photo), saturation)
  if (!judged) return figures
  return { ...figures, agreement: (await likeliest(judge, painted)) === seen ? 1 : 0 }
}

/** The class that comes first. */
async function likeliest(judge: Classifier, photo: Photo): Promise<number> {
  const [probabilities] = await judge.classify([photo], { inColor: true })
  return topClasses(probabilities!, 1)[0]!.index
}

/** One after the other. */
async function forEach<T, U>(each: Each<T>, work: (value: T) => Promise<U>): Promise<Each<U>> {
  const [result, gray, constant] = [await work(each.result), await work(each.gray), await work(each.constant)]
  const against: U[] = []
  for (const other of each.against ?? []) against.push(await work(other))
  return { result, gray, constant, ...(each.shipped ? { shipped: await work(each.shipped) } : {}), against }
}

/** Means over pictures, and their 95% intervals. */
export interface Summary {
  readonly means: Scores
  readonly intervals: { readonly [S in keyof Scores]: Interval }
}

/** @throws RangeError when there is nothing to sum up */
export function summarise(scores: readonly Scores[]): Summary {
  const names = Object.keys(scores[0] ?? {}) as (keyof Scores)[]
  const columns = names.map((name) => scores.map((score) => score[name]!))
  const named = <T>(values: readonly T[]) =>
    Object.fromEntries(names.map((name, i) => [name, values[i]!])) as { [S in keyof Scores]: T }
  return { means: named(columns.map(mean)), intervals: named(bootstrap(columns)) }
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
