import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { uniform4 } from '../src/random.ts'
import { onFullDisk } from './full-disk.ts'
import { succeeded } from './kill.ts'
import { launch, run, type Started, start } from './program.ts'
import { refused } from './refused.ts'

const PHOTOS = 20
const KILLS = 3
const SEED = 7

const folder = mkdtempSync(join(tmpdir(), 'prepare-cli-'))
const [photos, whole, killed] = ['photos', 'whole', 'killed'].map((name) => join(folder, name))
const prepareInto = (out: string) => {
  const options = '--classifier none --shard-size 2 --workers 1 --quiet --out'.split(' ')
  return ['prepare', photos!, ...options, out]
}
const contents = (out: string) =>
  Object.fromEntries(readdirSync(out).map((name) => [name, readFileSync(join(out, name), 'latin1')]))

beforeAll(async () => {
  mkdirSync(photos!)
  for (let n = 0; n < PHOTOS; n++) {
    const path = join(photos!, `${10 + n}.jpg`)
    copyFileSync('samples/photos/cat.jpg', path)
    appendFileSync(path, String(n)) // what follows a JPEG's end means nothing, but makes it another file
  }
  succeeded(await run(prepareInto(whole!)))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('prepare', () => {
  it('ends in the same bytes however often it is killed, and nothing unfinished has a final name', async () => {
    const journal = join(killed!, 'unfinished', 'journal.jsonl')
    const done: number[] = []
    for (let n = 0; n < KILLS; n++) {
      const [photographs, milliseconds] = uniform4(SEED, 0, n)
      const preparing = start(prepareInto(killed!))
      await reaches(journal, (done.at(-1) ?? 0) + 1 + Math.floor(4 * photographs), preparing)
      await sleep(20 * milliseconds)
      preparing.child.kill('SIGKILL')
      expect((await preparing.ended).code).toBe('SIGKILL')
      done.push(linesOf(journal))
      expect(readdirSync(killed!).sort()).toEqual(['prepare.lock', 'unfinished'])
    }
    expect(new Set([0, ...done, PHOTOS]).size).toBe(KILLS + 2) // each run went on, none was through
    succeeded(await run(prepareInto(killed!)))
    expect(contents(killed!)).toEqual(contents(whole!))
  })

  it('names the file when the disk is full, and goes on to the same bytes once there is room', async () => {
    const filler = join(folder, 'filler')
    writeFileSync(filler, Buffer.alloc(2_000_000)) // leaves room for three records, and a part of the fourth
    const { command, out, after } = await onFullDisk(folder, filler)
    const shard = /cannot write .*unfinished.photos-00001-of-00010\.tfrecord: the disk is full/
    refused(await launch(prepareInto(out), { command }), 1, shard)
    rmSync(join(after, 'filler'))
    expect(readdirSync(after)).toEqual(['unfinished'])
    expect(linesOf(join(after, 'unfinished', 'journal.jsonl'))).toBe(3)
    succeeded(await run(prepareInto(after)))
    expect(contents(after)).toEqual(contents(whole!))
  })
})

/** Photographs that the journal knows; its first line says which set it is. */
const linesOf = (journal: string) =>
  existsSync(journal) ? Math.max(0, readFileSync(journal, 'utf8').split('\n').length - 2) : 0

async function reaches(journal: string, photographs: number, { child, ended }: Started): Promise<void> {
  while (linesOf(journal) < photographs) {
    if (child.exitCode !== null) throw new Error(`it ended too early:\n${(await ended).stderr}`)
    await sleep(2)
  }
}
