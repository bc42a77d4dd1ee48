import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Batch, openPhotos, openRecords, type SourceOptions } from '../src/io/dataset.ts'
import { type Photo, writeImage } from '../src/io/image.ts'
import { decodeRecord } from '../src/io/records.ts'
import { originOfRecords } from '../src/io/shards.ts'
import { readRecords } from '../src/io/tfrecord.ts'
import { type PrepareOptions, prepareRecords } from '../src/prepare.ts'

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

const vectorOf = (path: string) => new Float32Array(1000).fill(paths.indexOf(path) + 1)
const origin = { classifier: 'mine.onnx', sha256: 'c0ffee', fit: 'pad' } as const
const classVector = (_photo: Photo, path: string) => ({ probabilities: vectorOf(path), origin })
const prepare = (options: Partial<PrepareOptions> = {}, set = paths) =>
  prepareRecords(set, { out, shardSize: 2, classVector, ...options })

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
  it('writes the shards it announces, records in the photographs’ order, and leaves out the undecodable', async () => {
    const [progress, skipped]: [number[], string[]] = [[], []]
    const set = [...paths.slice(0, 2), broken, ...paths.slice(2)]
    const prepared = await prepare(
      { onProgress: (done) => progress.push(done), onSkipped: (path) => skipped.push(path) },
      set,
    )
    const names = [0, 1, 2].map((n) => `photos-0000${n}-of-00003.tfrecord`)
    expect(readdirSync(out)).toEqual(names)
    expect(prepared).toEqual({
      records: 5,
      shards: names.map((name) => join(out, name)),
      skipped: [{ path: broken, reason: expect.stringContaining('broken.jpg is not an image') }],
    })
    expect([progress, skipped]).toEqual([[1, 2, 3, 4, 5, 6], [broken]])
    const labels = []
    for (const name of names)
      for await (const data of readRecords(join(out, name))) {
        const { label, size, content, embedding } = decodeRecord(data, name)
        labels.push(label)
        expect({ size, content }).toEqual({ size: 299, content: { x: 0, y: 49, width: 299, height: 200 } })
        expect(embedding).toEqual(new Float32Array(1000).fill(labels.length))
      }
    expect(labels).toEqual(['0.png', '1.png', '2.png', '3.png', '4.png'])
  })

  it('replaces an older set, whatever its number of shards, and only once the new one is whole', async () => {
    await prepare({ shardSize: 1 })
    const old = readdirSync(out)
    const abort = new AbortController()
    const stopped = prepare({ signal: abort.signal, onProgress: () => abort.abort() })
    await expect(stopped).rejects.toMatchObject({ name: 'UserError', code: 130 })
    expect(readdirSync(out)).toEqual(old)
    writeFileSync(join(out, 'photos-00000-of-00009.tfrecord.1.part'), 'of a run that was killed')
    await prepare({ shardSize: 4 })
    expect(readdirSync(out)).toEqual([0, 1].map((n) => `photos-0000${n}-of-00002.tfrecord`))
  })

  it('says so when nothing can be decoded or written', async () => {
    await expect(prepare({}, [broken])).rejects.toThrow('none of the 1 photographs can be decoded')
    expect(readdirSync(out)).toEqual([])
    await expect(prepare({ out: join(broken, 'x') })).rejects.toThrow(
      /cannot write .*: a part of the path is not/,
    )
    await expect(prepare({ shardSize: 0 })).rejects.toMatchObject({ code: 2 })
  })
})

describe('originOfRecords', () => {
  it('says where class vectors come from', async () => {
    await prepare()
    expect(await originOfRecords(out)).toEqual(origin)
    await prepareRecords(paths, { out })
    expect(await originOfRecords(out)).toBe(null)
    rmSync(out, { recursive: true })
    await expect(originOfRecords(out)).rejects.toMatchObject({ code: 4 })
  })
})

describe('openRecords', () => {
  it.each(['int8', 'float32'] as const)(
    'gives what the photographs themselves give, colours as %s',
    async (ab) => {
      await prepare({ ab })
      const classVectors = { of: async (path: string) => vectorOf(path) }
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
    ['corrupt data', () => flip(shard(0), 5000), /the data of the record at byte 0 is corrupt/],
  ])('%s is one clear sentence with exit code 4', async (_, spoil, message) => {
    await prepare()
    spoil()
    const error = expect.objectContaining({
      name: 'UserError',
      code: 4,
      message: expect.stringMatching(message),
    })
    await expect(batches(5)).rejects.toEqual(error)
  })

  it('a network of another number of classes is refused', async () => {
    await prepare()
    await expect(batches(1, { classes: 10 })).rejects.toMatchObject({
      code: 4,
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
