import type { Gpu } from '../device/gpu.ts'
import type { Classifier } from '../infer/classifier.ts'
import { topClasses } from '../model/classifier.ts'
import { readPhoto } from './image.ts'
import { packagePath } from './package.ts'
import { type ClassifierFile, loadClassifier } from './store/classifiers.ts'

/** Sample photographs and the ImageNet classes that are right for them. */
const KNOWN: Readonly<Record<string, readonly number[]>> = {
  koala: [105],
  macaw: [88],
  lemurs: [383],
  'polar-bear': [296],
  cat: [281, 282, 285],
  bee: [309],
  coffee: [504, 967, 968],
  citrus: [950, 951],
  rocket: [657],
  'bridge-at-night': [718, 821, 839],
}

export interface Recognised {
  /** Photographs with a right class among the five likeliest. */
  readonly right: number
  readonly of: number
  /** By chance, untrained weights get one right in every hundred. */
  readonly isTrained: boolean
}

/** Shows ten sample photographs to a classifier: the weights in a file may be whole and yet never have been trained. */
export async function recognise(gpu: Gpu, file: ClassifierFile): Promise<Recognised> {
  const classifier = await loadClassifier(gpu, file)
  try {
    const right = await countRight(classifier)
    const of = Object.keys(KNOWN).length
    return { right, of, isTrained: right >= of / 2 }
  } finally {
    classifier.destroy()
    gpu.pool.trim()
  }
}

async function countRight(classifier: Classifier): Promise<number> {
  let right = 0
  for (const [name, classes] of Object.entries(KNOWN)) {
    const photo = await readPhoto(packagePath(`samples/photos/${name}.jpg`))
    const [probabilities] = await classifier.classify([photo])
    if (topClasses(probabilities!).some(({ index }) => classes.includes(index))) right++
  }
  return right
}
