/**
 * The library for Node: photographs coloured as the command line colours them, and what a program needs beside
 * `webgpu-colorizer/engine` and `webgpu-colorizer/train` in Node: files, adapters, pictures to train on.
 *
 * Trouble that a person can mend is thrown as a `UserError`, whose message is one sentence for that person.
 */
/// <reference lib="esnext.disposable" preserve="true" />

export type { Photo } from './color/photo.ts'
export type { Gpu } from './device/gpu.ts'
export { type Trouble, UserError } from './errors.ts'
export type { Precision } from './graph/half.ts'
export type { PhotoStudy, PossibleColour, StudyOptions } from './infer/photo-study.ts'
export { formatHints, type Hint, parseHints } from './io/hints.ts'
export type { SeenClass } from './model/classifier.ts'
export {
  type ColorizeOptions,
  Colorizer,
  type ColorizerOptions,
  type ColouredImage,
  type OpeningStage,
} from './node/colorizer.ts'

// Files

export { type ImageFormat, readPhoto, sharpResize, writeImage } from './node/image.ts'
export { readModel } from './node/onnx-file.ts'
export { findPhotos, type PhotoPath, showPhotos } from './node/photos.ts'
export { readCheckpoint, readWeights } from './node/weights.ts'

// Adapters: Dawn

export { listAdapters, type OpenOptions, openGpu } from './node/dawn.ts'

// Classifiers, and the class vectors that they give

export type { Classifier } from './infer/classifier.ts'
export {
  type ClassifierFile,
  findClassifier,
  type LoadOptions,
  loadClassifier,
} from './node/store/classifiers.ts'
export { PhotoClassVectors } from './train/class-vectors.ts'

// Networks, on classifiers that lie on the disk, and what those see

export { openTapMaker, type TapMaker, type TapMakerOptions } from './infer/tap-maker.ts'
export { loadTrunk, NODE_NETWORKS } from './node/store/networks.ts'

// Training on photographs or records

export { openPhotos, openRecords, type RecordFolder, type SourceOptions } from './node/data/dataset.ts'
export { type PrepareOptions, prepareRecords } from './node/data/prepare.ts'
export type { TapOptions } from './node/data/taps.ts'
export { storeIn } from './node/store/runs.ts'
