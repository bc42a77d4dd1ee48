import { createHash } from 'node:crypto'
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { decodeRecord } from '../src/io/records.ts'
import { prepareRecords } from '../src/node/data/prepare.ts'
import { traitsOfRecords } from '../src/node/data/shards.ts'
import { writeImage } from '../src/node/image.ts'
import { lockText } from './locks.ts'
import {
  batches,
  broken,
  classifier,
  contents,
  folder,
  labels,
  OTHERS,
  opposite,
  origin,
  other,
  otherVectorOf,
  out,
  paths,
  photo,
  prepare,
  recordsIn,
  shardNames,
  usePictures,
  vectorOf,
} from './prepared.ts'

usePictures()

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

  it('does not append to a shard of which a failing disk has lost a part', async () => {
    const abort = new AbortController()
    const stop = (done: number) => done === 8 && abort.abort()
    const set = [broken, broken, broken, broken, ...paths] // the last shard gets the ninth, too
    const stopped = prepare({ shardSize: 3, signal: abort.signal, onProgress: stop }, set)
    await expect(stopped).rejects.toThrow('interrupted after 8 of 9')
    const shard = join(out, 'unfinished', 'photos-00002-of-00003.tfrecord')
    truncateSync(shard, 1000)
    await expect(prepare({ shardSize: 3 }, set)).rejects.toThrow(
      /00002-of-00003\.tfrecord has 1000 bytes instead of \d+; remove/,
    )
    expect(statSync(shard).size).toBe(1000)
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
    writeFileSync(join(out, 'prepare.lock'), lockText())
    await expect(prepare()).rejects.toThrow(/process \d+ is at work on .*records; wait for it/)
    writeFileSync(join(out, 'prepare.lock'), lockText({ pid: 999999999 }))
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

describe('traitsOfRecords', () => {
  it('says how large the pictures are and where class vectors come from', async () => {
    await prepare()
    expect(await traitsOfRecords(out)).toEqual({ size: 299, origins: [origin, other], taps: null })
    await prepareRecords(paths, { out })
    expect(await traitsOfRecords(out)).toEqual({ size: 299, origins: [], taps: null })
    rmSync(out, { recursive: true })
    await expect(traitsOfRecords(out)).rejects.toMatchObject({ trouble: 'weights' })
  })
})
