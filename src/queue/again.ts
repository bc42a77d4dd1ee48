/** What a person does about pictures that have failed, or that are not wanted any more. */
import { type ChunkJob, KIND, keyOf, type Picture, type SetJob, type ShardJob } from './jobs.ts'
import type { Failure, Known } from './ledger.ts'
import { Packer } from './pack.ts'
import type { PictureQueue } from './queue.ts'
import { SET_OUTPUT, shardOutput } from './shard.ts'

/** Jobs taken out at once. */
const JOBS_AT_ONCE = 500

/**
 * Queues pictures that have failed anew, in jobs of `chunk` photographs, if they are for the queue's settings: others would stop its
 * workers, and `add` finds them new. Returns how many.
 */
export async function retryFailed(queue: PictureQueue, chunk: number): Promise<number> {
  const { ledger, server } = queue
  const round = await server.redis.incr(ledger.key('round'))
  const groups = new Map<string, { readonly job: Omit<ChunkJob, 'pictures'>; readonly packer: Packer }>()
  const add = async (job: Omit<ChunkJob, 'pictures'>, pictures: readonly Picture[] | null) => {
    if (!pictures?.length) return
    const known = new Map(pictures.map((picture) => [keyOf(job.to, picture.output), knownOf(job, picture)]))
    // neither known nor failed until they are queued: where this program is killed in between, `queue add` finds them new
    await ledger.unremember([...known.keys()])
    await ledger.forget([...known.keys()])
    await queue.add([{ ...job, pictures: [...pictures] }])
    await ledger.remember(known)
  }
  let count = 0
  // all before the first is queued: one that fails again meanwhile would be found once more
  const failures: Failure[] = []
  const own = await ledger.settings()
  for await (const failure of ledger.everyFailure())
    if (failure.settings === own?.digest) failures.push(failure)
  for (const { from, to, settings, input, output, size, stamp, variant } of failures) {
    const name = JSON.stringify([from, to, settings])
    const group = groups.get(name) ?? { job: { from, to, settings, round }, packer: new Packer(chunk) }
    groups.set(name, group)
    const picture = { input, output, size, stamp, ...(variant === undefined ? {} : { variant }) }
    await add(group.job, group.packer.add(picture))
    count++
  }
  for (const { job, packer } of groups.values()) await add(job, packer.finish())
  return count
}

const knownOf = ({ from, settings }: Omit<ChunkJob, 'pictures'>, { input, stamp }: Picture): Known => [
  `${from}/${input}`,
  stamp,
  settings,
]

/**
 * Queues anew whole jobs that were refused, such as by a worker without the right --root, or that took too many workers with them,
 * if they are for the queue's settings: others would stop its workers. Returns how many.
 */
export async function retryJobs({ jobs, ledger }: PictureQueue): Promise<number> {
  const settings = await ledger.settings()
  const failed = (await jobs.getFailed()).filter(({ data }) => data?.settings === settings?.digest)
  const isSet = ({ name }: { readonly name: string }) => name === KIND.set
  // the set behind its shards: a worker refuses it while one of them is still among the failed
  for (const job of [...failed.filter((job) => !isSet(job)), ...failed.filter(isSet)]) await job.retry()
  return failed.length
}

/** What the ledger has of a job: pictures, or a part of a record set. */
function keysOf(job: ChunkJob | ShardJob | SetJob): string[] {
  if ('pictures' in job) return job.pictures.map(({ output }) => keyOf(job.to, output))
  return [keyOf(job.to, 'shard' in job ? shardOutput(job.shard) : SET_OUTPUT)]
}

/** Takes out what waits; what is in work is finished. Returns how many pictures, or parts of a record set, that were. */
export async function drain(queue: PictureQueue): Promise<number> {
  const { jobs, ledger } = queue
  let count = 0
  await jobs.pause() // so that no worker takes what is about to go
  try {
    for (;;) {
      const waiting = await jobs.getJobs(['waiting', 'delayed'], 0, JOBS_AT_ONCE - 1)
      if (waiting.length === 0) return count
      const keys = waiting.flatMap(({ data }) => keysOf(data))
      const done = await ledger.entries(keys)
      const undone = keys.filter((_, i) => done[i] === null)
      await ledger.unremember(undone)
      count += undone.length
      for (const job of waiting) await job.remove()
    }
  } finally {
    await jobs.resume()
  }
}
