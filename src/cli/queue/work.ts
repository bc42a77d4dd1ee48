/** `queue work`: does what the queue has, until it is stopped. */
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { QueueSettings } from '../../queue/ledger.ts'
import type { PictureQueue } from '../../queue/queue.ts'
import { QueueWorker } from '../../queue/worker.ts'
import { type Call, exitCode, type Result } from '../commands/command.ts'
import { EXIT } from '../exit.ts'
import { openColouring } from './colouring.ts'
import type { Opened } from './opened.ts'
import { withQueue } from './options.ts'
import { openPreparing } from './preparing.ts'

/** Jobs in work at once: the next one is begun while the last pictures of one are written. */
export const CONCURRENCY = 2
export const LEASE_SECONDS = 30

const LOOK_MS = 500

/** Throws a `UserError` when the queue was made for other settings than this worker's, and as `QueueWorker.run`. */
export async function work(call: Call): Promise<Result> {
  return withQueue(call, async (queue) => {
    const settings = await settingsFor(call, queue)
    if (!settings) return { json: { failed: 0 }, code: EXIT.interrupted }
    const worker = call.flags.text('name') ?? `${hostname()}-${process.pid}`
    const open = settings.task === 'prepare' ? openPreparing : openColouring
    const opened = await open(call, queue, settings, worker)
    try {
      await run(call, queue, opened, worker)
    } finally {
      opened.close()
    }
    const failed = await failedIn(queue)
    return { json: { failed }, code: exitCode(call.interrupted.aborted, failed) }
  })
}

/** Those of the queue; waits until something was added to it. Null when it was interrupted. */
async function settingsFor(
  { terminal, interrupted }: Call,
  queue: PictureQueue,
): Promise<QueueSettings | null> {
  for (let isTold = false; !interrupted.aborted; isTold = true) {
    const settings = await queue.ledger.settings()
    if (settings) return settings
    if (!isTold) terminal.say(`the queue ${queue.name} is empty: waiting until something is added`)
    await sleep(LOOK_MS, undefined, { signal: interrupted }).catch(() => {})
  }
  return null
}

async function run(call: Call, queue: PictureQueue, opened: Opened, worker: string): Promise<void> {
  const { flags, terminal, interrupted } = call
  const { adapter, mostLosses } = opened
  const engine = new QueueWorker(queue, opened.work, {
    ...{ worker, adapter, mostLosses },
    concurrency: flags.integer('concurrency') ?? opened.concurrency ?? CONCURRENCY,
    leaseMs: 1000 * (flags.number('lease', { min: 1 }) ?? LEASE_SECONDS),
    tell: (sentence) => terminal.warn(sentence),
  })
  terminal.say(`taking jobs of the queue ${queue.name} on ${adapter}; Ctrl-C ends it`)
  call.beforeExit(() => engine.giveBack())
  if (flags.on('until-done'))
    await untilDone(queue, (done) => engine.run(AbortSignal.any([interrupted, done])))
  else await engine.run(interrupted)
}

/** Runs `work` with a signal that is raised when nothing waits, nothing is in work, and nobody is adding. */
async function untilDone(queue: PictureQueue, work: (done: AbortSignal) => Promise<void>): Promise<void> {
  const done = new AbortController()
  const timer = setInterval(async () => {
    if (await queue.isDone().catch(() => false)) done.abort()
  }, LOOK_MS)
  try {
    await work(done.signal)
  } finally {
    clearInterval(timer) // the process would not end before
  }
}

/** Photographs that were set aside, and whole jobs that were refused. */
const failedIn = async ({ ledger, jobs }: PictureQueue): Promise<number> =>
  (await ledger.counts()).failed + (await jobs.getFailedCount())
