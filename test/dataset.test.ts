import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { srgbToLab } from '../src/color/lab.ts'
import type { Photo } from '../src/color/photo.ts'
import { openPhotos, type SourceOptions } from '../src/node/data/dataset.ts'
import { writeImage } from '../src/node/image.ts'
import { STREAM, uniform4 } from '../src/random.ts'
import {
  type Batch,
  type DataPosition,
  type SampleSet,
  sourceOptions,
  type TrainingSource,
  trainingSource,
} from '../src/train/batches.ts'
import { cropFraming } from '../src/train/framing.ts'
import type { BatchTask, DecodedBatch } from '../src/train/samples.ts'
import { type TrainingSettings, USUAL } from '../src/train/settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'dataset-'))
afterAll(() => rmSync(folder, { recursive: true }))

const COUNT = 7
const START: DataPosition = { epoch: 0, position: 0 }
const DEFAULTS: SourceOptions = {
  size: 16,
  batch: 3,
  seed: 4,
  classes: 5,
  augment: true,
  fit: 'crop',
  workers: 1,
}

/** Photograph n: its red level says which it is, green and blue grow to the right and downwards. */
function photo(n: number, width = 24, height = 20): Photo {
  const rgb = new Uint8Array(3 * width * height)
  for (let i = 0; i < width * height; i++)
    rgb.set([30 * n, 5 * (i % width), 6 * Math.floor(i / width)], 3 * i)
  return { width, height, rgb }
}
const paths = Array.from({ length: COUNT }, (_, n) => join(folder, `${n}.png`))
const broken = [join(folder, 'broken1.png'), join(folder, 'broken2.png')]
beforeAll(async () => {
  for (const [n, path] of paths.entries()) await writeImage(path, photo(n))
  for (const path of broken) writeFileSync(path, 'not a picture')
})

async function take(source: TrainingSource, count: number, from = START): Promise<Batch[]> {
  const batches: Batch[] = []
  for await (const batch of source.batches(from)) if (batches.push(batch) === count) break
  return batches
}

async function taken(count: number, options: Partial<SourceOptions> = {}, set = paths, from = START) {
  const source = await openPhotos(set, { ...DEFAULTS, ...options })
  try {
    return await take(source, count, from)
  } finally {
    await source.close()
  }
}

/** A set without pictures, for decoders that look at none. */
const numbers: SampleSet<number> = {
  ...{ what: 'photographs', trouble: 'input', length: COUNT },
  at: (index) => index,
  classVector: async () => null,
  undecodable: () => {},
}

/** Class vectors that say which photograph a sample is: n is 1 at index 0 … */
const CLASSES = 5
const naming = {
  of: async (path: string) => Float32Array.of(paths.indexOf(path), 1, 2, 3, 4),
}
const names = (batches: Batch[]) =>
  batches.map(({ features }) => [...features].filter((_, i) => i % CLASSES === 0))

describe('openPhotos', () => {
  it('gives the centre of a picture in Lab when nothing is augmented', async () => {
    const wide = join(folder, 'wide.png')
    const picture = photo(3, 30, 16)
    await writeImage(wide, picture)
    const [batch] = await taken(1, { augment: false, batch: 1 }, [wide])
    const { L, ab } = srgbToLab(picture.rgb)
    expect([batch!.L.length, batch!.ab.length, batch!.features.length]).toEqual([256, 512, 5])
    for (let i = 0; i < 256; i++) {
      const at = Math.floor(i / 16) * 30 + 7 + (i % 16)
      expect(batch!.L[i]).toBeCloseTo(L[at]! / 50 - 1, 6)
      expect(batch!.ab[2 * i]).toBeCloseTo(ab[2 * at]!, 5)
      expect(batch!.ab[2 * i + 1]).toBeCloseTo(ab[2 * at + 1]!, 5)
    }
  })

  it('pads with white when asked to: L +1 and no colour there, the whole picture inside', async () => {
    const [batch] = await taken(1, { augment: false, fit: 'pad', batch: 1, size: 24 }, [paths[2]!])
    const { L } = srgbToLab(photo(2).rgb)
    for (const row of [0, 1, 22, 23])
      for (let x = 0; x < 24; x++) {
        expect(batch!.L[24 * row + x]).toBe(1)
        expect([...batch!.ab.subarray(2 * (24 * row + x), 2 * (24 * row + x) + 2)]).toEqual([0, 0])
      }
    L.forEach((l, i) => {
      expect(batch!.L[48 + i]).toBeCloseTo(l / 50 - 1, 6)
    })
  })

  it('gives the same bits whatever the number of workers and the look-ahead, and from any place on', async () => {
    const [one, many] = await Promise.all([taken(6), taken(6, { workers: 3, ahead: 5 })])
    expect(many).toEqual(one)
    const later = await taken(3, { workers: 2 }, paths, one[2]!)
    expect(later).toEqual(one.slice(3))
    expect((await taken(1, { seed: 5 }))[0]!.L).not.toEqual(one[0]!.L)
  })

  it('changes the lightness of each sample in its own way, and its colours not at all', async () => {
    const lightnessJitter = 0.2
    const plain = await taken(4)
    const [one, many] = await Promise.all([
      taken(4, { lightnessJitter }),
      taken(4, { lightnessJitter, workers: 3, ahead: 5 }),
    ])
    expect(many).toEqual(one)
    expect(await taken(2, { lightnessJitter }, paths, one[1]!)).toEqual(one.slice(2))
    expect(one.map(({ ab }) => ab)).toEqual(plain.map(({ ab }) => ab))
    const ofSamples = one.flatMap(({ L }, i) => {
      const changes = L.map((value, at) => value - plain[i]!.L[at]!)
      // a fifth of the contrast, and two bytes at the ends of their range
      for (const [at, change] of changes.entries())
        expect(Math.abs(change)).toBeLessThan(0.2 * Math.abs(plain[i]!.L[at]!) + 0.05 * Math.sqrt(6) + 1e-6)
      return [0, 256, 512].map((from) => changes.slice(from, from + 256).join())
    })
    expect(new Set(ofSamples).size).toBe(12)
    const twice = [paths[1]!, paths[1]!]
    const oneByOne = await taken(4, { lightnessJitter, augment: false, batch: 1 }, twice)
    expect(new Set(oneByOne.map(({ L }) => L.join())).size).toBe(4) // two places in each of two epochs
  })

  it('makes a share of the samples look old: the same ones whoever decodes them, and their colours stay', async () => {
    const plain = await taken(8)
    const [half, many] = await Promise.all([
      taken(8, { aged: 0.5 }),
      taken(8, { aged: 0.5, workers: 3, ahead: 5 }),
    ])
    expect(many).toEqual(half)
    expect(await taken(2, { aged: 0.5 }, paths, half[1]!)).toEqual(half.slice(2, 4))
    expect(half.map(({ ab }) => ab)).toEqual(plain.map(({ ab }) => ab))
    const agedOf = (batches: Batch[]) =>
      batches.flatMap(({ L }, i) =>
        [0, 256, 512].filter(
          (at) => `${L.subarray(at, at + 256)}` !== `${plain[i]!.L.subarray(at, at + 256)}`,
        ),
      ).length
    expect(agedOf(half)).toBeGreaterThan(6)
    expect(agedOf(half)).toBeLessThan(18)
    expect(agedOf(await taken(8, { aged: 1 }))).toBe(24)
    expect(await taken(8, { aged: 0 })).toEqual(plain)
    const both = await taken(8, { aged: 0.5, lightnessJitter: 0.1 })
    const jittered = await taken(8, { lightnessJitter: 0.1 })
    expect(both).not.toEqual(jittered)
    expect(both).not.toEqual(half)
  })

  it('visits every sample once an epoch, in another order each time, and drops the partial batch', async () => {
    const batches = await taken(4, { classVectors: [naming] })
    expect(batches.map(({ epoch, position, lastOfEpoch }) => [epoch, position, lastOfEpoch])).toEqual([
      [0, 3, false],
      [0, 6, true],
      [1, 3, false],
      [1, 6, true],
    ])
    const seen = names(batches)
    for (const epoch of [seen.slice(0, 2).flat(), seen.slice(2).flat()]) expect(new Set(epoch).size).toBe(6)
    expect(seen.slice(0, 2)).not.toEqual(seen.slice(2))
  })

  it('leaves out the class vectors of a share of the samples, other ones in each epoch', async () => {
    const shown = async (classDropout: number, ...from: Batch[]) => {
      const batches = await taken(60, { classVectors: [naming], classDropout }, paths, ...from)
      return {
        batches,
        isShown: batches.flatMap(({ features }) => [0, 1, 2].map((n) => features[5 * n + 1] === 1)),
      }
    }
    const { batches, isShown } = await shown(0.3)
    const share = isShown.filter(Boolean).length / isShown.length
    expect(share).toBeGreaterThan(0.6) // 0.7 ± 3 standard deviations of 180 draws
    expect(share).toBeLessThan(0.8)
    const epochs = Array.from({ length: 30 }, (_, epoch) => isShown.slice(6 * epoch, 6 * epoch + 6).join())
    expect(new Set(epochs).size).toBeGreaterThan(10)
    expect((await shown(0.3, batches[9]!)).isShown.slice(0, 150)).toEqual(isShown.slice(30))
    expect((await shown(0)).isShown).not.toContain(false)
    expect((await shown(1)).isShown).not.toContain(true)
  })

  it('shows each sample with the class vector of one of several classifiers, not always of the same', async () => {
    const other = { of: async (path: string) => (await naming.of(path)).map((value) => 3 * value) }
    const batches = await taken(60, { classVectors: [naming, other] })
    const seen = batches.flatMap(({ features }) => [0, 1, 2].map((n) => features[5 * n + 1]!))
    const share = seen.filter((value) => value === 3).length / seen.length
    expect(seen.filter((value) => value !== 1 && value !== 3)).toEqual([])
    expect(share).toBeGreaterThan(0.39) // 0.5 ± 3 standard deviations of 180 draws
    expect(share).toBeLessThan(0.61)
    expect(await taken(10, { classVectors: [naming, other] }, paths, batches[49]!)).toEqual(batches.slice(50))
  })

  it('augments anew in every epoch, and mirrors half of the time', async () => {
    const batches = await taken(40, { batch: 1, size: 16 }, [paths[1]!])
    expect(new Set(batches.map(({ ab }) => ab.join())).size).toBeGreaterThan(35)
    // green grows to the right, so a* falls to the right unless mirrored
    const mirrored = batches.filter(({ ab }) => ab[0]! < ab[2 * 15]!).length
    expect(mirrored).toBeGreaterThan(8)
    expect(mirrored).toBeLessThan(32)
  })

  it('augments every place of an epoch differently', async () => {
    const batches = await taken(8, { batch: 1 }, Array<string>(8).fill(paths[1]!))
    expect(batches.every(({ epoch }) => epoch === 0)).toBe(true)
    expect(new Set(batches.map(({ ab }) => ab.join())).size).toBeGreaterThan(6)
  })

  it('fills a batch larger than the set by repeating it, augmented differently', async () => {
    const batches = await taken(2, { batch: 5, classVectors: [naming] }, paths.slice(0, 2))
    expect(batches.map(({ epoch, position, lastOfEpoch }) => [epoch, position, lastOfEpoch])).toEqual([
      [0, 5, true],
      [1, 5, true],
    ])
    const [a, b, ...rest] = names(batches)[0]!
    expect(a).not.toBe(b)
    expect(rest).toEqual([a, b, a])
    const sample = (n: number) => batches[0]!.ab.subarray(512 * n, 512 * (n + 1)).join()
    expect(sample(0)).not.toBe(sample(2))
  })

  it('replaces what cannot be decoded by the next in the order, and reports it once', async () => {
    const reported: string[] = []
    const set = [...paths.slice(0, 2), broken[0]!, ...paths.slice(2), broken[1]!]
    const options = {
      batch: 4,
      classVectors: [naming],
      onUndecodable: (reason: string) => reported.push(reason),
    }
    const batches = await taken(6, { ...options, workers: 2 }, set)
    expect(names(batches).flat()).not.toContain(-1)
    expect(reported.sort()).toEqual(broken.map((path) => expect.stringContaining(`${path} is not an image`)))
    expect(await taken(6, { batch: 4, classVectors: [naming], ahead: 1 }, set)).toEqual(batches)
    expect(await taken(2, { batch: 4, classVectors: [naming] }, set, batches[3]!)).toEqual(batches.slice(4))
  })

  it('reports it once, too, when batches are taken again from the beginning', async () => {
    const reported: string[] = []
    const onUndecodable = (reason: string) => void reported.push(reason)
    const source = await openPhotos([...paths, broken[0]!], {
      ...DEFAULTS,
      batch: paths.length,
      onUndecodable,
    })
    for (let n = 0; n < 2; n++) {
      let left = 3
      for await (const _ of source.batches(START)) if (--left === 0) break
    }
    expect(reported).toHaveLength(1)
    await source.close()
  })

  it('says so when none can be decoded, and when there is none', async () => {
    await expect(taken(1, {}, broken)).rejects.toThrow('none of the 2 photographs to train on can be decoded')
    await expect(taken(1, {}, [])).rejects.toThrow('there is no photograph to train on')
  })

  it('decodes no more than `ahead` batches ahead', async () => {
    let asked = 0
    const decode = async ({ samples, size }: BatchTask<number>): Promise<DecodedBatch> => {
      asked++
      const pixels = samples.length * size * size
      const [errors, vectors] = [samples.map(() => null), samples.map(() => [])]
      return { L: new Float32Array(pixels), ab: new Float32Array(2 * pixels), errors, vectors }
    }
    const source = trainingSource(numbers, { decode, close: async () => {} }, 2, DEFAULTS)
    const batches = source.batches(START)
    for (const count of [2, 3, 4]) {
      await batches.next()
      await setImmediate() // all that was begun has been done
      expect(asked).toBe(count)
    }
  })

  it('close and abort end the batches at once, even those being waited for', async () => {
    const abort = new AbortController()
    const signals = [undefined, abort.signal]
    for (const signal of signals) {
      const classVectors = [{ of: () => new Promise<null>(() => {}) }] // no batch is ever whole
      const source = await openPhotos(paths, { ...DEFAULTS, classVectors, ...(signal && { signal }) })
      const waiting = source.batches(START).next()
      if (signal) abort.abort()
      else await source.close()
      expect(await waiting).toEqual({ done: true, value: undefined })
      await source.close()
    }
    const late = await openPhotos(paths, { ...DEFAULTS, signal: abort.signal })
    expect(await take(late, 1)).toEqual([])
  })
})

it('makes the batches that settings ask for', () => {
  const origin = { classifier: 'mine', sha256: '00', fit: 'pad' } as const
  const settings = { ...USUAL, batch: 4, accumulate: 3, size: 64, data: 'mine', classVectors: [origin] }
  expect(sourceOptions({ classes: 5 }, settings)).toEqual({
    ...{ size: 64, seed: 0, fit: 'crop', lightnessJitter: 0.1, classes: 5, batch: 12, augment: true },
    classDropout: 0.3,
  })
  const others: TrainingSettings = { ...settings, fit: 'pad', classVectors: [] }
  expect(sourceOptions({ classes: 5 }, others)).toMatchObject({ augment: false, classDropout: 1 })
  expect(sourceOptions({ classes: 5 }, { ...settings, aged: 0.2 })).toMatchObject({ aged: 0.2 })
})

describe('cropFraming', () => {
  it('always stays inside the scaled picture, whose shorter side is 1 to 1.3 sizes long', () => {
    const reached = { left: new Set<number>(), mirror: new Set<boolean>() }
    for (let n = 0; n < 3000; n++) {
      const [u, v] = uniform4(1, STREAM.shuffle, n)
      const size = { width: 1 + Math.floor(400 * u), height: 1 + Math.floor(400 * v) }
      const f = cropFraming(size, 64, uniform4(2, STREAM.augment, n))
      const shorter = Math.min(f.width, f.height)
      expect(shorter).toBeGreaterThanOrEqual(64)
      expect(shorter).toBeLessThanOrEqual(Math.round(1.3 * 64))
      expect(f.left + 64).toBeLessThanOrEqual(f.width)
      expect(f.top + 64).toBeLessThanOrEqual(f.height)
      expect(Math.abs(f.width / f.height / (size.width / size.height) - 1)).toBeLessThan(0.02)
      if (f.width === 70 && size.width < size.height) reached.left.add(f.left)
      reached.mirror.add(f.mirror)
    }
    expect([...reached.left].sort()).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(reached.mirror.size).toBe(2)
  })

  it('the first and the last window touch the edges', () => {
    const last = 1 - 2 ** -32
    const wide = { width: 300, height: 100 }
    expect(cropFraming(wide, 100, [0, 0, 0, 0])).toEqual({ ...wide, left: 0, top: 0, mirror: true })
    expect(cropFraming(wide, 100, [last, 0, last, last])).toEqual({
      ...wide,
      left: 200,
      top: 0,
      mirror: false,
    })
    expect(cropFraming(wide, 100, null)).toEqual({ ...wide, left: 100, top: 0, mirror: false })
  })
})
