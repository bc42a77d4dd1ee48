/** Which workers there are and how fast each is. Times are the server's, so that clocks that differ do no harm. */
import type { Redis } from 'ioredis'
import * as v from 'valibot'
import type { Ledger } from './ledger.ts'

const BEAT_MS = 5000
/** A worker that was silent for so many seconds is not counted. */
const SILENT_S = 20
/** Beats over which its speed is measured: the last ten minutes, since a shard of records may take one or more. */
const BEATS = 120

const workerSchema = v.object({
  name: v.string(),
  adapter: v.string(),
  /** Pictures or shards that it has made. */
  made: v.number(),
  picturesPerSecond: v.number(),
  /** Of its last word, in seconds of the server's clock. */
  at: v.number(),
})
export type WorkerState = Readonly<v.InferOutput<typeof workerSchema>>

/** Keeps one worker on the list. */
export class Roll {
  #made = 0
  /** Times in ms, and pictures made by then. */
  #marks: { readonly at: number; readonly made: number }[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(
    private readonly ledger: Ledger,
    private readonly redis: Redis,
    private readonly who: { readonly worker: string; readonly adapter: string },
  ) {}

  async begin(): Promise<void> {
    await this.#sweep()
    await this.#beat()
    this.#timer = setInterval(() => this.#beat().catch(() => {}), BEAT_MS)
  }

  count(): void {
    this.#made++
  }

  async end(): Promise<void> {
    clearInterval(this.#timer)
    await this.redis.hdel(this.ledger.key('workers'), this.who.worker)
  }

  /** Takes those off the list that were killed; one that was only silent is back with its next beat. */
  async #sweep(): Promise<void> {
    const now = await secondsOf(this.redis)
    const silent = (await everyWorker(this.ledger, this.redis)).filter(({ at }) => now - at >= SILENT_S)
    const names = silent.map(({ name }) => name)
    if (names.length) await this.redis.hdel(this.ledger.key('workers'), ...names)
  }

  async #beat(): Promise<void> {
    this.#marks = [...this.#marks, { at: performance.now(), made: this.#made }].slice(-BEATS)
    const [first, last] = [this.#marks[0]!, this.#marks.at(-1)!]
    const seconds = (last.at - first.at) / 1000
    const { worker, adapter } = this.who
    const state: WorkerState = {
      ...{ name: worker, adapter, made: this.#made },
      picturesPerSecond: seconds > 0 ? (last.made - first.made) / seconds : 0,
      at: await secondsOf(this.redis),
    }
    await this.redis.hset(this.ledger.key('workers'), worker, JSON.stringify(state))
  }
}

/** Those at work, by their names. */
export async function workersOf(ledger: Ledger, redis: Redis): Promise<WorkerState[]> {
  const now = await secondsOf(redis)
  const all = await everyWorker(ledger, redis)
  return all.filter(({ at }) => now - at < SILENT_S).sort((a, b) => (a.name < b.name ? -1 : 1))
}

async function everyWorker(ledger: Ledger, redis: Redis): Promise<WorkerState[]> {
  const texts = await redis.hvals(ledger.key('workers'))
  return texts.map((text) => v.parse(workerSchema, JSON.parse(text)))
}

/** The server's clock. */
async function secondsOf(redis: Redis): Promise<number> {
  const [seconds] = await redis.time()
  return Number(seconds)
}
