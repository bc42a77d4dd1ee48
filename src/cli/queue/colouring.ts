/** What `queue work` does for a queue that colours. */
import { CheckPicture } from '../../queue/check.ts'
import { ChunkWork } from '../../queue/chunk.ts'
import type { QueueSettings } from '../../queue/ledger.ts'
import type { PictureQueue } from '../../queue/queue.ts'
import { answerTrial, trialBy } from '../../queue/trial.ts'
import { JOBS } from '../colouring/session.ts'
import { readSetup } from '../colouring/setup.ts'
import type { Call, Flags, Result } from '../commands/command.ts'
import { EXIT } from '../exit.ts'
import type { Opened } from './opened.ts'
import { expectSame, ofOneClassifier, queueSettings, rootsOf, wordsOf, workerFlags } from './options.ts'
import { QueuePainter } from './painting.ts'

export const CHECK_EVERY = 1000
/** After which a picture counts as one that hangs. */
export const PICTURE_SECONDS = 300
/** Of a picture that is tried alone. */
export const MEMORY_MIB = 4096

const FULL_DISK_MS = 10_000
/** How often a picture may take its worker with it is counted by picture, not by job. */
const MOST_LOSSES = 1_000_000

/** Opens weights and GPU. Throws a `UserError` where they are others than the queue's. */
export async function openColouring(
  call: Call,
  queue: PictureQueue,
  settings: QueueSettings,
  worker: string,
): Promise<Opened> {
  const painting = { ...call, flags: ofOneClassifier(workerFlags(call, settings)) }
  const setup = await readSetup(painting)
  expectSame(settings, queueSettings(painting.flags, setup))
  const painter = new QueuePainter(painting, setup)
  try {
    const { name: adapter, rounding } = await painter.adapter()
    const work = chunkWork(call, queue, painter, { settings, rounding, worker, flags: painting.flags })
    return { adapter, work, mostLosses: MOST_LOSSES, close: () => painter.close() }
  } catch (error) {
    painter.close()
    throw error
  }
}

interface Colouring {
  readonly settings: QueueSettings
  /** All of the adapter that decides about rounding. */
  readonly rounding: string
  readonly worker: string
  readonly flags: Flags
}

function chunkWork(
  call: Call,
  { ledger, server }: PictureQueue,
  painter: QueuePainter,
  colouring: Colouring,
) {
  const { flags, terminal } = call
  const { settings, rounding, worker } = colouring
  const { paint } = painter
  const every = flags.integer('check-every') ?? CHECK_EVERY
  const pictureMs = 1000 * (flags.number('picture-seconds', { min: 1 }) ?? PICTURE_SECONDS)
  const bytes = 2 ** 20 * (flags.integer('memory') ?? MEMORY_MIB)
  return new ChunkWork({
    ...{ ledger, settings, worker, paint, pictureMs, roots: rootsOf(call), fullDiskMs: FULL_DISK_MS },
    trial: trialBy(trialCommand(call, colouring.flags), { milliseconds: pictureMs, bytes }),
    pictures: flags.integer('jobs') ?? JOBS,
    check: new CheckPicture({
      ...{ ledger, redis: server.redis, paint, adapter: rounding, settings: settings.digest, every },
    }),
    reset: () => painter.reset(),
    tell: (sentence) => terminal.warn(sentence),
  })
}

/** Starts this very program for one picture. */
function trialCommand({ flags }: Call, painting: Flags): string[] {
  const heap = `--max-old-space-size=${flags.integer('memory') ?? MEMORY_MIB}`
  const program = [process.execPath, heap, ...process.execArgv, process.argv[1]!]
  return [...program, 'queue', 'try', ...wordsOf(painting)]
}

/** `queue try`: one photograph from stdin to stdout, as a worker asks for it. */
export async function tryAlone(call: Call): Promise<Result> {
  const asked = { ...call, flags: ofOneClassifier(call.flags) }
  const painter = new QueuePainter(asked, await readSetup(asked))
  try {
    await answerTrial(painter.paint, process.stdin, (bytes) => process.stdout.write(bytes))
    return { json: null, code: EXIT.ok }
  } finally {
    painter.close()
  }
}
