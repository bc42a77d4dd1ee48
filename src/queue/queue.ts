/** One queue on a server: the engine's jobs and the ledger of their pictures. */
import type { Queue } from 'bullmq'
import { UserError } from '../errors.ts'
import type { Server } from './connection.ts'
import { type ChunkJob, chunkId, KIND, PREFIX, type SetJob, type ShardJob, setId, shardId } from './jobs.ts'
import { Ledger, type QueueSettings } from './ledger.ts'

/** Trouble with the machine, not with a picture, is tried again as often as it takes. */
const ATTEMPTS = 1_000_000
const USUAL = { attempts: ATTEMPTS, backoff: { type: 'custom' }, removeOnComplete: true, stackTraceLimit: 1 }

interface EngineJob<T> {
  readonly id: string
  readonly data: T
}

export class PictureQueue {
  readonly ledger: Ledger
  readonly jobs: Queue<ChunkJob | ShardJob | SetJob>

  /** Throws a `UserError` (trouble 'usage') for a name that is none. */
  constructor(
    readonly server: Server,
    readonly name: string,
  ) {
    if (!/^[\w.-]{1,64}$/.test(name))
      throw new UserError(`--queue ${name}: letters, digits, ".", "-" and "_" make a name`, 'usage')
    this.ledger = new Ledger(server.redis, name)
    this.jobs = new server.engine.bullmq.Queue(name, { connection: server.redis, prefix: PREFIX })
    this.jobs.on('error', () => {}) // the connection tells of its loss
  }

  /** Adds jobs; those that wait already are not added again, and those that were refused begin anew. */
  async add(jobs: readonly ChunkJob[]): Promise<void> {
    await this.#add(
      KIND.chunk,
      jobs.map((data) => ({ id: chunkId(data), data })),
    )
  }

  /** The same for shards, which are kept once they are done: their set is put together from them. */
  async addShards(jobs: readonly ShardJob[]): Promise<void> {
    const kept = jobs.map((data) => ({ id: shardId(data.settings, data.shard), data }))
    await this.#add(KIND.shard, kept, { removeOnComplete: false })
  }

  async addSet(data: SetJob): Promise<void> {
    await this.#add(KIND.set, [{ id: setId(data.settings), data }])
  }

  async #add(
    name: string,
    jobs: readonly EngineJob<ChunkJob | ShardJob | SetJob>[],
    options: Partial<typeof USUAL> = {},
  ): Promise<void> {
    const opts = { ...USUAL, ...options }
    await this.#removeRefused(jobs.map(({ id }) => id))
    await this.jobs.addBulk(jobs.map(({ id, data }) => ({ name, data, opts: { ...opts, jobId: id } })))
  }

  /** Of those that are to be added: the engine adds none whose number it has. */
  async #removeRefused(ids: readonly string[]): Promise<void> {
    if ((await this.jobs.getFailedCount()) === 0) return
    const remove = async (id: string) => {
      if ((await this.jobs.getJobState(id)) === 'failed') await this.jobs.remove(id)
    }
    await Promise.all(ids.map(remove))
  }

  /** The lock that the worker of a job holds. */
  leaseKey(id: string): string {
    return `${this.jobs.toKey(id)}:lock`
  }

  /** Whether there is nothing that waits or is in work. */
  async isIdle(): Promise<boolean> {
    const counts = await this.jobs.getJobCounts('waiting', 'active', 'delayed', 'prioritized')
    return Object.values(counts).every((count) => count === 0)
  }

  /** The server's key that is there while somebody adds. */
  get addingKey(): string {
    return this.ledger.key('adding')
  }

  /** Whether nothing is left to do, and nobody is about to add something. */
  async isDone(): Promise<boolean> {
    const isAdding = await this.server.redis.exists(this.addingKey) // first: what is added by then counts as waiting
    return !isAdding && (await this.isIdle())
  }

  /** Throws a `UserError` while something waits or is in work: what is forgotten then would be neither done anew nor known. */
  async expectIdle(): Promise<void> {
    if (await this.isIdle()) return
    throw new UserError(
      `the queue ${this.name} is at work, and --force is for one that is done: wait for that, or take out what waits with queue drain`,
      'usage',
    )
  }

  /**
   * Makes `settings` those of the queue. Throws a `UserError` where it has others and work to do, since a folder is made with one,
   * and where it does something else.
   */
  async agreeOn(settings: QueueSettings): Promise<void> {
    const before = await this.ledger.settings()
    if (before?.digest === settings.digest && before.version === settings.version) return
    if (before && before.task !== settings.task)
      throw new UserError(
        `the queue ${this.name} is there to ${before.task}: name another with --queue`,
        'usage',
      )
    if (before && !(await this.isIdle()))
      throw new UserError(
        `the queue ${this.name} is at work with other settings (${difference(before, settings)}): wait until it is done, or name another with --queue`,
        'usage',
      )
    if (settings.task === 'prepare') await this.#forgetSet()
    await this.ledger.setSettings(settings)
  }

  /** Such a queue knows one set at a time. */
  async #forgetSet(): Promise<void> {
    await this.ledger.clear()
    for (const state of ['completed', 'failed'] as const) await this.jobs.clean(0, 0, state)
  }

  /** Whether the server keeps nothing over a restart; null where it does not say. */
  async forgets(): Promise<boolean | null> {
    const info = await this.server.redis.info('persistence').catch(() => '')
    const [, enabled] = /^aof_enabled:(\d)/m.exec(info) ?? []
    return enabled === undefined ? null : enabled === '0'
  }

  async close(): Promise<void> {
    await this.jobs.close()
  }
}

/** In which names two settings differ: "weights, saturation". */
export function difference(a: QueueSettings, b: QueueSettings): string {
  if (a.version !== b.version) return `version ${a.version} and ${b.version} of this program`
  const names = new Set([...Object.keys(a.values), ...Object.keys(b.values)])
  const other = [...names].filter((name) => JSON.stringify(a.values[name]) !== JSON.stringify(b.values[name]))
  return other.join(', ')
}
