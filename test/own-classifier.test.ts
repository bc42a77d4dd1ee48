import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { grayOf } from '../src/color/paint.ts'
import type { Photo } from '../src/color/photo.ts'
import { UserError } from '../src/errors.ts'
import { CLASSES } from '../src/model/classifier.ts'
import { findClassifier, type LoadOptions, loadClassifier } from '../src/node/store/classifiers.ts'
import { useGpu } from './device.ts'
import { difference } from './difference.ts'
import { float, int64, type ModelParts, node, save, useFolder } from './onnx-models.ts'

const cache = mkdtempSync(join(tmpdir(), 'colorizer-classifier-'))
beforeAll(() => {
  process.env.COLORIZER_CACHE = cache
})
afterAll(() => rmSync(cache, { recursive: true }))

describe("a file of one's own", () => {
  const gpu = useGpu()
  const folder = useFolder()
  const open = async (parts: ModelParts, options: LoadOptions = {}) =>
    loadClassifier(gpu(), (await findClassifier(save(folder, parts)))!, options)

  /** Mean over the picture of each channel, then class k gets (k mod 7)·(red + green + blue). */
  const weight = float(
    'w',
    [3, CLASSES],
    Array.from({ length: 3 * CLASSES }, (_, i) => (i % CLASSES) % 7),
  )
  const head = [node('Flatten', ['m'], ['f']), node('MatMul', ['f', 'w'], ['y'])]
  const pooled: ModelParts = {
    inputs: { x: [1, 3, 32, 32] },
    nodes: [node('GlobalAveragePool', ['x'], ['m']), ...head],
    initializers: [weight],
  }
  const bright = { width: 32, height: 32, rgb: new Uint8Array(32 * 32 * 3).fill(255) }
  /** Of a white picture: the logits are 3·(k mod 7). */
  const wanted = (() => {
    const exponentials = Array.from({ length: CLASSES }, (_, k) => Math.exp(3 * (k % 7)))
    const sum = exponentials.reduce((a, b) => a + b)
    return Float32Array.from(exponentials, (value) => value / sum)
  })()

  it.each<[string, ModelParts, number]>([
    ['with the size of its input', pooled, 32],
    ['with open sizes', { ...pooled, inputs: { x: ['N', 3, 'H', 'W'] } }, 224],
    [
      'with the channels last',
      {
        ...pooled,
        inputs: { x: ['N', 32, 32, 3] },
        nodes: [
          node('Transpose', ['x'], ['t'], { perm: [0, 3, 1, 2] }),
          node('GlobalAveragePool', ['t'], ['m']),
          ...head,
        ],
      },
      32,
    ],
    [
      'that ends in a softmax itself',
      {
        ...pooled,
        nodes: [
          node('GlobalAveragePool', ['x'], ['m']),
          node('Flatten', ['m'], ['f']),
          node('MatMul', ['f', 'w'], ['l']),
          node('Softmax', ['l'], ['y'], { axis: 1 }),
        ],
      },
      32,
    ],
    [
      'that only changes shape and type behind its softmax',
      {
        ...pooled,
        nodes: [
          node('GlobalAveragePool', ['x'], ['m']),
          node('Flatten', ['m'], ['f']),
          node('MatMul', ['f', 'w'], ['l']),
          node('Softmax', ['l'], ['p'], { axis: 1 }),
          node('Identity', ['p'], ['i']),
          node('Unsqueeze', ['i', 'first'], ['u']),
          node('Squeeze', ['u', 'first'], ['s']),
          node('Cast', ['s'], ['c'], { to: 1 }),
          node('Reshape', ['c', 'image'], ['r']),
          node('Flatten', ['r'], ['y']),
        ],
        initializers: [weight, int64('first', [0]), int64('image', [1, 1, 1, CLASSES])],
      },
      32,
    ],
    [
      'whose output is an image of 1 × 1',
      {
        ...pooled,
        nodes: [node('GlobalAveragePool', ['x'], ['m']), node('Conv', ['m', 'c'], ['y'])],
        initializers: [
          float(
            'c',
            [CLASSES, 3, 1, 1],
            Array.from({ length: 3 * CLASSES }, (_, i) => Math.floor(i / 3) % 7),
          ),
        ],
      },
      32,
    ],
  ])('%s', async (_what, parts, size) => {
    const classifier = await open(parts)
    expect(classifier.size).toBe(size)
    const [probabilities] = await classifier.classify([bright])
    classifier.destroy()
    expect(difference(probabilities!, wanted)).toBeLessThan(1e-6)
  })

  const banded = (outer: number, inner: number): Photo => ({
    ...{ width: 64, height: 32 },
    rgb: Uint8Array.from({ length: 64 * 32 * 3 }, (_, i) => {
      const x = Math.floor(i / 3) % 64
      return x < 16 || x >= 48 ? outer : inner
    }),
  })
  /** The mean level of what the classifier saw: class 1's logit is three times the mean, class 0's is zero. */
  const meanOf = (probabilities: Float32Array) =>
    127.5 * (1 + Math.log(probabilities[1]! / probabilities[0]!) / 3)

  it('classifies several at once as one by one', async () => {
    const classifier = await open({ ...pooled, inputs: { x: ['N', 3, 32, 32] } }, { batch: 2 })
    const levels = [0, 100, 255]
    const results = await classifier.classify(levels.map((level) => banded(level, level)))
    classifier.destroy()
    expect(results).toHaveLength(3)
    results.forEach((probabilities, i) => {
      expect(probabilities).toHaveLength(CLASSES)
      expect(meanOf(probabilities)).toBeCloseTo(levels[i]!, 2)
    })
  })

  it('sees colours only when it is asked to', async () => {
    const red = float(
      'w',
      [3, CLASSES],
      Array.from({ length: 3 * CLASSES }, (_, i) => (i < CLASSES ? 3 * (i % 7) : 0)),
    )
    const classifier = await open({ ...pooled, initializers: [red] })
    const photo = { ...bright, rgb: bright.rgb.map((_, i) => [230, 40, 90][i % 3]!) }
    const [gray] = await classifier.classify([photo])
    const [colour] = await classifier.classify([photo], { inColor: true })
    const [grayAgain] = await classifier.classify([grayOf(photo)], { inColor: true })
    classifier.destroy()
    expect(meanOf(colour!)).toBeCloseTo(230, 2)
    expect(meanOf(gray!)).toBeLessThan(150)
    expect(Math.abs(meanOf(grayAgain!) - meanOf(gray!))).toBeLessThan(1.01)
  })

  it('gives pictures the order of axes that the model wants', async () => {
    const left = [
      node('Slice', ['t', 'from', 'to', 'axis'], ['s']),
      node('GlobalAveragePool', ['s'], ['m']),
      ...head,
    ]
    const initializers = [weight, int64('from', [0]), int64('to', [8]), int64('axis', [3])]
    const first: ModelParts = {
      inputs: { t: [1, 3, 32, 32] },
      nodes: left,
      initializers,
    }
    const last: ModelParts = {
      inputs: { x: [1, 32, 32, 3] },
      nodes: [node('Transpose', ['x'], ['t'], { perm: [0, 3, 1, 2] }), ...left],
      initializers,
    }
    const later: ModelParts = {
      ...last,
      nodes: [node('Relu', ['x'], ['r']), node('Transpose', ['r'], ['t'], { perm: [0, 3, 1, 2] }), ...left],
    }
    const turned: ModelParts = {
      inputs: { x: [1, 3, 32, 32] },
      nodes: [
        node('Transpose', ['x'], ['r'], { perm: [0, 2, 3, 1] }),
        node('Transpose', ['r'], ['t'], { perm: [0, 3, 1, 2] }),
        ...left,
      ],
      initializers,
    }
    for (const parts of [first, last, later, turned]) {
      const classifier = await open(parts)
      const [probabilities] = await classifier.classify([banded(200, 140)])
      classifier.destroy()
      expect(Math.abs(meanOf(probabilities!) - 200)).toBeLessThan(5) // the filter rings at the edge
    }
  })

  it.each([
    ['stretch', 120],
    ['pad', (120 + 255) / 2],
    ['crop', 40],
  ] as const)('fits by %s', async (fit, mean) => {
    const classifier = await open(pooled, { fit })
    const [probabilities] = await classifier.classify([banded(200, 40)])
    classifier.destroy()
    expect(Math.abs(meanOf(probabilities!) - mean)).toBeLessThan(1)
  })

  it.each<[string, ModelParts, RegExp]>([
    [
      'other classes',
      { ...pooled, initializers: [float('w', [3, 10])] },
      /no classifier of ImageNet's 1000 classes: its output y is \[1×10\]/,
    ],
    ['an image', { ...pooled, nodes: [node('Relu', ['x'], ['y'])] }, /its output y is \[1×3×32×32\]/],
    [
      'grey input',
      { ...pooled, inputs: { x: [1, 1, 32, 32] } },
      /no classifier of pictures: its input x is \[1×1×32×32\], not square/,
    ],
    [
      'oblong input',
      { ...pooled, inputs: { x: [1, 3, 32, 64] } },
      /its input x is \[1×3×32×64\], not square/,
    ],
    ['no image', { ...pooled, inputs: { x: [1, 3] } }, /its input x is \[1×3\], not \[N×3×H×W\]/],
    ['two inputs', { ...pooled, inputs: { x: [1, 3, 32, 32], z: [1] } }, /it has 2 inputs instead of one/],
  ])('is refused with %s', async (_what, parts, sentence) => {
    const error = await open(parts).catch((reason) => reason)
    expect(error).toBeInstanceOf(UserError)
    expect(error.message).toMatch(sentence)
    expect(error.trouble).toBe('weights')
  })
})
