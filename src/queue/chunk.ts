/** Colours the photographs of a job: some are read ahead while others are in work. */
import { opendir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../errors.ts'
import { removeParts } from '../node/files.ts'
import { inParallel, Room } from '../node/parallel.ts'
import type { CheckPicture } from './check.ts'
import { keyOf, type Picture, parseChunk } from './jobs.ts'
import { JournalTail } from './journal.ts'
import type { Lease, QueueSettings } from './ledger.ts'
import { expectMarked } from './output.ts'
import { type Paint, type PictureServices, PictureWork, type Places } from './picture.ts'
import type { Roots } from './roots.ts'
import {
  expectSettings,
  Halt,
  type InHand,
  lost,
  MachineTrouble,
  orRefused,
  type RawJob,
  type Work,
} from './work.ts'

/** Bytes of photographs that are held at once. */
const BYTES_AT_ONCE = 256 * 2 ** 20
/** Photographs that are read ahead of those in work. */
const AHEAD = 4

export interface ChunkOptions extends PictureServices {
  /** What this worker colours with. */
  readonly settings: Pick<QueueSettings, 'digest'>
  readonly roots: Pick<Roots, 'open' | 'folderOf'>
  /** Photographs in work at once. */
  readonly pictures: number
  /** Milliseconds after which a picture counts as one that hangs. */
  readonly pictureMs: number
  readonly check: Pick<CheckPicture, 'run' | 'next'>
  reset(): void
}

export class ChunkWork implements Work {
  readonly #pictures: PictureWork
  readonly #bytes = new Room(BYTES_AT_ONCE)

  constructor(private readonly options: ChunkOptions) {
    const [painting, trials] = [new Room(options.pictures), new Room(1)]
    const paint: PictureServices['paint'] = (...photograph) => painting.with(1, () => this.#paint(photograph))
    const trial: PictureServices['trial'] = (...photograph) =>
      trials.with(1, () => options.trial(...photograph))
    this.#pictures = new PictureWork({ ...options, paint, trial })
  }

  begin(): Promise<void> {
    return this.options.check.run()
  }

  async run({ data }: RawJob, hand: InHand): Promise<void> {
    const { ledger, pictures } = this.options
    const at = await this.#open(data, hand)
    const { job, from, journal } = at
    const entries = await ledger.entries(job.pictures.map(({ output }) => keyOf(job.to, output)))
    const read = async (picture: Picture) => {
      await journal.look(picture)
      return from.read(picture.input)
    }
    const items = job.pictures.map((picture, i) => ({ picture, entry: entries[i]! }))
    await inParallel(items, { most: pictures + AHEAD, signal: hand.signal }, ({ picture, entry }) =>
      this.#bytes.with(picture.size, async () => {
        if ((await this.#pictures.run(picture, read(picture), entry, at)) === 'made') hand.count()
      }),
    )
    if (hand.signal.aborted) lost()
  }

  release(lease: Lease): Promise<void> {
    return this.#pictures.release(lease)
  }

  reset(): void {
    this.options.reset()
  }

  async #open(data: unknown, { lease }: InHand): Promise<Places> {
    const { settings, roots } = this.options
    const job = await orRefused(() => parseChunk(data))
    expectSettings(job, settings)
    const [from, to] = await orRefused(() => Promise.all([roots.open(job.from), roots.open(job.to)]))
    const [source, folder] = [roots.folderOf(job.from), roots.folderOf(job.to)]
    const mounted = {
      photographs: () => expectPhotographs(source),
      pictures: async () => folder !== null && expectMarked(to),
    }
    await mounted.photographs()
    await mounted.pictures()
    const sweep = async (output: string) => {
      if (folder !== null) await removeParts([join(folder, output)], { areAlone: true })
    }
    return { job, lease, from, to, journal: new JournalTail(folder, source), mounted, sweep }
  }

  /** Paints, after the check picture when that is due. An adapter that is gone or wrong ends this worker. */
  async #paint(photograph: Parameters<Paint>): ReturnType<Paint> {
    const { check, paint, pictureMs } = this.options
    try {
      await within(pictureMs, check.next())
      return await within(pictureMs, paint(...photograph))
    } catch (error) {
      throw error instanceof UserError && error.trouble === 'adapter' ? new Halt(error) : error
    }
  }
}

/** Throws `MachineTrouble` where a folder is not there: on this machine, it may not be mounted. */
export async function expectFolder(path: string): Promise<void> {
  if (await stat(path).catch(() => null)) return
  throw new MachineTrouble(`there is no folder ${path} on this machine: look whether it is mounted`)
}

/** The same for one with nothing in it, as a place to mount it at. */
async function expectPhotographs(path: string | null): Promise<void> {
  if (path === null) return
  await expectFolder(path)
  for await (const _ of await opendir(path)) return
  throw new MachineTrouble(`there is nothing in ${path} on this machine: look whether it is mounted`)
}

/** The result of `work`. Throws when that takes longer. */
async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const sentence = `a picture took longer than ${Math.round(milliseconds / 1000)} s`
    timer = setTimeout(() => reject(new Error(sentence)), milliseconds)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
