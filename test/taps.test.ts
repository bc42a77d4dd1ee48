/** A trunk's taps: as bytes, in records, and trained from. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { compile } from '../src/graph/compile.ts'
import { Executor, uploadNeeded, Variables } from '../src/graph/execute.ts'
import { openTapMaker, type TapMaker } from '../src/infer/tap-maker.ts'
import { decodeRecord } from '../src/io/records.ts'
import { fittingRange, fromBytes, toBytes } from '../src/io/tap-bytes.ts'
import { trainingGraph } from '../src/model/graphs.ts'
import { pyramidNetwork } from '../src/model/pyramid/index.ts'
import { reportNetwork } from '../src/model/report/index.ts'
import { TAP_INPUTS, type Trunk, tapShapes } from '../src/model/trunk.ts'
import { openPhotos, openRecords } from '../src/node/data/dataset.ts'
import { prepareRecords } from '../src/node/data/prepare.ts'
import { traitsOfRecords } from '../src/node/data/shards.ts'
import { writeImage } from '../src/node/image.ts'
import { checkpointPath } from '../src/node/store/run-folder.ts'
import type { BatchOptions } from '../src/train/batches.ts'
import { sourceOptions } from '../src/train/batches.ts'
import { expectSettings } from '../src/train/expect.ts'
import type { TrainingSettings } from '../src/train/settings.ts'
import { useGpu } from './device.ts'
import { draw, seeded } from './harness.ts'
import { succeeded } from './kill.ts'
import { modelBytes } from './onnx-models.ts'
import { batches, contents, folder, full, out, paths, photo, recordsIn, usePictures } from './prepared.ts'
import { run } from './program.ts'
import { refused } from './refused.ts'
import { trainIn } from './training.ts'
import { chain, SHA256, smallTrunk } from './trunk-models.ts'

const gpu = useGpu()
usePictures()

const SIZE = 32
let trunk: Trunk
let maker: TapMaker
beforeAll(async () => {
  trunk = await smallTrunk()
  maker = await openTapMaker(gpu(), trunk, { size: SIZE, batch: 3 })
})

const architecture = {
  ...{ trunk: { name: 'small', sha256: SHA256 }, classes: 3, width: 0.1 },
  ...{ head: 'bins' as const, hints: false },
}
const SETTINGS: TrainingSettings = {
  ...{ size: SIZE, seed: 1, batch: 2, accumulate: 1, learningRate: 5e-3, fit: 'crop', loss: 'squared' },
  ...{ schedule: 'steps', warmup: 0, averaging: 0, classVectors: [], classDropout: 0 },
  ...{ lightnessJitter: 0, data: 'test', precision: 'f32', taps: true },
}

describe('taps as bytes', () => {
  it('are 42.5 times the values behind a ReLU6, and come back to within half a level', () => {
    const relu6 = { low: 0, high: 6 }
    expect([...toBytes(Float32Array.of(0, 2, 3.01, 6, 7, -1), relu6)]).toEqual([0, 85, 128, 255, 255, 0])
    const range = { low: -1.5, high: 4 }
    const values = Float32Array.from({ length: 1000 }, (_, i) => -1.5 + (5.5 * i) / 999)
    const back = new Float32Array(1000)
    fromBytes(toBytes(values, range), range, back)
    const worst = Math.max(...back.map((value, i) => Math.abs(value - values[i]!)))
    expect(worst).toBeLessThanOrEqual((0.5 * 5.5) / 255 + 1e-6)
    expect(worst).toBeGreaterThan((0.49 * 5.5) / 255)
  })

  const squaredError = (values: Float32Array, range: { low: number; high: number }) => {
    const back = new Float32Array(values.length)
    fromBytes(toBytes(values, range), range, back)
    return back.reduce((sum, value, i) => sum + (value - values[i]!) ** 2, 0)
  }

  it('have the range with the least squared error, which cuts off what is rare', () => {
    const values = draw(60_000, 'normal', seeded('taps')).map((value) => Math.max(0, value))
    values[5] = 60
    const range = fittingRange([values.subarray(0, 20_000), values.subarray(20_000)])
    expect(range.low).toBe(0)
    expect(range.high).toBeLessThan(60)
    const error = squaredError(values, range)
    for (const factor of [0.5, 0.8, 1.25, 2, 60 / range.high])
      expect(squaredError(values, { low: 0, high: factor * range.high })).toBeGreaterThan(error)
    const even = fittingRange([Float32Array.from({ length: 5000 }, (_, i) => i / 1000 - 2)])
    expect(even.low).toBe(-2)
    expect(even.high).toBeGreaterThan(2.9)
    expect(fittingRange([new Float32Array(9)])).toEqual({ low: 0, high: 1 })
  })
})

describe('a network shown stored taps', () => {
  it('computes what it computes of the pictures, without looking at them', async () => {
    const network = pyramidNetwork(architecture, trunk)
    const size = { batch: 2, height: SIZE, width: SIZE }
    const levels = [0, 1].map((n) =>
      Uint8Array.from({ length: SIZE * SIZE }, (_, i) => (i * (7 + n) + 40 * (i >> 7)) % 256),
    )
    const gray = Float32Array.from(
      levels.flatMap((each) => [...each]),
      (level) => level / 127.5 - 1,
    )
    const seen = await maker.look(levels)
    const taps = TAP_INPUTS.map((name, i) => [name, Float32Array.from(seen.flatMap((each) => [...each[i]!]))])
    const inputs = {
      ...{ gray, L: gray, features: new Float32Array(6), 'adam.hyper': new Float32Array(4) },
      ab: Float32Array.from({ length: 2 * gray.length }, (_, i) => 50 * Math.sin(i / 40)),
      ...Object.fromEntries(taps),
    }
    const gradients = async (shown: typeof network) => {
      const rarity = { bins: network.bins!, weights: new Float32Array(network.bins!.count).fill(1) }
      const graph = trainingGraph(shown, size, { inspect: true, rarity })
      const plan = compile(graph, gpu().device.limits.maxStorageBufferBindingSize, gpu().traits)
      const variables = new Variables(gpu())
      // not zero, as the last layer begins: else nothing before it has a gradient
      const parameters = draw(network.layout.parameters.length, 'normal', seeded('p')).map((v) => v / 5)
      variables.set('parameters', parameters)
      variables.set('statistics', new Float32Array(network.layout.statistics.length))
      for (const name of ['adam.m', 'adam.v']) variables.set(name, new Float32Array(parameters.length))
      const executor = await Executor.create(gpu(), plan, variables)
      uploadNeeded(executor, inputs)
      const [loss, all] = await executor.run(['loss', 'gradients'])
      executor.destroy()
      return { inputs: [...plan.inputs.keys()], loss: loss![0]!, gradients: all! }
    }
    const looking = await gradients(network)
    const stored = await gradients(network.fromTaps!())
    expect(looking.inputs).toEqual(expect.arrayContaining(['gray']))
    expect(stored.inputs).toEqual(expect.arrayContaining([...TAP_INPUTS]))
    expect(stored.inputs).not.toContain('gray')
    expect(stored.loss).toBeCloseTo(looking.loss, 5)
    const scale = Math.max(...looking.gradients.map(Math.abs))
    expect(scale).toBeGreaterThan(1e-3)
    const errors = stored.gradients.map((value, i) => Math.abs(value - looking.gradients[i]!))
    expect(Math.max(...errors)).toBeLessThan(1e-4 * scale)
  })
})

const many = Array.from({ length: 11 }, (_, n) => join(folder, `many${n}.png`))
beforeAll(async () => {
  for (const [n, path] of many.entries()) {
    const picture = photo(n % 5)
    picture.rgb[0] = n // another file each
    await writeImage(path, picture)
  }
})
const prepareTaps = (
  views: number,
  { to = out, ...options }: Partial<Parameters<typeof prepareRecords>[1]> & { to?: string } = {},
  set = paths,
) => prepareRecords(set, { out: to, shardSize: 4, workers: 1, taps: { maker, views }, ...options })

describe('records with taps', () => {
  it('have the centre of the photograph as training crops it, other views, and what the trunk sees of each', async () => {
    const manifest = await prepareTaps(3)
    expect(manifest.taps).toMatchObject({ trunk: { name: 'small', sha256: SHA256 }, size: SIZE, views: 3 })
    expect(await traitsOfRecords(out)).toMatchObject({
      taps: { trunk: { name: 'small', sha256: SHA256 }, size: SIZE },
    })
    const records = []
    for await (const bytes of recordsIn('photos-00000-of-00002.tfrecord'))
      records.push(decodeRecord(bytes, 'it'))
    for (const [n, { taps }] of records.entries()) {
      const { views, ranges } = taps!
      const cut = { size: SIZE, augment: false, batch: 1, seed: 0 }
      const direct = await batches(1, {}, () => openPhotos([paths[n]!], full(cut)))
      const { L, ab } = direct.taken[0]!
      const [first, ...others] = views
      expect(Math.max(...first!.ab.map((value, i) => Math.abs(value - ab[i]!)))).toBeLessThanOrEqual(0.5)
      expect(others).toHaveLength(2)
      for (const { gray } of others) expect(Buffer.from(gray).equals(first!.gray)).toBe(false)
      expect(Math.max(...L)).toBeLessThan(1)
      for (const view of views) {
        const [seen] = await maker.look([view.gray])
        for (const [i, tap] of seen!.entries()) {
          const { low, high } = ranges[i]!
          const back = new Float32Array(tap.length)
          fromBytes(view.taps[i]!, ranges[i]!, back)
          const wanted = tap.map((value) => Math.min(high, value))
          const worst = Math.max(...back.map((value, at) => Math.abs(value - wanted[at]!)))
          expect(worst).toBeLessThan((0.51 * (high - low)) / 255)
        }
      }
    }
    const mirrored = records.flatMap(({ taps }) => taps!.views.slice(1)).map(({ ab }) => ab[1]! < ab[63]!)
    expect(new Set(mirrored)).toEqual(new Set([true, false]))
  })

  it('are the same bytes when it was interrupted, and their size is said before, not much too high', async () => {
    const whole = join(folder, 'whole')
    const sizes: number[] = []
    await prepareTaps(2, { to: whole, onSize: (bytes) => void sizes.push(bytes) }, many)
    const abort = new AbortController()
    const stopping = prepareTaps(
      2,
      { signal: abort.signal, onProgress: (done) => done === 5 && abort.abort() },
      many,
    )
    await expect(stopping).rejects.toThrow('interrupted after 8 of 11')
    await prepareTaps(2, { onSize: (bytes) => void sizes.push(bytes) }, many)
    expect(contents()).toEqual(contents(whole))
    const written = readdirSync(whole)
      .filter((name) => name.endsWith('.tfrecord'))
      .reduce((sum, name) => sum + contents(whole)[name]!.length, 0)
    expect(sizes[0]).toBeGreaterThanOrEqual(written)
    expect(sizes[0]).toBeLessThan(1.05 * written)
    expect(sizes[1]).toBeCloseTo((3 / 11) * sizes[0]!, 3)
    rmSync(whole, { recursive: true })
  })

  it('are not begun when the disk is too small', async () => {
    const bytes: number[] = []
    const refusal = prepareTaps(1e9, { onSize: (size) => void bytes.push(size) })
    await expect(refusal).rejects.toThrow(
      /^the records with their taps take up to [\d.e+]+ GB, and the disk of .*records has [\d.]+ GB free: choose another disk, smaller taps or fewer views$/,
    )
    expect(bytes[0]).toBeGreaterThan(1e13)
    expect(readdirSync(join(out, 'unfinished'))).toEqual(['journal.jsonl'])
  })
})

describe('training from taps', () => {
  const network = () => pyramidNetwork(architecture, trunk)
  const optionsOf = (change: Partial<BatchOptions> = {}) =>
    full({ ...sourceOptions(network(), SETTINGS), workers: 1, ...change })

  it('is shown the views and their taps, one of a record by chance, to the same bits from any place on', async () => {
    await prepareTaps(2)
    const { taken } = await batches(12, {}, () => openRecords(out, optionsOf()))
    const shapes = tapShapes(trunk, { height: SIZE, width: SIZE })
    const { taps, L, ab } = taken[0]!
    expect(taps!.map(({ length }) => length)).toEqual(shapes.map(([h, w, c]) => 2 * h! * w! * c!))
    expect([L.length, ab.length]).toEqual([2 * SIZE * SIZE, 4 * SIZE * SIZE])
    const shown = new Set(
      taken.flatMap(({ L }) => [0, 1].map((n) => L.subarray(n * SIZE ** 2, (n + 1) * SIZE ** 2).join())),
    )
    expect(shown.size).toBe(10) // two views of each of five
    const source = await openRecords(out, { ...optionsOf(), workers: 2 })
    for await (const batch of source.batches(taken[4]!)) {
      expect(batch).toEqual(taken[5])
      break
    }
    await source.close()
  })

  it.each<[string, () => Promise<unknown>, Partial<BatchOptions>, RegExp]>([
    [
      'no taps',
      () => prepareRecords(paths, { out, workers: 1 }),
      {},
      /record at byte 0 has no taps|has no taps/,
    ],
    ['another size', () => prepareTaps(1), { size: 64 }, /has taps of 32 px, the training is of 64 px/],
    [
      'another trunk',
      () => prepareTaps(1),
      { taps: { trunk: { name: 'mine', sha256: 'f'.repeat(64) }, shapes: [] } },
      /has taps of small, the network looks through mine/,
    ],
    [
      'other values',
      () => prepareTaps(1),
      { taps: { trunk: { name: 'small', sha256: SHA256 }, shapes: [[9, 8, 4]] } },
      /has taps with other numbers of values than its trunk gives/,
    ],
  ])('%s is one sentence about weights', async (_, prepare, change, message) => {
    await prepare()
    const taking = batches(1, {}, () => openRecords(out, optionsOf(change)))
    await expect(taking).rejects.toMatchObject({
      trouble: 'weights',
      message: expect.stringMatching(message),
    })
  })

  it('learns, and goes on to the same bytes when it is resumed', async () => {
    await prepareTaps(2)
    const source = await openRecords(out, optionsOf())
    const training = { network: network(), settings: SETTINGS }
    const whole = { ...training, out: join(folder, 'run') }
    const { checkpoint } = await trainIn(gpu(), source, { ...whole, steps: 60 })
    const { losses } = checkpoint
    expect(losses.at(-1)).toBeLessThan(0.7 * losses[0]!)
    const parts = { ...training, out: join(folder, 'parts') }
    const { checkpoint: half } = await trainIn(gpu(), source, { ...parts, steps: 25 })
    await trainIn(gpu(), source, { ...parts, steps: 60, start: { kind: 'resume', checkpoint: half } })
    const [a, b] = await Promise.all([whole, parts].map(({ out }) => readFile(checkpointPath(out))))
    expect(a!.equals(b!)).toBe(true)
    const { taps: _, ...pictures } = SETTINGS
    const resumed = { ...parts, settings: pictures, start: { kind: 'resume', checkpoint: half } as const }
    await expect(trainIn(gpu(), source, resumed)).rejects.toThrow(
      'the checkpoint was trained with stored taps, not pictures: a resumed training must not change that',
    )
    await source.close()
  })

  it.each<[string, Partial<TrainingSettings>, RegExp]>([
    ['padding', { fit: 'pad' }, /taps are stored of cropped pictures, not of padded ones/],
    ['age', { aged: 0.1 }, /pictures whose taps are stored cannot be made to look old/],
    ['a changed lightness', { lightnessJitter: 0.1 }, /the lightness of pictures whose taps are stored/],
  ])('%s is refused', (_, change, message) => {
    const course = { epochs: 1, steps: 1, validateEvery: 1 }
    expect(() => expectSettings(network(), { ...SETTINGS, ...change }, course)).toThrow(message)
    const report = reportNetwork({ classes: 3, width: 0.1 })
    expect(() => expectSettings(report, SETTINGS, course)).toThrow(
      'the network report looks through no trunk, so it cannot be trained from taps',
    )
  })
})

describe('prepare --taps and train --taps', () => {
  const inFolder = (...names: string[]) => join(folder, ...names)
  const never = ['--out', inFolder('never')]
  const settings = '--width 0.1 --batch 2 --steps 4 --classifier none --quiet --json'.split(' ')
  /** `chain` as a file, its first weight plus `change`. */
  const save = (name: string, change = 0) => {
    const parts = chain()
    const { floatData } = parts.initializers![0]!
    floatData![0] = floatData![0]! + change
    writeFileSync(inFolder(name), modelBytes(parts))
    return inFolder(name)
  }
  const prepare = (to: string, ...options: string[]) =>
    run(['prepare', ...paths, '--classifier', 'none', '--out', to, ...options])
  const withTaps = (model: string) => ['--taps', '--trunk', model, '--taps-size', '32', '--taps-views', '2']
  const train = (...more: string[]) => run(['train', ...settings, ...more])

  it('say the size, and train', async () => {
    const [model, taps] = [save('small.onnx'), inFolder('taps')]
    const prepared = await prepare(taps, ...withTaps(model), '--json')
    succeeded(prepared)
    expect(prepared.stderr).toMatch(/^the records with their taps take up to 0\.00\d+ GB$/m)
    expect(JSON.parse(prepared.stdout.toString()).taps).toMatchObject({ size: 32, views: 2 })
    const val = ['--val', 'samples/photos/dogs.jpg', '--out', inFolder('trained')]
    const ended = await train('--trunk', model, '--records', taps, '--taps', ...val)
    succeeded(ended)
    expect(JSON.parse(ended.stdout.toString())).toMatchObject({ steps: 4, val: [{ step: 4 }] })
    const stored = JSON.parse(await readFile(inFolder('trained', 'settings.json'), 'utf8'))
    expect(stored.settings).toMatchObject({ taps: true, size: 32, lightnessJitter: 0 })
  })

  it('refuse what does not go together', async () => {
    const [model, other] = [save('small.onnx'), save('other.onnx', 1)]
    const [taps, none] = [inFolder('some-taps'), inFolder('no-taps')]
    succeeded(await prepare(taps, ...withTaps(model), '--quiet'))
    succeeded(await prepare(none, '--quiet'))
    refused(await prepare(none, '--trunk', model), 2, /--trunk is about taps: add --taps to keep them/)
    const from = ['--trunk', model, '--taps', ...never, '--records']
    const missing = /no-taps have no taps: prepare them again with --taps, or train without --taps/
    refused(await train(...from, none), 4, missing)
    refused(await train(...from, taps, '--records', none), 4, missing)
    const size = /have taps of 32 px, not of 64 px: prepare them again with --taps-size 64/
    refused(await train(...from, taps, '--size', '64'), 4, size)
    const others = ['--trunk', other, '--taps', ...never, '--records', taps]
    const trunks = /have taps of small\.onnx \(sha256 .*, not of other\.onnx: prepare them again/
    refused(await train(...others), 4, trunks)
    refused(
      await train(paths[0]!, '--taps', ...never),
      2,
      /trains from the taps that records have: name them/,
    )
    const report = ['--network', 'report', '--taps', ...never, '--records', taps]
    refused(await train(...report), 2, /does not go with the network report, which looks through no trunk/)
    const jitter = /the lightness of pictures whose taps are stored cannot be changed/
    refused(await train(...from, taps, '--lightness-jitter', '0.1'), 2, jitter)
  })
})
