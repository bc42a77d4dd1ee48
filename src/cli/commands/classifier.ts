/** The options by which commands choose the classifier whose class vectors the network sees. */

import { trainedWith } from '../../io/weights.ts'
import {
  type ClassVectorOrigin,
  describeOrigins,
  FITS,
  type Fit,
  sameOrigin,
} from '../../model/classifier.ts'
import { type ClassifierFile, findClassifier } from '../../node/store/classifiers.ts'
import { type Call, type Flags, type Option, wrong } from './command.ts'

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

/** The same for what makes class vectors to learn from: of several classifiers, so that the network leans on none. */
export const CLASSIFIERS_OPTIONS: Readonly<Record<string, Option>> = {
  ...CLASSIFIER_OPTIONS,
  classifier: {
    ...CLASSIFIER_OPTIONS.classifier!,
    help: `${CLASSIFIER_OPTIONS.classifier!.help}; given more than once, each sample shown has its vector of one of them`,
    many: true,
  },
}

export interface ChosenClassifier {
  readonly file: ClassifierFile
  readonly origin: ClassVectorOrigin
}

/**
 * The classifiers that the options mean, none for `none`.
 * @throws UserError as `findClassifier`, and (exit code 2) when one is named twice, or `none` beside another
 */
export async function chosenClassifiers(
  flags: Flags,
  usualFit: Fit = 'stretch',
): Promise<readonly ChosenClassifier[]> {
  const fit = flags.choice('classifier-fit', FITS) ?? usualFit
  const choices = flags.texts('classifier')
  if (choices.length > 1 && choices.includes('none'))
    throw wrong('--classifier none stands beside other classifiers: give the one or the others')
  const chosen: ChosenClassifier[] = []
  for (const choice of choices.length ? choices : ['auto']) {
    const file = await findClassifier(choice)
    if (!file) continue
    const origin = { classifier: file.name, sha256: file.sha256, fit }
    if (chosen.some((other) => sameOrigin(other.origin, origin)))
      throw wrong(`--classifier ${choice} means ${file.name}, which is named already`)
    chosen.push({ file, origin })
  }
  return chosen
}

/**
 * The classifier that the options mean for weights from the file `path`. Class probabilities mean the same whoever
 * computed them, so the best classifier serves weights that were trained with another one; those trained without any
 * would take them for noise.
 */
export async function classifierFor(
  path: string,
  metadata: Readonly<Record<string, string>>,
  { flags, terminal }: Call,
): Promise<ChosenClassifier | null> {
  const trained = trainedWith(metadata).classVectors // undefined: the file does not say
  const choice = flags.text('classifier') ?? 'auto'
  if (trained?.length === 0 && choice === 'auto') return null
  const [chosen = null] = await chosenClassifiers(flags, trained?.[0]?.fit)
  const isAsTrained = chosen
    ? trained?.some((origin) => sameOrigin(origin, chosen.origin))
    : trained?.length === 0
  if (trained === undefined || isAsTrained) return chosen
  const used = describeOrigins(chosen ? [chosen.origin] : [])
  terminal.say(`${path} was trained with ${describeOrigins(trained)} and is used with ${used}`)
  return chosen
}
