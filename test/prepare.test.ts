import { createHash } from 'node:crypto'
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Photo } from '../src/color/photo.ts'
import { inputOf } from '../src/infer/classifier-input.ts'
import { readAtOf } from '../src/io/read-at.ts'
import { decodeRecord } from '../src/io/records.ts'
import { readRecords } from '../src/io/tfrecord.ts'
import { openPhotos, openRecords, type SourceOptions } from '../src/node/data/dataset.ts'
import { type PrepareOptions, prepareRecords } from '../src/node/data/prepare.ts'
import { isShard, originsOfRecords } from '../src/node/data/shards.ts'
import { readPhoto, sharpResize, writeImage } from '../src/node/image.ts'
import type { Batch } from '../src/train/batches.ts'

const folder = mkdtempSync(join(tmpdir(), 'prepare-'))
const out = join(folder, 'records')
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(() => rmSync(out, { recursive: true, force: true }))

/** A smooth picture as large as a record, so that nothing is scaled on the way. */
function photo(n: number): Photo {
  const [width, height] = [299, 200]
  const rgb = new Uint8Array(3 * width * height)
  for (let i = 0; i < width * height; i++)
    rgb.set([40 + 30 * n, 60 + (i % width) / 2, 200 - Math.floor(i / width) / 2], 3 * i)
  return { width, height, rgb }
}
const paths = Array.from({ length: 5 }, (_, n) => join(folder, `${n}.png`))
const broken = join(folder, 'broken.jpg')
beforeAll(async () => {
  for (const [n, path] of paths.entries()) await writeImage(path, photo(n))
  writeFileSync(broken, 'not a picture')
})

const origin = { classifier: 'mine.onnx', sha256: 'c0ffee', fit: 'pad' } as const
/** A classifier that sees how bright the middle of the picture is. */
const brightness = (input: Float32Array) => new Float32Array(1000).fill(input[(SEEN * SEEN * 3) / 2]!)
const SEEN = 8
const classifier = {
  ...{ size: SEEN, origin },
  probabilities: async (inputs: readonly Float32Array[]) => inputs.map(brightness),
}
const vectorOf = async (path: string) =>
  brightness(await inputOf(await readPhoto(path), { size: SEEN, fit: 'pad', resize: sharpResize }))
/** Another, with a larger square, that sees the opposite. */
const other = { classifier: 'other.onnx', sha256: 'decaf', fit: 'pad' } as const
const opposite = {
  ...{ size: 2 * SEEN, origin: other },
  probabilities: async (inputs: readonly Float32Array[]) =>
    inputs.map((input) => new Float32Array(1000).fill(-input[(2 * SEEN * 2 * SEEN * 3) / 2]!)),
}
const otherVectorOf = async (path: string) =>
  (
    await opposite.probabilities([
      await inputOf(await readPhoto(path), { size: 2 * SEEN, fit: 'pad', resize: sharpResize }),
    ])
  )[0]!
const prepare = (options: Partial<PrepareOptions> = {}, set = paths) =>
  prepareRecords(set, { out, shardSize: 2, workers: 1, classifiers: [classifier, opposite], ...options })
const shardNames = (count: number) =>
  Array.from({ length: count }, (_, n) => `photos-0000${n}-of-0000${count}.tfrecord`)
const OTHERS = ['manifest.json', 'skipped.txt', 'sources.txt']
/** Every file of the set, byte by byte. */
const contents = (from = out) =>
  Object.fromEntries(readdirSync(from).map((name) => [name, readFileSync(join(from, name), 'latin1')]))
const recordsIn = (name: string) => readRecords(readAtOf(readFileSync(join(out, name)), name))
async function labels(): Promise<string[]> {
  const found: string[] = []
  for (const name of readdirSync(out).filter(isShard).sort())
    for await (const data of recordsIn(name)) found.push(decodeRecord(data, name).label)
  return found
}

const OPTIONS: SourceOptions = {
  size: 64,
  batch: 2,
  seed: 3,
  classes: 1000,
  augment: true,
  fit: 'crop',
  workers: 1,
}

async function batches(
  count: number,
  options: Partial<SourceOptions> = {},
  open = () => openRecords(out, full(options)),
) {
  const source = await open()
  const taken: Batch[] = []
  try {
    for await (const batch of source.batches({ epoch: 0, position: 0 }))
      if (taken.push(batch) === count) break
    return { taken, length: source.length }
  } finally {
    await source.close()
  }
}
const full = (options: Partial<SourceOptions>) => ({ ...OPTIONS, ...options })

describe('prepareRecords', () => {
  it('writes records in the photographs’ order, with class vectors, and leaves out what teaches nothing', async () => {
    const gray = join(folder, 'gray.png')
    const tiny = join(folder, 'tiny.png')
    const twin = join(folder, 'twin.png')
    const { rgb, width, height } = photo(2)
    await writeImage(gray, { width, height, rgb: rgb.map((_, i) => rgb[i - (i % 3)]!) })
    await writeImage(tiny, { width: 40, height: 31, rgb: rgb.subarray(0, 3 * 40 * 31) })
    copyFileSync(paths[1]!, twin)
    const progress: number[] = []
    const set = [...paths.slice(0, 2), broken, gray, twin, tiny, ...paths.slice(2)]
    const manifest = await prepare({ onProgress: (done, total) => progress.push(done, total) }, set)
    expect(readdirSync(out).sort()).toEqual([...OTHERS, ...shardNames(5)].sort())
    expect(progress).toEqual(Array.from({ length: 9 }, (_, i) => [i + 1, 9]).flat())
    expect(await labels()).toEqual(['0.png', '1.png', '2.png', '3.png', '4.png'])
    for await (const data of recordsIn(shardNames(5)[0]!)) {
      const { label, size, content, vectors } = decodeRecord(data, 'here')
      expect({ size, content }).toEqual({ size: 299, content: { x: 0, y: 49, width: 299, height: 200 } })
      expect(vectors).toEqual([
        { probabilities: await vectorOf(join(folder, label)), origin },
        { probabilities: await otherVectorOf(join(folder, label)), origin: other },
      ])
    }

    const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')
    const shards = shardNames(5).map((file, n) => ({
      ...{ file, records: [2, 0, 0, 2, 1][n] },
      ...{ bytes: statSync(join(out, file)).size, sha256: sha256(join(out, file)) },
    }))
    const settings = { shardSize: 2, ab: 'int8', minSide: 32, classVectors: [origin, other] }
    const skipped = { undecodable: 1, gray: 1, tiny: 1, duplicate: 1 }
    expect(manifest).toEqual({ version: 1, photographs: 9, records: 5, skipped, ...settings, shards })
    expect(JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8'))).toEqual(manifest)
    const lines = (name: string) => readFileSync(join(out, name), 'utf8').trimEnd().split('\n')
    expect(lines('sources.txt')).toEqual(paths.map((path) => `${sha256(path)}  ${path}`))
    expect(lines('skipped.txt')).toEqual([
      expect.stringMatching(/^undecodable: .*broken\.jpg is not an image/),
      `gray: ${gray} is grey (mean chroma 0.0)`,
      `duplicate: ${twin} is the same file as ${paths[1]}`,
      `tiny: ${tiny} has 40×31 pixels, fewer than 32`,
    ])
  })

  it('writes the same bytes whatever the number of workers', async () => {
    await prepare()
    const one = contents()
    await prepare({ workers: 3 })
    expect(contents()).toEqual(one)
  })

  it('replaces an older set, whatever its number of shards, and only once the new one is whole', async () => {
    await prepare({ shardSize: 1 })
    const old = readdirSync(out)
    const abort = new AbortController()
    const stopped = prepare({ shardSize: 4, signal: abort.signal, onProgress: () => abort.abort() }, [
      ...paths,
      ...paths,
    ])
    await expect(stopped).rejects.toMatchObject({ name: 'UserError', trouble: 'interrupted' })
    expect(readdirSync(out).sort()).toEqual([...old, 'unfinished'].sort())
    expect(await labels()).toHaveLength(5)
    await prepare({ shardSize: 4 })
    expect(readdirSync(out).sort()).toEqual([...OTHERS, ...shardNames(2)].sort())
  })

  it('goes on where a run stopped, without doing a photograph again, to the same bytes', async () => {
    const set = [...paths, broken, ...paths.map((path) => path.replace('.png', '.copy.png'))]
    for (const path of paths) copyFileSync(path, path.replace('.png', '.copy.png'))
    await prepare({}, set)
    const whole = contents()
    rmSync(out, { recursive: true })
    const abort = new AbortController()
    const stop = (done: number) => done === 8 && abort.abort()
    await expect(prepare({ signal: abort.signal, onProgress: stop }, set)).rejects.toThrow(
      'interrupted after 8 of 11; the same command goes on from there',
    )
    // as a kill would leave it: in the middle of a record, and of a line of the journal
    const unfinished = join(out, 'unfinished')
    appendFileSync(join(unfinished, 'journal.jsonl'), '{"sha256":"12')
    writeFileSync(join(unfinished, 'photos-00004-of-00006.tfrecord'), 'half a record')
    let first = 0
    await prepare({ onProgress: (done) => (first ||= done) }, set)
    expect(first).toBe(9)
    expect(contents()).toEqual(whole)
  })

  it('does again what stands behind a damaged line of the journal', async () => {
    const set = [...paths, ...Array<string>(5).fill(broken)]
    await prepare({}, set)
    const whole = contents()
    rmSync(out, { recursive: true })
    const abort = new AbortController()
    const stop = (done: number) => done === 8 && abort.abort()
    await expect(prepare({ signal: abort.signal, onProgress: stop }, set)).rejects.toThrow('interrupted')
    const journal = join(out, 'unfinished', 'journal.jsonl')
    const lines = readFileSync(journal, 'utf8').split('\n')
    writeFileSync(journal, lines.with(2, `${lines[2]!.slice(0, 30)}\0${lines[2]!.slice(31)}`).join('\n'))
    let first = 0
    await prepare({ onProgress: (done) => (first ||= done) }, set)
    expect(first).toBe(2)
    expect(contents()).toEqual(whole)
  })

  it('does not publish what a failing disk has lost', async () => {
    const abort = new AbortController()
    const stop = (done: number) => done === 8 && abort.abort()
    const set = [...paths, broken, broken, broken, broken]
    await expect(prepare({ signal: abort.signal, onProgress: stop }, set)).rejects.toMatchObject({
      trouble: 'interrupted',
    })
    truncateSync(join(out, 'unfinished', 'photos-00001-of-00005.tfrecord'), 1000)
    await expect(prepare({}, set)).rejects.toThrow(
      /00001-of-00005\.tfrecord has 1000 bytes instead of \d+; remove/,
    )
  })

  it('begins anew when photographs or settings are other ones', async () => {
    for (const change of [{ ab: 'float32' }, { minSide: 20 }, { classifiers: [] }, {}] as const) {
      const abort = new AbortController()
      const set = [...paths, ...paths]
      const stopped = prepare({ signal: abort.signal, onProgress: () => abort.abort() }, set)
      await expect(stopped).rejects.toMatchObject({ trouble: 'interrupted' })
      let first = 0
      await prepare(
        { ...change, onProgress: (done) => (first ||= done) },
        Object.keys(change).length ? set : paths,
      )
      expect(first).toBe(1)
    }
  })

  it('finishes a set that was being put in its place', async () => {
    await prepare({ shardSize: 1 })
    const whole = contents()
    const unfinished = join(out, 'unfinished')
    const abort = new AbortController()
    const stopped = prepare({ shardSize: 1, signal: abort.signal, onProgress: () => abort.abort() }, [
      ...paths,
      ...paths,
    ])
    await expect(stopped).rejects.toMatchObject({ trouble: 'interrupted' })
    rmSync(unfinished, { recursive: true })
    // killed behind the second shard
    const identity = await journalOf()
    mkdirSync(unfinished)
    writeFileSync(join(unfinished, 'journal.jsonl'), identity)
    for (const name of [...shardNames(5).slice(2), ...OTHERS])
      renameSync(join(out, name), join(unfinished, name))
    await expect(batches(1)).rejects.toThrow(
      /prepare was stopped while it put them in place; run the same command again/,
    )
    await prepare({ shardSize: 1 })
    expect(contents()).toEqual(whole)

    /** The journal of the whole set, as a run that is stopped at its end leaves it. */
    async function journalOf(): Promise<string> {
      const elsewhere = join(folder, 'elsewhere')
      const late = { ...classifier, probabilities: async () => Promise.reject(new Error('stopped')) }
      await prepare({ out: elsewhere, shardSize: 1, classifiers: [late, opposite] }).catch(() => {})
      const [header] = readFileSync(join(elsewhere, 'unfinished', 'journal.jsonl'), 'utf8').split('\n')
      rmSync(elsewhere, { recursive: true })
      const sources = readFileSync(join(out, 'sources.txt'), 'utf8').trimEnd().split('\n')
      const entries = sources.map((line, n) => {
        const end = statSync(join(out, shardNames(5)[n]!)).size
        return JSON.stringify({ sha256: line.slice(0, 64), end })
      })
      return [header, ...entries, ''].join('\n')
    }
  })

  it('leaves a folder to the process that is at work on it, not to one that is gone', async () => {
    mkdirSync(out)
    writeFileSync(join(out, 'prepare.lock'), `${process.ppid}\n`)
    await expect(prepare()).rejects.toThrow(/process \d+ is at work on .*records; wait for it/)
    writeFileSync(join(out, 'prepare.lock'), '999999999\n')
    await prepare()
    expect(existsSync(join(out, 'prepare.lock'))).toBe(false)
  })

  it('says so when nothing can be decoded or written', async () => {
    await expect(prepare({}, [broken])).rejects.toThrow(
      'none of the 1 photographs can be used: 1 undecodable',
    )
    expect(readdirSync(out)).toEqual([])
    await expect(prepare({ out: join(broken, 'x') })).rejects.toThrow(
      /cannot write .*: a part of the path is not/,
    )
  })
})

describe('originsOfRecords', () => {
  it('says where class vectors come from', async () => {
    await prepare()
    expect(await originsOfRecords(out)).toEqual([origin, other])
    await prepareRecords(paths, { out })
    expect(await originsOfRecords(out)).toEqual([])
    rmSync(out, { recursive: true })
    await expect(originsOfRecords(out)).rejects.toMatchObject({ trouble: 'weights' })
  })
})

describe('openRecords', () => {
  it.each(['int8', 'float32'] as const)(
    'gives what the photographs themselves give, colours as %s',
    async (ab) => {
      await prepare({ ab })
      const classVectors = [{ of: vectorOf }, { of: otherVectorOf }]
      const own = await batches(4)
      const direct = await batches(4, {}, () => openPhotos(paths, full({ classVectors })))
      expect(own.length).toBe(5)
      own.taken.forEach((batch, n) => {
        const want = direct.taken[n]!
        const { epoch, position, lastOfEpoch, features } = batch
        expect({ epoch, position, lastOfEpoch, features }).toEqual({
          epoch: want.epoch,
          position: want.position,
          lastOfEpoch: want.lastOfEpoch,
          features: want.features,
        })
        expect(rms(batch.L, want.L)).toBeLessThan(0.3 / 50) // half a grey level
        expect(rms(batch.ab, want.ab)).toBeLessThan(0.6) // half a unit of ab, and sRGB levels again
      })
    },
  )

  it('leaves the padding out when it crops, and makes it again when it pads', async () => {
    await prepare()
    const cropped = await batches(3, { augment: false })
    expect(cropped.taken.some(({ L }) => L.includes(1))).toBe(false)
    const padded = await batches(1, { augment: false, fit: 'pad' })
    expect(padded.taken[0]!.L.subarray(0, 64 * 10).every((v) => v === 1)).toBe(true)
  })

  it('gives the same bits whatever the number of workers', async () => {
    await prepare()
    expect(await batches(5, { workers: 2, ahead: 4 })).toEqual(await batches(5, { ahead: 1 }))
  })

  const shard = (n: number) => join(out, `photos-0000${n}-of-00003.tfrecord`)
  it.each<[string, () => unknown, RegExp]>([
    ['no folder', () => rmSync(out, { recursive: true }), /cannot read .*records: no such file/],
    ['no records', () => [0, 1, 2].map((n) => rmSync(shard(n))), /there are no records .* in it; make some/],
    ['a missing shard', () => rmSync(shard(1)), /1 of its 3 shards are missing, photos-00001-of-00003/],
    [
      'two sets',
      () => renameSync(shard(2), shard(2).replace('00003.', '00004.')),
      /shards of 2 different sets/,
    ],
    ['empty shards', () => [0, 1, 2].map((n) => truncateSync(shard(n))), /its shards hold no records/],
    ['a truncated shard', () => truncateSync(shard(2), 1000), /00002-of-00003.tfrecord: it is truncated/],
    ['a corrupt length', () => flip(shard(0), 3), /the length of record 0 at byte 0 is corrupt/],
    [
      'another version',
      () => writeFileSync(join(out, 'manifest.json'), '{"version": 7}'),
      /they are of version 7, this program reads 1; prepare them again/,
    ],
    ['corrupt data', () => flip(shard(0), 5000), /the data of the record at byte 0 is corrupt/],
  ])('%s is one clear sentence with exit code 4', async (_, spoil, message) => {
    await prepare()
    spoil()
    const error = expect.objectContaining({
      name: 'UserError',
      trouble: 'weights',
      message: expect.stringMatching(message),
    })
    await expect(batches(5)).rejects.toEqual(error)
  })

  it('leaves damaged records out where somebody is told, to the same bits whenever it finds out', async () => {
    await prepare({ shardSize: 2, classifiers: [classifier] })
    expect((await batches(1)).length).toBe(5)
    flip(shard(0), 5000) // the first record's data
    truncateSync(shard(1), statSync(shard(1)).size - 10) // the end of the fourth
    const reported: string[] = []
    const onUndecodable = (reason: string) => void reported.push(reason)
    const { taken, length } = await batches(6, { onUndecodable, batch: 1 })
    expect(length).toBe(4) // the data of a record is looked at when its turn comes
    expect(reported).toEqual([
      expect.stringMatching(
        /00001-of-00003\.tfrecord: it is truncated.*record 1.*; 1 records before that are used/,
      ),
      expect.stringMatching(/00000-of-00003\.tfrecord: the data of the record at byte 0 is corrupt/),
    ])
    const brightnessOf = async (n: number) => (await vectorOf(paths[n]!))[0]
    const whole = await Promise.all([1, 2, 4].map(brightnessOf))
    expect(new Set(taken.map(({ features }) => features[0]))).toEqual(new Set(whole))
    const source = await openRecords(out, full({ onUndecodable: () => {}, batch: 1, workers: 2 }))
    for await (const batch of source.batches(taken[3]!)) {
      expect(batch).toEqual(taken[4])
      break
    }
    await source.close()
  })

  it('says so when no record is whole', async () => {
    await prepare({ shardSize: 2 })
    for (const n of [0, 1, 2]) truncateSync(shard(n), 1000)
    await expect(batches(1, { onUndecodable: () => {} })).rejects.toMatchObject({
      trouble: 'weights',
      message: /no records/,
    })
    expect(await originsOfRecords(out)).toEqual([])
  })

  it('a network of another number of classes is refused', async () => {
    await prepare()
    await expect(batches(1, { classes: 10 })).rejects.toMatchObject({
      trouble: 'weights',
      message: 'a class vector has 1000 classes where the network takes 10',
    })
  })
})

function rms(a: Float32Array, b: Float32Array): number {
  return Math.sqrt(a.reduce((sum, v, i) => sum + (v - b[i]!) ** 2, 0) / a.length)
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at]! ^= 4
  writeFileSync(path, bytes)
}
