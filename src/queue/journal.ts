/** The lines that workers write beside pictures in a folder, as `colorize` does: so that either knows what the other has made. */
import { appendFile, mkdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join, relative, sep } from 'node:path'
import { hostJournal, stampOf, type Written } from '../node/journal.ts'
import { fileTrouble } from '../node/trouble.ts'
import type { Picture } from './jobs.ts'

type Made = Required<Pick<Written, 'sha256' | 'of' | 'settings'>>

/** Writes at the end of a machine's journal, and reads none: there may be millions of lines. */
export class JournalTail {
  readonly #path: string | null
  /** Stamps of photographs as they were read. */
  readonly #read = new Map<string, string>()

  /**
   * @param to folder of the pictures; null for a bucket, whose files cannot grow
   * @param from folder of the photographs; null for a bucket
   */
  constructor(
    private readonly to: string | null,
    private readonly from: string | null,
    host = hostname(),
  ) {
    this.#path = to && join(to, hostJournal(host))
  }

  /** To be called before the photograph is read. */
  async look({ input }: Picture): Promise<void> {
    const stamp = this.#path && this.from && (await stampOf(join(this.from, input)))
    if (stamp) this.#read.set(input, stamp)
  }

  /** To be called before the picture is put in its place. */
  begin({ input, output }: Picture, { sha256, of, settings }: Made): Promise<void> {
    return this.#append({ output, sha256, ...this.#inputOf(input), of, settings })
  }

  /** Notes that it is in its place. */
  async end({ input, output }: Picture): Promise<void> {
    const inputStamp = this.#read.get(input)
    const stamp = this.to && (await stampOf(join(this.to, output)))
    this.#read.delete(input)
    if (stamp && inputStamp) await this.#append({ output, stamp, inputStamp })
  }

  /** As a journal names it: by the path from its folder. */
  #inputOf(input: string): { input?: string } {
    if (this.to === null || this.from === null) return {}
    return { input: relative(this.to, join(this.from, input)).split(sep).join('/') }
  }

  /** One write of a line, so that lines of several workers of a machine never mix. */
  async #append(line: object): Promise<void> {
    if (this.#path === null || this.to === null) return
    try {
      await mkdir(this.to, { recursive: true })
      await appendFile(this.#path, `${JSON.stringify(line)}\n`)
    } catch (error) {
      throw fileTrouble('write', this.#path, error)
    }
  }
}
