import type { SmallAb } from '../color/guided.ts'
import { cosineDistance } from '../color/metrics/featureSets.ts'
import { type Figures, type Measured, measurer } from '../color/metrics/measure.ts'
import { GRAY, oneColour } from '../color/paint.ts'
import type { Photo } from '../color/photo.ts'
import { UserError } from '../errors.ts'
import type { Classifier } from '../infer/classifier.ts'
import type { FeatureReader } from '../infer/features.ts'
import { topClasses } from '../model/classifier.ts'
import { type PhotoPath, readAhead } from '../node/photos.ts'
import { advised } from './advice.ts'
import type { Call } from './commands/command.ts'
import { type Each, forEach, mapEach } from './each.ts'
import { type ColoursWhenTold, type HintErrors, hintErrors } from './measure-hints.ts'
import { bar } from './terminal.ts'

/** Something that gives photographs colours, and is measured by them. */
export interface Colourist {
  readonly saturation: number
  /** Whether the judges look at its pictures, which costs more than all the rest. */
  readonly judged: boolean
  colours(photo: Photo): SmallAb | Promise<SmallAb>
  /** Of one that can be told colours, where that is measured: what it then gives. */
  study?<T>(photo: Photo, work: (colours: ColoursWhenTold) => Promise<T>): Promise<T>
}

/** What anybody can do without looking: leave all grey, or give every picture the mean colour of photographs. */
export const BASELINES = {
  gray: { saturation: 1, judged: true, colours: () => GRAY },
  constant: { saturation: 1, judged: false, colours: () => oneColour(3.5, 8.5) },
}

/** Classifiers that look at originals and results in colour. */
export interface Judges {
  readonly classifier: Classifier
  readonly features: FeatureReader | null
}

export interface Scores extends Figures, HintErrors {
  /** 1 where the classifier sees in the coloured picture what it sees in the original, else 0; of those that are judged. */
  readonly agreement?: number
  /** Cosine distance between the features of both. */
  readonly featureDistance?: number
}

export interface Evaluated {
  readonly input: string
  readonly scores: Each<Scores>
  readonly features?: { readonly original: Float32Array; readonly painted: Each<Float32Array | undefined> }
}

/** A photograph, and what was made of it. */
export interface Painting {
  readonly original: Photo
  readonly painted: Each<Photo>
  readonly evaluated: Evaluated
}

export interface Failure {
  readonly input: string
  readonly error: string
}

/**
 * Makes every photograph grey, lets each colourist colour it, and compares that with the photograph's own colours. One
 * that cannot be read is warned of and left out. Ends early when it is interrupted.
 * @param show sees the pictures, which are not kept
 */
export async function evaluate(
  photos: readonly PhotoPath[],
  colourists: Each<Colourist>,
  judges: Judges,
  { terminal, interrupted }: Pick<Call, 'terminal' | 'interrupted'>,
  show: (painting: Painting) => Promise<void> = async () => {},
): Promise<{ evaluated: Evaluated[]; failures: Failure[] }> {
  const evaluated: Evaluated[] = []
  const failures: Failure[] = []
  let at = 0
  for (const reading of readAhead(photos.map(({ path }) => path))) {
    if (interrupted.aborted) break
    const { path: input, relative } = photos[at]!
    terminal.progress(`${bar(at / photos.length)} ${++at} of ${photos.length} · ${relative}`)
    try {
      const painting = await evaluatePhoto({ input, picture: at - 1 }, await reading, colourists, judges)
      evaluated.push(painting.evaluated)
      await show(painting)
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      const sentence = advised(error)
      failures.push({ input, error: sentence })
      terminal.warn(sentence)
    }
  }
  return { evaluated, failures }
}

async function evaluatePhoto(
  { input, picture }: { readonly input: string; readonly picture: number },
  original: Photo,
  colourists: Each<Colourist>,
  judges: Judges,
): Promise<Painting> {
  const measure = measurer(original)
  const truth = await lookAt(original, judges)
  const each = await forEach(colourists, async (colourist): Promise<Judged> => {
    const measured = measure(await colourist.colours(original), colourist.saturation)
    const judged = colourist.judged
      ? await judge(measured, truth, judges)
      : { ...measured, scores: measured.figures }
    const told = await colourist.study?.(original, (colours) => hintErrors(original, picture, colours))
    return { ...judged, scores: { ...judged.scores, ...told } }
  })
  const [painted, scores] = [mapEach(each, ({ painted }) => painted), mapEach(each, ({ scores }) => scores)]
  const features = truth.features && {
    original: truth.features,
    painted: mapEach(each, ({ features }) => features),
  }
  return { original, painted, evaluated: { input, scores, ...(features ? { features } : {}) } }
}

interface Judged {
  readonly painted: Photo
  readonly scores: Scores
  readonly features?: Float32Array
}

async function judge({ painted, figures }: Measured, truth: Look, judges: Judges): Promise<Judged> {
  const look = await lookAt(painted, judges)
  const scores = { ...figures, agreement: look.likeliest === truth.likeliest ? 1 : 0 }
  if (!look.features || !truth.features) return { painted, scores }
  const featureDistance = cosineDistance(truth.features, look.features)
  return { painted, scores: { ...scores, featureDistance }, features: look.features }
}

/** What the judges see. */
interface Look {
  /** The class that comes first. */
  readonly likeliest: number
  readonly features?: Float32Array | undefined
}

async function lookAt(photo: Photo, { classifier, features }: Judges): Promise<Look> {
  const [probabilities] = await classifier.classify([photo], { inColor: true })
  const likeliest = topClasses(probabilities!, 1)[0]!.index
  return features ? { likeliest, features: (await features.features([photo]))[0] } : { likeliest }
}
