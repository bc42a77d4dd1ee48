/** Takes jobs from the queue and has them done, until it is stopped. */
import type { Job, Worker } from 'bullmq'
import { UserError } from '../errors.ts'
import { PREFIX } from './jobs.ts'
import type { Lease } from './ledger.ts'
import type { PictureQueue } from './queue.ts'
import { Roll } from './roll.ts'
import { Halt, LostLease, NotYet, RefusedJob, type Work } from './work.ts'

/** Between two tries of a job after trouble with the machine; it doubles up to the last. */
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [500, 60_000]
/** Until a job is looked at again whose time has not come. */
const LATER_MS = 2000

export interface WorkerOptions {
  /** Its name. */
  readonly worker: string
  /** As people know the GPU. */
  readonly adapter: string
  /** Jobs in work at once. */
  readonly concurrency: number
  /** Milliseconds after which the jobs of a worker that is silent are given to others. */
  readonly leaseMs: number
  /** How often a job may lose its worker until it is set aside. */
  readonly mostLosses: number
  tell(sentence: string): void
}

export class QueueWorker {
  readonly #roll: Roll
  /** Jobs in work, with their leases. */
  readonly #active = new Map<Job, Lease>()
  readonly #givingUp = new AbortController()
  #halt!: (why: Error) => void
  /** Resolved where this worker must not go on, be it while it stops already. */
  readonly #halted = new Promise<Error>((resolve) => {
    this.#halt = resolve
  })

  constructor(
    private readonly queue: PictureQueue,
    private readonly work: Work,
    private readonly options: WorkerOptions,
  ) {
    this.#roll = new Roll(queue.ledger, queue.server.redis, options)
  }

  /**
   * Works until `signal` is raised, and then to the end of the jobs in hand.
   * @throws UserError when this worker must not go on: its results differ, or the queue's settings are others than its own
   */
  async run(signal: AbortSignal): Promise<void> {
    await this.work.begin()
    await this.#roll.begin()
    const engine = this.#engine()
    await Promise.race([this.#halted, raised(signal)])
    const closed = engine.close() // it takes no more, and waits for the jobs in hand
    const why = await Promise.race([this.#halted, closed])
    if (why) await this.giveBack()
    await closed
    await this.#roll.end()
    if (why) throw why
  }

  /** Gives the jobs in hand to others. To be called once this worker is to stop. */
  async giveBack(): Promise<void> {
    const active = [...this.#active]
    this.#givingUp.abort()
    const give = async ([job, lease]: [Job, Lease]) => {
      await this.work.release(lease)
      await job.moveToWait(lease.token)
    }
    await Promise.allSettled(active.map(give))
  }

  #engine(): Worker {
    const { server, name } = this.queue
    const { concurrency, leaseMs, mostLosses, worker } = this.options
    const engine = new server.engine.bullmq.Worker(name, (job, token) => this.#take(job, token!), {
      ...{ connection: server.another(), prefix: PREFIX, name: worker, concurrency },
      ...{ lockDuration: leaseMs, stalledInterval: leaseMs, maxStalledCount: mostLosses },
      settings: { backoffStrategy: (made) => Math.min(FIRST_PAUSE_MS * 2 ** made, LONGEST_PAUSE_MS) },
    })
    engine.on('error', () => {}) // the connection tells of its loss, and the lease of its own
    return engine
  }

  async #take(job: Job, token: string): Promise<void> {
    if (this.#givingUp.signal.aborted) {
      await job.moveToWait(token) // the engine was waiting for one, and got one that was given back
      throw new this.queue.server.engine.bullmq.WaitingError()
    }
    const lease = { key: this.queue.leaseKey(job.id!), token }
    this.#active.set(job, lease)
    try {
      const count = () => this.#roll.count()
      await this.work.run(job, { lease, signal: this.#givingUp.signal, count })
    } catch (error) {
      throw await this.#told(error, job, token)
    } finally {
      this.#active.delete(job)
    }
  }

  /** What the engine is told of a job that did not end well. */
  async #told(error: unknown, job: Job, token: string): Promise<unknown> {
    const { DelayedError, UnrecoverableError, WaitingError } = this.queue.server.engine.bullmq
    if (error instanceof Halt) {
      this.#halt(error.why)
      await raised(this.#givingUp.signal)
    }
    if (this.#givingUp.signal.aborted) return new WaitingError()
    if (error instanceof RefusedJob) return new UnrecoverableError(`${job.name} ${job.id}: ${error.message}`)
    if (error instanceof NotYet) {
      await job.moveToDelayed(Date.now() + LATER_MS, token)
      return new DelayedError()
    }
    if (error instanceof LostLease)
      this.options.tell('a job was given to another worker: this one was silent too long')
    else this.#recover(error)
    return error
  }

  #recover(error: unknown): void {
    this.options.tell(`${(error as Error).message}: it is tried again`)
    if (!(error instanceof UserError)) this.work.reset()
  }
}

function raised(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
