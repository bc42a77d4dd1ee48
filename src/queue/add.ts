/** Puts the photographs of a folder into the queue: as a stream, so that ten millions need no more memory than a thousand. */
import { extname, posix } from 'node:path'
import type { UserError } from '../errors.ts'
import { fittingName } from '../node/files.ts'
import { type OutputFormat, outputName, PICTURE_ENDINGS } from '../node/formats/kinds.ts'
import type { Storage, StoredFile } from '../node/storage/storage.ts'
import { sum } from '../numbers.ts'
import type { ExpectAlone } from './exclusive.ts'
import { type ChunkJob, keyOf, type Picture } from './jobs.ts'
import type { Known } from './ledger.ts'
import { Packer } from './pack.ts'
import type { PictureQueue } from './queue.ts'

export interface AddOptions {
  /** The folder's place, and what reads it. */
  readonly from: string
  readonly storage: Pick<Storage, 'list'>
  /** Place of the pictures. */
  readonly to: string
  /** Digest of what they are made with. */
  readonly settings: string
  /** Work of a job, in photographs of usual size. */
  readonly chunk: number
  /** Pixels of a photograph, where they are known. */
  readonly pixelsOf?: ((path: string) => Promise<number | null>) | undefined
  /** Of all pictures; that of each photograph by default. */
  readonly format?: OutputFormat | undefined
  /** Pictures of each photograph, with numbers in their names; one without by default. */
  readonly variants?: number | undefined
  /** Whether what is done is done anew; for a queue that is idle. */
  readonly force?: boolean
  /** Raised: add no more; what is looked up on the server already is still queued. */
  readonly signal?: AbortSignal
  /** Of `exclusively`, where others may add to the queue. */
  readonly expectAlone?: ExpectAlone
  readonly onProgress?: (added: Added) => void
  /** Is told of folders that cannot be read. */
  readonly onTrouble?: (error: UserError) => void
}

export interface Added {
  /** Photographs that are queued now. */
  added: number
  /** Those that were, or are done. */
  known: number
  jobs: number
}

/** Files looked up on the server at once. */
const FILES_AT_ONCE = 1000
const JOBS_AT_ONCE = 200
/** Headers of photographs that are read at once. */
const LOOKS_AT_ONCE = 32

/** Adds what is new. */
export async function addPictures(queue: PictureQueue, options: AddOptions): Promise<Added> {
  const adder = new Adder(queue, options)
  let files: StoredFile[] = []
  for await (const file of photographs(options)) {
    if (options.signal?.aborted) break
    files.push(file)
    if (files.length < FILES_AT_ONCE) continue
    await adder.take(files)
    files = []
  }
  if (!options.signal?.aborted) await adder.take(files)
  return await adder.finish()
}

/** Of the folder all that look like pictures, but not the results where these lie inside. */
async function* photographs({ storage, from, to, onTrouble }: AddOptions): AsyncGenerator<StoredFile, void> {
  const results = from === '.' ? `${to}/` : to.startsWith(`${from}/`) ? `${to.slice(from.length + 1)}/` : null
  for await (const file of storage.list(onTrouble)) {
    if (results !== null && file.path.startsWith(results)) continue
    if (PICTURE_ENDINGS.includes(extname(file.path).toLowerCase())) yield file
  }
}

/** A picture of a photograph, or one of its versions. */
interface Wanted {
  readonly file: StoredFile
  readonly variant: number | undefined
}

class Adder {
  readonly #added: Added = { added: 0, known: 0, jobs: 0 }
  readonly #packer: Packer
  #jobs: ChunkJob[] = []
  #sent: Promise<void> = Promise.resolve()
  /** By which the ledger knows the pictures that are not sent yet, in their order. */
  readonly #keys: string[] = []
  /** Pictures that the server does not know yet. */
  readonly #pending = new Map<string, Known>()

  constructor(
    private readonly queue: PictureQueue,
    private readonly options: AddOptions,
  ) {
    this.#packer = new Packer(options.chunk)
  }

  async take(files: readonly StoredFile[]): Promise<void> {
    const { ledger } = this.queue
    const { to, variants } = this.options
    const numbers = variants === undefined ? [undefined] : Array.from({ length: variants }, (_, i) => i + 1)
    const wanted = files.flatMap((file) => numbers.map((variant) => ({ file, variant })))
    const keys = wanted.map((one) => keyOf(to, this.#nameOf(one)))
    // before the server is asked: what is pending now may be known to it, and no longer pending, when it has answered
    const pending = keys.map((key) => this.#pending.get(key))
    const known = await ledger.known(keys)
    const changed: string[] = []
    const fresh: Picture[] = []
    for (const [i, one] of wanted.entries()) {
      const { output, key, before } = await this.#freeName(one, keys[i]!, pending[i] ?? known[i]!)
      const { file, variant } = one
      if (before && this.#isSame(before, file)) this.#added.known++
      else {
        if (before) changed.push(key)
        this.#pending.set(key, this.#knownOf(file))
        this.#keys.push(key)
        const picture = { input: file.path, output, size: file.size, stamp: file.stamp }
        fresh.push(variant === undefined ? picture : { ...picture, variant })
      }
    }
    await this.options.expectAlone?.()
    await ledger.forget(changed)
    await this.#packAll(fresh)
    this.#added.added += fresh.length
    if (this.#jobs.length >= JOBS_AT_ONCE) await this.#send()
    this.options.onProgress?.(this.#added)
  }

  async finish(): Promise<Added> {
    this.#pack(this.#packer.finish())
    await this.#send()
    await this.#sent
    return this.#added
  }

  async #packAll(fresh: readonly Picture[]): Promise<void> {
    const { pixelsOf = async () => null } = this.options
    for (let at = 0; at < fresh.length; at += LOOKS_AT_ONCE) {
      const some = fresh.slice(at, at + LOOKS_AT_ONCE)
      const pixels = await Promise.all(some.map(({ input }) => pixelsOf(input)))
      for (const [i, picture] of some.entries()) this.#pack(this.#packer.add(picture, pixels[i]!))
    }
  }

  #pack(pictures: readonly Picture[] | null): void {
    if (!pictures?.length) return
    const { from, to, settings } = this.options
    this.#jobs.push({ from, to, settings, pictures: [...pictures] })
  }

  /** Begins to send the jobs, once those before are there: meanwhile, the next files are looked at. */
  async #send(): Promise<void> {
    await this.#sent
    this.#sent = this.#flush(this.#jobs)
    this.#sent.catch(() => {}) // thrown where it is awaited
    this.#jobs = []
  }

  /** Queued first, known then: what falls between is queued again under the same id, or finds its picture there. */
  async #flush(jobs: readonly ChunkJob[]): Promise<void> {
    const keys = this.#keys.splice(0, sum(jobs.map(({ pictures }) => pictures.length)))
    await this.options.expectAlone?.()
    for (let i = 0; i < jobs.length; i += JOBS_AT_ONCE) await this.queue.add(jobs.slice(i, i + JOBS_AT_ONCE))
    await this.queue.ledger.remember(new Map(keys.map((key) => [key, this.#pending.get(key)!])))
    for (const key of keys) this.#pending.delete(key)
    this.#added.jobs += jobs.length
  }

  /** The first name that no other photograph has, and what is queued or done there: b.jpg, b-2.jpg … */
  async #freeName(one: Wanted, usual: string, known: Known | null) {
    const place = this.#placeOf(one.file)
    let [output, key] = [this.#nameOf(one), usual]
    let before = this.#pending.get(key) ?? known
    for (let n = 2; before && before[0] !== place; n++) {
      output = this.#nameOf(one, `-${n}`)
      key = keyOf(this.options.to, output)
      before = this.#pending.get(key) ?? (await this.queue.ledger.known([key]))[0]!
    }
    return { output, key, before }
  }

  /** b.jpg, or b.2.jpg of the second version, both with a mark before the last parts. */
  #nameOf({ file, variant }: Wanted, mark = ''): string {
    const { dir, name, ext } = posix.parse(outputName(file.path, this.options.format))
    const tail = variant === undefined ? ext : `.${variant}${ext}`
    return posix.join(dir, fittingName(name, mark + tail))
  }

  #isSame([, stamp, settings]: Known, file: StoredFile): boolean {
    return !this.options.force && stamp === file.stamp && settings === this.options.settings
  }

  #placeOf({ path }: StoredFile): string {
    return `${this.options.from}/${path}`
  }

  #knownOf(file: StoredFile): Known {
    return [this.#placeOf(file), file.stamp, this.options.settings]
  }
}
