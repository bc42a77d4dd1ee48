/** `queue status`, `failed`, `retry` and `drain`: where the queue stands, and what is done about what has failed. */
import { setTimeout as sleep } from 'node:timers/promises'
import { drain, retryFailed, retryJobs } from '../../queue/again.ts'
import { exclusively } from '../../queue/exclusive.ts'
import { parseListen, serveMetrics } from '../../queue/metrics.ts'
import { type Status, statusOf } from '../../queue/status.ts'
import { formatRate } from '../colouring/pace.ts'
import type { Call, Result } from '../commands/command.ts'
import { EXIT } from '../exit.ts'
import { bar, duration, printable } from '../terminal.ts'
import { chunkOf } from './add.ts'
import { withQueue } from './options.ts'

const WATCH_MS = 2000

export async function status(call: Call): Promise<Result> {
  const { flags, terminal, interrupted } = call
  const metrics = flags.text('metrics')
  const listen = metrics === undefined ? null : parseListen(metrics)
  return withQueue(call, async (queue) => {
    const serving = listen && (await serveMetrics(listen, () => statusOf(queue)))
    if (serving) terminal.say(`metrics at ${serving.url}; Ctrl-C ends it`)
    while ((flags.on('watch') || serving) && !interrupted.aborted) {
      if (flags.on('watch')) terminal.progress(stateText(await statusOf(queue)))
      await sleep(WATCH_MS, undefined, { signal: interrupted }).catch(() => {})
    }
    serving?.server.close()
    const found = await statusOf(queue)
    return { json: found, text: statusText(found), code: EXIT.ok }
  })
}

/** "━━━━── 60% · 6 of 10 done · 1 failed · 2 in work · 1.2 pictures/s · 3 s left" */
function stateText(status: Status): string {
  const { task, pictures, completed, failed, active, picturesPerSecond, secondsLeft } = status
  const what = task === 'prepare' ? ' parts' : ''
  const parts = [
    `${bar(pictures ? (completed + failed) / pictures : 1)} · ${completed} of ${pictures}${what} done`,
  ]
  if (failed) parts.push(`${failed} failed`)
  if (active) parts.push(`${active} in work`)
  if (picturesPerSecond) parts.push(rateText(status, picturesPerSecond))
  if (picturesPerSecond && secondsLeft) parts.push(`${duration(secondsLeft)} left`)
  return parts.join(' · ')
}

/** "1.2 pictures/s", "0.8 parts/min" */
const rateText = ({ task }: Status, perSecond: number) =>
  task === 'prepare' ? `${Number((60 * perSecond).toPrecision(2))} parts/min` : formatRate(perSecond)

/** All that `queue status` prints. */
export function statusText(found: Status): string {
  const workers = found.workers.map(
    ({ name, adapter, picturesPerSecond }) => `${name}  ${adapter}  ${rateText(found, picturesPerSecond)}`,
  )
  const refused = found.refused
    ? [
        `${found.refused} jobs were refused: colorizer queue failed lists them, and colorizer queue retry queues them again`,
      ]
    : []
  const paused = found.paused
    ? [
        'the queue is paused: a drain is at work, or was killed; colorizer queue retry lets workers go on then',
      ]
    : []
  return printableLines([stateText(found), ...workers, ...refused, ...paused])
}

const printableLines = (lines: readonly string[]) => lines.map(printable).join('\n')

/** Every picture that was set aside, and every job that was refused. */
export async function failed(call: Call): Promise<Result> {
  return withQueue(call, async ({ ledger, jobs }) => {
    const failures: { input: string; reason: string; attempts: number }[] = []
    for await (const { from, input, reason, attempts } of ledger.everyFailure())
      failures.push({ input: from === '.' ? input : `${from}/${input}`, reason, attempts })
    failures.sort((a, b) => (a.input < b.input ? -1 : 1))
    const refused = (await jobs.getFailed()).map(({ id, failedReason }) => ({
      job: id!,
      reason: failedReason,
    }))
    const lines = failures.map(
      ({ input, reason, attempts }) => `${input}: ${reason} (${timesText(attempts)})`,
    )
    const jobLines = refused.map(({ job, reason }) => `job ${job}: ${reason}`)
    return {
      json: { failed: failures, refused },
      text: printableLines([
        ...lines,
        ...jobLines,
        ...(lines.length + jobLines.length ? [] : ['nothing has failed']),
      ]),
      code: EXIT.ok,
    }
  })
}

const timesText = (attempts: number) => (attempts === 1 ? 'tried once' : `tried ${attempts} times`)

export async function retry(call: Call): Promise<Result> {
  return withQueue(call, async (queue) => {
    const again = await exclusively(queue, async () => ({
      jobs: await retryJobs(queue),
      pictures: await retryFailed(queue, chunkOf(call)),
    }))
    const text = `queued ${again.pictures} photographs and ${again.jobs} whole jobs again`
    return { json: again, text, code: EXIT.ok }
  })
}

export async function takeOut(call: Call): Promise<Result> {
  return withQueue(call, async (queue) => {
    const pictures = await exclusively(queue, () => drain(queue))
    const text = `took ${pictures} photographs or parts out of the queue; what is in work is finished`
    return { json: { pictures }, text, code: EXIT.ok }
  })
}
