/** What a classifier sees in photographs before it decides on a class: its last layer's input. */
import type { Photo } from '../color/photo.ts'
import type { Resize } from '../color/resample.ts'
import type { Gpu } from '../device/gpu.ts'
import { UserError } from '../errors.ts'
import { rewriteForInference } from '../graph/rewrite.ts'
import { importOnnx } from '../io/onnx/import.ts'
import { cutAt, findFeatures } from '../io/onnx/taps.ts'
import { type ClassifierModel, importOptions } from './classifier.ts'
import { openReader } from './reader.ts'

export interface FeatureReader {
  /** The classifier's. */
  readonly name: string
  /** Features of each photograph in turn, in its own colours. */
  features(photos: readonly Photo[]): Promise<Float32Array[]>
  destroy(): void
}

/**
 * Loads a classifier without its last layer onto the GPU. It computes in float32, and sees photographs distorted to its
 * square.
 * @throws UserError about weights: no picture goes in, or the last layer reads a picture of more than one pixel
 */
export async function openFeatures(
  gpu: Gpu,
  { name, model }: ClassifierModel,
  resize: Resize,
): Promise<FeatureReader> {
  const layer = findFeatures(model)
  const cut = { ...cutAt(model, [layer]), inputs: model.inputs }
  const { graph, inputs, outputs } = importOnnx(cut, importOptions(model, name, 1))
  const shape = outputs[0]!.shape
  const sizes = shape.filter((size) => size !== 1)
  if (outputs[0]!.constant || sizes.length > 1) {
    const what = `its last layer reads ${layer}, which is [${shape.join('×')}]`
    throw new UserError(`${model.path} has no features of whole pictures: ${what}`, 'weights')
  }
  const reading = {
    graph: rewriteForInference(graph),
    input: inputs[0]!,
    output: layer,
    length: sizes[0] ?? 1,
  }
  const options = { resize, fit: 'stretch' as const }
  const reader = await openReader(gpu, { name, path: model.path, ...reading }, options)
  return {
    name,
    features: (photos) => reader.readPhotos(photos, true),
    destroy: reader.destroy,
  }
}
