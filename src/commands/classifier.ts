/** The options by which commands choose the classifier whose class vectors the network sees. */
import { type ClassifierFile, findClassifier } from '../io/classify.ts'
import { type ClassVectorOrigin, FITS } from '../model/classifier.ts'
import type { Flags, Option } from './command.ts'

export const CLASSIFIER_OPTIONS: Readonly<Record<string, Option>> = {
  classifier: {
    value: 'NAME',
    help: 'auto (the best one that is here), none, a name (`colorizer weights list`) or FILE.onnx (default auto)',
  },
  'classifier-fit': {
    value: 'FIT',
    help: 'how pictures come into its square: stretch, pad with white, or crop (default stretch)',
  },
}

export interface ChosenClassifier {
  readonly file: ClassifierFile
  readonly origin: ClassVectorOrigin
}

/** The classifier that the options mean; null for none. Throws as `findClassifier`. */
export async function chosenClassifier(flags: Flags): Promise<ChosenClassifier | null> {
  const fit = flags.choice('classifier-fit', FITS) ?? 'stretch'
  const file = await findClassifier(flags.text('classifier') ?? 'auto')
  return file && { file, origin: { classifier: file.name, sha256: file.sha256, fit } }
}
