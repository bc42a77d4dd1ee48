import { fileURLToPath } from 'node:url'
import type { Input } from '../../src/io/onnx/import.ts'
import { initialStatistics, type Layout } from '../../src/model/arena.ts'
import type { Architecture } from '../../src/model/report/layers.ts'
import { initialParameters, layoutOf } from '../../src/model/report/layout.ts'
import { product } from '../../src/numbers.ts'
import { uniform4 } from '../../src/random.ts'
import type { Values } from '../model.ts'

/** What is measured: the colouriser's network, or an ONNX model. */
export type Work = ColorizerWork | OnnxWork

export interface ColorizerWork {
  readonly kind: 'forward' | 'training'
  readonly name: string
  readonly size: number
  readonly batch: number
}

export interface OnnxWork {
  readonly kind: 'onnx'
  readonly name: string
  /** Null stands for a file that is made when it is needed. */
  readonly path: string | null
}

/** An input of an ONNX model. */
export type Shaped = Pick<Input, 'name' | 'shape'>

/** How PyTorch multiplies: in float32, or on tensor cores with operands rounded to 11 or 8 bits. */
export const TORCH_PRECISIONS = ['fp32', 'tf32', 'bf16'] as const
export type TorchPrecision = (typeof TORCH_PRECISIONS)[number]

export type PeerName =
  | 'ours'
  | 'tfjs'
  | 'onnxruntime webgpu'
  | 'onnxruntime cpu'
  | `pytorch ${TorchPrecision}`

/** What a piece of work gave, and how long it took by the clock of whoever did it. */
export interface Timed {
  readonly milliseconds: number
  readonly output: Float32Array
}

/** Somebody who can do a piece of work, ready for it. */
export interface Contender {
  /** As the table calls it: "TF.js 4.22.0 (WebGPU)". */
  readonly title: string
  /** Numbers in its weights; null where nothing counts them. */
  readonly parameters: number | null
  /** Does the work once, from arrays to arrays, and returns what has to agree: the output, or the loss. */
  run(): Promise<Float32Array | Timed>
}

export const ARCHITECTURE: Architecture = { classes: 1000, width: 1 }
export const LEARNING_RATE = 1e-3
/** Side of the colouriser's pictures. */
export const SIZE = 224

const SEED = 1
/** Streams of random numbers that the training's own draws do not use. */
const STREAMS = { parameters: 101, L: 102, features: 103, ab: 104, model: 105 } as const

const noise = (stream: keyof typeof STREAMS, length: number, from: number, to: number) =>
  Float32Array.from({ length }, (_, i) => from + (to - from) * uniform4(SEED, STREAMS[stream], i)[0])

/** Weights of the colouriser that every contender starts from; none of them is zero, so that outputs tell. */
export function colorizerWeights() {
  const layout = layoutOf(ARCHITECTURE)
  const uniform = (i: number) => uniform4(SEED, STREAMS.parameters, i)[0]
  const parameters = initialParameters(ARCHITECTURE, uniform)
  for (const { name, shape, offset } of layout.parameters.tensors.filter(({ name }) =>
    name.endsWith('.weight'),
  )) {
    const end = offset + product(shape)
    const scale = name === 'decoder.conv5.weight' ? 0.2 : 0.1
    for (let i = offset; i < end; i++) parameters[i] ||= scale * (uniform(i) - 0.5)
  }
  return { layout, parameters, statistics: initialStatistics(layout.statistics) }
}

export const parameterCount = ({ parameters }: Layout): number =>
  parameters.tensors.reduce((sum, { shape }) => sum + product(shape), 0)

/** L in −1…1, a class vector that sums to about one, and colours to learn. */
export function colorizerInputs(size: number, batch: number) {
  const pixels = batch * size * size
  const { classes } = ARCHITECTURE
  return {
    L: noise('L', pixels, -1, 1),
    features: noise('features', batch * classes, 0, 2 / classes),
    ab: noise('ab', 2 * pixels, -50, 50),
  }
}

/** Values for the inputs of an ONNX model. */
export const valuesFor = (inputs: readonly Shaped[]): Values =>
  new Map(inputs.map(({ name, shape }) => [name, noise('model', product(shape), -1, 1)]))

/**
 * What there is to do, in the order of the table. The large classifier's file has yet to be made.
 * @param batch pictures of the larger training step; with 1 there is none
 */
export function worksOf(batch: number): Work[] {
  const shipped = fileURLToPath(new URL('../../weights/mobilenet_v1.onnx', import.meta.url))
  const training = (batch: number): Work => {
    return {
      kind: 'training',
      name: `colouriser training step, ${SIZE} px, batch ${batch}`,
      size: SIZE,
      batch,
    }
  }
  return [
    { kind: 'forward', name: `colouriser forward, ${SIZE} px, batch 1`, size: SIZE, batch: 1 },
    training(1),
    ...(batch > 1 ? [training(batch)] : []),
    { kind: 'onnx', name: 'inception-resnet-v2 forward, 299 px, batch 1', path: null },
    { kind: 'onnx', name: 'mobilenet-v1 forward, 224 px, batch 1', path: shipped },
  ]
}

/** Who else can do it, where there is a PyTorch with these precisions. */
export const peersOf = ({ kind }: Work, torch: readonly TorchPrecision[]): PeerName[] =>
  kind === 'onnx'
    ? ['onnxruntime webgpu', 'onnxruntime cpu']
    : ['tfjs', ...torch.map((precision) => `pytorch ${precision}` as const)]
