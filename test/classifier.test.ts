import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { advised } from '../src/cli/advice.ts'
import { grayOf } from '../src/color/paint.ts'
import type { Photo } from '../src/color/photo.ts'

import { UserError } from '../src/errors.ts'

import type { Classifier } from '../src/infer/classifier.ts'
import type { KnownFile } from '../src/io/manifest.ts'
import { CLASSES, CLASSIFIERS, topClasses } from '../src/model/classifier.ts'
import { readPhoto } from '../src/node/image.ts'
import { readSafetensors } from '../src/node/safetensors.ts'
import { readManifest } from '../src/node/store/cache.ts'
import { classNames, findClassifier, loadClassifier } from '../src/node/store/classifiers.ts'
import { useGpu } from './device.ts'
import { difference, largest } from './difference.ts'
import { patternPhoto } from './pattern.ts'

const cache = mkdtempSync(join(tmpdir(), 'colorizer-classifier-'))
beforeAll(() => {
  process.env.COLORIZER_CACHE = cache
})
afterAll(() => rmSync(cache, { recursive: true }))

const sample = (name: string) => readPhoto(`samples/photos/${name}.jpg`)

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
  const refused = async (choice: string, trouble: string, sentence: RegExp, known?: KnownFile[]) => {
    const error = await findClassifier(choice, known).catch((reason) => reason)
    expect(error).toBeInstanceOf(UserError)
    expect(advised(error)).toMatch(sentence)
    expect(error.trouble).toBe(trouble)
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
    await refused('auto', 'weights', sentence, shipped.map(here(['inception-v3'])))
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
      'usage',
      /there is no classifier "resnet": choose auto, none, mobilenet-v1, inception-v3,/,
    )
    await refused('classes', 'usage', /there is no classifier "classes"/)
    await refused(
      'inception-resnet-v2',
      'weights',
      /is not here: it can be fetched \(colorizer weights fetch inception-resnet-v2\)$/,
    )
    await refused(
      'inception-v3',
      'weights',
      /is not here: it can be imported from a file \(colorizer weights import FILE\)$/,
    )
    const changed = (change: Partial<KnownFile>) =>
      shipped.map((row) => (row.name === 'mobilenet-v1' ? { ...row, ...change } : row))
    const mend = 'run: git -C .* checkout -- .*$'
    await refused(
      'auto',
      'weights',
      RegExp(`mobilenet-v1 is missing from the package; ${mend}`),
      changed({ file: 'gone' }),
    )
    await refused(
      'auto',
      'weights',
      RegExp(`is damaged: it has .* bytes, not 7; ${mend}`),
      changed({ bytes: 7 }),
    )
    await refused('none.onnx', 'weights', /cannot read none\.onnx: no such file/)
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

/**
 * A folder of photographs with the class probabilities that ONNX Runtime gave them: `names.txt` lists their paths in it, and
 * `features_mobilenet_v1.safetensors` has the 64 largest probabilities of each, and of which classes they are.
 */
const FEATURES = process.env.COLORIZER_FEATURES
describe('features made by ONNX Runtime', () => {
  const gpu = useGpu()
  it('are reproduced', async ({ skip }) => {
    skip(!FEATURES, 'COLORIZER_FEATURES names no folder that has them')
    const names = readFileSync(`${FEATURES}/names.txt`, 'utf8').trim().split('\n')
    const { tensors } = await readSafetensors(`${FEATURES}/features_mobilenet_v1.safetensors`)
    const [index, probability] = ['index', 'probability'].map((key) => tensors.get(key)!.data)
    const classifier = await loadClassifier(gpu(), (await findClassifier('mobilenet-v1'))!)
    for (const row of [17, 8100]) {
      const [got] = await classifier.classify([await readPhoto(`${FEATURES}/${names[row]}`)])
      const errors = Array.from({ length: 64 }, (_, i) =>
        Math.abs(got![index![64 * row + i]!]! - probability![64 * row + i]!),
      )
      expect(largest(errors)).toBeLessThan(1e-4)
    }
    classifier.destroy()
  })
})
