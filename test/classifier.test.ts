import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { grayOf } from '../src/color/paint.ts'
import type { Photo } from '../src/color/photo.ts'
import { EXIT, UserError } from '../src/errors.ts'
import type { Classifier } from '../src/infer/classifier.ts'
import { CLASSES, CLASSIFIERS, topClasses } from '../src/model/classifier.ts'
import { readPhoto } from '../src/node/image.ts'
import { readSafetensors } from '../src/node/safetensors.ts'
import { type KnownFile, readManifest } from '../src/node/store/cache.ts'
import {
  classNames,
  findClassifier,
  type LoadOptions,
  loadClassifier,
} from '../src/node/store/classifiers.ts'
import { useGpu } from './device.ts'
import { float, int64, type ModelParts, node, save, useFolder } from './onnx-models.ts'
import { patternPhoto } from './pattern.ts'

const cache = mkdtempSync(join(tmpdir(), 'colorizer-classifier-'))
beforeAll(() => {
  process.env.COLORIZER_CACHE = cache
})
afterAll(() => rmSync(cache, { recursive: true }))

const sample = (name: string) => readPhoto(`samples/photos/${name}.jpg`)
const largest = (values: Iterable<number>) => [...values].reduce((a, b) => Math.max(a, b), 0)
const difference = (a: Float32Array, b: Float32Array) => largest(a.map((p, i) => Math.abs(p - b[i]!)))

it('lists the likeliest classes first, and of equals the first', () => {
  const probabilities = Float32Array.of(0.125, 0.25, 0, 0.25, 0.375)
  expect(topClasses(probabilities, 4)).toEqual([
    { index: 4, probability: 0.375 },
    { index: 1, probability: 0.25 },
    { index: 3, probability: 0.25 },
    { index: 0, probability: 0.125 },
  ])
  expect(topClasses(probabilities)).toHaveLength(5)
})

it('has a name for every class', () => {
  const names = classNames()
  expect(names).toHaveLength(CLASSES)
  expect([0, 105, 296, 967, 999].map((i) => names[i])).toEqual([
    'tench',
    'koala',
    'ice bear',
    'espresso',
    'toilet tissue',
  ])
})

describe('findClassifier', () => {
  const shipped = readManifest()
  const refused = async (choice: string, code: number, sentence: RegExp, known?: KnownFile[]) => {
    const error = await findClassifier(choice, known).catch((reason) => reason)
    expect(error).toBeInstanceOf(UserError)
    expect(error.message).toMatch(sentence)
    expect(error.code).toBe(code)
  }

  it('knows the names of the manifest', () => {
    const classifiers = shipped.filter(({ kind }) => kind === 'classifier').map(({ name }) => name)
    expect(CLASSIFIERS.map(({ name }) => name).sort()).toEqual([...new Set(classifiers)].sort())
  })

  it('takes the best one that is here', async () => {
    expect(await findClassifier('none')).toBe(null)
    expect(await findClassifier('auto')).toMatchObject({ name: 'mobilenet-v1' })
    // any file will do: what counts is the checksum
    const { bytes, sha256 } = shipped.find(({ name }) => name === 'mobilenet-v1')!
    const here = (names: string[]) => (row: KnownFile) =>
      names.includes(row.name) ? { ...row, file: 'here.onnx', bytes, sha256 } : row
    mkdirSync(join(cache, 'weights'))
    copyFileSync('weights/mobilenet_v1.onnx', join(cache, 'weights', 'here.onnx'))
    const best = async (...names: string[]) => (await findClassifier('auto', shipped.map(here(names))))?.name
    expect(await best('inception-v3')).toBe('inception-v3')
    expect(await best('inception-v3', 'inception-resnet-v2')).toBe('inception-resnet-v2')
    const third = shipped.map((row) => (/Opset18/.test(row.file) ? here([row.name])(row) : row))
    expect((await findClassifier('auto', third))?.name).toBe('inception-resnet-v2')

    writeFileSync(join(cache, 'weights', 'here.onnx'), 'damaged')
    const sentence = /here\.onnx is damaged: it has 7 bytes, not 4329030; fetch or import inception-v3 again/
    await refused('auto', 4, sentence, shipped.map(here(['inception-v3'])))
  })

  it('knows a file by its content', async () => {
    expect(await findClassifier('weights/mobilenet_v1.onnx')).toMatchObject({ name: 'mobilenet-v1' })
    const own = join(cache, 'own.onnx')
    writeFileSync(own, 'own')
    expect(await findClassifier(own)).toMatchObject({ name: 'own.onnx', path: own })
  })

  it('says what there is, and how to bring what is not', async () => {
    await refused(
      'resnet',
      EXIT.usage,
      /there is no classifier "resnet": choose auto, none, mobilenet-v1, inception-v3,/,
    )
    await refused('classes', EXIT.usage, /there is no classifier "classes"/)
    await refused(
      'inception-resnet-v2',
      4,
      /is not here: colorizer weights fetch inception-resnet-v2 brings it$/,
    )
    await refused('inception-v3', 4, /is not here: colorizer weights import FILE brings it$/)
    const changed = (change: Partial<KnownFile>) =>
      shipped.map((row) => (row.name === 'mobilenet-v1' ? { ...row, ...change } : row))
    const mend = 'run: git -C .* checkout -- .*$'
    await refused(
      'auto',
      4,
      RegExp(`mobilenet-v1 is missing from the package; ${mend}`),
      changed({ file: 'gone' }),
    )
    await refused('auto', 4, RegExp(`is damaged: it has .* bytes, not 7; ${mend}`), changed({ bytes: 7 }))
    await refused('none.onnx', 4, /cannot read none\.onnx: no such file/)
  })
})

describe('mobilenet-v1', () => {
  const gpu = useGpu()
  let classifier: Classifier
  beforeAll(async () => {
    classifier = await loadClassifier(gpu(), (await findClassifier('mobilenet-v1'))!)
  })
  afterAll(() => classifier.destroy())
  const classify = async (photo: Photo) => (await classifier.classify([photo]))[0]!

  // recorded by bench/peers/record.ts
  const { logits } = JSON.parse(readFileSync('test/golden/mobilenet_v1.json', 'utf8')) as {
    logits: Record<string, string>
  }
  const logitsOf = (name: string) => {
    const bytes = Buffer.from(logits[name]!, 'base64')
    return Float32Array.from({ length: CLASSES }, (_, i) => bytes.readFloatLE(4 * i))
  }
  /** Logits less the logarithm of the sum of their exponentials. */
  const logProbabilities = (values: Float32Array) => {
    const sum = [...values].reduce((total, value) => total + Math.exp(value), 0)
    return values.map((value) => value - Math.log(sum))
  }

  it("has ONNX Runtime's logits", async () => {
    const wanted = logitsOf('pattern')
    const got = (await classify(patternPhoto(224))).map(Math.log)
    expect(difference(got, logProbabilities(wanted))).toBeLessThan(1e-3 * largest(wanted.map(Math.abs)))
  })

  it.each([
    ['koala', 105],
    ['polar-bear', 296],
    ['coffee', 967],
  ])("recognises %s, with ONNX Runtime's probabilities", async (name, index) => {
    const got = await classify(await sample(name))
    expect(got).toHaveLength(CLASSES)
    expect(Math.abs(got.reduce((a, b) => a + b) - 1)).toBeLessThan(1e-4)
    expect(topClasses(got)[0]!.index).toBe(index)
    // what decodes and resizes the photograph may round differently elsewhere
    expect(difference(got, logProbabilities(logitsOf(name)).map(Math.exp))).toBeLessThan(0.01)
  })

  it('looks at lightness only', async () => {
    const photo = await sample('koala')
    const gray = await classify(grayOf(photo))
    // grey levels are rounded once before the picture is made smaller
    expect(difference(gray, logProbabilities(logitsOf('koala')).map(Math.exp))).toBeLessThan(0.05)
  })
})

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
    expect(error.code).toBe(EXIT.badWeightsOrRecords)
  })
})

// Extra, with photographs that are not part of this project.
const DATA = '../shared/data'
const isHere = existsSync(`${DATA}/names.txt`)
if (!isHere) console.warn(`${DATA} is not here: features of ONNX Runtime are not compared`)
describe.skipIf(!isHere)('features made by ONNX Runtime', () => {
  const gpu = useGpu()
  it('are reproduced', async () => {
    const names = readFileSync(`${DATA}/names.txt`, 'utf8').trim().split('\n')
    const { tensors } = await readSafetensors(`${DATA}/features_mobilenet_v1.safetensors`)
    const [index, probability] = ['index', 'probability'].map((key) => tensors.get(key)!.data)
    const classifier = await loadClassifier(gpu(), (await findClassifier('mobilenet-v1'))!)
    for (const row of [17, 8100]) {
      const [got] = await classifier.classify([await readPhoto(`${DATA}/${names[row]}`)])
      const errors = Array.from({ length: 64 }, (_, i) =>
        Math.abs(got![index![64 * row + i]!]! - probability![64 * row + i]!),
      )
      expect(largest(errors)).toBeLessThan(1e-4)
    }
    classifier.destroy()
  })
})
