/**
 * Training as a function, for Node and for browsers. Data, storage and an observer are handed in; `webgpu-colorizer` has
 * those for photographs and folders on a disk.
 */

// The training

export type { Batch, ClassVectors, DataPosition, TrainingSource } from './batches.ts'
export type { SetErrors, Start, TrainingStore, Validate } from './state.ts'
export {
  type LoggedStep,
  type Training,
  type TrainingObserver,
  type TrainingProgress,
  type TrainOptions,
  train,
} from './train.ts'
export { type Score, type ShownPhoto, validate } from './validate.ts'

// Its settings, as valibot schemas and with what is usual

export {
  type Course,
  courseSchema,
  stepBatch,
  type TrainingSettings,
  trainingSchema,
  USUAL,
  usualOf,
} from './settings.ts'

// Batches: as settings ask for them, and from pictures in memory

export {
  type BatchOptions,
  type Decoder,
  type SampleSet,
  sourceOptions,
  trainingSource,
} from './batches.ts'
export { type BatchTask, type DecodedBatch, decodeBatch, type OpenedSample, type Sample } from './samples.ts'

// What a training leaves

export { parseWeights, type WeightFile, type Weights, weightTensors } from '../io/weights.ts'
export {
  type Best,
  type Checkpoint,
  encodeBest,
  encodeCheckpoint,
  parseCheckpoint,
  type Validation,
} from './checkpoint.ts'

// Networks

export type { Arena, Layout } from '../model/arena.ts'
export { inferenceGraph, trainingGraph } from '../model/graphs.ts'
export type { ImageSize, Network, NetworkKind, Painting } from '../model/network.ts'
export { NETWORKS, type Networks } from '../model/registry.ts'

// Colouring with it

export type { SmallAb } from '../color/guided.ts'
export { paint } from '../color/paint.ts'
export type { Photo } from '../color/photo.ts'
export { type Resize, resize } from '../color/resample.ts'
export type { ToldColour } from '../infer/hints.ts'
export { Predictor, type PredictorOptions, predictorOf } from '../infer/predictor.ts'
export type { LikelyColour, Study } from '../infer/study.ts'
