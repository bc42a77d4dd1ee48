/**
 * A set of record shards that is being written. Everything lies in the folder `unfinished` below the set's own until it
 * is whole. A journal says, a line each, what became of every photograph, so that a run which was killed goes on where it
 * stopped, and a folder has the old set or the new one. Of a photograph only the checksum is kept in memory, to know its
 * twin by; the rest is read from the journal again:
 *
 *   photos-00000-of-00032.tfrecord …   the records
 *   manifest.json                      counts, settings, where class vectors come from, checksums of the shards
 *   sources.txt                        for each record the checksum of the photograph's file, and its path
 *   skipped.txt                        for each photograph that was left out why
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../../errors.ts'
import type { RecordTaps } from '../../io/record-taps.ts'
import type { AbEncoding } from '../../io/records.ts'
import { frameOf } from '../../io/tfrecord.ts'
import type { ClassVectorOrigin } from '../../model/classifier.ts'
import type { Content } from '../files.ts'
import { makeFolder, saveFile } from '../save.ts'
import { sha256File } from '../store/fetch.ts'
import { codeOf, fileTrouble } from '../trouble.ts'
import { Digests } from './digests.ts'
import { SKIPS, type Skip } from './sample.ts'
import { isShard, MANIFEST, SET_VERSION, SOURCES, shardName, UNFINISHED } from './shards.ts'

/** Characters that are written at once. */
const CHUNK = 2 ** 16
const [JOURNAL, SKIPPED] = ['journal.jsonl', 'skipped.txt'] as const

export interface SetSettings {
  /** Photographs a shard. */
  readonly shardSize: number
  readonly ab: AbEncoding
  /** Photographs with a shorter side are left out, in pixels. */
  readonly minSide: number
  readonly classVectors: readonly ClassVectorOrigin[]
  /** What a trunk saw of the photographs is in the records, too. */
  readonly taps?: TapSettings
}

export interface TapSettings extends Omit<RecordTaps, 'views'> {
  /** Of each photograph. */
  readonly views: number
}

export interface Manifest extends SetSettings {
  readonly version: number
  readonly photographs: number
  readonly records: number
  readonly skipped: Readonly<Record<Skip, number>>
  readonly shards: readonly {
    readonly file: string
    readonly records: number
    readonly bytes: number
    readonly sha256: string
  }[]
}

/** What became of a photograph: its record, whose shard ends behind it, or why there is none. */
export type Entry =
  | { readonly sha256: string; readonly end: number }
  | { readonly skip: Skip; readonly reason: string }

function entryIn(line: string): Entry | null {
  try {
    const { sha256, end, skip, reason } = JSON.parse(line)
    if (/^[0-9a-f]{64}$/.test(sha256) && Number.isSafeInteger(end)) return { sha256, end }
    return SKIPS.includes(skip) && typeof reason === 'string' ? { skip, reason } : null
  } catch {
    return null
  }
}

/** A set that the photographs, or the files that are there, do not allow: to try again ends the same. */
export class ImpossibleSet extends UserError {}

/** Writes the records of `paths` in their order. Throws a `UserError` when the file system refuses; what is written stays. */
export class RecordSet {
  readonly #folder: string
  #done = 0
  readonly #skipped = Object.fromEntries(SKIPS.map((skip) => [skip, 0])) as Record<Skip, number>
  readonly #digests: Digests
  /** Of each shard. */
  readonly #records: Uint32Array
  readonly #bytes: Float64Array
  #journal: FileHandle | null = null
  #shard: {
    readonly number: number
    readonly name: string
    readonly file: FileHandle
    bytes: number
  } | null = null

  private constructor(
    private readonly out: string,
    private readonly paths: readonly string[],
    readonly settings: SetSettings,
  ) {
    this.#folder = join(out, UNFINISHED)
    this.#digests = new Digests(paths.length)
    this.#records = new Uint32Array(this.#shardCount)
    this.#bytes = new Float64Array(this.#shardCount)
  }

  /** Continues what an earlier run has left of the same set in `out`, or begins anew. */
  static async open(out: string, paths: readonly string[], settings: SetSettings): Promise<RecordSet> {
    const set = new RecordSet(out, paths, settings)
    await makeFolder(set.#folder)
    await set.#orTrouble(set.#restore())
    return set
  }

  /** Photographs whose fate is known; the next one has this index. */
  get done(): number {
    return this.#done
  }

  get counts(): { readonly records: number; readonly skipped: Record<Skip, number> } {
    return { records: this.#records.reduce((a, b) => a + b, 0), skipped: { ...this.#skipped } }
  }

  /** Leaves the next photograph out if its file is the same as that of one in the set. Returns whether it is. */
  async skipTwin(sha256: string): Promise<boolean> {
    const twin = this.#digests.indexOf(sha256)
    if (twin === undefined) return false
    await this.skip('duplicate', `${this.paths[this.#done]} is the same file as ${this.paths[twin]}`)
    return true
  }

  /** Adds the next photograph's record. */
  async add(record: Uint8Array, sha256: string): Promise<void> {
    await this.#orTrouble(this.#write(record, sha256))
  }

  /** Leaves the next photograph out. */
  async skip(skip: Skip, reason: string): Promise<void> {
    await this.#orTrouble(this.#note({ skip, reason }))
  }

  /** What became of each photograph so far, in their order. */
  async *entries(): AsyncGenerator<Entry, void> {
    let isFirst = true // the first line is the identity
    for await (const line of linesOf(join(this.#folder, JOURNAL))) {
      if (!isFirst) yield JSON.parse(line)
      isFirst = false
    }
  }

  /** Where a shard lies until the set is published. */
  shardPath(number: number): string {
    return join(this.#folder, shardName(number, this.#shardCount))
  }

  /** Returns once what is written would survive a power cut. */
  async sync(): Promise<void> {
    for (const file of [this.#shard?.file, this.#journal])
      await this.#orTrouble(file?.sync() ?? Promise.resolve())
  }

  /** Closes the files; what is written stays for a later run. */
  async close(): Promise<void> {
    const files = [this.#shard?.file, this.#journal].filter((file) => file != null)
    this.#shard = null
    this.#journal = null
    const closed = await Promise.allSettled(files.map((file) => file.close()))
    for (const one of closed) if (one.status === 'rejected') await this.#orTrouble(Promise.reject(one.reason))
  }

  /** Removes what was written. */
  async discard(): Promise<void> {
    await this.close()
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** When all photographs are done: puts the set in the place of an older one. */
  async publish(): Promise<Manifest> {
    await this.close()
    return this.#orTrouble(this.#publish())
  }

  get #shardCount(): number {
    return Math.ceil(this.paths.length / this.settings.shardSize)
  }

  /** Two runs with one identity write the same set. */
  get #identity(): string {
    const hash = createHash('sha256').update(JSON.stringify([SET_VERSION, this.settings]))
    for (const path of this.paths) hash.update(`\n${path}`)
    return hash.digest('hex')
  }

  async #restore(): Promise<void> {
    const path = join(this.#folder, JOURNAL)
    const identity = this.#identity
    let kept = 0
    for await (const line of linesOf(path)) {
      const entry = kept > 0 && entryIn(line)
      if (kept > 0 ? !entry : line !== identity) break // what lies behind a damaged line is done again
      if (entry) this.#take(entry)
      kept += Buffer.byteLength(line) + 1
    }
    if (kept === 0)
      for (const name of await readdir(this.#folder)) await rm(join(this.#folder, name), { recursive: true })
    this.#journal = await open(path, 'a')
    await this.#journal.truncate(kept)
    if (kept === 0) await this.#journal.writeFile(`${identity}\n`)
  }

  #take(entry: Entry): void {
    const index = this.#done++
    if ('skip' in entry) {
      this.#skipped[entry.skip]++
      return
    }
    const shard = Math.floor(index / this.settings.shardSize)
    this.#records[shard]!++
    this.#bytes[shard] = entry.end
    this.#digests.add(entry.sha256, index)
  }

  async #write(record: Uint8Array, sha256: string): Promise<void> {
    const shard = await this.#shardFor(this.done)
    const { header, footer } = frameOf(record)
    for (const piece of [header, record, footer]) {
      await this.#append(shard, piece)
      shard.bytes += piece.length
    }
    await this.#note({ sha256, end: shard.bytes })
  }

  async #note(entry: Entry): Promise<void> {
    await this.#append({ name: JOURNAL, file: this.#journal! }, `${JSON.stringify(entry)}\n`)
    this.#take(entry)
  }

  async #append({ name, file }: { name: string; file: FileHandle }, what: Uint8Array | string) {
    await this.#orTrouble(file.writeFile(what), name)
  }

  /** The open shard of photograph `index`, cut off behind the last record that the journal knows. */
  async #shardFor(index: number) {
    const number = Math.floor(index / this.settings.shardSize)
    if (this.#shard?.number === number) return this.#shard
    await this.#shard?.file.sync()
    await this.#shard?.file.close()
    this.#shard = null
    const name = shardName(number, this.#shardCount)
    const path = join(this.#folder, name)
    const bytes = this.#bytes[number]!
    const size = (await stat(path).catch(() => null))?.size ?? 0
    if (size < bytes) throw this.#lost(path, size, bytes) // to truncate would fill it up with zeros
    const file = await open(path, 'a')
    await file.truncate(bytes)
    this.#shard = { number, name, file, bytes }
    return this.#shard
  }

  async #publish(): Promise<Manifest> {
    const names = Array.from(this.#bytes, (_, n) => shardName(n, this.#shardCount))
    // a shard of photographs that were all left out is there, too, and empty
    for (const [n, name] of names.entries())
      if (this.#bytes[n] === 0) await this.#place(name, new Uint8Array())
    const manifest = await this.#manifest(names)
    await this.#place(MANIFEST, Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`))
    for (const [name, line] of [
      [SOURCES, (entry, path) => ('sha256' in entry ? `${entry.sha256}  ${path}\n` : '')],
      [SKIPPED, (entry) => ('skip' in entry ? `${entry.skip}: ${entry.reason}\n` : '')],
    ] as [string, (entry: Entry, path: string) => string][])
      await this.#place(name, this.#fromJournal(line))
    // the manifest goes first and comes last: without it, what is there is no set
    await rm(join(this.out, MANIFEST), { force: true })
    for (const name of await readdir(this.out)) {
      if (isShard(name) && !names.includes(name)) await rm(join(this.out, name))
    }
    for (const name of [...names, SOURCES, SKIPPED, MANIFEST]) await this.#move(name)
    await rm(this.#folder, { recursive: true })
    return manifest
  }

  async #place(name: string, content: Content): Promise<void> {
    await saveFile(join(this.#folder, name), content)
  }

  /** Into the set's own folder, unless a run that was killed has done it already. */
  async #move(name: string): Promise<void> {
    await rename(join(this.#folder, name), join(this.out, name)).catch((error) => {
      if (codeOf(error) !== 'ENOENT') throw error
    })
  }

  async #manifest(names: readonly string[]): Promise<Manifest> {
    const shards = []
    for (const [n, file] of names.entries()) {
      const inside = join(this.#folder, file)
      const path = (await stat(inside).catch(() => null)) ? inside : join(this.out, file)
      const { size } = await stat(path)
      const end = this.#bytes[n]!
      if (size !== end) throw this.#lost(path, size, end)
      shards.push({ file, records: this.#records[n]!, bytes: size, sha256: await sha256File(path) })
    }
    const { length: photographs } = this.paths
    return { version: SET_VERSION, photographs, ...this.counts, ...this.settings, shards }
  }

  #lost(path: string, size: number, bytes: number): ImpossibleSet {
    return new ImpossibleSet(
      `${path} has ${size} bytes instead of ${bytes}; remove ${this.#folder} and prepare again`,
    )
  }

  /** A line, or nothing, for each photograph. */
  async *#fromJournal(line: (entry: Entry, path: string) => string): AsyncGenerator<Uint8Array> {
    let [next, text] = [0, '']
    for await (const entry of this.entries()) {
      text += line(entry, this.paths[next++]!)
      if (text.length < CHUNK) continue
      yield Buffer.from(text)
      text = ''
    }
    yield Buffer.from(text)
  }

  async #orTrouble<T>(work: Promise<T>, name = ''): Promise<T> {
    try {
      return await work
    } catch (error) {
      throw fileTrouble('write', join(this.#folder, name), error)
    }
  }
}

/** The lines of a file, none if it is not there. A last one that has no end was cut off, and is left out. */
async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = ''
  try {
    for await (const chunk of createReadStream(path, 'utf8')) {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()!
      yield* lines
    }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw fileTrouble('read', path, error)
  }
}
