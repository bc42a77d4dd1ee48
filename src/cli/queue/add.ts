/** `queue add`: puts the photographs of folders into the queue. */
import { OUTPUT_FORMATS } from '../../node/formats/kinds.ts'
import { addPictures } from '../../queue/add.ts'
import { type ExpectAlone, exclusively } from '../../queue/exclusive.ts'
import { markOutput } from '../../queue/output.ts'
import { pixelsOf } from '../../queue/pack.ts'
import type { PictureQueue } from '../../queue/queue.ts'
import { readSetup } from '../colouring/setup.ts'
import { type Call, exitCode, type Result, wrong } from '../commands/command.ts'
import { paintingFlags, queueSettings, rootsOf, withQueue } from './options.ts'

const CHUNK = 32
/** A job of so many is some hours of work. */
const MOST_CHUNK = 1000

export const chunkOf = ({ flags }: Call): number => flags.integer('chunk', { max: MOST_CHUNK }) ?? CHUNK

/** Throws a `UserError` where a folder is outside of the root, and as `exclusively`. */
export async function add(call: Call, folders: readonly string[]): Promise<Result> {
  const { flags } = call
  const out = flags.text('out')
  if (folders.length === 0) throw wrong('queue add needs at least one FOLDER')
  if (out === undefined) throw wrong('queue add needs --out DIR, the folder for what is coloured')
  const roots = rootsOf(call)
  const places = folders.map((folder) => roots.placeOf(folder))
  const to = roots.placeOf(out)
  const painting = paintingFlags(call)
  const setup = await readSetup({ ...call, flags: painting })
  return withQueue(call, async (queue) => {
    const failures: string[] = []
    const total = { added: 0, known: 0, jobs: 0 }
    await exclusively(queue, async (expectAlone) => {
      if (flags.on('force')) await queue.expectIdle()
      await queue.agreeOn(queueSettings(painting, setup))
      if (await queue.forgets()) call.terminal.warn(FORGETS)
      await markOutput(await roots.open(to))
      for (const from of places) {
        if (call.interrupted.aborted) break
        const { settings } = setup
        const done = await addFolder(call, queue, { from, to, settings, roots, failures, expectAlone })
        total.added += done.added
        total.known += done.known
        total.jobs += done.jobs
      }
    })
    return {
      json: { ...total, failures },
      text: `queued ${total.added} pictures in ${total.jobs} jobs; ${total.known} were queued or done before`,
      code: exitCode(call.interrupted.aborted, failures.length),
    }
  })
}

export const FORGETS = 'the server keeps nothing over a restart: start it with --appendonly yes'

interface Folder {
  readonly from: string
  readonly to: string
  readonly settings: string
  readonly roots: ReturnType<typeof rootsOf>
  /** What could not be read is told and added here. */
  readonly failures: string[]
  readonly expectAlone: ExpectAlone
}

async function addFolder(call: Call, queue: PictureQueue, { roots, failures, ...folder }: Folder) {
  const { flags, terminal, interrupted } = call
  const inside = roots.folderOf(folder.from)
  return addPictures(queue, {
    ...folder,
    pixelsOf: inside === null ? undefined : (path) => pixelsOf(inside, path),
    storage: await roots.open(folder.from),
    ...{ chunk: chunkOf(call), format: flags.choice('format', OUTPUT_FORMATS), force: flags.on('force') },
    variants: flags.integer('variants'),
    signal: interrupted,
    onProgress: ({ added, known }) =>
      terminal.progress(`${folder.from}: ${added} queued, ${known} were queued or done before`),
    onTrouble: ({ message }) => {
      terminal.warn(message)
      failures.push(message)
    },
  })
}
