/** Queues with workers that need no GPU: in processes of their own, which tests kill and stop. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { openStorage } from '../../src/node/storage/storage.ts'
import { type Added, addPictures } from '../../src/queue/add.ts'
import type { QueueSettings } from '../../src/queue/ledger.ts'
import { markOutput } from '../../src/queue/output.ts'
import type { PictureQueue } from '../../src/queue/queue.ts'
import { VERSION } from '../../src/version.ts'

const STUB = fileURLToPath(new URL('stub-worker.mjs', import.meta.url))

export const SETTINGS: QueueSettings = {
  ...{ task: 'colorize', version: VERSION, digest: '0123456789abcdef' },
  ...{ flags: {}, values: { weights: 'of the tests' } },
}

/** Adds the photographs in `root`/scans, whose pictures go to `root`/out. */
export async function addScans(
  queue: PictureQueue,
  root: string,
  options: { chunk?: number; force?: boolean } = {},
): Promise<Added> {
  await queue.agreeOn(SETTINGS)
  await markOutput(await openStorage(join(root, 'out')))
  const storage = await openStorage(join(root, 'scans'))
  const places = { from: 'scans', to: 'out', settings: SETTINGS.digest }
  return addPictures(queue, { ...places, storage, chunk: 1, ...options })
}

export interface StubOptions {
  readonly url: string
  readonly queue: string
  readonly root: string
  readonly name: string
  /** Milliseconds. */
  readonly lease?: number
  readonly pause?: number
  readonly pictureMs?: number
  /** Of a picture that is tried alone; a busy machine takes a while to start a process. */
  readonly trialMs?: number
  /** Pictures between two check pictures. */
  readonly every?: number
  /** Added to all levels, as a machine does that computes wrong. */
  readonly level?: number
  /** So many are right before that, check pictures, too. */
  readonly soundPictures?: number
  readonly adapter?: string
}

export interface Stub {
  readonly child: ChildProcess
  /** Exit code or signal, and what it said. */
  readonly ended: Promise<{ readonly code: number | NodeJS.Signals; readonly said: string }>
}

/** Starts a worker, and waits until it takes jobs. */
export async function startStub(options: StubOptions): Promise<Stub> {
  const child = spawn(process.execPath, [STUB, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr!.on('data', (chunk) => {
    said += chunk
  })
  const ended: Stub['ended'] = new Promise((resolve) =>
    child.on('close', (code, signal) => resolve({ code: code ?? signal!, said })),
  )
  await Promise.race([new Promise((resolve) => child.stdout!.once('data', resolve)), ended])
  return { child, ended }
}

/** Waits until nothing is left to do. Throws where that takes too long. */
export async function whenDone(queue: PictureQueue, seconds = 60): Promise<void> {
  for (let i = 0; i < seconds * 10; i++) {
    const { pictures, completed, failed } = await queue.ledger.counts()
    if (completed + failed >= pictures && (await queue.isIdle())) return
    await sleep(100)
  }
  const counts = JSON.stringify(await queue.ledger.counts())
  throw new Error(
    `not done after ${seconds} s: ${counts}, ${JSON.stringify(await queue.jobs.getJobCounts())}`,
  )
}

/** Writes grey photographs of a few pixels, each another one. */
export async function writeScans(root: string, names: readonly string[]): Promise<void> {
  for (const [seed, name] of names.entries()) {
    const path = join(root, 'scans', name)
    mkdirSync(dirname(path), { recursive: true })
    const levels = Buffer.from(Array.from({ length: 8 * 6 }, (_, i) => (i * 5 + seed * 37) % 256))
    const photo = sharp(levels, { raw: { width: 8, height: 6, channels: 1 } })
    writeFileSync(path, await photo.toColourspace('b-w').png().toBuffer())
  }
}

/** Digests of all files in a folder and below, by their paths; hidden ones left out. */
export function digestsIn(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile() && !file.name.startsWith('.'))
    .map((file) => join(file.parentPath, file.name))
    .sort()
  return Object.fromEntries(files.map((path) => [path.slice(folder.length + 1), digestOf(path)]))
}

export const digestOf = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')
