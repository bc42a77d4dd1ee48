/** Puts the shards of a record set into the queue, and behind them the job that puts the set together. */
import type { Added } from './add.ts'
import type { ExpectAlone } from './exclusive.ts'
import { keyOf, type ShardJob, setId, shardId } from './jobs.ts'
import type { Known } from './ledger.ts'
import type { PictureQueue } from './queue.ts'
import { SET_OUTPUT, shardOutput } from './shard.ts'

export interface ShardsToAdd {
  /** Place of the photographs. */
  readonly from: string
  /** Place of the set. */
  readonly to: string
  /** Digest of what it is made of, photographs and all. */
  readonly settings: string
  /** Below `from`, in their order. */
  readonly photographs: readonly string[]
  readonly shardSize: number
  /** Whether a set that is done is made anew; for a queue that is idle. */
  readonly force?: boolean
  /** Of `exclusively`, where others may add to the queue. */
  readonly expectAlone?: ExpectAlone
}

const JOBS_AT_ONCE = 100

/** Adds what is not queued or done; counts photographs. */
export async function addShards(
  queue: PictureQueue,
  { from, to, settings, photographs, shardSize, force = false, expectAlone = async () => {} }: ShardsToAdd,
): Promise<Added> {
  const { ledger } = queue
  const jobs: ShardJob[] = []
  for (let at = 0; at < photographs.length; at += shardSize) {
    const some = photographs.slice(at, at + shardSize)
    jobs.push({ from, to, settings, shard: at / shardSize, photographs: some })
  }
  const keys = [...jobs.map(({ shard }) => shardOutput(shard)), SET_OUTPUT].map((output) => keyOf(to, output))
  const [known, done] = await Promise.all([ledger.known(keys), ledger.entries(keys)])
  // one that was killed may have queued, and workers made, what it did not yet note as known
  const isNew = (_: unknown, i: number) =>
    force || (known[i]?.[2] !== settings && done[i]?.settings !== settings)
  const fresh = jobs.filter(isNew)
  const isSetNew = isNew(null, jobs.length)
  await expectAlone()
  await ledger.forget(keys.filter(isNew))
  if (force) await removeJobs(queue, settings, jobs.length)
  for (let i = 0; i < fresh.length; i += JOBS_AT_ONCE) {
    await expectAlone()
    await queue.addShards(fresh.slice(i, i + JOBS_AT_ONCE))
  }
  if (isSetNew) await queue.addSet({ to, settings, shards: jobs.length })
  const each: Known = [to, settings, settings]
  await ledger.remember(new Map(keys.map((key) => [key, each])))
  const added = fresh.reduce((count, job) => count + job.photographs.length, 0)
  return { added, known: photographs.length - added, jobs: fresh.length + Number(isSetNew) }
}

/** Of an earlier making: the engine adds none whose number it has. */
async function removeJobs({ jobs }: PictureQueue, settings: string, shards: number): Promise<void> {
  for (let shard = 0; shard < shards; shard++) await jobs.remove(shardId(settings, shard))
  await jobs.remove(setId(settings))
}
