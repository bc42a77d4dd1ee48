import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import type { Photo } from '../src/color/photo.ts'
import { inputOf } from '../src/infer/classifier-input.ts'
import { readAtOf } from '../src/io/read-at.ts'
import { decodeRecord } from '../src/io/records.ts'
import { readRecords } from '../src/io/tfrecord.ts'
import { openRecords, type SourceOptions } from '../src/node/data/dataset.ts'
import { type PrepareOptions, prepareRecords } from '../src/node/data/prepare.ts'
import { isShard } from '../src/node/data/shards.ts'
import { readPhoto, sharpResize, writeImage } from '../src/node/image.ts'
import type { Batch } from '../src/train/batches.ts'

/** Five pictures, two classifiers, and the record sets that are made of them: what the tests of both ends share. */

export const folder = mkdtempSync(join(tmpdir(), 'prepare-'))
export const out = join(folder, 'records')

/** A smooth picture as large as a record, so that nothing is scaled on the way. */
export function photo(n: number): Photo {
  const [width, height] = [299, 200]
  const rgb = new Uint8Array(3 * width * height)
  for (let i = 0; i < width * height; i++)
    rgb.set([40 + 30 * n, 60 + (i % width) / 2, 200 - Math.floor(i / width) / 2], 3 * i)
  return { width, height, rgb }
}
export const paths = Array.from({ length: 5 }, (_, n) => join(folder, `${n}.png`))
export const broken = join(folder, 'broken.jpg')

/** Makes the pictures, and removes them at the end. Every file calls it, since several may share this module. */
export function usePictures(): void {
  beforeAll(async () => {
    mkdirSync(folder, { recursive: true })
    for (const [n, path] of paths.entries()) await writeImage(path, photo(n))
    writeFileSync(broken, 'not a picture')
  })
  beforeEach(() => rmSync(out, { recursive: true, force: true }))
  afterAll(() => rmSync(folder, { recursive: true }))
}

export const origin = { classifier: 'mine.onnx', sha256: 'c0ffee', fit: 'pad' } as const
/** A classifier that sees how bright the middle of the picture is. */
const brightness = (input: Float32Array) => new Float32Array(1000).fill(input[(SEEN * SEEN * 3) / 2]!)
const SEEN = 8
export const classifier = {
  ...{ size: SEEN, origin },
  probabilities: async (inputs: readonly Float32Array[]) => inputs.map(brightness),
}
export const vectorOf = async (path: string) =>
  brightness(await inputOf(await readPhoto(path), { size: SEEN, fit: 'pad', resize: sharpResize }))
/** Another, with a larger square, that sees the opposite. */
export const other = { classifier: 'other.onnx', sha256: 'decaf', fit: 'pad' } as const
export const opposite = {
  ...{ size: 2 * SEEN, origin: other },
  probabilities: async (inputs: readonly Float32Array[]) =>
    inputs.map((input) => new Float32Array(1000).fill(-input[(2 * SEEN * 2 * SEEN * 3) / 2]!)),
}
export const otherVectorOf = async (path: string) =>
  (
    await opposite.probabilities([
      await inputOf(await readPhoto(path), { size: 2 * SEEN, fit: 'pad', resize: sharpResize }),
    ])
  )[0]!
export const prepare = (options: Partial<PrepareOptions> = {}, set = paths) =>
  prepareRecords(set, { out, shardSize: 2, workers: 1, classifiers: [classifier, opposite], ...options })
export const shardNames = (count: number) =>
  Array.from({ length: count }, (_, n) => `photos-0000${n}-of-0000${count}.tfrecord`)
export const OTHERS = ['manifest.json', 'skipped.txt', 'sources.txt']
/** Every file of the set, byte by byte. */
export const contents = (from = out) =>
  Object.fromEntries(readdirSync(from).map((name) => [name, readFileSync(join(from, name), 'latin1')]))
export const recordsIn = (name: string) => readRecords(readAtOf(readFileSync(join(out, name)), name))
export async function labels(): Promise<string[]> {
  const found: string[] = []
  for (const name of readdirSync(out).filter(isShard).sort())
    for await (const data of recordsIn(name)) found.push(decodeRecord(data, name).label)
  return found
}

export const OPTIONS: SourceOptions = {
  size: 64,
  batch: 2,
  seed: 3,
  classes: 1000,
  augment: true,
  fit: 'crop',
  workers: 1,
}

export async function batches(
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
export const full = (options: Partial<SourceOptions>) => ({ ...OPTIONS, ...options })
