/** What a person does about pictures that have failed, or that are not wanted any more. */
import type { Job } from 'bullmq'
import type { ExpectAlone } from './exclusive.ts'
import { type ChunkJob, keyOf, type Picture, type SetJob, type ShardJob, setId } from './jobs.ts'
import type { Failure, Known } from './ledger.ts'
import { Packer } from './pack.ts'
import type { PictureQueue } from './queue.ts'
import { SET_OUTPUT, shardOutput } from './shard.ts'

/** Failures that are queued again at once, and jobs that are looked at: there may be millions. */
const FAILURES_AT_ONCE = 1000
const JOBS_AT_ONCE = 500

/**
 * Queues pictures that have failed anew, in jobs of `chunk` photographs, if they are for the queue's settings: others would stop its
 * workers, and `add` finds them new. Returns how many.
 * @param expectAlone of `exclusively`, where others may add to the queue
 */
export async function retryFailed(
  queue: PictureQueue,
  chunk: number,
  expectAlone: ExpectAlone = async () => {},
): Promise<number> {
  const { ledger, server } = queue
  const round = await server.redis.incr(ledger.key('round'))
  const own = await ledger.settings()
  let count = 0
  for await (const some of slices(ledger.everyFailure())) {
    const keys = new Set(some.map(({ to, output }) => keyOf(to, output)))
    // looked up once more: what the scan gives twice is queued by now, and what has failed again in this round is not for it
    const failures = (await ledger.failures([...keys])).filter(
      (failure) => failure !== null && failure.settings === own?.digest && failure.round !== round,
    ) as Failure[]
    await expectAlone()
    await queueAgain(queue, failures, { chunk, round })
    count += failures.length
  }
  return count
}

/** Parts of a list that does not end soon. */
async function* slices(all: AsyncIterable<Failure>): AsyncGenerator<readonly Failure[], void> {
  let some: Failure[] = []
  for await (const failure of all) {
    some.push(failure)
    if (some.length < FAILURES_AT_ONCE) continue
    yield some
    some = []
  }
  if (some.length) yield some
}

interface Again {
  /** Work of a job, in photographs of usual size. */
  readonly chunk: number
  readonly round: number
}

/** Neither known nor failed until they are queued: where this program is killed in between, `queue add` finds them new. */
async function queueAgain(queue: PictureQueue, failures: readonly Failure[], how: Again): Promise<void> {
  const { ledger } = queue
  const known = new Map(failures.map((failure) => [keyOf(failure.to, failure.output), knownOf(failure)]))
  await ledger.unremember([...known.keys()])
  await ledger.forget([...known.keys()])
  await queue.add(jobsOf(failures, how))
  await ledger.remember(known)
}

const knownOf = ({ from, input, stamp, settings }: Failure): Known => [`${from}/${input}`, stamp, settings]

function jobsOf(failures: readonly Failure[], { chunk, round }: Again): ChunkJob[] {
  const groups = new Map<string, { readonly job: Omit<ChunkJob, 'pictures'>; readonly packer: Packer }>()
  const jobs: ChunkJob[] = []
  const add = (job: Omit<ChunkJob, 'pictures'>, pictures: readonly Picture[] | null) => {
    if (pictures?.length) jobs.push({ ...job, pictures: [...pictures] })
  }
  for (const { from, to, settings, input, output, size, stamp, variant } of failures) {
    const name = JSON.stringify([from, to])
    const group = groups.get(name) ?? { job: { from, to, settings, round }, packer: new Packer(chunk) }
    groups.set(name, group)
    const picture = { input, output, size, stamp, ...(variant === undefined ? {} : { variant }) }
    add(group.job, group.packer.add(picture))
  }
  for (const { job, packer } of groups.values()) add(job, packer.finish())
  return jobs
}

/**
 * Queues anew whole jobs that were refused, such as by a worker without the right --root, or that took too many workers with them,
 * if they are for the queue's settings: others would stop its workers. Returns how many.
 * @param expectAlone of `exclusively`, where others may add to the queue
 */
export async function retryJobs(
  { jobs, ledger }: PictureQueue,
  expectAlone: ExpectAlone = async () => {},
): Promise<number> {
  const { digest } = (await ledger.settings()) ?? {}
  if (digest === undefined) return 0
  const isSet = (job: Job) => job.id === setId(digest)
  let [count, kept] = [0, 0]
  let left = await jobs.getFailedCount() // one that is refused again meanwhile stands behind these
  while (left > 0) {
    const last = kept + Math.min(left, JOBS_AT_ONCE) - 1
    const some = await jobs.getJobs(['failed'], kept, last, true)
    if (some.length === 0) break
    left -= some.length
    await expectAlone()
    for (const job of some) {
      if (job.data?.settings !== digest || isSet(job)) kept++
      else {
        await job.retry()
        count++
      }
    }
  }
  // the set behind its shards: a worker refuses it while one of them is still among the failed
  const set = await jobs.getJob(setId(digest))
  if (!(await set?.isFailed())) return count
  await set!.retry()
  return count + 1
}

/** What the ledger has of a job: pictures, or a part of a record set. */
function keysOf(job: ChunkJob | ShardJob | SetJob): string[] {
  if ('pictures' in job) return job.pictures.map(({ output }) => keyOf(job.to, output))
  return [keyOf(job.to, 'shard' in job ? shardOutput(job.shard) : SET_OUTPUT)]
}

/**
 * Takes out what waits; what is in work is finished. Returns how many pictures, or parts of a record set, that were.
 * @param expectAlone of `exclusively`, where others may add to the queue
 */
export async function drain(queue: PictureQueue, expectAlone: ExpectAlone = async () => {}): Promise<number> {
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
      await expectAlone()
      await ledger.unremember(undone)
      count += undone.length
      for (const job of waiting) await job.remove()
    }
  } finally {
    await jobs.resume()
  }
}
