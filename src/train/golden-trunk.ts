/** The trunk of golden files: convolutions of 3 × 3 and stride 2, each with a ReLU behind it, of which all but the first are taps. */
import type { OnnxModel, OnnxNode, ValueInfo } from '../io/onnx/model.ts'
import { trunkOf } from '../io/onnx/trunk.ts'
import { type Networks, networksOn } from '../model/registry.ts'
import { missingTrunk } from '../model/trunk.ts'
import type { GoldenFile } from './golden-comparison.ts'

const PICTURE = 'picture'

/** The networks that a golden file may be of, on the trunk whose weights `trunk/0`, `trunk/1` … it has. */
export const networksOf = (file: GoldenFile): Networks =>
  networksOn(async (name) => {
    const model = modelIn(file)
    if (model.nodes.length === 0) throw missingTrunk(name)
    return trunkOf({ ...name, model })
  })

function modelIn({ name, tensors }: GoldenFile): OnnxModel {
  const weights = [...tensors].filter(([key]) => key.startsWith('trunk/'))
  const nodes = weights.flatMap(([key], i) => layer(i === 0 ? PICTURE : `y${i - 1}`, key, i))
  const last = nodes.at(-1)?.outputs[0] ?? PICTURE
  return {
    ...{ path: name, opset: 13, irVersion: 7, producer: 'a golden file' },
    ...{ inputs: [info(PICTURE, ['N', 3, 'H', 'W'])], outputs: [info(last, null)] },
    initializers: new Map(weights.map(([key, tensor]) => [key, { ...tensor, dtype: 'float32' }])),
    nodes,
  }
}

function layer(x: string, weight: string, i: number): OnnxNode[] {
  const ints = (value: number[]) => ({ kind: 'ints', value }) as const
  const attributes = new Map([
    ['kernel_shape', ints([3, 3])],
    ['strides', ints([2, 2])],
    ['pads', ints([1, 1, 1, 1])],
  ])
  return [
    { name: `convolution ${i}`, op: 'Conv', inputs: [x, weight], outputs: [`x${i}`], attributes },
    { name: `ReLU ${i}`, op: 'Relu', inputs: [`x${i}`], outputs: [`y${i}`], attributes: new Map() },
  ]
}

const info = (name: string, shape: ValueInfo['shape']): ValueInfo => ({
  ...{ name, shape },
  ...{ dtype: 'float32', typeName: 'float' },
})
