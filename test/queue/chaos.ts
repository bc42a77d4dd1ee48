/**
 * Workers that are killed, stopped for longer than their leases, and lose their server, again and again; and what is there at the
 * end. By hand, for ten minutes:
 *
 *   npm run --silent test:queue -- -t nothing          (sets the machine up and builds)
 *   node --import tsx test/queue/chaos.ts --seconds 600 --moment 1
 */
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { isPartName } from '../../src/node/files.ts'
import { PictureQueue } from '../../src/queue/queue.ts'
import { uniform4 } from '../../src/random.ts'
import { TestServer } from './redis-server.ts'
import { addScans, digestsIn, type Stub, startStub, whenDone, writeScans } from './stub.ts'

export interface ChaosOptions {
  readonly seconds: number
  readonly pictures: number
  readonly workers: number
  /** Seed of what happens when. */
  readonly moment: number
  readonly log: (line: string) => void
}

export interface Outcome {
  readonly kills: number
  readonly stops: number
  readonly restarts: number
  /** What is wrong, in words. */
  readonly problems: readonly string[]
  /** Parts of unfinished files that nobody has removed. */
  readonly parts: number
}

const LEASE_MS = 2000
/** Pictures that a worker has in work at once. */
const AT_ONCE = 3
/** Of the time, the share that the work would take if nothing happened. */
const BUSY = 0.5
/** Waited for what is left to do at the end, and for a picture: the machine may have much else to do. */
const [PATIENCE_S, PATIENT_MS] = [600, 300_000]

export async function chaos(options: ChaosOptions): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'colorizer-chaos-'))
  const redis = await TestServer.start()
  try {
    const root = join(folder, 'many')
    const names = Array.from({ length: options.pictures }, (_, i) => `${i % 40}/${i}.png`)
    await writeScans(root, names)
    symlinkSync(join(root, 'scans'), join(folder, 'scans'))
    await makeAlone(redis, folder)
    const counts = await disturbed(redis, root, options)
    const { problems, parts } = await compare(redis, join(root, 'out'), join(folder, 'out'))
    return { ...counts, problems, parts }
  } finally {
    await redis.remove()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What one worker makes that nobody disturbs. */
async function makeAlone(redis: TestServer, root: string): Promise<void> {
  const server = await redis.connect()
  const queue = new PictureQueue(server, 'alone')
  await addScans(queue, root, { chunk: 4 })
  const worker = await startStub({ url: redis.url, queue: 'alone', root, name: 'alone' })
  await whenDone(queue, PATIENCE_S)
  worker.child.kill('SIGKILL')
  await worker.ended
  await queue.close()
  server.close()
}

async function disturbed(redis: TestServer, root: string, options: ChaosOptions) {
  const { seconds, pictures, workers, log } = options
  const server = await redis.connect()
  const queue = new PictureQueue(server, 'chaos')
  await addScans(queue, root, { chunk: 2 })
  const pause = (BUSY * 1000 * seconds * workers * AT_ONCE) / pictures
  let started = 0
  const start = () => {
    const name = `worker-${started++}`
    const limits = { lease: LEASE_MS, pictureMs: PATIENT_MS, trialMs: PATIENT_MS }
    return startStub({ url: redis.url, queue: 'chaos', root, name, pause, ...limits })
  }
  const crew = new Crew(await Promise.all(Array.from({ length: workers }, start)), start, redis)
  const end = performance.now() + 1000 * seconds
  for (let n = 0; performance.now() < end; n++) {
    const [when, what, who, long] = uniform4(options.moment, 0, n)
    await sleep(500 + 2500 * when)
    await progressOf(queue)
    if (what < 0.45) crew.kill(who)
    else if (what < 0.8) crew.stop(who, LEASE_MS * (1.5 + 2 * long))
    else await crew.restart(long < 0.5 ? 'SIGKILL' : 'SIGTERM')
    if (n % 10 === 9) log(`${JSON.stringify(await queue.ledger.counts())} ${JSON.stringify(crew.counts)}`)
  }
  await whenDone(queue, PATIENCE_S)
  await crew.end()
  await queue.close()
  server.close()
  return crew.counts
}

/** Waits until some pictures were made since the last call, at most a while: a busy machine starts workers slowly. */
async function progressOf({ ledger }: PictureQueue): Promise<void> {
  const { completed: before } = await ledger.counts()
  for (let i = 0; i < 50; i++) {
    await sleep(200)
    const { completed, pictures } = await ledger.counts()
    if (completed >= Math.min(pictures, before + 5)) return
  }
}

/** Workers in their places; one that ends is followed by another one. */
class Crew {
  readonly counts = { kills: 0, stops: 0, restarts: 0 }
  #isOver = false
  readonly #following: Promise<void>[]

  constructor(
    private readonly stubs: Stub[],
    private readonly start: () => Promise<Stub>,
    private readonly redis: TestServer,
  ) {
    this.#following = stubs.map((_, place) => this.#follow(place))
  }

  kill(who: number): void {
    if (this.#at(who).child.kill('SIGKILL')) this.counts.kills++
  }

  stop(who: number, milliseconds: number): void {
    const { child } = this.#at(who)
    if (!child.kill('SIGSTOP')) return
    this.counts.stops++
    setTimeout(() => child.kill('SIGCONT'), milliseconds)
  }

  async restart(signal: NodeJS.Signals): Promise<void> {
    this.counts.restarts++
    await this.redis.stop(signal)
    await sleep(300)
    await this.redis.start()
  }

  async end(): Promise<void> {
    this.#isOver = true
    for (const { child } of this.stubs) child.kill('SIGKILL')
    await Promise.all(this.#following)
  }

  #at(who: number): Stub {
    return this.stubs[Math.floor(who * this.stubs.length)]!
  }

  async #follow(place: number): Promise<void> {
    while (!this.#isOver) {
      await this.stubs[place]!.ended
      if (this.#isOver) return
      this.stubs[place] = await this.start()
      if (this.#isOver) this.stubs[place].child.kill('SIGKILL')
    }
  }
}

/** Holds files and ledger against what one worker has made. */
async function compare(redis: TestServer, out: string, wanted: string) {
  const server = await redis.connect()
  const queue = new PictureQueue(server, 'chaos')
  const [all, whole] = [digestsIn(out), digestsIn(wanted)]
  const parts = Object.keys(all).filter(isPartName)
  for (const part of parts) delete all[part]
  const problems: string[] = []
  for (const path of new Set([...Object.keys(all), ...Object.keys(whole)]))
    if (all[path] !== whole[path]) problems.push(`${path}: ${all[path] ?? 'missing'}`)
  let count = 0
  for await (const { output, sha256 } of queue.ledger.everyEntry()) {
    count++
    if (sha256 !== whole[output]) problems.push(`the ledger has ${output} as ${sha256}`)
  }
  if (count !== Object.keys(whole).length) problems.push(`the ledger has ${count} pictures`)
  for await (const { input, reason } of queue.ledger.everyFailure()) problems.push(`${input}: ${reason}`)
  for (const name of ['attempts', 'begun']) {
    const left = await server.redis.hlen(queue.ledger.key(name))
    if (left) problems.push(`the ledger holds ${left} ${name} of pictures that are done`)
  }
  await queue.close()
  server.close()
  return { problems, parts: parts.length }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const string = { type: 'string' } as const
  const { values } = parseArgs({
    options: { seconds: string, pictures: string, workers: string, moment: string },
  })
  const { seconds = '600', pictures = '2000', workers = '4', moment = '1' } = values
  const asked = { seconds: +seconds, pictures: +pictures, workers: +workers, moment: +moment }
  const outcome = await chaos({ ...asked, log: console.log })
  console.log(outcome)
  process.exitCode = outcome.problems.length ? 1 : 0
}
