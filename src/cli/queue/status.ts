/** `queue status`, `failed`, `retry` and `drain`: where the queue stands, and what is done about what has failed. */
import { setTimeout as sleep } from 'node:timers/promises'
import { drain, retryFailed, retryJobs } from '../../queue/again.ts'
import { exclusively } from '../../queue/exclusive.ts'
import { parseListen, serveMetrics } from '../../queue/metrics.ts'
import { type Status, statusOf } from '../../queue/status.ts'
import { formatRate } from '../colouring/pace.ts'
import type { Call, Result } from '../commands/command.ts'
import { EXIT } from '../exit.ts'
import { bar, duration, printable, writeOut } from '../terminal.ts'
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

/**
 * Every picture that was set aside, and every job that was refused, in no order: there may be millions, so each is written as it
 * is found.
 */
export async function failed(call: Call): Promise<Result> {
  return withQueue(call, async ({ ledger, jobs }) => {
    const list = call.flags.on('json') ? AS_JSON : AS_TEXT
    let count = 0
    await writeOut(list.begin)
    for await (const { from, input, reason, attempts } of ledger.everyFailure()) {
      const name = from === '.' ? input : `${from}/${input}`
      await writeOut(list.failure({ input: name, reason, attempts }, count++))
    }
    await writeOut(list.between)
    for (let n = 0; ; n++) {
      const [job] = await jobs.getJobs(['failed'], n, n, true)
      if (!job) break
      await writeOut(list.refusal({ job: job.id!, reason: job.failedReason }, n))
      count++
    }
    await writeOut(list.end(count))
    return { code: EXIT.ok }
  })
}

interface Failed {
  readonly input: string
  readonly reason: string
  readonly attempts: number
}

interface Refused {
  readonly job: string
  readonly reason: string
}

/** What `queue failed` prints, in pieces; `n` counts each list from 0. */
interface FailedList {
  readonly begin: string
  failure(failure: Failed, n: number): string
  readonly between: string
  refusal(refusal: Refused, n: number): string
  end(count: number): string
}

const item = (value: object, n: number) => `${n ? ',' : ''}\n    ${JSON.stringify(value)}`

const AS_JSON: FailedList = {
  begin: '{\n  "failed": [',
  failure: item,
  between: '\n  ],\n  "refused": [',
  refusal: item,
  end: () => '\n  ]\n}\n',
}

const AS_TEXT: FailedList = {
  begin: '',
  failure: ({ input, reason, attempts }) => `${printable(`${input}: ${reason} (${timesText(attempts)})`)}\n`,
  between: '',
  refusal: ({ job, reason }) => `${printable(`job ${job}: ${reason}`)}\n`,
  end: (count) => (count ? '' : 'nothing has failed\n'),
}

const timesText = (attempts: number) => (attempts === 1 ? 'tried once' : `tried ${attempts} times`)

export async function retry(call: Call): Promise<Result> {
  return withQueue(call, async (queue) => {
    const again = await exclusively(queue, async (expectAlone) => ({
      jobs: await retryJobs(queue, expectAlone),
      pictures: await retryFailed(queue, chunkOf(call), expectAlone),
    }))
    const text = `queued ${again.pictures} photographs and ${again.jobs} whole jobs again`
    return { json: again, text, code: EXIT.ok }
  })
}

export async function takeOut(call: Call): Promise<Result> {
  return withQueue(call, async (queue) => {
    const pictures = await exclusively(queue, (expectAlone) => drain(queue, expectAlone))
    const text = `took ${pictures} photographs or parts out of the queue; what is in work is finished`
    return { json: { pictures }, text, code: EXIT.ok }
  })
}
