/** What the benchmark of the queue measures without a GPU: adding jobs, finishing them, many workers. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Storage, StoredFile } from '../src/node/storage/interface.ts'
import { openStorage } from '../src/node/storage/storage.ts'
import { sum } from '../src/numbers.ts'
import { addPictures } from '../src/queue/add.ts'
import type { Server } from '../src/queue/connection.ts'
import { markOutput } from '../src/queue/output.ts'
import { workOf } from '../src/queue/pack.ts'
import { PictureQueue } from '../src/queue/queue.ts'
import { endWorker, SETTINGS, startWorker } from './queue-parts.ts'

/** What is measured at so many workers. */
export interface Throughput {
  readonly workers: number
  readonly picturesPerSecond: number
  /** Of what so many would do if the queue cost nothing. */
  readonly share: number
}

export interface Jobs {
  readonly jobs: number
  /** Pictures of each. */
  readonly each: number
}

export interface Adding extends Jobs {
  readonly seconds: number
  /** In which a processor worked for the program that adds, and for the server. */
  readonly busy: { readonly program: number; readonly server: number }
  /** Of the server's memory, for pictures. */
  readonly bytesPerMillion: number
}

export interface Finishing extends Jobs {
  readonly seconds: number
  /** In which a processor worked for the server, from adding to the end. */
  readonly busySeconds: number
  readonly bytesPerMillion: number
}

/** Workers that finish jobs. */
export const FINISHERS = 4

/** A fresh queue, which is taken away behind the work. */
async function withQueue<T>(
  server: Server,
  name: string,
  work: (queue: PictureQueue) => Promise<T>,
): Promise<T> {
  const queue = new PictureQueue(server, name)
  try {
    return await work(queue)
  } finally {
    await queue.jobs.obliterate({ force: true })
    const lists = ['settings', 'known', 'entries', 'begun', 'attempts', 'failed', 'workers']
    await server.redis.del(...lists.map((list) => queue.ledger.key(list)))
    await queue.close()
  }
}

export async function measureAdding(server: Server, work: Jobs): Promise<Adding> {
  return withQueue(server, 'bench-add', async (queue) => {
    const before = await memoryOf(server)
    const [program, serverBusy] = [process.cpuUsage(), await busyOf(server)]
    const began = performance.now()
    await addJobs(queue, work)
    const seconds = (performance.now() - began) / 1000
    const { user, system } = process.cpuUsage(program)
    const busy = { program: (user + system) / 1e6, server: (await busyOf(server)) - serverBusy }
    const bytesPerMillion = await bytesPerMillionSince(server, before, work)
    return { ...work, seconds, busy, bytesPerMillion }
  })
}

/** Throws where not as many wait then. */
async function addJobs(queue: PictureQueue, { jobs, each }: Jobs): Promise<void> {
  await queue.agreeOn(SETTINGS)
  const storage = { list: () => files(jobs * each) } satisfies Pick<Storage, 'list'>
  const chunk = (each - 0.5) * workOf(FILE_BYTES, null)
  const added = await addPictures(queue, { ...PLACES, storage, chunk })
  const waiting = await queue.jobs.getWaitingCount()
  if (added.jobs !== jobs || waiting !== jobs) throw new Error(`${waiting} of ${jobs} jobs wait`)
}

async function bytesPerMillionSince(server: Server, before: number, { jobs, each }: Jobs): Promise<number> {
  return ((await memoryOf(server)) - before) * (1e6 / (jobs * each))
}

/** Throws where a picture was lost or made twice. */
export async function measureFinishing(server: Server, url: string, work: Jobs): Promise<Finishing> {
  const name = 'bench-finish'
  return withQueue(server, name, async (queue) => {
    const [before, busy] = [await memoryOf(server), await busyOf(server)]
    await addJobs(queue, work)
    const began = performance.now()
    const sleepers = Array.from({ length: FINISHERS }, (_, i) => ({ url, name, root: null, ms: 0, i }))
    const crew = await Promise.all(sleepers.map(startWorker))
    while (!(await queue.isIdle())) await sleep(200)
    const seconds = (performance.now() - began) / 1000
    const busySeconds = (await busyOf(server)) - busy
    const written = sum(await Promise.all(crew.map(endWorker)))
    const { completed, failed } = await queue.ledger.counts()
    const pictures = work.jobs * work.each
    if (completed !== pictures || written !== pictures || failed)
      throw new Error(
        `of ${pictures} pictures ${completed} are done, ${failed} failed, ${written} were written`,
      )
    return {
      ...work,
      seconds,
      busySeconds,
      bytesPerMillion: await bytesPerMillionSince(server, before, work),
    }
  })
}

const FILE_BYTES = 2e6
const PLACES = { from: 'scans', to: 'out', settings: SETTINGS.digest }

/** As an archive's folders list them. */
async function* files(count: number): AsyncGenerator<StoredFile, void> {
  for (let i = 0; i < count; i++) {
    const path = `box-${String(Math.floor(i / 1000)).padStart(5, '0')}/scan-${String(i).padStart(8, '0')}.jpg`
    yield { path, size: FILE_BYTES, stamp: `${FILE_BYTES}-${1.7e12 + i}` }
  }
}

/** Seconds in which a processor worked for the server. */
async function busyOf(server: Server): Promise<number> {
  const text = await server.redis.info('cpu')
  return sum([...text.matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)].map(([, seconds]) => Number(seconds)))
}

async function memoryOf(server: Server): Promise<number> {
  const [, bytes] = /^used_memory:(\d+)/m.exec(await server.redis.info('memory'))!
  return Number(bytes)
}

interface Load {
  readonly url: string
  readonly workers: number
  /** Pictures of each. */
  readonly each: number
  /** Sleep in place of the GPU. */
  readonly ms: number
}

export async function measureThroughput(
  server: Server,
  { url, workers, each, ms }: Load,
): Promise<Throughput> {
  const root = mkdtempSync(join(tmpdir(), 'colorizer-bench-'))
  const name = `bench-${workers}`
  try {
    return await withQueue(server, name, async (queue) => {
      await queue.agreeOn(SETTINGS)
      mkdirSync(join(root, 'scans'))
      const pictures = workers * each
      for (let i = 0; i < pictures; i++) writeFileSync(join(root, 'scans', `${i}.jpg`), `photograph ${i}`)
      const crew = await Promise.all(
        Array.from({ length: workers }, (_, i) => startWorker({ url, name, root, ms, i })),
      )
      const began = performance.now()
      await markOutput(await openStorage(join(root, 'out')))
      const storage = await openStorage(join(root, 'scans'))
      await addPictures(queue, { ...PLACES, storage, chunk: 2 })
      while ((await queue.ledger.counts()).completed < pictures) await sleep(20)
      const picturesPerSecond = (1000 * pictures) / (performance.now() - began)
      for (const worker of crew) worker.kill('SIGKILL')
      return { workers, picturesPerSecond, share: (picturesPerSecond * ms) / 1000 / workers }
    })
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}
