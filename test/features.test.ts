import { describe, expect, it } from 'vitest'
import { CLASSES } from '../src/model/classifier.ts'
import { findClassifier, loadFeatures } from '../src/node/store/classifiers.ts'
import { useGpu } from './device.ts'
import { float, type ModelParts, node, save, useFolder } from './onnx-models.ts'

const mean = node('GlobalAveragePool', ['x'], ['m'])
const flat = node('Flatten', ['m'], ['f'])
const models: Record<string, ModelParts> = {
  MatMul: {
    nodes: [mean, flat, node('MatMul', ['f', 'w'], ['y'])],
    initializers: [float('w', [3, CLASSES])],
  },
  'Gemm before a softmax': {
    nodes: [mean, flat, node('Gemm', ['f', 'w', 'b'], ['l']), node('Softmax', ['l'], ['y'], { axis: 1 })],
    initializers: [float('w', [3, CLASSES]), float('b', [CLASSES])],
  },
  'convolution of one pixel': {
    nodes: [mean, node('Conv', ['m', 'w'], ['c']), node('Flatten', ['c'], ['y'])],
    initializers: [float('w', [CLASSES, 3, 1, 1])],
  },
  'convolution of many pixels': {
    nodes: [node('Conv', ['x', 'w'], ['m']), node('GlobalAveragePool', ['m'], ['y'])],
    initializers: [float('w', [CLASSES, 3, 1, 1])],
  },
  'layer without weights': { nodes: [mean, node('Flatten', ['m'], ['y'])] },
}

describe('the features of a classifier', () => {
  const gpu = useGpu()
  const folder = useFolder()
  const open = async (parts: ModelParts) =>
    loadFeatures(gpu(), (await findClassifier(save(folder, { inputs: { x: [1, 3, 8, 8] }, ...parts })))!)
  /** Level 255 is 1, level 0 is −1. */
  const plain = (...color: number[]) => ({
    ...{ width: 20, height: 10 },
    rgb: Uint8Array.from({ length: 600 }, (_, i) => color[i % 3]!),
  })

  it.each(['MatMul', 'Gemm before a softmax', 'convolution of one pixel'])(
    'are what its last %s reads, here the mean colour',
    async (name) => {
      const reader = await open(models[name]!)
      const [orange, white] = await reader.features([plain(255, 153, 0), plain(255, 255, 255)])
      expect([...white!]).toEqual([1, 1, 1])
      expect(orange).toHaveLength(3)
      for (const [i, level] of [1, 0.2, -1].entries()) expect(orange![i]).toBeCloseTo(level, 6)
      reader.destroy()
    },
  )

  it.each([
    [
      'convolution of many pixels',
      /has no features of whole pictures: its last layer reads x, which is \[1×3×8×8\]$/,
    ],
    ['layer without weights', /has no features: no layer with weights leads to its output$/],
  ])('are not those of a %s', async (name, sentence) => {
    await expect(open(models[name]!)).rejects.toThrow(sentence)
  })
})
