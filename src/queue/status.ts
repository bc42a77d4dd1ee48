/** Where a queue stands. */
import type { QueueSettings } from './ledger.ts'
import type { PictureQueue } from './queue.ts'
import { type WorkerState, workersOf } from './roll.ts'

export interface Status {
  /** What the queue is for; a record set is counted in parts: its shards, and putting them together. */
  readonly task: QueueSettings['task']
  /** Pictures that are queued and not in work, in work, there or left out, and set aside. */
  readonly waiting: number
  readonly active: number
  readonly completed: number
  readonly failed: number
  /** All of them. */
  readonly pictures: number
  /** In the last ten minutes; of a record set, parts. */
  readonly picturesPerSecond: number
  /** Until nothing waits; null while nothing moves. */
  readonly secondsLeft: number | null
  /** Jobs that no worker takes until they are tried again: they are no jobs of this program, or name places that are not there. */
  readonly refused: number
  /** Whether workers take nothing, since something is taken out, or was until that was killed. */
  readonly paused: boolean
  readonly workers: readonly Pick<WorkerState, 'name' | 'adapter' | 'picturesPerSecond'>[]
}

export async function statusOf({ ledger, jobs, server }: PictureQueue): Promise<Status> {
  const [
    settings,
    counts,
    workers,
    paused,
    { active: jobsActive = 0, failed: refused = 0, waiting: jobsWaiting = 0 },
  ] = await Promise.all([
    ledger.settings(),
    ledger.counts(),
    workersOf(ledger, server.redis),
    jobs.isPaused(),
    jobs.getJobCounts('active', 'failed', 'waiting'),
  ])
  const left = Math.max(0, counts.pictures - counts.completed - counts.failed)
  const inJobs = jobsActive + jobsWaiting
  const active = inJobs ? Math.round((left * jobsActive) / inJobs) : 0
  const picturesPerSecond = workers.reduce((sum, worker) => sum + worker.picturesPerSecond, 0)
  return {
    task: settings?.task ?? 'colorize',
    ...{ waiting: left - active, active, ...counts, picturesPerSecond, refused, paused },
    secondsLeft: picturesPerSecond > 0 ? left / picturesPerSecond : left === 0 ? 0 : null,
    workers: workers.map(({ name, adapter, picturesPerSecond }) => ({ name, adapter, picturesPerSecond })),
  }
}
