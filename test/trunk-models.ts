/** Small classifiers as ONNX models, to look through. */
import { type OnnxModel, parseModel } from '../src/io/onnx/model.ts'
import { trunkOf } from '../src/io/onnx/trunk.ts'
import type { Trunk } from '../src/model/trunk.ts'
import { draw, seeded } from './harness.ts'
import { float, type ModelParts, modelBytes, node } from './onnx-models.ts'

type Attributes = Record<string, number | number[] | string>

/** Writes the nodes of a model in order, and makes random weights for its convolutions. */
export class Sketch {
  readonly nodes: ModelParts['nodes'] = []
  readonly initializers: NonNullable<ModelParts['initializers']> = []
  #count = 0

  op(type: string, inputs: string[], attributes: Attributes = {}): string {
    const name = `t${this.#count++}`
    this.nodes.push({ ...node(type, inputs, [name], attributes), name: `${type} of ${name}` })
    return name
  }

  /** A convolution of 3 × 3 and an activation. */
  layer(
    x: string,
    [inputs, outputs]: [number, number],
    stride = 1,
    { pads = 1, activation = 'Relu' } = {},
  ): string {
    const weight = `w${this.#count}`
    const count = outputs * inputs * 9
    const values = draw(count, 'normal', seeded(weight)).map((value) => value / Math.sqrt(4.5 * inputs))
    this.initializers.push(float(weight, [outputs, inputs, 3, 3], [...values]))
    const all = Array(4).fill(pads) as number[]
    const y = this.op('Conv', [x, weight], { kernel_shape: [3, 3], strides: [stride, stride], pads: all })
    return activation === '' ? y : this.op(activation, [y])
  }

  parts(input: (number | string)[], output: string): ModelParts {
    return { nodes: this.nodes, initializers: this.initializers, inputs: { x: input }, outputs: [output] }
  }
}

export const modelOf = (parts: ModelParts, name = 'small.onnx'): Promise<OnnxModel> =>
  parseModel(modelBytes(parts), { name })

/** Channels of the taps of `chain`. */
export const CHANNELS = [4, 8, 8, 12]

/** One layer behind the other, as in MobileNet v1: an input of a fixed size, the last layers behind a pool of the window's size. */
export function chain(): ModelParts {
  const sketch = new Sketch()
  let [x, channels] = ['x', 3]
  for (const outputs of [4, ...CHANNELS]) {
    x = sketch.layer(x, [channels, outputs], 2)
    channels = outputs
  }
  x = sketch.op('AveragePool', [x], { kernel_shape: [2, 2] })
  return sketch.parts([1, 3, 64, 64], sketch.op('Softmax', [sketch.op('Flatten', [x])]))
}

export const SHA256 = '0123456789abcdef'.repeat(4)

/** `chain` as a trunk, with the weights [K,C,3,3] of its five layers where they are given. */
export async function smallTrunk(weights: readonly Float32Array[] = []): Promise<Trunk> {
  const parts = chain()
  for (const [i, values] of weights.entries()) parts.initializers![i]!.floatData = [...values]
  return trunkOf({ name: 'small', sha256: SHA256, model: await modelOf(parts) })
}
