import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from '../src/cli/commands/command.ts'
import { findClassVectors, findData } from '../src/cli/commands/training-data.ts'
import { TRAIN_OPTIONS } from '../src/cli/commands/training-options.ts'
import type { Classifier } from '../src/infer/classifier.ts'
import { trainedWith } from '../src/io/weights.ts'
import { CLASSES } from '../src/model/classifier.ts'
import { prepareRecords } from '../src/node/data/prepare.ts'
import { traitsOfRecords } from '../src/node/data/shards.ts'
import { readPhoto } from '../src/node/image.ts'
import { readSafetensors, writeSafetensors } from '../src/node/safetensors.ts'
import { findClassifier, loadClassifier } from '../src/node/store/classifiers.ts'
import { PhotoClassVectors } from '../src/train/class-vectors.ts'
import { useGpu } from './device.ts'
import { succeeded } from './kill.ts'
import { float, node, save } from './onnx-models.ts'
import { type Ended, run } from './program.ts'

const folder = mkdtempSync(join(tmpdir(), 'colorizer-vectors-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const inFolder = (name: string) => join(folder, name)

/** A classifier that tells bright pictures (class 1) from dark ones (class `dark`). */
const brightness = (name: string, dark: number) => {
  const weight = Array.from(
    { length: 3 * CLASSES },
    (_, i) => [0, 300, -300][[1, dark].indexOf(i % CLASSES) + 1]!,
  )
  return save(
    folder,
    {
      inputs: { x: [1, 3, 16, 16] },
      nodes: [
        node('GlobalAveragePool', ['x'], ['m']),
        node('Flatten', ['m'], ['f']),
        node('MatMul', ['f', 'w'], ['y']),
      ],
      initializers: [float('w', [3, CLASSES], weight)],
    },
    name,
  )
}
const mine = brightness('mine.onnx', 2)
const other = brightness('other.onnx', 3)
const PHOTOS = ['cat', 'bee', 'sky', 'wine'].map((name) => `samples/photos/${name}.jpg`)
const OTHER = 'samples/photos/polar-bear.jpg'
const OPTIONS = '--network report --size 16 --batch 2 --width 0.05 --quiet --json'.split(' ')

const json = ({ stdout }: Ended) => JSON.parse(stdout.toString())
const trained = async (out: string, ...more: string[]) => {
  const ended = await run(['train', ...OPTIONS, '--steps', '3', '--out', inFolder(out), ...more])
  succeeded(ended)
  return json(ended).checkpoint as string
}
const weightsOf = async (checkpoint: string) =>
  (await readSafetensors(checkpoint)).tensors.get('fusion.conv.weight')!.data
const refusal = async (code: number, sentence: RegExp, args: string[]) => {
  const ended = await run(args)
  expect({ code: ended.code, stdout: ended.stdout.toString() }).toEqual({ code, stdout: '' })
  expect(ended.stderr).toMatch(sentence)
}

describe('the class vectors of photographs', () => {
  const gpu = useGpu()
  it('are computed once each, whoever asks at the same time', async () => {
    const classifier = await loadClassifier(gpu(), (await findClassifier(mine))!)
    let computed = 0
    const counting: Classifier = {
      ...classifier,
      classify: (photos) => {
        computed++
        return classifier.classify(photos)
      },
    }
    const vectors = new PhotoClassVectors(counting, readPhoto)
    const all = await Promise.all([...PHOTOS, ...PHOTOS].map((path) => vectors.of(path)))
    expect(computed).toBe(PHOTOS.length)
    for (const [i, path] of PHOTOS.entries()) {
      const [alone] = await classifier.classify([await readPhoto(path)])
      expect(all[i]).toEqual(alone)
      expect(all[i + PHOTOS.length]).toBe(all[i])
    }
    await expect(vectors.of('missing.jpg')).rejects.toThrow(/missing\.jpg: no such file/)
    expect((await vectors.of(PHOTOS[0]!)).length).toBe(CLASSES)
    classifier.destroy()
  })
})

describe('commands with a classifier', () => {
  let checkpoint: string
  beforeAll(async () => {
    checkpoint = await trained('mine', ...PHOTOS, '--classifier', mine, '--class-dropout', '0')
  })

  it('train on its class vectors, and the checkpoint says so', async () => {
    const { settings } = (await readSafetensors(checkpoint)).metadata
    const wanted = { classifier: 'mine.onnx', fit: 'stretch' }
    expect(JSON.parse(settings!)).toMatchObject({ classVectors: [wanted], classDropout: 0 })
    const others = await trained('other', ...PHOTOS, '--classifier', other, '--class-dropout', '0')
    const none = await trained('none', ...PHOTOS, '--classifier', 'none')
    expect(await weightsOf(others)).not.toEqual(await weightsOf(checkpoint))
    expect(await weightsOf(others)).not.toEqual(await weightsOf(none))
    expect(trainedWith((await readSafetensors(none)).metadata).classVectors).toEqual([])
  })

  it('train on those of several, from photographs and from records alike', async () => {
    const both = ['--classifier', mine, '--classifier', other]
    const mixed = await trained('mixed', ...PHOTOS, ...both, '--class-dropout', '0')
    const origins = trainedWith((await readSafetensors(mixed)).metadata).classVectors!
    expect(origins.map(({ classifier }) => classifier)).toEqual(['mine.onnx', 'other.onnx'])
    expect(await weightsOf(mixed)).not.toEqual(await weightsOf(checkpoint))
    const records = inFolder('records-both')
    succeeded(await run(['prepare', ...PHOTOS, '--out', records, '--quiet', '--json', ...both]))
    expect(await traitsOfRecords(records)).toMatchObject({ origins })
    const never = ['train', ...OPTIONS, ...PHOTOS, '--out', inFolder('never')]
    await refusal(2, /means other\.onnx, which is named already/, [...never, ...both, '--classifier', other])
    await refusal(2, /none stands beside other classifiers/, [...never, ...both, '--classifier', 'none'])
  })

  it('resume with the same class vectors only', async () => {
    const resume = ['train', ...OPTIONS, ...PHOTOS, '--out', inFolder('mine'), '--resume', '--steps', '4']
    const sentence =
      /has class vectors of mine\.onnx \(stretch\) where class vectors of other\.onnx \(stretch\) are asked for/
    await refusal(2, sentence, [...resume, '--classifier', other])
    await refusal(2, /where no class vectors are asked for/, [...resume, '--classifier', 'none'])
    await refusal(4, /those of mine\.onnx, which is not here/, resume)
    succeeded(await run([...resume, '--classifier', mine]))
  })

  it('says what to do when records have no class vectors and they are asked for', async () => {
    const records = inFolder('records-without')
    await prepareRecords(PHOTOS.slice(0, 1), { out: records, workers: 1 })
    const { flags } = parse(['--records', records, '--classifier', mine], TRAIN_OPTIONS)
    const data = await findData([], flags)
    await expect(findClassVectors(flags, data, undefined)).rejects.toMatchObject({
      trouble: 'weights',
      message: `the records in ${records} have no class vectors where class vectors of mine.onnx (stretch) are asked for: prepare them again with --classifier ${mine}, or train without --classifier`,
    })
  })

  it('train on the class vectors that records bring', async () => {
    const records = inFolder('records')
    const prepare = ['prepare', ...PHOTOS, '--out', records, '--quiet', '--json', '--classifier']
    succeeded(await run([...prepare, mine]))
    const own = await trained('records-own', '--records', records, '--class-dropout', '0')
    const [origin] = trainedWith((await readSafetensors(own)).metadata).classVectors!
    expect(origin).toMatchObject({ classifier: 'mine.onnx', fit: 'stretch' })
    const none = await trained('records-none', '--records', records, '--classifier', 'none')
    expect(await weightsOf(none)).not.toEqual(await weightsOf(own))
    const train = ['train', ...OPTIONS, '--records', records, '--out', inFolder('never')]
    const sentence =
      /have class vectors of mine\.onnx \(stretch\) where .* other\.onnx \(stretch\) are asked for: prepare them again/
    await refusal(4, sentence, [...train, '--classifier', other])
    await refusal(4, /mine\.onnx, which is not here/, [...train, '--val', OTHER]) // who shows it the photograph?
    succeeded(await run([...train, '--steps', '1', '--val', OTHER, '--classifier', mine]))
  })

  it('colour with it, say what it saw, and tell when it is another one than in training', async () => {
    const gray = 'samples/photos/macaw.jpg'
    const colorize = async (out: string, weights: string, ...more: string[]) => {
      const args = [
        'colorize',
        gray,
        '-o',
        inFolder(out),
        '--weights',
        weights,
        '--json',
        '--recolor',
        ...more,
      ]
      const ended = await run(args)
      succeeded(ended)
      return {
        classes: json(ended).files[0].classes,
        stderr: ended.stderr,
        picture: inFolder(`${out}/macaw.jpg`),
      }
    }
    // trained for three steps only, so its colours are made strong enough to see a difference
    const strong = inFolder('strong.safetensors')
    const { tensors, metadata } = await readSafetensors(checkpoint)
    for (const name of ['fusion.conv.weight', 'decoder.conv5.weight']) {
      const { data } = tensors.get(name)!
      data.forEach((value, i) => {
        data[i] = value * 50
      })
    }
    await writeSafetensors(strong, tensors, { metadata })

    const same = await colorize('same', strong, '--classifier', mine)
    expect(same.classes).toHaveLength(5)
    expect(same.classes[0].name).toBe('goldfish') // class 1: bright
    expect(same.classes[0].probability).toBeGreaterThan(0.9)
    expect(same.stderr).not.toMatch(/was trained with/)
    const without = await colorize('without', strong, '--classifier', 'none')
    expect(without.classes).toBe(undefined)
    expect(without.stderr).toMatch(/was trained with class vectors of mine\.onnx .* with no class vectors/)
    expect(readFileSync(without.picture)).not.toEqual(readFileSync(same.picture))
    const another = await colorize('another', strong, '--classifier', other)
    expect(another.stderr).toMatch(/mine\.onnx \(stretch\) and is used with class vectors of other\.onnx/)
    const cropped = await colorize('cropped', strong, '--classifier', mine, '--classifier-fit', 'crop')
    expect(cropped.stderr).toMatch(
      /of mine\.onnx \(stretch\) and is used with class vectors of mine\.onnx \(crop\)/,
    )
    expect(await colorize('auto', inFolder('none/checkpoint.safetensors'))).toMatchObject({
      ...{ classes: undefined, stderr: expect.not.stringMatching(/trained with/) },
    })
    expect((await colorize('best', strong)).classes[0].name).toBe('African grey') // auto: MobileNet is here, and sees a macaw without colours
    await refusal(4, /cannot read .*no\.onnx: no such file/, [
      'colorize',
      gray,
      '-o',
      folder,
      '--weights',
      strong,
      '--classifier',
      'no.onnx',
    ])
  })
})
