/** What the benchmark of the queue starts: a server, and workers in processes of their own that sleep in place of the GPU. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { UserError } from '../src/errors.ts'
import { Room } from '../src/node/parallel.ts'
import type { Storage } from '../src/node/storage/interface.ts'
import { ChunkWork } from '../src/queue/chunk.ts'
import { connect } from '../src/queue/connection.ts'
import type { QueueSettings } from '../src/queue/ledger.ts'
import type { Paint } from '../src/queue/picture.ts'
import { PictureQueue } from '../src/queue/queue.ts'
import { Roots } from '../src/queue/roots.ts'
import { QueueWorker } from '../src/queue/worker.ts'
import { VERSION } from '../src/version.ts'

export const SETTINGS: QueueSettings = {
  ...{ task: 'colorize', version: VERSION, digest: '0123456789abcdef' },
  ...{ flags: {}, values: {} },
}

const SERVERS = ['redis-server', 'valkey-server']

/** A server with an append-only file in a scratch folder. Throws a `UserError` where none is installed. */
export async function ownServer(): Promise<{ url: string; stop(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'colorizer-bench-server-'))
  const port = await freePort()
  const args = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'yes',
    '--dir',
    folder,
  ]
  for (const name of SERVERS) {
    const child = spawn(name, args, { stdio: 'ignore' })
    const url = `redis://127.0.0.1:${port}`
    if (await isUp(child, url)) {
      const stop = () => {
        child.kill('SIGKILL')
        rmSync(folder, { recursive: true, force: true })
      }
      return { url, stop }
    }
  }
  rmSync(folder, { recursive: true, force: true })
  throw new UserError(
    `neither ${SERVERS.join(' nor ')} is installed: install one, or name a server in REDIS_URL`,
  )
}

async function isUp(child: ChildProcess, url: string): Promise<boolean> {
  let isGone = false
  child.on('error', () => {
    isGone = true
  })
  while (!isGone) {
    await sleep(50)
    const server = await connect(new URL(url)).catch(() => null)
    server?.close()
    if (server) return true
  }
  return false
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  return port
}

interface Sleeper {
  readonly url: string
  readonly name: string
  /** Folder of photographs and results; without it there are no files at all. */
  readonly root: string | null
  /** Of the sleep. */
  readonly ms: number
  readonly i: number
}

/** Starts one, and waits until it takes jobs. */
export async function startWorker(sleeper: Sleeper): Promise<ChildProcess> {
  const words = [...process.execArgv, fileURLToPath(import.meta.url), JSON.stringify(sleeper)]
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout!, 'data')
  return child
}

/** Ends one after the jobs in hand. Returns how many pictures it has written. */
export async function endWorker(child: ChildProcess): Promise<number> {
  const said = text(child.stdout!)
  child.kill('SIGTERM')
  return Number(await said)
}

/** Photographs and pictures that are no files, like those of a bucket that costs nothing. */
class NoFiles implements Storage {
  readonly address = 'none'
  written = 0

  async *list(): AsyncGenerator<never, void> {}

  async read(path: string): Promise<Uint8Array> {
    return Buffer.from(path)
  }

  async stat(): Promise<null> {
    return null
  }

  async write(_path: string, _parts: readonly Uint8Array[], ready?: () => Promise<void>): Promise<void> {
    await ready?.()
    this.written++
  }

  async remove(): Promise<void> {}
}

async function workAsleep({ url, name, root, ms, i }: Sleeper): Promise<void> {
  const server = await connect(new URL(url))
  const queue = new PictureQueue(server, name)
  const gpu = new Room(1)
  const made = { parts: [Buffer.alloc(1000)], width: 1, height: 1, classes: [], remarks: [] }
  const paint: Paint = (bytes) =>
    gpu.with(1, async () => {
      if (ms > 0) await sleep(ms)
      return { ...made, parts: [...made.parts, bytes] }
    })
  const none = new NoFiles()
  const roots = root === null ? { open: async () => none, folderOf: () => null } : new Roots([root])
  const work = new ChunkWork({
    ...{ ledger: queue.ledger, settings: SETTINGS, worker: `worker-${i}`, roots },
    ...{ paint, trial: paint, reset: () => {}, tell: console.error },
    ...{ pictures: 3, pictureMs: 60_000, fullDiskMs: 1000 },
    check: { run: async () => {}, next: async () => {} },
  })
  const worker = new QueueWorker(queue, work, {
    ...{ worker: `worker-${i}`, adapter: 'none', concurrency: 2, leaseMs: 30_000 },
    ...{ mostLosses: 1_000_000, tell: console.error },
  })
  const stop = new AbortController()
  process.once('SIGTERM', () => stop.abort())
  process.stdout.write('ready\n')
  await worker.run(stop.signal)
  await queue.close()
  server.close()
  process.stdout.write(String(none.written))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await workAsleep(JSON.parse(process.argv[2]!))
