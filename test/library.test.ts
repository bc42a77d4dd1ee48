/** The library for Node: the command line's colours, and its manners. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lookAt } from '../src/color/look.ts'
import { rasterOf } from '../src/color/raster.ts'
import {
  Colorizer,
  type ColorizerOptions,
  type Gpu,
  type OpeningStage,
  openGpu,
  readPhoto,
  readWeights,
  UserError,
} from '../src/index.ts'
import type { NetworkPainter } from '../src/infer/colorizer.ts'
import type { Enlarger } from '../src/infer/enlarger.ts'
import { PhotoColorizer } from '../src/infer/photo-colorizer.ts'
import { colorizePicture } from '../src/infer/picture.ts'
import type { Predictor } from '../src/infer/predictor.ts'
import { openPainter } from '../src/node/painter.ts'
import { SHIPPED } from '../src/node/weights.ts'
import { writeGray } from './folder-runs.ts'
import { largeTiff } from './photographs.ts'
import { run } from './program.ts'

const adapter = process.env.COLORIZER_ADAPTER
const folder = mkdtempSync(join(tmpdir(), 'library-'))
const KOALA = 'samples/photos/koala.jpg'
const BEE = 'samples/photos/bee.jpg'
let colorizer: Colorizer

beforeAll(async () => {
  colorizer = await Colorizer.create({ adapter })
})
afterAll(async () => {
  await colorizer?.dispose()
  rmSync(folder, { recursive: true })
})

describe('a Colorizer', () => {
  it('gives the bytes that the command line writes, and the classes that it tells', async () => {
    const chosen = adapter === undefined ? [] : ['--adapter', adapter]
    const { stdout, stderr } = await run([
      ...['colorize', KOALA, BEE, '-o', folder, '--json', '--recolor', '--no-history', ...chosen],
    ])
    const { files } = JSON.parse(stdout.toString())
    expect(files, stderr).toHaveLength(2)
    for (const { input, output, width, height, classes } of files) {
      const ours = await colorizer.colorize(input)
      expect(Buffer.compare(ours.image, readFileSync(output)), input).toBe(0)
      expect(ours).toMatchObject({ width, height, classes })
    }
  })

  it('takes bytes as it takes a path, and writes other formats and saturations', async () => {
    const bytes = readFileSync(KOALA)
    const fromPath = await colorizer.colorize(KOALA)
    const fromBytes = await colorizer.colorize(bytes)
    expect(Buffer.compare(fromPath.image, fromBytes.image)).toBe(0)
    const { image } = await colorizer.colorize(bytes, { format: 'png', saturation: 0 })
    expect(Buffer.from(image.subarray(1, 4)).toString()).toBe('PNG')
    const { rgb } = await readPhoto(image)
    expect(rgb.every((level, i) => level === rgb[i - (i % 3)])).toBe(true)
  })

  it('reads a TIFF in parts that is too large to be decoded at once', async () => {
    const made = colorizer.colorize(largeTiff(), { format: 'png' })
    await expect(made).rejects.toThrow('280 megapixels, and so large a picture is only written as TIFF')
  })

  it('takes the options of the command line, and gives the same bytes', async () => {
    const input = join(folder, 'small.png')
    await writeGray(input)
    const like = 'samples/photos/dahlia.jpg'
    const words = `--strength 0.8 --saturation 1.5 --temperature 0.6 --class goldfish --like ${like} --smooth --keep-tone`
    const all = ['colorize', input, '-o', join(folder, 'versions'), '--no-history', ...words.split(' ')]
    const chosen = adapter === undefined ? [] : ['--adapter', adapter]
    const { code, stderr } = await run([...all, '--variants', '2', '--seed', '5', ...chosen])
    expect(code, stderr).toBe(0)
    const asked = {
      strength: 0.8,
      saturation: 1.5,
      temperature: 0.6,
      class: 'goldfish',
      like,
      smooth: true,
      keepTone: true,
    }
    const { image, classes } = await colorizer.colorize(input, { ...asked, variant: 2, seed: 5 })
    expect(classes).toEqual([{ name: 'goldfish', probability: 1 }])
    expect(Buffer.compare(image, readFileSync(join(folder, 'versions/small.2.png')))).toBe(0)
    // each of them changes something
    const { like: _, ...without } = asked
    const others = [
      { ...asked, variant: 1, seed: 5 },
      { ...asked, variant: 2 },
      { ...without, variant: 2, seed: 5 },
    ]
    for (const options of others)
      expect(Buffer.compare((await colorizer.colorize(input, options)).image, image)).not.toBe(0)
  })

  it('colours overlapping calls one by one, each as if it were alone, and with the same plans', async () => {
    const alone = [await colorizer.colorize(KOALA), await colorizer.colorize(BEE)]
    const together = await Promise.all([KOALA, BEE, KOALA].map((path) => colorizer.colorize(path)))
    for (const [i, one] of [0, 1, 0].entries())
      expect(Buffer.compare(together[i]!.image, alone[one]!.image)).toBe(0)
  })

  it('says that there is no such class', async () => {
    const unheard = colorizer.colorize(KOALA, { class: 'unheard-of' })
    await expect(unheard).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringContaining('no class "unheard-of"'),
    })
  })

  it('goes on after one that failed', async () => {
    const [failed, next] = await Promise.allSettled([
      colorizer.colorize(Buffer.from('no image')),
      colorizer.colorize(KOALA),
    ])
    expect(failed).toMatchObject({ status: 'rejected', reason: expect.any(UserError) })
    expect(next.status).toBe('fulfilled')
    await expect(colorizer.colorize('not/here.jpg')).rejects.toThrow('cannot read not/here.jpg: no such file')
  })

  it('ends a call by its signal: at once, while it waits for its turn, and between stages', async () => {
    const reason = new Error('enough')
    const raised = colorizer.colorize(KOALA, { signal: AbortSignal.abort(reason) })
    await expect(raised).rejects.toBe(reason)
    const controller = new AbortController()
    const first = colorizer.colorize(KOALA)
    const waiting = colorizer.colorize(BEE, { signal: controller.signal })
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    expect((await first).classes).toHaveLength(5)
    expect(await stagesUntil(3)).toBe(3)
  })

  it.each<[string, unknown, unknown, string]>([
    ['no input', undefined, {}, 'colorize takes the path or the bytes of an image file'],
    ['a number', 5, {}, 'colorize takes the path or the bytes of an image file'],
    ['no options', KOALA, 'png', 'colorize takes an object of options, not "png"'],
    ['another option', KOALA, { colour: 1 }, 'colorize has no option "colour": there are saturation, format'],
    ['a saturation', KOALA, { saturation: -1 }, 'colorize: saturation -1: expected a number of at least 0'],
    ['a format', KOALA, { format: 'gif' }, 'colorize: format "gif": choose one of jpeg, png, webp, tiff'],
    ['a signal', KOALA, { signal: true }, 'colorize: signal true: expected an AbortSignal'],
    ['a strength', KOALA, { strength: 2 }, 'strength 2: expected a number of at least 0 and at most 1'],
    [
      'a temperature',
      KOALA,
      { temperature: 0 },
      'temperature 0: expected a number of at least 0.1 and at most 3',
    ],
    ['a class', KOALA, { class: true }, 'class true: expected the name or the number of a class'],
    ['a photograph', KOALA, { like: 5 }, 'like 5: expected the path or the bytes of an image file'],
    ['a variant', KOALA, { variant: 100 }, 'variant 100: expected a number of at least 1 and at most 99'],
    ['a seed', KOALA, { seed: -1 }, 'seed -1: expected a number of at least 0'],
  ])('refuses %s of the wrong kind in a sentence', async (_, input, options, sentence) => {
    const call = colorizer.colorize(input as string, options as object)
    await expect(call).rejects.toThrow(TypeError)
    await expect(call).rejects.toThrow(sentence)
  })
})

/** Colours with a signal that is raised when it is looked at for the `last` time; how often it was looked at. */
async function stagesUntil(last: number): Promise<number> {
  let looks = 0
  const signal = new AbortController().signal
  signal.throwIfAborted = () => {
    looks++
    if (looks === last) throw new Error('between stages')
  }
  await expect(colorizer.colorize(KOALA, { signal })).rejects.toThrow('between stages')
  return looks
}

describe('opening a Colorizer', () => {
  it('tells its stages, and colours without a classifier by weights in memory', async () => {
    const stages: OpeningStage[] = []
    await using own = await Colorizer.create({
      ...{ adapter, classifier: 'none', weights: readFileSync('weights/lite.safetensors') },
      onProgress: (stage) => stages.push(stage),
    })
    expect(stages).toEqual(['weights', 'classifier', 'adapter', 'network'])
    const { image, classes } = await own.colorize(KOALA)
    expect(classes).toEqual([])
    expect(Buffer.compare(image, (await colorizer.colorize(KOALA)).image)).not.toBe(0)
  })

  it('ends by its signal before the next stage', async () => {
    const controller = new AbortController()
    const onProgress = (stage: OpeningStage) => {
      if (stage === 'classifier') controller.abort(new Error('enough'))
    }
    const opening = Colorizer.create({ adapter, signal: controller.signal, onProgress })
    await expect(opening).rejects.toThrow('enough')
  })

  it.each<[unknown, string]>([
    [null, 'Colorizer.create takes an object of options, not null'],
    [{ weight: 'x' }, 'Colorizer.create has no option "weight": there are adapter, weights, classifier'],
    [{ weights: 5 }, 'Colorizer.create: weights 5: expected the path or the bytes of a weight file'],
    [{ precision: 'f8' }, 'Colorizer.create: precision "f8": choose one of f32, f16'],
  ])('refuses %j in a sentence', async (options, sentence) => {
    const opening = Colorizer.create(options as ColorizerOptions)
    await expect(opening).rejects.toThrow(TypeError)
    await expect(opening).rejects.toThrow(sentence)
  })

  it.each<[string, ColorizerOptions, string]>([
    ['a missing file', { weights: 'not/here' }, 'cannot read not/here'],
    ['damaged bytes', { weights: new Uint8Array(5) }, 'cannot read the weights: its 5 bytes are too few'],
    ['another classifier', { classifier: 'resnet' }, 'there is no classifier "resnet"'],
    ['another adapter', { adapter: 'none of that name' }, 'no WebGPU adapter is called "none of that name"'],
  ])('says of %s what is wrong', async (_, options, sentence) => {
    const opening = Colorizer.create(options)
    await expect(opening).rejects.toThrow(UserError)
    await expect(opening).rejects.toThrow(sentence)
  })
})

it('makes nothing new on the GPU for a second photograph of the same shape', async () => {
  const gpu = await openGpu({ adapter })
  const photos = new PhotoColorizer(
    gpu,
    await openPainter(gpu, await readWeights(SHIPPED), null, { precision: 'f32' }),
  )
  const colour = () =>
    photos.with(async (painter) => {
      const photo = await readPhoto(KOALA)
      return colorizePicture(painter, rasterOf(photo), lookAt(photo, photo), { saturation: 1 })
    })
  const first = await colour()
  const made = [gpu.objectsCreated, gpu.pool.created]
  expect((await colour()).picture.levels).toEqual(first.picture.levels)
  expect([gpu.objectsCreated, gpu.pool.created]).toEqual(made)
  await photos.dispose()
})

it('works on a photograph when the one before it is done, and frees the device behind the last', async () => {
  const events: string[] = []
  const painter = {
    predictor: { destroy: () => void events.push('freed') } as unknown as Predictor,
    enlarger: { destroy: () => {} } as unknown as Enlarger,
    classifier: null,
    classNames: () => [],
    weights: {} as NetworkPainter['weights'],
    saturation: 1,
  }
  const photos = new PhotoColorizer({ destroy: () => {} } as Gpu, painter)
  const work = async () => {
    events.push('begun')
    await new Promise((resolve) => setImmediate(resolve))
    events.push('done')
  }
  const calls = [0, 1].map(() => photos.with(work))
  await photos.dispose()
  await Promise.all(calls)
  expect(events).toEqual(['begun', 'done', 'begun', 'done', 'freed'])
})

it('disposes once what was asked for before is done, and refuses what is asked for later', async () => {
  const own = await Colorizer.create({ adapter, classifier: 'none' })
  const before = own.colorize(KOALA)
  const disposed = own.dispose()
  const after = own.colorize(KOALA)
  await expect(after).rejects.toThrow('this Colorizer was disposed: create another one')
  expect((await before).classes).toEqual([])
  await disposed
  await own[Symbol.asyncDispose]()
})
