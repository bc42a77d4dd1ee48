/** Shows photographs to an imported model, and reads one row of numbers for each. */
import type { Photo } from '../color/photo.ts'
import type { Resize } from '../color/resample.ts'
import type { Gpu } from '../device/gpu.ts'
import { UserError } from '../errors.ts'
import { BindingLimitError, compile } from '../graph/compile.ts'
import { Executor, Variables } from '../graph/execute.ts'
import type { Graph } from '../graph/graph.ts'
import { expectFinite, type Precision } from '../graph/half.ts'
import type { Input } from '../io/onnx/import.ts'
import { relayout } from '../io/onnx/values.ts'
import type { Fit } from '../model/classifier.ts'
import { inputOf } from './classifier-input.ts'

/** A model, ready to be compiled. */
export interface Reading {
  /** What errors call the model and its file. */
  readonly name: string
  readonly path: string
  readonly graph: Graph
  /** A batch of square pictures. */
  readonly input: Input
  /** The graph's output that is read, `length` numbers for each picture. */
  readonly output: string
  readonly length: number
}

export interface Reader {
  /** Side of the square that the model sees, in pixels. */
  readonly size: number
  readPhotos(photos: readonly Photo[], inColor: boolean): Promise<Float32Array[]>
  /** The same of inputs that `inputOf` has made for its size and fit. */
  read(inputs: readonly Float32Array[]): Promise<Float32Array[]>
  destroy(): void
}

export interface ReaderOptions {
  /** What brings photographs to the model's size. */
  readonly resize: Resize
  readonly fit: Fit
  readonly precision?: Precision
}

/** @throws UserError about weights when the adapter cannot hold one of the model's tensors */
export async function openReader(
  gpu: Gpu,
  { name, path, graph, input, output, length }: Reading,
  { resize, fit, precision = 'f32' }: ReaderOptions,
): Promise<Reader> {
  const executor = await executorOf(gpu, path, graph, precision)
  const size = input.shape[2]!
  const read = inBatches(input.shape[0]!, length, async (pixels) => {
    executor.upload(input.name, stored(pixels, input))
    const [all] = await executor.run([output])
    if (precision === 'f16') expectFinite(all!, `what ${name} sees`)
    return all!
  })
  return {
    size,
    read,
    async readPhotos(photos, inColor) {
      const inputs: Float32Array[] = []
      for (const photo of photos) inputs.push(await inputOf(photo, { size, fit, resize, inColor }))
      return read(inputs)
    },
    destroy: () => executor.destroy(),
  }
}

/** `run` takes the pixels of `count` pictures and gives the row of each; a last, smaller batch is filled with grey. */
function inBatches(count: number, length: number, run: (pixels: Float32Array) => Promise<Float32Array>) {
  return async (inputs: readonly Float32Array[]): Promise<Float32Array[]> => {
    const results: Float32Array[] = []
    for (let at = 0; at < inputs.length; at += count) {
      const batch = inputs.slice(at, at + count)
      const each = batch[0]!.length
      const pixels = new Float32Array(count * each)
      for (const [i, input] of batch.entries()) pixels.set(input, i * each)
      const all = await run(pixels)
      for (const i of batch.keys()) results.push(all.slice(i * length, (i + 1) * length))
    }
    return results
  }
}

async function executorOf(gpu: Gpu, path: string, graph: Graph, precision: Precision): Promise<Executor> {
  try {
    const plan = compile(graph, gpu.device.limits.maxStorageBufferBindingSize, gpu.traits, { precision })
    return await Executor.create(gpu, plan, new Variables(gpu))
  } catch (error) {
    if (!(error instanceof BindingLimitError)) throw error
    throw new UserError(`${path}: ${error.message}`, 'weights', { cause: error })
  }
}

/** Pixels [N,H,W,3] in the order in which the graph stores them. */
function stored(pixels: Float32Array, { shape, layout }: Input): Float32Array {
  if (shape[1] !== 3) return relayout(pixels, shape, layout) // the model wants channels last: they are in its own order
  return layout === 'nhwc' ? pixels : relayout(pixels, shape, 'nhwc', true)
}
