/** Grey photographs in, coloured ones out: the same for the command line, for Node and for browsers. */
import type { SmallAb } from '../color/guided.ts'
import type { Photo } from '../color/photo.ts'
import type { Hint } from '../io/hints.ts'
import type { WeightFile } from '../io/weights.ts'
import { CLASSES, type Fit, type SeenClass, topClasses } from '../model/classifier.ts'
import type { Classifier } from './classifier.ts'
import type { Enlarger } from './enlarger.ts'
import { toldColours } from './hints.ts'
import type { Leaning } from './leaning.ts'
import type { Predictor } from './predictor.ts'

export type { SeenClass } from '../model/classifier.ts'

export type ClassNames = () => readonly string[] | Promise<readonly string[]>

/** What colours photographs: what finds colours, what enlarges them, and the classifier that tells what a network sees, if any. */
export interface Painter {
  readonly predictor: Pick<Predictor, 'predict' | 'destroy'>
  readonly enlarger: Enlarger
  readonly classifier: Classifier | null
  /** Names of the classes, in their order; asked for when a class is seen or told. */
  readonly classNames: ClassNames
  /** What a* and b* are multiplied by unless told otherwise. */
  readonly saturation: number
}

/** A painter with a network, which can be studied. */
export interface NetworkPainter extends Painter {
  readonly predictor: Predictor
  /** What its weights say of themselves. */
  readonly weights: Pick<WeightFile, 'network' | 'metadata'>
}

export interface ColouredPhoto {
  readonly photo: Photo
  /** What the classifier saw, the likeliest five, the likeliest first; empty without a classifier. */
  readonly classes: SeenClass[]
}

export interface PaintOptions {
  /** What a* and b* are multiplied by; as the painter has it by default. */
  readonly saturation?: number | undefined
  /** Colours that are told, of which the network makes the others. */
  readonly hints?: readonly Hint[] | undefined
  /** A class of which the network is told instead of those that the classifier sees. */
  readonly told?: { readonly index: number; readonly name: string } | undefined
  /** How the network's probabilities of colours are moved before their mean is taken. */
  readonly leaning?: Leaning | undefined
  /** Smooths the network's colours along the lightness, by Levin et al. 2004, before they are enlarged; slower. */
  readonly smooth?: boolean | undefined
  /** When it is raised, the work ends after the stage in hand and its reason is thrown. */
  readonly signal?: AbortSignal | undefined
}

/** The network's colours of a photograph, at the network's size and without a saturation. Throws as `Predictor.predict`. */
export async function findColours(
  painter: Painter,
  photo: Photo,
  { hints = [], smooth = false, told, leaning = {}, signal }: Omit<PaintOptions, 'saturation'>,
): Promise<{ readonly colours: SmallAb; readonly classes: SeenClass[] }> {
  const { features, classes } = told ? certain(told) : await recognise(painter, photo, signal)
  const predicted = await painter.predictor.predict(photo, features, toldColours(hints), leaning)
  signal?.throwIfAborted()
  const colours = smooth ? await painter.enlarger.smooth(photo, predicted) : predicted
  signal?.throwIfAborted()
  return { colours, classes }
}

/** As if a classifier were sure of one class. */
function certain({ index, name }: NonNullable<PaintOptions['told']>): Recognised {
  const features = new Float32Array(CLASSES)
  features[index] = 1
  return { features, classes: [{ name, probability: 1 }] }
}

interface Recognised {
  readonly features: Float32Array | undefined
  readonly classes: SeenClass[]
}

/** What the classifier sees in a photograph, if there is one. */
export async function recognise(
  { classifier, classNames }: Painter,
  photo: Photo,
  signal: AbortSignal | undefined,
): Promise<Recognised> {
  signal?.throwIfAborted()
  const [features] = classifier ? await classifier.classify([photo]) : []
  signal?.throwIfAborted()
  if (!features) return { features, classes: [] }
  const names = await classNames()
  const seen = topClasses(features)
  return { features, classes: seen.map(({ index, probability }) => ({ name: names[index]!, probability })) }
}

/** Which classifier is to be used, where `choice` is "auto", "none", a name or a place. */
export interface WantedClassifier {
  readonly choice: string
  readonly fit: Fit
}

/**
 * Which classifier to use with weights. All classifiers give probabilities of the same classes, so the best one also serves
 * weights that were trained with another. Weights that were trained without a classifier get none: its classes would be
 * noise to them.
 * @param trained what the weights' file says of its training: see `trainedWith`
 */
export function wantedClassifier(
  { classVectors }: { readonly classVectors?: readonly { readonly fit: Fit }[] },
  { choice = 'auto', fit }: { readonly choice?: string | undefined; readonly fit?: Fit | undefined },
): WantedClassifier {
  const wasTrainedWithout = classVectors?.length === 0
  return {
    choice: choice === 'auto' && wasTrainedWithout ? 'none' : choice,
    fit: fit ?? classVectors?.[0]?.fit ?? 'stretch',
  }
}

/** Names of the classes in order, from the text of `weights/classes.txt`: the first of each one's synonyms. */
export const parseClassNames = (text: string): string[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => line.split(',')[0]!)
