/**
 * A set of record shards that is being written. Everything lies in the folder `unfinished` below the set's own until it
 * is whole. A journal says, a line each, what became of every photograph, so that a run which was killed goes on where it
 * stopped, and a folder has the old set or the new one:
 *
 *   photos-00000-of-00032.tfrecord …   the records
 *   manifest.json                      counts, settings, where class vectors come from, checksums of the shards
 *   sources.txt                        for each record the checksum of the photograph's file, and its path
 *   skipped.txt                        for each photograph that was left out why
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../errors.ts'
import type { ClassVectorOrigin } from '../model/classifier.ts'
import { sha256File } from './fetch.ts'
import type { AbEncoding } from './records.ts'
import { SKIPS, type Skip } from './sample.ts'
import { makeFolder, saveFile } from './save.ts'
import { isShard, MANIFEST, SET_VERSION, SOURCES, shardName, UNFINISHED } from './shards.ts'
import { frameOf } from './tfrecord.ts'
import { codeOf, fileTrouble } from './trouble.ts'

const [JOURNAL, SKIPPED] = ['journal.jsonl', 'skipped.txt'] as const

export interface SetSettings {
  /** Photographs a shard. */
  readonly shardSize: number
  readonly ab: AbEncoding
  /** Photographs with a shorter side are left out, in pixels. */
  readonly minSide: number
  readonly classVectors: ClassVectorOrigin | null
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
type Entry =
  | { readonly sha256: string; readonly end: number }
  | { readonly skip: Skip; readonly reason: string }

/** Writes the records of `paths` in their order. Throws a `UserError` when the file system refuses; what is written stays. */
export class RecordSet {
  readonly #folder: string
  readonly #entries: Entry[] = []
  readonly #seen = new Map<string, string>()
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
    return this.#entries.length
  }

  get counts(): { readonly records: number; readonly skipped: Record<Skip, number> } {
    const skipped = Object.fromEntries(SKIPS.map((skip) => [skip, 0])) as Record<Skip, number>
    for (const entry of this.#entries) if ('skip' in entry) skipped[entry.skip]++
    const left = SKIPS.reduce((sum, skip) => sum + skipped[skip], 0)
    return { records: this.#entries.length - left, skipped }
  }

  /** The photograph whose file is the same, if there is one in the set. */
  twinOf(sha256: string): string | undefined {
    return this.#seen.get(sha256)
  }

  /** Adds the next photograph's record. */
  async add(record: Uint8Array, sha256: string): Promise<void> {
    await this.#orTrouble(this.#write(record, sha256))
  }

  /** Leaves the next photograph out. */
  async skip(skip: Skip, reason: string): Promise<void> {
    await this.#orTrouble(this.#note({ skip, reason }))
  }

  /** Closes the files; what is written stays for a later run. */
  async close(): Promise<void> {
    await this.#shard?.file.close()
    await this.#journal?.close()
    this.#shard = null
    this.#journal = null
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

  get #shardNames(): string[] {
    const count = Math.ceil(this.paths.length / this.settings.shardSize)
    return Array.from({ length: count }, (_, n) => shardName(n, count))
  }

  /** Two runs with one identity write the same set. */
  get #identity(): string {
    const hash = createHash('sha256').update(JSON.stringify([SET_VERSION, this.settings]))
    for (const path of this.paths) hash.update(`\n${path}`)
    return hash.digest('hex')
  }

  async #restore(): Promise<void> {
    const path = join(this.#folder, JOURNAL)
    const text = await readFile(path, 'utf8').catch((error) => {
      if (codeOf(error) === 'ENOENT') return ''
      throw fileTrouble('read', path, error)
    })
    const [header, ...lines] = text.split('\n').slice(0, -1) // a line that has no end was cut off
    if (header !== this.#identity) {
      for (const name of await readdir(this.#folder)) await rm(join(this.#folder, name), { recursive: true })
      this.#journal = await open(path, 'a')
      await this.#journal.writeFile(`${this.#identity}\n`)
      return
    }
    for (const line of lines) this.#take(JSON.parse(line))
    const kept = [header, ...lines].join('\n')
    this.#journal = await open(path, 'a')
    await this.#journal.truncate(Buffer.byteLength(kept) + 1)
  }

  #take(entry: Entry): void {
    const path = this.paths[this.#entries.push(entry) - 1]!
    if ('sha256' in entry) this.#seen.set(entry.sha256, path)
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
    const name = this.#shardNames[number]!
    const file = await open(join(this.#folder, name), 'a')
    const bytes = this.#endOf(number)
    await file.truncate(bytes)
    this.#shard = { number, name, file, bytes }
    return this.#shard
  }

  #entriesOf(shard: number): { readonly end: number }[] {
    const { shardSize } = this.settings
    const entries = this.#entries.slice(shard * shardSize, (shard + 1) * shardSize)
    return entries.flatMap((entry) => ('end' in entry ? [entry] : []))
  }

  #endOf(shard: number): number {
    return this.#entriesOf(shard).at(-1)?.end ?? 0
  }

  async #publish(): Promise<Manifest> {
    const names = this.#shardNames
    // a shard of photographs that were all left out is there, too, and empty
    for (const [n, name] of names.entries())
      if (this.#endOf(n) === 0) await this.#place(name, new Uint8Array())
    const manifest = await this.#manifest(names)
    await saveFile(join(this.#folder, MANIFEST), Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`))
    for (const [name, lines] of [
      [SOURCES, this.#lines((entry, path) => ('sha256' in entry ? `${entry.sha256}  ${path}\n` : ''))],
      [SKIPPED, this.#lines((entry) => ('skip' in entry ? `${entry.skip}: ${entry.reason}\n` : ''))],
    ] as const)
      await this.#place(name, Buffer.from(lines))
    // the manifest goes first and comes last: without it, what is there is no set
    await rm(join(this.out, MANIFEST), { force: true })
    for (const name of await readdir(this.out)) {
      if (isShard(name) && !names.includes(name)) await rm(join(this.out, name))
    }
    for (const name of [...names, SOURCES, SKIPPED, MANIFEST]) await this.#move(name)
    await rm(this.#folder, { recursive: true })
    return manifest
  }

  async #place(name: string, bytes: Uint8Array): Promise<void> {
    await saveFile(join(this.#folder, name), bytes)
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
      const end = this.#endOf(n)
      if (size !== end)
        throw new UserError(
          `${path} has ${size} bytes instead of ${end}; remove ${this.#folder} and prepare again`,
        )
      shards.push({ file, records: this.#entriesOf(n).length, bytes: size, sha256: await sha256File(path) })
    }
    const { length: photographs } = this.paths
    return { version: SET_VERSION, photographs, ...this.counts, ...this.settings, shards }
  }

  #lines(line: (entry: Entry, path: string) => string): string {
    return this.#entries.map((entry, i) => line(entry, this.paths[i]!)).join('')
  }

  async #orTrouble<T>(work: Promise<T>, name = ''): Promise<T> {
    try {
      return await work
    } catch (error) {
      throw fileTrouble('write', join(this.#folder, name), error)
    }
  }
}
