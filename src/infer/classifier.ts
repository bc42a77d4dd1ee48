/** Class probabilities of photographs, by a classifier that came as an ONNX model. */
import type { Photo } from '../color/photo.ts'
import type { Resize } from '../color/resample.ts'
import type { Gpu } from '../device/gpu.ts'
import { UserError } from '../errors.ts'
import type { Graph } from '../graph/graph.ts'
import type { Precision } from '../graph/half.ts'
import { rewriteForInference } from '../graph/rewrite.ts'
import { type Imported, type Input, importOnnx } from '../io/onnx/import.ts'
import type { OnnxModel } from '../io/onnx/model.ts'
import type { Tensor } from '../kernels/op.ts'
import { CLASSES, CLASSIFIERS, type ClassVectorOrigin, type Fit } from '../model/classifier.ts'
import { openReader } from './reader.ts'

/** A classifier that is not on the GPU yet. */
export interface ClassifierModel {
  /** By which the size of its square is known where the model leaves it open. */
  readonly name: string
  /** Of its file, hexadecimal. */
  readonly sha256: string
  readonly model: OnnxModel
}

export interface Classifier {
  readonly name: string
  /** Side of the square that it sees, in pixels. */
  readonly size: number
  /** What is to be written beside the class vectors that it gives. */
  readonly origin: ClassVectorOrigin
  /** Probabilities of the 1000 classes, for each photograph in turn. Only its lightness is looked at, unless `inColor`. */
  classify(photos: readonly Photo[], options?: { inColor: boolean }): Promise<Float32Array[]>
  /** The same of inputs that `inputOf` has made for its size and fit. */
  probabilities(inputs: readonly Float32Array[]): Promise<Float32Array[]>
  destroy(): void
}

export interface ClassifierOptions {
  /** What brings photographs to the classifier's size. */
  readonly resize: Resize
  readonly fit?: Fit
  /** Photographs that are computed at once, where the model leaves that open. */
  readonly batch?: number
  readonly precision?: Precision
}

/** Side of the square for models that leave it open. */
const OPEN_SIZE = 224
const OUTPUT = 'probabilities'

/**
 * Loads a classifier onto the GPU.
 * @throws UserError about weights: no picture goes in, or not the 1000 classes come out
 */
export async function openClassifier(
  gpu: Gpu,
  classifier: ClassifierModel,
  { batch = 1, ...options }: ClassifierOptions,
): Promise<Classifier> {
  const { name, sha256, model } = classifier
  const { fit = 'stretch' } = options
  const reading = { ...classifierGraph(classifier, batch), output: OUTPUT, length: CLASSES }
  const reader = await openReader(gpu, { name, path: model.path, ...reading }, { ...options, fit })
  return {
    name,
    size: reader.size,
    origin: { classifier: name, sha256, fit },
    probabilities: reader.read,
    classify: (photos, { inColor } = { inColor: false }) => reader.readPhotos(photos, inColor),
    destroy: reader.destroy,
  }
}

/** What a classifier computes, ready to be compiled, and its one input. Throws as `openClassifier`. */
export function classifierGraph({ name, model }: Pick<ClassifierModel, 'name' | 'model'>, batch = 1) {
  const { graph, input } = withProbabilities(model, importOnnx(model, importOptions(model, name, batch)))
  return { graph: rewriteForInference(graph), input }
}

/** The batch, and the size of the square where the model leaves it open. */
export function importOptions({ path, inputs }: OnnxModel, name: string, batch: number) {
  const [input, ...others] = inputs
  const shape = input?.shape
  const bad = (what: string) => new UserError(`${path} is no classifier of pictures: ${what}`, 'weights')
  if (!input || others.length) throw bad(`it has ${inputs.length} inputs instead of one`)
  const told = `its input ${input.name} is ${shape ? `[${shape.join('×')}]` : 'of any shape'}`
  if (shape?.length !== 4) throw bad(`${told}, not [N×3×H×W]`)
  const open = CLASSIFIERS.find((spec) => spec.name === name)?.size ?? OPEN_SIZE
  const isFixed = (size: number | string) => typeof size === 'number'
  const side = [...shape.slice(1)].find((size) => isFixed(size) && size !== 3) ?? open
  const wanted = shape[3] === 3 && shape[1] !== 3 ? [batch, side, side, 3] : [batch, 3, side, side]
  const full = shape.map((size, axis) => (isFixed(size) ? size : wanted[axis]!)) as number[]
  if (full.slice(1).some((size, i) => size !== wanted[i + 1]))
    throw bad(`${told}, not square or without 3 channels`)
  return { shapes: new Map([[input.name, full]]) }
}

/** Adds the output `probabilities`: the softmax of the model's logits, unless it has one itself. */
function withProbabilities(model: OnnxModel, { graph, inputs, outputs }: Imported) {
  const [input, output] = [inputs[0] as Input, outputs[0]]
  const logits = output && graph.outputs.get(output.name)
  const batch = input.shape[0]!
  const sizes = output?.shape.slice(output.shape[0] === batch ? 1 : 0).filter((size) => size !== 1) ?? []
  if (!output || logits === undefined || sizes.join() !== String(CLASSES)) {
    const what = output ? `its output ${output.name} is [${output.shape.join('×')}]` : 'it has no output'
    const sentence = `${model.path} is no classifier of ImageNet's ${CLASSES} classes: ${what}`
    throw new UserError(sentence, 'weights')
  }
  const rows = reshaped(graph, logits, [batch, CLASSES])
  for (const name of [...graph.outputs.keys()]) graph.outputs.delete(name)
  graph.output(OUTPUT, isOfSoftmax(output.name, model) ? rows : graph.op('softmax', [rows], {}))
  return { graph, input }
}

/** Operators that give the values of their first input in another shape or type. */
const PASSING = ['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Cast']

/** Whether the value of this name is what a softmax gives, in whatever shape. */
function isOfSoftmax(name: string, model: OnnxModel): boolean {
  const node = model.nodes.find(({ outputs }) => outputs.includes(name))
  if (node && PASSING.includes(node.op)) return isOfSoftmax(node.inputs[0]!, model)
  return node?.op === 'Softmax'
}

const reshaped = (graph: Graph, tensor: Tensor, shape: readonly number[]) =>
  graph.shape(tensor).length === shape.length ? tensor : graph.op('view', [tensor], { offset: 0, shape })
