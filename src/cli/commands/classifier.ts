/** The options by which commands choose the classifier whose class vectors the network sees. */

import { wantedClassifier } from '../../infer/colorizer.ts'
import { trainedWith } from '../../io/weights.ts'
import { describeOrigins, FITS, type Fit, sameOrigin } from '../../model/classifier.ts'
import { type ChosenClassifier, chooseClassifier } from '../../node/store/classifiers.ts'
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
    const one = await chooseClassifier({ choice, fit })
    if (!one) continue
    if (chosen.some((other) => sameOrigin(other.origin, one.origin)))
      throw wrong(`--classifier ${choice} means ${one.file.name}, which is named already`)
    chosen.push(one)
  }
  return chosen
}

/**
 * The classifier that the options mean for weights from the file `path`: see `wantedClassifier`. What another one was
 * trained with is told.
 * @param choice of several classifiers; the first one by default
 */
export async function classifierFor(
  path: string,
  metadata: Readonly<Record<string, string>>,
  { flags, terminal }: Call,
  choice = flags.texts('classifier')[0],
): Promise<ChosenClassifier | null> {
  const trained = trainedWith(metadata)
  const options = { choice, fit: flags.choice('classifier-fit', FITS) }
  const chosen = await chooseClassifier(wantedClassifier(trained, options))
  const { classVectors: origins } = trained
  const isAsTrained = chosen
    ? origins?.some((origin) => sameOrigin(origin, chosen.origin))
    : origins?.length === 0
  if (origins === undefined || isAsTrained) return chosen
  const used = describeOrigins(chosen ? [chosen.origin] : [])
  terminal.say(`${path} was trained with ${describeOrigins(origins)} and is used with ${used}`)
  return chosen
}
