/** The options by which commands choose the classifier whose class vectors the network sees. */

import { type ClassifierFile, findClassifier } from '../io/classify.ts'
import { trainingOf } from '../io/weights.ts'
import { type ClassVectorOrigin, FITS, type Fit, sameOrigin } from '../model/classifier.ts'
import type { Call, Flags, Option } from './command.ts'

export const CLASSIFIER_OPTIONS: Readonly<Record<string, Option>> = {
  classifier: {
    value: 'NAME',
    help: 'auto (the best one that is here), none, a name (`colorizer weights list`) or FILE.onnx (default auto)',
  },
  'classifier-fit': {
    value: 'FIT',
    help: 'how pictures come into its square: stretch, pad with white, or crop (default stretch, or as in training)',
  },
}

export interface ChosenClassifier {
  readonly file: ClassifierFile
  readonly origin: ClassVectorOrigin
}

/** The classifier that the options mean; null for none. Throws as `findClassifier`. */
export async function chosenClassifier(
  flags: Flags,
  usualFit: Fit = 'stretch',
): Promise<ChosenClassifier | null> {
  const fit = flags.choice('classifier-fit', FITS) ?? usualFit
  const file = await findClassifier(flags.text('classifier') ?? 'auto')
  return file && { file, origin: { classifier: file.name, sha256: file.sha256, fit } }
}

/**
 * The classifier that the options mean for weights from the file `path`. Class probabilities mean the same whoever
 * computed them, so the best classifier serves weights that were trained with another one; those trained without any
 * would take them for noise.
 */
export async function classifierFor(
  path: string,
  metadata: Record<string, string>,
  { flags, terminal }: Call,
): Promise<ChosenClassifier | null> {
  const trained = trainingOf(metadata).classVectors // undefined: the file does not say
  const choice = flags.text('classifier') ?? 'auto'
  if (trained === null && choice === 'auto') return null
  const chosen = await chosenClassifier(flags, trained?.fit)
  if (trained === undefined || sameOrigin(trained, chosen?.origin ?? null)) return chosen
  const name = (origin: ClassVectorOrigin | null | undefined) =>
    origin ? `class vectors of ${origin.classifier} (${origin.fit})` : 'no class vectors'
  terminal.say(`${path} was trained with ${name(trained)} and is used with ${name(chosen?.origin)}`)
  return chosen
}
