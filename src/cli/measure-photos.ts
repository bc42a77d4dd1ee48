import type { SmallAb } from '../color/guided.ts'
import { type Figures, type Measured, measurer } from '../color/metrics/measure.ts'
import { GRAY, oneColour } from '../color/paint.ts'
import type { Photo } from '../color/photo.ts'
import { UserError } from '../errors.ts'
import type { Classifier } from '../infer/classifier.ts'
import { topClasses } from '../model/classifier.ts'
import { type PhotoPath, readAhead } from '../node/photos.ts'
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
      const measure = measurer(photo)
      const scores = await forEach(colourists, async (colourist) => {
        const measured = measure(await colourist.colours(photo), colourist.saturation)
        return score(measured, colourist.judged, judge, seen)
      })
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
  { painted, figures }: Measured,
  isJudged: boolean,
  judge: Classifier,
  seen: number,
): Promise<Scores> {
  if (!isJudged) return figures
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
