/** The colouriser in TF.js on its WebGPU backend: the same layers, weights and inputs, in its own fastest words. */
import { create, globals } from 'webgpu'
import type { Arena } from '../../src/model/arena.ts'
import { type ConvLayer, layersOf } from '../../src/model/report/layers.ts'
import { STATISTICS_RATE } from '../../src/model/report/network.ts'
import { product } from '../../src/numbers.ts'
import {
  ARCHITECTURE,
  type ColorizerWork,
  type Contender,
  colorizerInputs,
  colorizerWeights,
  LEARNING_RATE,
} from './work.ts'

type Tf = typeof import('@tensorflow/tfjs-core')
type Tensor = import('@tensorflow/tfjs-core').Tensor
type Variable = import('@tensorflow/tfjs-core').Variable
type Named = ReadonlyMap<string, Variable>

const EPSILON = 1e-3
const AB_RANGE = 128
const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }

export async function openTfjs(work: ColorizerWork, adapter: string | undefined): Promise<Contender> {
  const gpu = create(adapter === undefined ? [] : [`adapter=${adapter}`])
  Object.assign(globalThis, globals)
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true })
  const tf = await import('@tensorflow/tfjs-core')
  await import('@tensorflow/tfjs-layers') // registers the gradients, which the core alone does not have in Node
  await import('@tensorflow/tfjs-backend-webgpu')
  if (!(await tf.setBackend('webgpu'))) throw new Error('TF.js does not open its WebGPU backend')
  const { layout, parameters, statistics } = colorizerWeights()
  const weights = variablesOf(tf, layout.parameters, parameters, true)
  const running = variablesOf(tf, layout.statistics, statistics, false)
  const count = [...weights.values()].reduce((sum, { size }) => sum + size, 0)
  return {
    title: `TF.js ${tf.version_core} (WebGPU)`,
    parameters: count,
    run: work.kind === 'forward' ? forward(tf, work, weights, running) : training(tf, work, weights, running),
  }
}

function forward(tf: Tf, { size, batch }: ColorizerWork, weights: Named, running: Named) {
  const { L, features } = colorizerInputs(size, batch)
  return async () => {
    const ab = tf.tidy(() =>
      network(tf, inputsOf(tf, L, features, size, batch), weights, (x, norm) => {
        const [mean, variance] = [running.get(`${norm}.mean`)!, running.get(`${norm}.var`)!]
        return tf.batchNorm(
          x,
          mean,
          variance,
          weights.get(`${norm}.beta`),
          weights.get(`${norm}.gamma`),
          EPSILON,
        )
      }),
    )
    const values = await ab.data()
    ab.dispose()
    return values
  }
}

function training(tf: Tf, { size, batch }: ColorizerWork, weights: Named, running: Named) {
  const { L, features, ab } = colorizerInputs(size, batch)
  const optimizer = tf.train.adam(LEARNING_RATE, ADAM.beta1, ADAM.beta2, ADAM.epsilon)
  const normalize = (x: Tensor, norm: string) => {
    const { mean, variance } = tf.moments(x, [0, 1, 2])
    for (const [name, seen] of [
      ['mean', mean],
      ['var', variance],
    ] as const) {
      const average = running.get(`${norm}.${name}`)!
      average.assign(tf.add(tf.mul(average, 1 - STATISTICS_RATE), tf.mul(seen, STATISTICS_RATE)))
    }
    return tf.batchNorm(x, mean, variance, weights.get(`${norm}.beta`), weights.get(`${norm}.gamma`), EPSILON)
  }
  return async () => {
    const loss = tf.tidy(() => {
      const inputs = inputsOf(tf, L, features, size, batch)
      const target = tf.tensor(ab, [batch, size, size, 2])
      const error = () => tf.mean(tf.squaredDifference(network(tf, inputs, weights, normalize), target))
      return optimizer.minimize(error, true, [...weights.values()])!
    })
    const values = await loss.data()
    loss.dispose()
    return values
  }
}

const inputsOf = (tf: Tf, L: Float32Array, features: Float32Array, size: number, batch: number) => ({
  L: tf.tensor(L, [batch, size, size, 1]),
  features: tf.tensor(features, [batch, 1, 1, ARCHITECTURE.classes]),
})

type Normalize = (x: Tensor, norm: string) => Tensor

function network(
  tf: Tf,
  { L, features }: { readonly L: Tensor; readonly features: Tensor },
  weights: Named,
  normalize: Normalize,
): Tensor {
  const { encoder, fusion, decoder } = layersOf(ARCHITECTURE)
  const convolve = (x: Tensor, { name, stride }: ConvLayer, activation: 'relu' | 'linear') =>
    tf.fused.conv2d({
      ...{ x, filter: weights.get(`${name}.weight`)!, bias: weights.get(`${name}.bias`)! },
      ...{ strides: stride, pad: 'same', activation },
    })
  const upsample = (x: Tensor) => tf.image.resizeNearestNeighbor(x, [2 * x.shape[1]!, 2 * x.shape[2]!])
  const run = (x: Tensor, layer: ConvLayer): Tensor =>
    layer.after.reduce(
      (y, step) => (step === 'upsample' ? upsample(y) : normalize(y, layer.norm!)),
      convolve(x, layer, 'relu'),
    )
  const encoded = encoder.reduce(run, L)
  const [, height, width] = encoded.shape
  const everywhere = tf.tile(features, [1, height!, width!, 1])
  const fused = run(tf.concat([encoded, everywhere], 3), fusion)
  const raw = convolve(decoder.slice(0, -1).reduce(run, fused), decoder.at(-1)!, 'linear')
  return upsample(tf.mul(tf.tanh(raw), AB_RANGE))
}

function variablesOf(
  tf: Tf,
  { tensors }: Arena,
  flat: Float32Array,
  trainable: boolean,
): Map<string, Variable> {
  return new Map(
    tensors.map(({ name, shape, offset }) => {
      const values = flat.slice(offset, offset + product(shape))
      return [name, tf.variable(tf.tensor(values, [...shape]), trainable, name)]
    }),
  )
}
