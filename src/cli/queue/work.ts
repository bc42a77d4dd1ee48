/** `queue work`: colours what the queue has, until it is stopped. */
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '../../errors.ts'
import { CheckPicture } from '../../queue/check.ts'
import type { QueueSettings } from '../../queue/ledger.ts'
import { difference, type PictureQueue } from '../../queue/queue.ts'
import { answerTrial, trialBy } from '../../queue/trial.ts'
import { QueueWorker } from '../../queue/worker.ts'
import { JOBS } from '../colouring/session.ts'
import { readSetup, type Setup } from '../colouring/setup.ts'
import { type Call, exitCode, type Flags, type Result } from '../commands/command.ts'
import { EXIT } from '../exit.ts'
import { rootsOf, settingsOf, withQueue, wordsOf, workerFlags } from './options.ts'
import { QueuePainter } from './painting.ts'

/** Jobs in work at once: the next one is begun while the last pictures of one are written. */
export const CONCURRENCY = 2
export const LEASE_SECONDS = 30
export const CHECK_EVERY = 1000
/** After which a picture counts as one that hangs. */
export const PICTURE_SECONDS = 300
/** Of a picture that is tried alone. */
export const MEMORY_MIB = 4096

const FULL_DISK_MS = 10_000
const LOOK_MS = 500

/** Throws a `UserError` when the queue was made for other settings than this worker's, and as `QueueWorker.run`. */
export async function work(call: Call): Promise<Result> {
  return withQueue(call, async (queue) => {
    const settings = await settingsFor(call, queue)
    if (!settings) return { json: { failed: 0 }, code: EXIT.interrupted }
    const painting = { ...call, flags: workerFlags(call, settings) }
    const setup = await readSetup(painting)
    expectSame(settings, settingsOf(painting.flags, setup))
    const painter = new QueuePainter(painting, setup)
    try {
      const { adapter, worker } = await openWorker(call, queue, painter, { flags: painting.flags, setup })
      call.terminal.say(`taking jobs of the queue ${queue.name} on ${adapter}; Ctrl-C ends it`)
      call.beforeExit(() => worker.giveBack())
      await worker.run(call.flags.on('until-done') ? untilDone(queue, call.interrupted) : call.interrupted)
    } finally {
      painter.close()
    }
    const { failed } = await queue.ledger.counts()
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

function expectSame(queue: QueueSettings, own: QueueSettings): void {
  if (queue.version === own.version && queue.digest === own.digest) return
  throw new UserError(
    `this worker is refused: the queue is for other settings than it has (${difference(queue, own)}): use the same version, and name the same files with --weights, --classifier and --like`,
    'usage',
  )
}

interface Painting {
  readonly flags: Flags
  readonly setup: Setup
}

async function openWorker(call: Call, queue: PictureQueue, painter: QueuePainter, painting: Painting) {
  const { flags, terminal } = call
  const { name: adapter, rounding } = await painter.adapter()
  const { paint } = painter
  const settings = settingsOf(painting.flags, painting.setup)
  const { ledger, server } = queue
  const every = flags.integer('check-every') ?? CHECK_EVERY
  const pictureMs = 1000 * (flags.number('picture-seconds', { min: 1 }) ?? PICTURE_SECONDS)
  const worker = new QueueWorker(queue, {
    ...{ settings, adapter, paint, pictureMs, roots: rootsOf(call), fullDiskMs: FULL_DISK_MS },
    worker: flags.text('name') ?? `${hostname()}-${process.pid}`,
    trial: trialBy(trialCommand(call, painting.flags), {
      milliseconds: pictureMs,
      bytes: 2 ** 20 * (flags.integer('memory') ?? MEMORY_MIB),
    }),
    concurrency: flags.integer('concurrency') ?? CONCURRENCY,
    pictures: flags.integer('jobs') ?? JOBS,
    leaseMs: 1000 * (flags.number('lease', { min: 1 }) ?? LEASE_SECONDS),
    check: new CheckPicture({
      ledger,
      redis: server.redis,
      paint,
      adapter: rounding,
      settings: settings.digest,
      every,
    }),
    reset: () => painter.reset(),
    tell: (sentence) => terminal.warn(sentence),
  })
  return { adapter, worker }
}

/** Starts this very program for one picture. */
function trialCommand({ flags }: Call, painting: Flags): string[] {
  const heap = `--max-old-space-size=${flags.integer('memory') ?? MEMORY_MIB}`
  const program = [process.execPath, heap, ...process.execArgv, process.argv[1]!]
  return [...program, 'queue', 'try', ...wordsOf(painting)]
}

/** Raised with `interrupted`, and when nothing waits and nothing is in work. */
function untilDone(queue: PictureQueue, interrupted: AbortSignal): AbortSignal {
  const done = new AbortController()
  const timer = setInterval(async () => {
    if (await queue.isIdle().catch(() => false)) done.abort()
  }, LOOK_MS)
  const signal = AbortSignal.any([interrupted, done.signal])
  signal.addEventListener('abort', () => clearInterval(timer), { once: true })
  return signal
}

/** `queue try`: one photograph from stdin to stdout, as a worker asks for it. */
export async function tryAlone(call: Call): Promise<Result> {
  const painter = new QueuePainter(call, await readSetup(call))
  try {
    await answerTrial(painter.paint, process.stdin, (bytes) => process.stdout.write(bytes))
    return { json: null, code: EXIT.ok }
  } finally {
    painter.close()
  }
}
