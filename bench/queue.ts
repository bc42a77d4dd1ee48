/** `npm run bench:queue`: what the queue costs, with colouring replaced by a sleep, or by nothing. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EXIT } from '../src/cli/exit.ts'
import type { Storage, StoredFile } from '../src/node/storage/interface.ts'
import { openStorage } from '../src/node/storage/storage.ts'
import { median, sum } from '../src/numbers.ts'
import { addPictures } from '../src/queue/add.ts'
import { connect, type Server, serverAddress } from '../src/queue/connection.ts'
import { markOutput } from '../src/queue/output.ts'
import { PictureQueue } from '../src/queue/queue.ts'
import { type Program, start } from './program.ts'
import { type Colouring, measureColouring } from './queue-colour.ts'
import { endWorker, ownServer, SETTINGS, startWorker } from './queue-parts.ts'

/** What is measured at so many workers. */
interface Throughput {
  readonly workers: number
  readonly picturesPerSecond: number
  /** Of what so many would do if the queue cost nothing. */
  readonly share: number
}

interface Adding {
  readonly jobs: number
  readonly seconds: number
  /** In which a processor worked for the program that adds, and for the server. */
  readonly busy: { readonly program: number; readonly server: number }
  readonly bytesPerMillion: number
}

interface Finishing {
  readonly jobs: number
  readonly seconds: number
  readonly bytesPerMillion: number
}

const WORKERS = [1, 2, 4, 8]
const FINISHERS = 4
const ROUNDS = 5

const program: Program = {
  name: 'bench:queue',
  summary: 'measures what the queue costs: adding jobs, many workers, memory',
  positionals: '',
  options: {
    jobs: { value: 'N', help: 'jobs of one picture that are added (default 1000000)' },
    pictures: { value: 'N', help: 'pictures that each worker makes (default 100)' },
    sleep: {
      value: 'MS',
      help: 'in place of the GPU, for each picture (default 400, as measured on llvmpipe)',
    },
    workers: { value: 'N', help: `at most so many (default ${WORKERS.at(-1)})` },
    finish: {
      value: 'N',
      help: `also has ${FINISHERS} workers finish so many jobs of one picture, with neither colouring nor files`,
    },
    colour: {
      value: 'N',
      help: `also colours so many photographs by one worker and by a single process, ${ROUNDS} times in turns`,
    },
  },
  notes:
    'Starts redis-server or valkey-server on a free port, with a scratch folder, unless REDIS_URL names one.',

  async run(flags, _positionals, terminal) {
    const own = process.env.REDIS_URL ? null : await ownServer()
    const url = own?.url ?? (await serverAddress({})).href
    const server = await connect(new URL(url))
    try {
      terminal.progress('adding jobs')
      const adding = await measureAdding(server, flags.integer('jobs') ?? 1e6)
      const most = flags.integer('workers', { min: 0 }) ?? WORKERS.at(-1)!
      const rows: Throughput[] = []
      for (const workers of WORKERS.filter((count) => count <= most)) {
        terminal.progress(`${workers} workers`)
        const each = flags.integer('pictures') ?? 100
        rows.push(await measureThroughput(server, { url, workers, each, ms: flags.integer('sleep') ?? 400 }))
      }
      const [toFinish, toColour] = [flags.integer('finish'), flags.integer('colour')]
      if (toFinish !== undefined) terminal.progress('finishing jobs')
      const finishing = toFinish === undefined ? null : await measureFinishing(server, url, toFinish)
      if (toColour !== undefined) terminal.progress('colouring')
      const colouring = toColour === undefined ? null : await measureColouring(url, toColour, ROUNDS)
      const json = { adding, throughput: rows, finishing, colouring }
      return { json, text: textOf(json), code: EXIT.ok }
    } finally {
      server.close()
      own?.stop()
    }
  },
}

interface Measured {
  readonly adding: Adding
  readonly throughput: readonly Throughput[]
  readonly finishing: Finishing | null
  readonly colouring: Colouring | null
}

function textOf({ adding, throughput, finishing, colouring }: Measured): string {
  const { jobs, seconds, busy } = adding
  const lines = throughput.map(
    ({ workers, picturesPerSecond, share }) =>
      `${String(workers).padStart(2)} workers  ${picturesPerSecond.toFixed(2)} pictures/s  ${percent(share)}`,
  )
  const finished = finishing && [
    `${FINISHERS} workers finished ${finishing.jobs} jobs in ${finishing.seconds.toFixed(1)} s, none lost and none twice; ${memoryText(finishing)}`,
  ]
  const coloured = colouring && [
    `one worker that colours: ${percent(colouring.share)} of a single process's pictures/s, ${median(colouring.single).toFixed(2)}`,
  ]
  return [
    `added ${jobs} jobs of one picture in ${seconds.toFixed(1)} s (processors worked ${busy.program.toFixed(1)} s for it, ${busy.server.toFixed(1)} s for the server); ${memoryText(adding)}`,
    ...lines,
    ...(finished ?? []),
    ...(coloured ?? []),
  ].join('\n')
}

const percent = (share: number) => `${(100 * share).toFixed(1)}%`
const memoryText = ({ bytesPerMillion }: Pick<Adding, 'bytesPerMillion'>) =>
  `${Math.round(bytesPerMillion / 2 ** 20)} MiB of the server's memory per million`

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

async function measureAdding(server: Server, jobs: number): Promise<Adding> {
  return withQueue(server, 'bench-add', async (queue) => {
    await queue.agreeOn(SETTINGS)
    const before = await memoryOf(server)
    const [program, serverBusy] = [process.cpuUsage(), await busyOf(server)]
    const began = performance.now()
    const storage = { list: () => files(jobs) } satisfies Pick<Storage, 'list'>
    const added = await addPictures(queue, { ...PLACES, storage, chunk: 0.01 })
    const seconds = (performance.now() - began) / 1000
    const { user, system } = process.cpuUsage(program)
    const busy = { program: (user + system) / 1e6, server: (await busyOf(server)) - serverBusy }
    const waiting = await queue.jobs.getWaitingCount()
    if (added.jobs !== jobs || waiting !== jobs) throw new Error(`${waiting} of ${jobs} jobs wait`)
    return { jobs, seconds, busy, bytesPerMillion: ((await memoryOf(server)) - before) * (1e6 / jobs) }
  })
}

/** Throws where a job was lost or finished twice. */
async function measureFinishing(server: Server, url: string, jobs: number): Promise<Finishing> {
  const name = 'bench-finish'
  return withQueue(server, name, async (queue) => {
    await queue.agreeOn(SETTINGS)
    const before = await memoryOf(server)
    const storage = { list: () => files(jobs) } satisfies Pick<Storage, 'list'>
    await addPictures(queue, { ...PLACES, storage, chunk: 0.01 })
    const began = performance.now()
    const sleepers = Array.from({ length: FINISHERS }, (_, i) => ({ url, name, root: null, ms: 0, i }))
    const crew = await Promise.all(sleepers.map(startWorker))
    while (!(await queue.isIdle())) await sleep(200)
    const seconds = (performance.now() - began) / 1000
    const written = sum(await Promise.all(crew.map(endWorker)))
    const { completed, failed } = await queue.ledger.counts()
    if (completed !== jobs || written !== jobs || failed)
      throw new Error(`of ${jobs} jobs ${completed} are done and ${failed} failed; ${written} were written`)
    return { jobs, seconds, bytesPerMillion: ((await memoryOf(server)) - before) * (1e6 / jobs) }
  })
}

const PLACES = { from: 'scans', to: 'out', settings: SETTINGS.digest }

/** As an archive's folders list them. */
async function* files(count: number): AsyncGenerator<StoredFile, void> {
  for (let i = 0; i < count; i++) {
    const path = `box-${String(Math.floor(i / 1000)).padStart(5, '0')}/scan-${String(i).padStart(8, '0')}.jpg`
    yield { path, size: 2e6, stamp: `2000000-${1.7e12 + i}` }
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

async function measureThroughput(server: Server, { url, workers, each, ms }: Load): Promise<Throughput> {
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

await start(program)
