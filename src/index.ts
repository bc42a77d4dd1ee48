/**
 * The library behind the command `colorizer`: a small graph engine whose every kernel is hand-written WGSL, and the
 * network that is trained and run on it.
 *
 * ```ts
 * const weights = await readWeights('runs/mine/checkpoint.safetensors')
 * const gpu = await openGpu()
 * const predictor = predictorOf(gpu, weights, { resize: sharpResize })
 * const photo = await readPhoto('grey.jpg')
 * await writeImage('coloured.jpg', paint(photo, await predictor.predict(photo), 1.2))
 * gpu.destroy()
 * ```
 *
 * Trouble that a person can mend is thrown as a `UserError`, whose message is one sentence for that person. WebGPU's
 * own types come with TypeScript's `dom` library, or else with the package `@webgpu/types`.
 */

export { type Trouble, UserError } from './errors.ts'

// The device: Dawn in Node, or in a browser `Gpu.open(navigator.gpu, path => text of shaders/path)`

export { Gpu, GpuError } from './device/gpu.ts'
export type { ShaderLoader } from './device/shader.ts'
export type { Choices, Traits } from './device/traits.ts'
export {
  type AdapterSummary,
  adapterSummary,
  listAdapters,
  type OpenOptions,
  openGpu,
} from './node/dawn.ts'
export { choicesOf, type FoundTuning, openTunedGpu, readTuning, type Tuning } from './node/store/tuning.ts'

// Operators, graphs of them, their gradients, and how they run

export { ADAM, adamHyper, adamStep } from './autograd/adam.ts'
export { backward } from './autograd/backward.ts'
export { BindingLimitError, compile, type Plan } from './graph/compile.ts'
export { Executor, Variables } from './graph/execute.ts'
export { Graph, GraphError } from './graph/graph.ts'
export { getOp, ops } from './kernels/index.ts'
export type { Candidate, Dispatch, GradBuilder, Op, Spec, Tensor } from './kernels/op.ts'

// Networks and their weights

export type { Safetensors } from './io/safetensors.ts'
export { expectTrained, type WeightFile, type Weights, weightTensors } from './io/weights.ts'
export type { Arena, Layout } from './model/arena.ts'
export type { ImageSize, Network, NetworkKind, Painting } from './model/network.ts'
export { NETWORKS, type Networks } from './model/registry.ts'
export { type Architecture, reportNetwork } from './model/report/index.ts'
export { inferenceGraph, trainingGraph } from './model/training.ts'
export { readSafetensors, writeSafetensors } from './node/safetensors.ts'
export { readCheckpoint, readWeights } from './node/weights.ts'
export type { Checkpoint, Validation } from './train/checkpoint.ts'
export type { Course, TrainingSettings } from './train/settings.ts'

// Colouring photographs

export { grayOf, paint, type SmallAb } from './color/paint.ts'
export type { Photo } from './color/photo.ts'
export { type Resize, resize } from './color/resample.ts'
export { Predictor, type PredictorOptions, predictorOf } from './infer/predictor.ts'
export { encode, type ImageFormat, readPhoto, sharpResize, writeImage } from './node/image.ts'
export { findPhotos, type PhotoPath, showPhotos } from './node/photos.ts'
export { type Score, type ShownPhoto, validate } from './train/validate.ts'

// How good the colours are: docs/metrics.md

export { abError } from './color/metrics/abError.ts'
export { bootstrap, type Interval } from './color/metrics/bootstrap.ts'
export { colorfulness } from './color/metrics/colorfulness.ts'
export { deltaE, deltaE2000 } from './color/metrics/deltaE.ts'
export { type Figures, measure } from './color/metrics/measure.ts'
export { psnr } from './color/metrics/psnr.ts'
export { ssim } from './color/metrics/ssim.ts'

// Training on photographs or records, and the proof of it: golden files of the PyTorch reference

export { openPhotos, openRecords, type SourceOptions } from './node/data/dataset.ts'
export { type PrepareOptions, prepareRecords } from './node/data/prepare.ts'
export type { Manifest } from './node/data/record-set.ts'
export { storeIn } from './node/store/runs.ts'
export type { TrainingSource } from './train/batches.ts'
export { type GoldenReport, replayGolden } from './train/golden.ts'
export { type Training, type TrainingObserver, type TrainOptions, train } from './train/loop.ts'
export type { Start, TrainingStore } from './train/run.ts'
