/** Finds classifiers by their names or files, and loads them from the disk. */
import { readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Gpu } from '../../device/gpu.ts'
import { UserError } from '../../errors.ts'
import { type Classifier, type ClassifierOptions, openClassifier } from '../../infer/classifier.ts'
import { parseClassNames, type WantedClassifier } from '../../infer/colorizer.ts'
import { type FeatureReader, openFeatures } from '../../infer/features.ts'
import { CLASSIFIERS, type ClassVectorOrigin } from '../../model/classifier.ts'
import { sharpResize } from '../image.ts'
import { readModel } from '../onnx-file.ts'
import { mendOf, packagePath } from '../package.ts'
import { fileTrouble } from '../trouble.ts'
import { knownFiles, locate, pathOf } from './cache.ts'
import { sha256File } from './fetch.ts'

/** The file of a classifier. */
export interface ClassifierFile {
  /** Its name, or that of the file when it is none that is known. */
  readonly name: string
  readonly path: string
  /** Hexadecimal: whether two classifiers are the same one. */
  readonly sha256: string
}

/**
 * Finds the classifier that `choice` means: `none` (null), `auto` (the best one that is here), a name, or an ONNX file.
 * @throws UserError: a name that nothing is known by (trouble 'usage'), not here, damaged (trouble 'weights')
 */
export async function findClassifier(choice: string, known = knownFiles()): Promise<ClassifierFile | null> {
  if (choice === 'none') return null
  if (/\.onnx$|[\\/]/.test(choice)) return fileOf(choice)
  const names = choice === 'auto' ? CLASSIFIERS.map(({ name }) => name) : [choice]
  for (const name of names) {
    const found = await locate(name, known)
    if (found?.kind === 'classifier') return { name, path: found.path, sha256: found.sha256 }
  }
  const classifiers = known.filter(({ kind }) => kind === 'classifier')
  const candidates = classifiers.filter(({ name }) => names.includes(name))
  if (candidates.length === 0) {
    const all = [...new Set(classifiers.map(({ name }) => name))].join(', ')
    const sentence = `there is no classifier "${choice}": choose auto, none, ${all}, or a file that ends in .onnx`
    throw new UserError(sentence, 'usage')
  }
  const lost = candidates.find(({ shipped }) => shipped)
  if (lost) {
    const sentence = `the classifier ${lost.name} is missing from the package; ${mendOf(pathOf(lost))}`
    throw new UserError(sentence, 'weights')
  }
  const isPublic = candidates.some(({ locations }) => locations.length)
  const how = isPublic ? 'it can be fetched' : 'it can be imported from a file'
  throw new UserError(`the classifier ${names.join(', ')} is not here: ${how}`, 'weights', {
    mend: [isPublic ? `weights fetch ${names[0]}` : 'weights import FILE'],
  })
}

/** A classifier's file, and where the class vectors that it gives come from. */
export interface ChosenClassifier {
  readonly file: ClassifierFile
  readonly origin: ClassVectorOrigin
}

/** The classifier that is wanted; null for none. Throws as `findClassifier`. */
export async function chooseClassifier({ choice, fit }: WantedClassifier): Promise<ChosenClassifier | null> {
  const file = await findClassifier(choice)
  return file && { file, origin: { classifier: file.name, sha256: file.sha256, fit } }
}

/**
 * Finds the classifier that class vectors came from.
 * @throws UserError about weights when it is not here
 */
export async function findOrigin(
  { classifier, sha256 }: ClassVectorOrigin,
  known = knownFiles(),
): Promise<ClassifierFile> {
  const found = await locate(
    classifier,
    known.filter((file) => file.sha256 === sha256),
  )
  if (found) return { name: classifier, path: found.path, sha256 }
  throw new UserError(
    `the class vectors are those of ${classifier}, which is not here: bring it, or name its file`,
    'weights',
    { mend: ['classifier'] },
  )
}

async function fileOf(path: string): Promise<ClassifierFile> {
  try {
    const { size } = await stat(path)
    const sha256 = await sha256File(path)
    const known = knownFiles().find((file) => file.bytes === size && file.sha256 === sha256)
    return { name: known?.name ?? basename(path), path, sha256 }
  } catch (error) {
    throw fileTrouble('read', path, error, 'weights')
  }
}

export type LoadOptions = Omit<ClassifierOptions, 'resize'>

/** Loads the classifier in a file onto the GPU. Throws as `readModel` and `openClassifier`. */
export async function loadClassifier(
  gpu: Gpu,
  { name, sha256, path }: ClassifierFile,
  options: LoadOptions = {},
): Promise<Classifier> {
  const model = await readModel(path)
  return openClassifier(gpu, { name, sha256, model }, { ...options, resize: sharpResize })
}

/** Loads it without its last layer. Throws as `readModel` and `openFeatures`. */
export async function loadFeatures(gpu: Gpu, { name, sha256, path }: ClassifierFile): Promise<FeatureReader> {
  return openFeatures(gpu, { name, sha256, model: await readModel(path) }, sharpResize)
}

let names: readonly string[] | undefined

/** Names of the classes in order; read from the disk once. */
export function classNames(): readonly string[] {
  names ??= parseClassNames(readFileSync(packagePath('weights/classes.txt'), 'utf8'))
  return names
}
