/** Class probabilities of photographs, by a classifier from an ONNX file. */
import { readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Gpu } from '../device/gpu.ts'
import { EXIT, UserError } from '../errors.ts'
import { BindingLimitError, compile } from '../graph/compile.ts'
import { Executor, Variables } from '../graph/execute.ts'
import type { Graph } from '../graph/graph.ts'
import type { Precision } from '../graph/half.ts'
import { rewriteForInference } from '../graph/rewrite.ts'
import { type Imported, type Input, importOnnx } from '../io/onnx/import.ts'
import { type OnnxModel, readModel } from '../io/onnx/model.ts'
import { relayout } from '../io/onnx/values.ts'
import type { Tensor } from '../kernels/op.ts'
import { CLASSES, CLASSIFIERS, type ClassVectorOrigin, type Fit } from '../model/classifier.ts'
import type { Photo } from '../node/image.ts'
import { mendOf, packagePath } from '../node/package.ts'
import { knownFiles, locate, pathOf } from '../node/store/cache.ts'
import { sha256File } from '../node/store/fetch.ts'
import { expectFinite, fileTrouble } from '../node/trouble.ts'
import { inputOf } from './classifier-input.ts'

/** What `--classifier` stands for. */
export interface ClassifierFile {
  /** Its name, or that of the file when it is none that is known. */
  readonly name: string
  readonly path: string
  /** Hexadecimal: whether two classifiers are the same one. */
  readonly sha256: string
}

export interface Classifier extends ClassifierFile {
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
  readonly fit?: Fit
  /** Photographs that are computed at once, where the model leaves that open. */
  readonly batch?: number
  readonly precision?: Precision
}

/** Side of the square for models that leave it open. */
const OPEN_SIZE = 224
const OUTPUT = 'probabilities'

/**
 * Finds the classifier that `choice` means: `none` (null), `auto` (the best one that is here), a name, or an ONNX file.
 * @throws UserError: a name that nothing is known by (exit code 2), not here, damaged (exit code 4)
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
    throw new UserError(sentence, EXIT.usage)
  }
  const lost = candidates.find(({ shipped }) => shipped)
  if (lost) {
    const sentence = `the classifier ${lost.name} is missing from the package; ${mendOf(pathOf(lost))}`
    throw new UserError(sentence, EXIT.badWeightsOrRecords)
  }
  const how = candidates.some(({ locations }) => locations.length)
    ? `colorizer weights fetch ${names[0]}`
    : 'colorizer weights import FILE'
  throw new UserError(
    `the classifier ${names.join(', ')} is not here: ${how} brings it`,
    EXIT.badWeightsOrRecords,
  )
}

/**
 * Finds the classifier that class vectors came from.
 * @throws UserError (exit code 4) when it is not here
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
    `the class vectors are those of ${classifier}, which is not here: bring it with colorizer weights, or name its file with --classifier`,
    EXIT.badWeightsOrRecords,
  )
}

async function fileOf(path: string): Promise<ClassifierFile> {
  try {
    const { size } = await stat(path)
    const sha256 = await sha256File(path)
    const known = knownFiles().find((file) => file.bytes === size && file.sha256 === sha256)
    return { name: known?.name ?? basename(path), path, sha256 }
  } catch (error) {
    throw fileTrouble('read', path, error, EXIT.badWeightsOrRecords)
  }
}

/**
 * Loads a classifier onto the GPU.
 * @throws UserError (exit code 4): not a readable model, no picture goes in, or not the 1000 classes come out
 */
export async function openClassifier(
  gpu: Gpu,
  file: ClassifierFile,
  { fit = 'stretch', batch = 1, precision = 'f32' }: ClassifierOptions = {},
): Promise<Classifier> {
  const { graph, input } = await classifierGraph(file, batch)
  const executor = await executorOf(gpu, file.path, graph, precision)
  const [count, size] = [input.shape[0]!, input.shape[2]!]
  const pixelsEach = size * size * 3
  const classifyBatch = async (inputs: readonly Float32Array[]) => {
    const pixels = new Float32Array(count * pixelsEach)
    for (const [i, input] of inputs.entries()) pixels.set(input, i * pixelsEach)
    executor.upload(input.name, stored(pixels, input))
    const [all] = await executor.run([OUTPUT])
    if (precision === 'f16') expectFinite(all!, `what ${file.name} sees`)
    return inputs.map((_, i) => all!.slice(i * CLASSES, (i + 1) * CLASSES))
  }
  const probabilities = async (inputs: readonly Float32Array[]) => {
    const results: Float32Array[] = []
    for (let at = 0; at < inputs.length; at += count) {
      results.push(...(await classifyBatch(inputs.slice(at, at + count))))
    }
    return results
  }
  return {
    ...file,
    size,
    origin: { classifier: file.name, sha256: file.sha256, fit },
    probabilities,
    async classify(photos, { inColor } = { inColor: false }) {
      const results: Float32Array[] = []
      for (const photo of photos) results.push(await inputOf(photo, size, fit, inColor))
      return probabilities(results)
    },
    destroy: () => executor.destroy(),
  }
}

/** What a classifier computes, ready to be compiled, and its one input. Throws as `openClassifier`. */
export async function classifierGraph(file: Pick<ClassifierFile, 'name' | 'path'>, batch = 1) {
  const model = await readModel(file.path)
  const { graph, input } = withProbabilities(model, importOnnx(model, importOptions(model, file.name, batch)))
  return { graph: rewriteForInference(graph), input }
}

let names: readonly string[] | undefined

/** Names of the classes in order, each the first of its synonyms; read from the disk once. */
export function classNames(): readonly string[] {
  if (names) return names
  const path = packagePath('weights/classes.txt')
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  names = lines.map((line) => line.split(',')[0]!)
  return names
}

/** The batch, and the size of the square where the model leaves it open. */
function importOptions({ path, inputs }: OnnxModel, name: string, batch: number) {
  const [input, ...others] = inputs
  const shape = input?.shape
  const bad = (what: string) =>
    new UserError(`${path} is no classifier of pictures: ${what}`, EXIT.badWeightsOrRecords)
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
    throw new UserError(sentence, EXIT.badWeightsOrRecords)
  }
  const isSoftmax = model.nodes.some(({ op, outputs }) => op === 'Softmax' && outputs.includes(output.name))
  const rows = reshaped(graph, logits, [batch, CLASSES])
  for (const name of [...graph.outputs.keys()]) graph.outputs.delete(name)
  graph.output(OUTPUT, isSoftmax ? rows : graph.op('softmax', [rows], {}))
  return { graph, input }
}

const reshaped = (graph: Graph, tensor: Tensor, shape: readonly number[]) =>
  graph.shape(tensor).length === shape.length ? tensor : graph.op('view', [tensor], { offset: 0, shape })

async function executorOf(gpu: Gpu, path: string, graph: Graph, precision: Precision): Promise<Executor> {
  try {
    const plan = compile(graph, gpu.device.limits.maxStorageBufferBindingSize, gpu.traits, { precision })
    return await Executor.create(gpu, plan, new Variables(gpu))
  } catch (error) {
    if (!(error instanceof BindingLimitError)) throw error
    throw new UserError(`${path}: ${error.message}`, EXIT.badWeightsOrRecords, { cause: error })
  }
}

/** Pixels [N,H,W,3] in the order in which the graph stores them. */
function stored(pixels: Float32Array, { shape, layout }: Input): Float32Array {
  if (shape[1] !== 3) return relayout(pixels, shape, layout) // the model wants channels last: they are in its own order
  return layout === 'nhwc' ? pixels : relayout(pixels, shape, 'nhwc', true)
}
