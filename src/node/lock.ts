/**
 * Locks between the processes of many machines that share a disk. A lock is a file that can be made only once. It says whose it
 * is, and its holder touches it every few seconds: its heartbeat. Of a process of this machine we know whether it is there. One of
 * another machine is given up when the file has not changed for as long as we have watched it, so that clocks do not matter.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type FileHandle, link, open, rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'
import { UserError } from '../errors.ts'
import { HERE, isRunning, startOf } from './processes.ts'
import { codeOf, fileTrouble } from './trouble.ts'

const ownerSchema = v.object({
  host: v.string(),
  /** `HERE` of the process. */
  place: v.nullable(v.string()),
  pid: v.number(),
  started: v.nullable(v.string()),
  /** Of this taking of the lock, and no other. */
  token: v.string(),
})
type Owner = v.InferOutput<typeof ownerSchema>

export interface LockOptions {
  /** Milliseconds between two heartbeats. */
  readonly beatMs?: number
  /** A lock of another machine that does not change for so many milliseconds is given up. */
  readonly staleMs?: number
  /** Called before the lock of another machine is watched for that long. */
  readonly onWait?: ((line: string) => void) | undefined
  /** Where this process is. */
  readonly place?: string | null
}

const USUAL = { beatMs: 5_000, staleMs: 60_000, place: HERE } as const
/** Looks at a lock while it is watched. They are counted, not timed: a watcher may itself have been stopped between two. */
const LOOKS = 60
/** For so long a lock may be missing from its place because another process moves it aside to look at it. */
const ASIDE_MS = 1000
const ASIDE_STEP_MS = 20
const SETTLE_MS = 250

/**
 * Takes the lock file `path`. A lock whose process has ended is taken over; where it is another machine's, that takes `staleMs`.
 * @param what is worked on, for messages
 * @throws UserError when another process has it
 */
export async function lock(path: string, what: string, options: LockOptions = {}): Promise<Lock> {
  const { beatMs, staleMs, onWait, place } = { ...USUAL, ...options }
  const own = {
    host: hostname(),
    place,
    pid: process.pid,
    started: startOf(process.pid),
    token: randomUUID(),
  }
  for (let hasRemoved = false; ; ) {
    const file = await create(path, own)
    if (file) {
      const held = new Lock(path, what, own, file, beatMs)
      if (!hasRemoved || (await isSettled(held))) return held
      continue
    }
    const found = await look(path)
    if (!found) continue
    const { owner } = found
    const isHere = owner !== null && owner.place !== null && owner.place === place
    if (!isHere) onWait?.(`waiting to see whether ${nameOf(owner)} is still at work on ${what}`)
    const fate = isHere ? fateOf(owner) : await watch(path, found, staleMs)
    if (fate === 'at work')
      throw new UserError(`${nameOf(owner)} is at work on ${what}; wait for it, or choose another folder`)
    if (fate !== 'gone') continue
    await removeIf(path, ({ stamp }) => stamp === found.stamp)
    hasRemoved = true
  }
}

/** Whether a lock is still ours when all have come to their end who took over the one before at the same moment. */
async function isSettled(held: Lock): Promise<boolean> {
  await sleep(SETTLE_MS)
  try {
    held.check()
    return true
  } catch {
    await held.release()
    return false
  }
}

/** A lock that this process has taken. */
export class Lock {
  readonly #heart: NodeJS.Timeout

  /** @param file the lock file, open: whatever becomes of its name, it is touched and no other */
  constructor(
    private readonly path: string,
    private readonly what: string,
    private readonly own: Owner,
    private readonly file: FileHandle,
    beatMs: number,
  ) {
    this.#heart = setInterval(() => void this.#beat(), beatMs).unref()
  }

  /**
   * To be called before something is written.
   * @throws UserError when another process has taken the lock over, since this one was stopped or cut off for too long
   */
  check(): void {
    for (let waited = 0; ; waited += ASIDE_STEP_MS) {
      const owner = this.#current()
      if (owner?.token === this.own.token) return
      if (owner !== null || waited >= ASIDE_MS) throw this.#lost(owner)
      pause(ASIDE_STEP_MS)
    }
  }

  /** Gives the lock back, unless it is another's by now. */
  async release(): Promise<void> {
    clearInterval(this.#heart)
    await this.file.close()
    if (this.#current()?.token === this.own.token)
      await removeIf(this.path, ({ owner }) => owner?.token === this.own.token)
  }

  /** A heartbeat that fails is none, and the next one may not. */
  async #beat(): Promise<void> {
    const now = new Date()
    await this.file.utimes(now, now).catch(() => {})
  }

  #current(): Owner | null {
    try {
      return ownerIn(readFileSync(this.path, 'utf8'))
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null
      throw fileTrouble('read', this.path, error)
    }
  }

  #lost(owner: Owner | null): UserError {
    const why = owner ? `${nameOf(owner)} has taken it over` : `${this.path} was removed`
    return new UserError(`this process has lost its hold on ${this.what}, and writes nothing more: ${why}`)
  }
}

const nameOf = (owner: Owner | null): string => {
  if (!owner) return 'an unknown process'
  return `process ${owner.pid}${owner.host === hostname() ? '' : ` of the machine ${owner.host}`}`
}

/** Null when it is there already. */
async function create(path: string, own: Owner): Promise<FileHandle | null> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'wx')
    await file.writeFile(`${JSON.stringify(own)}\n`)
    await file.sync()
    return file
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return null
    if (file) {
      await file.close().catch(() => {})
      await rm(path, { force: true }).catch(() => {}) // one that does not say whose it is would stop everybody
    }
    throw fileTrouble('write', path, error)
  }
}

interface Found {
  /** Null when the file does not say, such as in the moment in which it is made. */
  readonly owner: Owner | null
  /** Another one after each heartbeat, and for each taking of the lock. */
  readonly stamp: string
}

/** Null when there is no lock. Opened anew each time, since then a shared disk does not answer from memory. */
async function look(path: string): Promise<Found | null> {
  try {
    const file = await open(path, 'r')
    try {
      const [{ mtimeNs, ino }, text] = [await file.stat({ bigint: true }), await file.readFile('utf8')]
      return { owner: ownerIn(text), stamp: `${ino} ${mtimeNs} ${text}` }
    } finally {
      await file.close()
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw fileTrouble('read', path, error)
  }
}

function ownerIn(text: string): Owner | null {
  try {
    return v.parse(ownerSchema, JSON.parse(text))
  } catch {
    return null
  }
}

/** What has become of a holder; 'replaced' when the lock is another's by now, or nobody's. */
type Fate = 'at work' | 'gone' | 'replaced'

const fateOf = ({ pid, started }: Owner): Fate => (isRunning(pid, started) ? 'at work' : 'gone')

async function watch(path: string, { owner, stamp }: Found, staleMs: number): Promise<Fate> {
  for (let looked = 0; looked < LOOKS; looked++) {
    await sleep(staleMs / LOOKS)
    const now = await look(path)
    if (now?.stamp === stamp) continue
    return now?.owner && now.owner.token === owner?.token ? 'at work' : 'replaced'
  }
  return 'gone'
}

/**
 * Removes a lock, if it is the one that is meant: it is moved aside first, since between a look and a removal another process may
 * have put its own there, which then is put back.
 */
async function removeIf(path: string, isMeant: (found: Found) => boolean): Promise<void> {
  const aside = `${path}.${randomUUID()}`
  try {
    await rename(path, aside)
    const found = await look(aside)
    if (found && !isMeant(found)) await link(aside, path).catch(() => {}) // else its holder sees that it is gone
    await rm(aside, { force: true })
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw fileTrouble('write', path, error)
  }
}

/** Blocks this thread. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
