import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from '../src/cli/commands/command.ts'
import { findClassVectors, findData } from '../src/cli/commands/training-data.ts'
import { TRAIN_OPTIONS } from '../src/cli/commands/training-options.ts'
import { encodeRecord } from '../src/io/records.ts'
import { openRecords, type RecordFolder } from '../src/node/data/dataset.ts'
import { RecordSet } from '../src/node/data/record-set.ts'
import { epochOrder } from '../src/random.ts'
import { mixedOrder, quotasOf } from '../src/train/mixture.ts'
import { batches, classifier, folder, full, out, paths, prepare, usePictures } from './prepared.ts'

usePictures()

const counted = (order: Iterable<number>, length: number) => {
  const counts = new Array<number>(length).fill(0)
  for (const index of order) counts[index]!++
  return counts
}

describe('mixedOrder', () => {
  const parts = [
    { length: 10, weight: 1 },
    { length: 30, weight: 3 },
    { length: 4, weight: 1 },
  ]

  it('takes of each part as many samples as its weight says, as many in all as there are', () => {
    expect(quotasOf(parts)).toEqual([9, 26, 9]) // 8.8, 26.4, 8.8
    expect(quotasOf([{ length: 7, weight: 0.5 }])).toEqual([7])
    for (const epoch of [0, 5]) {
      const counts = counted(mixedOrder(3, epoch, parts), 44)
      const sums = [counts.slice(0, 10), counts.slice(10, 40), counts.slice(40)].map((part) =>
        part.reduce((a, b) => a + b),
      )
      expect(sums).toEqual([9, 26, 9])
    }
  })

  it('shows every sample of a part equally often, epoch after epoch', () => {
    const epochs = Array.from({ length: 10 }, (_, epoch) => [...mixedOrder(3, epoch, parts)])
    const counts = counted(epochs.flat(), 44)
    expect(new Set(counts.slice(0, 10))).toEqual(new Set([9]))
    expect(new Set(counts.slice(10, 40))).toEqual(new Set([8, 9])) // 260 of 30
    expect(new Set(counts.slice(40))).toEqual(new Set([22, 23])) // 90 of 4
  })

  it('is decided by seed and epoch, and mixes the parts', () => {
    const order = mixedOrder(3, 1, parts)
    expect(mixedOrder(3, 1, parts)).toEqual(order)
    expect(mixedOrder(3, 2, parts)).not.toEqual(order)
    expect(mixedOrder(4, 1, parts)).not.toEqual(order)
    const isSecond = [...order].map((index) => index >= 10 && index < 40)
    expect(isSecond.slice(0, 22).filter(Boolean).length).toBeGreaterThan(6)
    expect(isSecond.slice(22).filter(Boolean).length).toBeGreaterThan(6)
    expect(isSecond.join()).not.toBe([...mixedOrder(3, 2, parts)].map((i) => i >= 10 && i < 40).join())
  })
})

/** Two sets: `first` of the photographs 0 and 1, `second` of the others. */
const [first, second] = ['first', 'second'].map((name) => join(folder, name)) as [string, string]
async function prepareBoth(options: Parameters<typeof prepare>[0] = {}) {
  for (const each of [first, second]) rmSync(each, { recursive: true, force: true })
  await prepare({ out: first, classifiers: [classifier] }, paths.slice(0, 2))
  await prepare({ out: second, classifiers: [classifier], ...options }, paths.slice(2))
}
const open = (folders: readonly RecordFolder[]) => () =>
  openRecords(folders, full({ batch: 1, augment: false }))

/** How often each photograph was shown, by its red level. */
async function shownIn(folders: readonly RecordFolder[], count: number) {
  const { taken, length } = await batches(count, {}, open(folders))
  const first = new Map<number, number>()
  for (const { features } of taken) first.set(features[0]!, (first.get(features[0]!) ?? 0) + 1)
  return { length, counts: [...first].sort(([a], [b]) => a - b).map(([, count]) => count), taken }
}

describe('records from several folders', () => {
  it('are all shown once in an epoch when they have no weights', async () => {
    await prepareBoth()
    const { length, counts, taken } = await shownIn([{ folder: first }, { folder: second }], 5)
    expect([length, counts]).toEqual([5, [1, 1, 1, 1, 1]])
    await prepare({ classifiers: [classifier] }) // all five in one folder, in the same order
    const { taken: ofOne } = await batches(5, {}, open([{ folder: out }]))
    expect(taken).toEqual(ofOne)
    expect([...epochOrder(3, 0, 5)]).not.toEqual([0, 1, 2, 3, 4])
  })

  it('are mixed by their weights, and go on from any place to the same bits', async () => {
    await prepareBoth()
    const folders = [
      { folder: first, weight: 4 },
      { folder: second, weight: 1 },
    ]
    const { length, counts, taken } = await shownIn(folders, 15) // three epochs, of each 4 and 1
    expect([length, counts]).toEqual([5, [6, 6, 1, 1, 1]])
    const source = await open(folders)()
    for (const place of [3, 7]) {
      for await (const batch of source.batches(taken[place]!)) {
        expect(batch).toEqual(taken[place + 1])
        break
      }
    }
    await source.close()
  })

  it.each<[string, number[], RegExp]>([
    ['0', [1, 0], /either each has a weight above 0/],
    ['missing', [1], /either each has a weight above 0/],
    ['too small', [1, 0.01], /no record of .*second would be shown in an epoch/],
  ])('a weight that is %s is refused', async (_, weights, message) => {
    await prepareBoth()
    const folders = [first, second].map((folder, i) =>
      weights[i] === undefined ? { folder } : { folder, weight: weights[i] },
    )
    await expect(open(folders)()).rejects.toMatchObject({ trouble: 'usage', message })
  })
})

describe('train --records, given several times', () => {
  const flagsOf = (...given: string[]) =>
    parse(
      given.flatMap((text) => ['--records', text]),
      TRAIN_OPTIONS,
    ).flags
  const dataOf = (...given: string[]) => findData([], flagsOf(...given))
  const vectorsOf = async (given: string[], ...more: string[]) => {
    const { flags } = parse([...given.flatMap((text) => ['--records', text]), ...more], TRAIN_OPTIONS)
    return findClassVectors(flags, await findData([], flags), undefined)
  }

  it('says folders and weights', async () => {
    await prepareBoth()
    expect((await dataOf(`${first}:3`, `${second}:0.5`)).folders).toEqual([
      { folder: first, weight: 3 },
      { folder: second, weight: 0.5 },
    ])
    expect((await dataOf(`${first}:3`)).folders).toEqual([{ folder: first }]) // of one folder all is taken
    expect((await dataOf('C:\\mine')).folders).toEqual([{ folder: 'C:\\mine' }])
  })

  it('another weight, order or folder makes it another training, another place of the same folder does not', async () => {
    await prepareBoth()
    const given = [
      [first, second],
      [`${first}:1`, `${second}:1`],
      [`${first}:2`, `${second}:1`],
      [second, first],
      [first],
    ]
    const identities = await Promise.all(given.map(async (each) => (await dataOf(...each)).identity))
    expect(new Set(identities).size).toBe(given.length)
    const moved = join(folder, 'moved')
    cpSync(first, moved, { recursive: true })
    expect((await dataOf(moved, second)).identity).toBe(identities[0])
  })

  it.each<[string[], RegExp]>([
    [[`${first}:0`, second], /^--records .*first:0: expected a number above 0$/],
    [[`${first}:-1`, second], /first:-1: expected a number above 0/],
    [[`${first}:1`, second], /second has no weight: give all folders weights \(DIR:WEIGHT\) or none/],
    [[first, first], /first is given twice: a greater weight shows it more often/],
  ])('%j is refused', async (given, message) => {
    await expect(dataOf(...given)).rejects.toMatchObject({ trouble: 'usage', message })
  })

  it('a folder that is not there, other class vectors and other sizes are one sentence about weights', async () => {
    await prepareBoth({ classifiers: [] })
    const refusal = (message: RegExp) => ({ trouble: 'weights', message: expect.stringMatching(message) })
    await expect(vectorsOf([first, join(folder, 'none')])).rejects.toMatchObject(
      refusal(/none: no such file or folder/),
    )
    await expect(vectorsOf([first, second])).rejects.toMatchObject(
      refusal(
        /first have class vectors of mine\.onnx \(pad\) and those in .*second have no class vectors: prepare them alike, or train with --classifier none/,
      ),
    )
    expect((await vectorsOf([first, second], '--classifier', 'none')).origins).toEqual([])
    const small = join(folder, 'small')
    const set = await RecordSet.open(small, ['a'], { shardSize: 1, ab: 'int8', minSide: 1, classVectors: [] })
    const picture = { size: 8, gray: new Uint8Array(64), ab: new Float32Array(128) }
    const content = { x: 0, y: 0, width: 8, height: 8 }
    await set.add(encodeRecord({ ...picture, content, label: 'a', vectors: [] }, 'int8'), '0'.repeat(64))
    await set.publish()
    await expect(vectorsOf([second, small], '--classifier', 'none')).rejects.toMatchObject(
      refusal(/second are of 299 px and those in .*small of 8 px: prepare them alike/),
    )
  })
})
