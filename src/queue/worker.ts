/** Takes jobs from the queue and makes their pictures, until it is stopped. */

import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Job, Worker } from 'bullmq'
import { UserError } from '../errors.ts'
import { removeParts } from '../node/files.ts'
import { inParallel, Room } from '../node/parallel.ts'
import type { CheckPicture } from './check.ts'
import { type ChunkJob, keyOf, type Picture, PREFIX, parseJob } from './jobs.ts'
import { JournalTail } from './journal.ts'
import type { Lease, QueueSettings } from './ledger.ts'
import { LostLease, type PictureServices, PictureWork, type Places } from './picture.ts'
import type { PictureQueue } from './queue.ts'
import { Roll } from './roll.ts'
import type { Roots } from './roots.ts'

/** Bytes of photographs that are held at once. */
const BYTES_AT_ONCE = 256 * 2 ** 20
/** Photographs that are read ahead of those in work. */
const AHEAD = 4
/** Between two tries of a job after trouble with the machine; it doubles up to the last. */
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [500, 60_000]

/** How often a job may lose its worker: as often as it takes. */
const MOST_STALLS = 1_000_000

export interface WorkerOptions extends Omit<PictureServices, 'ledger'> {
  /** What this worker colours with. */
  readonly settings: Pick<QueueSettings, 'digest' | 'version'>
  /** As people know the GPU. */
  readonly adapter: string
  readonly roots: Roots
  /** Jobs in work at once, and photographs of them. */
  readonly concurrency: number
  readonly pictures: number
  /** Milliseconds after which a picture counts as one that hangs. */
  readonly pictureMs: number
  /** Milliseconds after which the jobs of a worker that is silent are given to others. */
  readonly leaseMs: number
  readonly check: Pick<CheckPicture, 'run' | 'next'>
  /** Called after trouble of the machine, which may have broken what paints. */
  reset(): void
}

export class QueueWorker {
  readonly #work: PictureWork
  readonly #roll: Roll
  readonly #bytes = new Room(BYTES_AT_ONCE)
  readonly #painting: Room
  readonly #trials = new Room(1)
  /** Jobs in work, with their leases. */
  readonly #active = new Map<Job<ChunkJob>, Lease>()
  /** Raised: leave all where it is. */
  readonly #givingUp = new AbortController()
  #stop: (error?: Error) => void = () => {}

  constructor(
    private readonly queue: PictureQueue,
    private readonly options: WorkerOptions,
  ) {
    this.#painting = new Room(options.pictures)
    this.#roll = new Roll(queue.ledger, queue.server.redis, options)
    const paint: PictureServices['paint'] = (...photograph) =>
      this.#painting.with(1, () =>
        this.#checked(() => within(options.pictureMs, options.paint(...photograph))),
      )
    const trial: PictureServices['trial'] = (...photograph) =>
      this.#trials.with(1, () => options.trial(...photograph))
    this.#work = new PictureWork({ ...options, paint, trial, ledger: queue.ledger })
  }

  /**
   * Works until `signal` is raised, and then to the end of the jobs in hand.
   * @throws UserError when this worker must not go on: its results differ, or the queue's settings are others than its own
   */
  async run(signal: AbortSignal): Promise<void> {
    await this.options.check.run()
    const stopped = new Promise<Error | undefined>((resolve) => {
      this.#stop = resolve
      signal.addEventListener('abort', () => resolve(undefined), { once: true })
      if (signal.aborted) resolve(undefined)
    })
    await this.#roll.begin()
    const engine = this.#engine()
    const error = await stopped
    if (error) await this.giveBack()
    await engine.close(error !== undefined)
    await this.#roll.end()
    if (error) throw error
  }

  /** Gives the jobs in hand to others. */
  async giveBack(): Promise<void> {
    this.#givingUp.abort()
    const active = [...this.#active]
    await Promise.allSettled(active.map(([job, { token }]) => job.moveToWait(token)))
  }

  #engine(): Worker<ChunkJob> {
    const { server, name } = this.queue
    const { concurrency, leaseMs, worker } = this.options
    const engine = new server.engine.bullmq.Worker<ChunkJob>(name, (job, token) => this.#chunk(job, token!), {
      ...{ connection: server.another(), prefix: PREFIX, name: worker, concurrency },
      ...{ lockDuration: leaseMs, stalledInterval: leaseMs },
      // how often a picture may take its worker with it is counted by picture
      maxStalledCount: MOST_STALLS,
      settings: { backoffStrategy: (made) => Math.min(FIRST_PAUSE_MS * 2 ** made, LONGEST_PAUSE_MS) },
    })
    engine.on('error', () => {}) // the connection tells of its loss, and the lease of its own
    return engine
  }

  async #chunk(job: Job<ChunkJob>, token: string): Promise<void> {
    const { UnrecoverableError, WaitingError } = this.queue.server.engine.bullmq
    const lease = { key: this.queue.leaseKey(job.id!), token }
    this.#active.set(job, lease)
    try {
      await this.#pictures(await this.#open(job, lease))
    } catch (error) {
      if (this.#givingUp.signal.aborted) throw new WaitingError()
      if (error instanceof RefusedJob) throw new UnrecoverableError(error.message)
      if (error instanceof LostLease)
        this.options.tell('a job was given to another worker: this one was silent too long')
      else if (error instanceof Halt) this.#stop(error.why)
      else this.#recover(error)
      throw error
    } finally {
      this.#active.delete(job)
    }
  }

  #recover(error: unknown): void {
    this.options.tell(`${(error as Error).message}: it is tried again`)
    if (!(error instanceof UserError)) this.options.reset()
  }

  async #open({ data, name, id }: Job<ChunkJob>, lease: Lease): Promise<Places> {
    const { settings, roots } = this.options
    const refused = (error: unknown) => {
      throw error instanceof UserError ? new RefusedJob(`${name} ${id}: ${error.message}`) : error
    }
    const job = await Promise.resolve(data).then(parseJob).catch(refused)
    if (job.settings !== settings.digest)
      throw new Halt(new UserError('the queue has other settings now: start this worker anew', 'usage'))
    const [from, to] = await Promise.all([roots.open(job.from), roots.open(job.to)]).catch(refused)
    await expectFolder(roots.folderOf(job.from))
    const folder = roots.folderOf(job.to)
    const sweep = async (output: string) => {
      if (folder !== null) await removeParts([join(folder, output)], { areAlone: true })
    }
    return { job, lease, from, to, journal: new JournalTail(folder, roots.folderOf(job.from)), sweep }
  }

  /** While some pictures are in work, the next photographs are read. */
  async #pictures(at: Places): Promise<void> {
    const { job, from, journal } = at
    const entries = await this.queue.ledger.entries(job.pictures.map(({ output }) => keyOf(job.to, output)))
    const most = this.options.pictures + AHEAD
    const read = async (picture: Picture) => {
      await journal.look(picture)
      return from.read(picture.input)
    }
    const items = job.pictures.map((picture, i) => ({ picture, entry: entries[i]! }))
    await inParallel(items, { most, signal: this.#givingUp.signal }, ({ picture, entry }) =>
      this.#bytes.with(picture.size, async () => {
        const ended = await this.#work.run(picture, read(picture), entry, at)
        this.#roll.count(ended)
      }),
    )
    if (this.#givingUp.signal.aborted) throw new LostLease()
  }

  async #checked<T>(paint: () => Promise<T>): Promise<T> {
    await this.options.check.next().catch((error) => {
      throw new Halt(error)
    })
    return paint()
  }
}

/** Throws where the photographs' folder is not there: on this machine, it may not be mounted. */
async function expectFolder(path: string | null): Promise<void> {
  const found = path === null || (await stat(path).catch(() => null))
  if (!found) throw new UserError(`there is no folder ${path} on this machine: look whether it is mounted`)
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

/** This worker must not go on. */
class Halt extends Error {
  constructor(readonly why: Error) {
    super(why.message)
  }
}

/** A job that is none, or names places where this worker may not go. */
class RefusedJob extends Error {}
