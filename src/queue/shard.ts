/** Makes the shards of a record set, and puts the set together once all are there. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { joinParts, type Part } from '../node/data/parts.ts'
import { type PrepareOptions, preparePart, recordSettings } from '../node/data/prepare.ts'
import { ImpossibleSet } from '../node/data/record-set.ts'
import { MANIFEST } from '../node/data/shards.ts'
import { expectFolder } from './chunk.ts'
import { KIND, keyOf, parseSet, parseShard, type SetJob, type ShardJob, setId, shardId } from './jobs.ts'
import type { Entry, QueueSettings } from './ledger.ts'
import type { PictureQueue } from './queue.ts'
import type { Roots } from './roots.ts'
import {
  expectSettings,
  type InHand,
  lost,
  NotYet,
  orRefused,
  type RawJob,
  RefusedJob,
  type Work,
} from './work.ts'

/** The folder, below a set's own, of its shards until it is put together. */
export const PARTS = 'parts'

/** As the ledger names a shard, and the set. */
export const shardOutput = (shard: number) => `shard-${String(shard).padStart(5, '0')}`
export const SET_OUTPUT = MANIFEST

const optionsSchema = v.object({
  shardSize: v.number(),
  ab: v.picklist(['int8', 'float32']),
  minSide: v.number(),
  taps: v.optional(
    v.object({
      trunk: v.object({ name: v.string(), sha256: v.string() }),
      size: v.number(),
      ranges: v.array(v.object({ low: v.number(), high: v.number() })),
      views: v.number(),
    }),
  ),
})

/**
 * How photographs at a place are read, as options of `preparePart`.
 * @throws UserError where the place is not below a root, or a link leads to a photograph from outside of it
 */
export async function sourceAt(
  roots: Pick<Roots, 'open' | 'folderOf'>,
  from: string,
  photographs: readonly string[],
): Promise<Pick<PrepareOptions, 'base' | 'read'>> {
  const storage = await roots.open(from)
  const base = roots.folderOf(from)
  if (base === null)
    return { read: async (path) => ((await storage.stat(path)) === null ? null : storage.read(path)) }
  await Promise.all(photographs.map((path) => storage.stat(path)))
  return { base }
}

export interface ShardOptions extends Pick<PrepareOptions, 'classifiers' | 'taps' | 'workers'> {
  readonly settings: QueueSettings
  readonly roots: Roots
  readonly worker: string
}

export class ShardWork implements Work {
  readonly #prepare: Omit<PrepareOptions, 'out' | 'shardSize'> & { readonly shardSize: number }

  constructor(
    private readonly queue: PictureQueue,
    private readonly options: ShardOptions,
  ) {
    const { classifiers = [], workers, settings } = options
    const { taps: tapSettings, ...set } = v.parse(optionsSchema, settings.values)
    const taps = options.taps && { ...options.taps, settings: tapSettings }
    this.#prepare = { ...set, taps, classifiers, workers }
  }

  async begin(): Promise<void> {}

  async release(): Promise<void> {}

  reset(): void {}

  async run({ name, data }: RawJob, hand: InHand): Promise<void> {
    if (name === KIND.shard) return this.#shard(await orRefused(() => parseShard(data)), hand)
    if (name === KIND.set) return this.#set(await orRefused(() => parseSet(data)), hand)
    throw new RefusedJob('it is no job of a queue that prepares records')
  }

  async #shard(job: ShardJob, hand: InHand): Promise<void> {
    const output = shardOutput(job.shard)
    if (await this.#isDone(job, output)) return
    const parts = await this.#partsOf(job)
    const source = await orRefused(() => sourceAt(this.options.roots, job.from, job.photographs))
    const first = job.shard * this.#prepare.shardSize
    const part = { ...source, out: join(parts, output), first, signal: hand.signal }
    await preparePart(job.photographs, { ...this.#prepare, ...part })
    hand.count()
    await this.#finish(job, output, hand)
  }

  async #set(job: SetJob, hand: InHand): Promise<void> {
    const { queue } = this
    if (await this.#isDone(job, SET_OUTPUT)) return this.#tidy(job)
    const numbers = Array.from({ length: job.shards }, (_, shard) => shard)
    const entries = await queue.ledger.entries(numbers.map((shard) => keyOf(job.to, shardOutput(shard))))
    if (entries.some((entry) => entry?.settings !== job.settings)) {
      if (await queue.jobs.getFailedCount())
        throw new RefusedJob('some of its shards have failed; queue retry tries them again, and this')
      throw new NotYet()
    }
    const parts = await this.#partsOf(job)
    const all: Part[] = []
    for (const shard of numbers) {
      const kept = await queue.jobs.getJob(shardId(job.settings, shard))
      const { photographs } = await orRefused(() => parseShard(kept?.data))
      all.push({ folder: join(parts, shardOutput(shard)), paths: photographs })
    }
    await joinParts(join(parts, '..'), all, recordSettings(this.#prepare)).catch((error) => {
      throw error instanceof ImpossibleSet ? new RefusedJob(error.message) : error
    })
    await this.#finish(job, SET_OUTPUT, hand)
    await this.#tidy(job)
  }

  /** Removes what was there only to make the set. */
  async #tidy(job: SetJob): Promise<void> {
    await rm(join(await this.#folderOf(job), PARTS), { recursive: true, force: true })
    await this.queue.jobs.clean(0, 0, 'completed')
  }

  /** Whether it was done before, with these settings. */
  async #isDone({ to, settings }: ShardJob | SetJob, output: string): Promise<boolean> {
    expectSettings({ settings }, this.options.settings)
    const [entry] = await this.queue.ledger.entries([keyOf(to, output)])
    return entry?.settings === settings
  }

  async #partsOf(job: ShardJob | SetJob): Promise<string> {
    const parts = join(await this.#folderOf(job), PARTS)
    await expectFolder(parts)
    return parts
  }

  async #folderOf({ to }: ShardJob | SetJob): Promise<string> {
    const { roots } = this.options
    await orRefused(() => roots.open(to))
    const folder = await orRefused(() => roots.folderOf(to))
    if (folder === null) throw new RefusedJob('records are made in folders, not in buckets')
    return folder
  }

  async #finish(job: ShardJob | SetJob, output: string, { lease }: InHand): Promise<void> {
    const { to, settings } = job
    const of = 'shard' in job ? shardId(settings, job.shard) : setId(settings)
    const entry: Entry = { from: '.', input: output, to, output, of, settings, worker: this.options.worker }
    if (!(await this.queue.ledger.finish(lease, keyOf(to, output), entry))) lost()
  }
}
