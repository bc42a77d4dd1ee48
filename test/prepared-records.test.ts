import { readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openPhotos, openRecords } from '../src/node/data/dataset.ts'
import { traitsOfRecords } from '../src/node/data/shards.ts'
import {
  batches,
  classifier,
  full,
  otherVectorOf,
  out,
  paths,
  prepare,
  usePictures,
  vectorOf,
} from './prepared.ts'

usePictures()

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
  ])('%s is one clear sentence about weights', async (_, spoil, message) => {
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
    expect(await traitsOfRecords(out)).toBe(null)
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
