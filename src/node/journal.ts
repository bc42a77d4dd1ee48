/**
 * What this program wrote into a folder, and of what: so that a second run does only what is new, and neither takes its own
 * pictures for photographs nor replaces anybody else's. A file of lines of JSON, to which each picture adds its own; a line that
 * was cut short counts as none.
 */
import { appendFile, readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import * as v from 'valibot'
import { folded, identity } from './files.ts'
import { makeFolder } from './save.ts'
import { sha256File } from './store/fetch.ts'
import { codeOf, fileTrouble } from './trouble.ts'

/** Of the file, in the folder whose pictures it lists. */
export const JOURNAL = '.colorizer.jsonl'
/** Of the files in which workers of a queue list what they make; each machine has its own. */
const OF_HOST = /^\.colorizer-.+\.jsonl$/

/** The one of the machine `host`. */
export const hostJournal = (host: string) => `.colorizer-${host.replace(/[^\w.-]/g, '_')}.jsonl`

/** A picture that is about to be written. */
const writtenLine = v.object({
  /** Path from the journal's folder, with `/`; as `input`. */
  output: v.string(),
  /** Of the picture's bytes, hexadecimal; as `of`, those of the photograph. */
  sha256: v.string(),
  /** The photograph; none for a sheet of many. */
  input: v.optional(v.string()),
  of: v.optional(v.string()),
  /** What it was made with, as a digest; another line has them in full. */
  settings: v.optional(v.string()),
})
/** What pictures are made with, in full. */
const settingsLine = v.object({ settings: v.string(), values: v.unknown() })
/** A picture that is in its place. */
const stampLine = v.object({ output: v.string(), stamp: v.string(), inputStamp: v.string() })
/** A photograph of which nothing was made, with those settings, since it is in colour. */
const inColourLine = v.object({ inColour: v.string(), inputStamp: v.string(), settings: v.string() })

export type Written = v.InferOutput<typeof writtenLine>

/** What is known of a picture: the last that was written of it, and what else may lie in its place since a run was killed. */
interface Entry extends Written {
  readonly earlier: readonly string[]
  readonly stamp?: string | undefined
  readonly inputStamp?: string | undefined
}

export class Journal {
  readonly #entries = new Map<string, Entry>()
  /** What was made of each photograph. */
  readonly #outputs = new Map<string, Set<string>>()
  /** Stamps with which photographs were read last. */
  readonly #seen = new Map<string, string>()
  /** Settings with which photographs in colour were left out. */
  readonly #inColour = new Map<string, string>()
  /** Current pictures whose stamps are old, with their photographs. */
  readonly #unstamped = new Map<string, string>()
  /** Digests of the settings that have lines. */
  readonly #settings = new Set<string>()
  #isCut = false

  private constructor(
    private readonly path: string,
    private readonly isOptional: boolean,
  ) {}

  /**
   * The journal in the file `path`, with what workers of a queue have listed beside it; an empty one when there is none. Throws a
   * `UserError` when it cannot be read.
   * @param isOptional whether pictures are worth having without it: then it is no trouble when it cannot be written
   */
  static async open(path: string, { isOptional = false } = {}): Promise<Journal> {
    const journal = new Journal(resolve(path), isOptional)
    for (const file of [...(await hostJournalsBeside(path)), path]) {
      try {
        journal.#read(await readFile(file, 'utf8'))
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw fileTrouble('read', file, error)
      }
    }
    return journal
  }

  #read(text: string): void {
    this.#isCut = text !== '' && !text.endsWith('\n')
    for (const line of text.split('\n')) this.#take(parsed(line))
  }

  #take(line: unknown): void {
    const written = v.safeParse(writtenLine, line)
    if (written.success) {
      const before = this.#entries.get(written.output.output)
      const earlier = before ? [...before.earlier, before.sha256] : []
      const { output, input } = written.output
      this.#entries.set(output, { ...written.output, earlier })
      if (input !== undefined) this.#outputs.set(input, (this.#outputs.get(input) ?? new Set()).add(output))
    }
    const settings = v.safeParse(settingsLine, line)
    if (settings.success) this.#settings.add(settings.output.settings)
    const stamped = v.safeParse(stampLine, line)
    const entry = stamped.success && this.#entries.get(stamped.output.output)
    if (entry) {
      this.#entries.set(entry.output, { ...entry, ...stamped.output, earlier: [] })
      if (entry.input !== undefined) this.#seen.set(entry.input, stamped.output.inputStamp)
    }
    const left = v.safeParse(inColourLine, line)
    if (left.success) {
      this.#seen.set(left.output.inColour, left.output.inputStamp)
      this.#inColour.set(left.output.inColour, left.output.settings)
    }
  }

  /** Whether it has a line about the file `path`. */
  knows(path: string): boolean {
    return this.#entries.has(this.#keyOf(path))
  }

  /**
   * The path under which the file `path` is listed, whatever has become of it; null where it is not. On file systems that do not
   * tell capitals that may be another one.
   */
  async listed(path: string): Promise<string | null> {
    if (this.knows(path)) return path
    const key = folded(this.#keyOf(path))
    for (const other of this.#entries.keys()) {
      const listed = join(dirname(this.path), other)
      if (folded(other) === key && (await identity(listed)) === (await identity(path))) return listed
    }
    return null
  }

  /** Whether the file `path` is the picture of a photograph, and no sheet of many. */
  hasPicture(path: string): boolean {
    return this.#entries.get(this.#keyOf(path))?.input !== undefined
  }

  /** Whether pictures were made of the photograph `input`, `output` among them where that is given. */
  hasMade(input: string, output?: string): boolean {
    const made = this.#outputs.get(this.#keyOf(input))
    return made !== undefined && (output === undefined || made.has(this.#keyOf(output)))
  }

  /** Whether the file `input`, as it is now, was read as a photograph before: then it is no picture of this program. */
  async hasSeen(input: string): Promise<boolean> {
    const stamp = this.#seen.get(this.#keyOf(input))
    return stamp !== undefined && stamp === (await stampOf(input))
  }

  /** Whether the photograph `input`, as it is now, was left out with `settings` since it is in colour. */
  async isInColour(input: string, settings: string): Promise<boolean> {
    return this.#inColour.get(this.#keyOf(input)) === settings && this.hasSeen(input)
  }

  /** Whether the picture `path` is as this program wrote it. */
  async isAsWritten(path: string): Promise<boolean> {
    const entry = this.#entries.get(this.#keyOf(path))
    if (!entry) return false
    if (entry.stamp !== undefined && entry.stamp === (await stampOf(path))) return true
    const found = await digestOf(path)
    return found !== null && [entry.sha256, ...entry.earlier].includes(found)
  }

  /** Whether the picture `output` was made of the photograph `input`, in its place or with its content. */
  async isOf(output: string, input: string): Promise<boolean> {
    const entry = this.#entries.get(this.#keyOf(output))
    return (
      entry?.input === this.#keyOf(input) || (entry !== undefined && entry.of === (await digestOf(input)))
    )
  }

  /** Whether the picture `output`, which is as written, is what `settings` make of the photograph `input` as that is now. */
  async isCurrent(output: string, input: string, settings: string): Promise<boolean> {
    const entry = this.#entries.get(this.#keyOf(output))
    if (entry?.settings !== settings) return false
    const isSeen = entry.input === this.#keyOf(input) && entry.inputStamp === (await stampOf(input))
    if (!isSeen && entry.of !== (await digestOf(input))) return false
    if (entry.earlier.length > 0 && entry.sha256 !== (await digestOf(output))) return false
    if (!isSeen || entry.stamp !== (await stampOf(output))) this.#unstamped.set(output, input)
    return true
  }

  /** Notes anew where pictures and photographs are that only their content has told to be current: of a copied folder, say. */
  async restamp(): Promise<void> {
    for (const [output, input] of this.#unstamped) {
      const { sha256, of, settings } = this.#entries.get(this.#keyOf(output))!
      await this.begin({ output, sha256, input, of, settings })
      await this.end(output, (await stampOf(input)) ?? '')
    }
    this.#unstamped.clear()
  }

  /** Notes what pictures are made with, once; `digest` is what their lines say. */
  async settings(digest: string, values: unknown): Promise<void> {
    if (!this.#settings.has(digest)) await this.#append({ settings: digest, values })
  }

  /** To be called before the picture is put in its place: so that it is known even when the program is killed right behind that. */
  begin({ output, input, ...rest }: Written): Promise<void> {
    const of = input === undefined ? {} : { input: this.#keyOf(input) }
    return this.#append({ output: this.#keyOf(output), ...of, ...rest })
  }

  /** Notes that the picture is in its place. `inputStamp` is what the photograph had before it was read. */
  async end(output: string, inputStamp: string): Promise<void> {
    const stamp = await stampOf(output)
    if (stamp !== null) await this.#append({ output: this.#keyOf(output), stamp, inputStamp })
  }

  /** Notes that nothing was made of the photograph, since it is in colour. `inputStamp` is as of `end`. */
  leaveOut(input: string, inputStamp: string, settings: string): Promise<void> {
    return this.#append({ inColour: this.#keyOf(input), inputStamp, settings })
  }

  async #append(line: object): Promise<void> {
    this.#take(line)
    const text = `${this.#isCut ? '\n' : ''}${JSON.stringify(line)}\n`
    this.#isCut = false
    try {
      await makeFolder(dirname(this.path))
      await appendFile(this.path, text)
    } catch (error) {
      this.#isCut = true // a part of the line may be there
      if (!this.isOptional) throw fileTrouble('write', this.path, error)
    }
  }

  #keyOf(path: string): string {
    return relative(dirname(this.path), resolve(path)).split(sep).join('/')
  }
}

/** The journals of folders, each read once. */
export class Journals {
  readonly #found = new Map<string, Promise<Journal>>()

  /** The one of this folder. */
  of(folder: string): Promise<Journal> {
    const path = join(resolve(folder), JOURNAL)
    const found = this.#found.get(path) ?? Journal.open(path)
    this.#found.set(path, found)
    return found
  }

  /** Whether a journal in a folder of `path`, or above, lists that file as it is now. */
  async list(path: string): Promise<boolean> {
    for (let folder = dirname(resolve(path)); ; folder = dirname(folder)) {
      const journal = await this.of(folder).catch(() => null) // in a folder above that nobody else may look into
      if (await journal?.isAsWritten(path)) return true
      if (folder === dirname(folder)) return false
    }
  }
}

/** Of a file; changes whenever somebody writes to it. Null when there is none. */
export async function stampOf(path: string): Promise<string | null> {
  const found = await stat(path, { bigint: true }).catch(() => null)
  return found && [found.size, found.mtimeNs, found.ctimeNs].join(':')
}

async function hostJournalsBeside(path: string): Promise<string[]> {
  if (basename(path) !== JOURNAL) return []
  const names = await readdir(dirname(path)).catch(() => [])
  return names.filter((name) => OF_HOST.test(name)).map((name) => join(dirname(path), name))
}

const digestOf = (path: string) => sha256File(path).catch(() => null)

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
