/** The way of one photograph through a worker, so that its picture is there once, whole and of these settings, whatever happens. */
import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '../errors.ts'
import { sha256Of } from '../node/digest.ts'
import { historyIn } from '../node/formats/read.ts'
import { hasServerTrouble } from '../node/storage/bucket-trouble.ts'
import type { Storage } from '../node/storage/storage.ts'
import { codeOf } from '../node/trouble.ts'
import { type ChunkJob, keyOf, type Picture } from './jobs.ts'
import type { JournalTail } from './journal.ts'
import type { Entry, Failure, Lease, Ledger } from './ledger.ts'
import { Halt, LostLease, lost, MachineTrouble } from './work.ts'

/** A coloured picture. */
export interface Painted {
  readonly parts: readonly Uint8Array[]
  readonly width: number
  readonly height: number
  readonly classes: readonly { readonly name: string; readonly probability: number }[]
  readonly remarks: readonly string[]
}

/**
 * Colours a photograph: its bytes, what errors call it, the name of the result, and which of several versions that is. Throws a `UserError` for a photograph that cannot
 * be coloured, and anything else for trouble of the machine.
 */
export type Paint = (
  bytes: Uint8Array,
  name: string,
  output: string,
  variant?: number,
) => Promise<Painted | { readonly skipped: 'in colour' }>

/** Failed reads that are this machine's or pass, and say nothing of the photograph: codes of Node, names of S3 and of what reads from it. */
const PASSING = new Set([
  ...['EIO', 'ESTALE', 'EMFILE', 'ETIMEDOUT', 'ENOTCONN', 'EPIPE'],
  ...['ECONNRESET', 'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN', 'ENOTFOUND'],
  ...['SlowDown', 'TimeoutError', 'InternalError', 'ServiceUnavailable', 'CutAnswer'],
  ...['RequestTimeTooSkewed', 'ExpiredToken', 'NoSuchBucket'],
  ...['AccessDenied', 'Forbidden', 'InvalidAccessKeyId', 'CredentialsProviderError'],
])
/** Failed writes that are for the picture's name or size; any other, as on a disk that is read-only, is the machine's. */
const ITS_OWN = new Set([
  ...['ENAMETOOLONG', 'EILSEQ', 'EINVAL', 'EISDIR', 'ENOTDIR', 'EEXIST', 'ELOOP', 'EFBIG'],
  ...['KeyTooLongError', 'EntityTooLarge'],
])
const isOneOf = (kinds: ReadonlySet<string>, { cause }: UserError) =>
  kinds.has(codeOf(cause) ?? '') || (cause instanceof Error && kinds.has(cause.name))
/** Whether an error is known to be no fault of the picture. */
const isNotItsOwn = (error: unknown) =>
  error instanceof Halt ||
  error instanceof MachineTrouble ||
  (error instanceof UserError && (isOneOf(PASSING, error) || hasServerTrouble(error.cause)))
const FULL = new Set(['ENOSPC', 'EDQUOT'])
/** From this try on a picture is alone in a process of its own, and it is the last one. */
const LAST_ATTEMPT = 3
const DIGITS = 16

export interface PictureServices {
  readonly ledger: Ledger
  readonly paint: Paint
  /** The same in a process of its own, with limits. */
  readonly trial: Paint
  readonly worker: string
  /** Waited between two tries to write on a full disk. */
  readonly fullDiskMs: number
  tell(sentence: string): void
}

/** Where the pictures of a job are read and written. */
export interface Places {
  readonly job: ChunkJob
  readonly lease: Lease
  readonly from: Storage
  readonly to: Storage
  readonly journal: JournalTail
  /** Each throws `MachineTrouble` where that folder is not mounted. */
  readonly mounted: { photographs(): Promise<unknown>; pictures(): Promise<unknown> }
  /** Removes what a worker that was killed has left of a picture. */
  sweep(output: string): Promise<void>
}

export type Ended = 'made' | 'found' | 'left out' | 'failed'

export class PictureWork {
  /** Tries that were counted and have not ended. */
  readonly #tries = new Set<Try>()

  constructor(private readonly services: PictureServices) {}

  /**
   * Makes the picture, unless it is there. A photograph that cannot be coloured is set aside.
   * @param entry what the ledger has of it
   * @throws LostLease, and what is wrong with the machine or may pass
   */
  async run(picture: Picture, bytes: Promise<Uint8Array>, entry: Entry | null, at: Places): Promise<Ended> {
    const key = keyOf(at.job.to, picture.output)
    const counted: Try = { lease: at.lease, key }
    let attempts = 0
    try {
      const photograph = await photographOf(bytes, at)
      const of = sha256Of([photograph])
      if (await this.#isThere(picture, of, entry, at)) return 'found'
      attempts = (await this.services.ledger.attempt(at.lease, key)) ?? lost()
      this.#tries.add(counted)
      if (attempts > 1) await at.sweep(picture.output)
      return await this.#make(picture, { photograph, of, attempts, entry }, at)
    } catch (error) {
      if (error instanceof LostLease) throw error
      if (isNotItsOwn(error)) {
        await this.#uncount(counted)
        throw error
      }
      if (!(error instanceof UserError) && attempts < LAST_ATTEMPT) throw error
      await this.#setAside(picture, (error as Error).message, attempts, at)
      return 'failed'
    } finally {
      this.#tries.delete(counted)
    }
  }

  /** To be called before a job in hand is given to others: its pictures have not failed. */
  async release(lease: Lease): Promise<void> {
    const own = [...this.#tries].filter((counted) => counted.lease === lease)
    await Promise.all(own.map((counted) => this.#uncount(counted)))
  }

  async #uncount(counted: Try): Promise<void> {
    if (this.#tries.delete(counted)) await this.services.ledger.uncount(counted.lease, counted.key)
  }

  /** Whether the picture was made before, of this very photograph. */
  async #isThere(
    { output }: Picture,
    of: string,
    entry: Entry | null,
    { job, to }: Places,
  ): Promise<boolean> {
    if (entry?.of !== of || entry.settings !== job.settings) return false
    return entry.skipped !== undefined || (await to.stat(output)) !== null
  }

  async #make(picture: Picture, { photograph, of, attempts, entry }: Source, at: Places): Promise<Ended> {
    const { ledger, worker, paint, trial } = this.services
    const key = keyOf(at.job.to, picture.output)
    const { from, to, settings } = at.job
    const made = { from, input: picture.input, to, output: picture.output, of, settings, worker }
    const finish = async (more: Partial<Entry>) => {
      if (!(await ledger.finish(at.lease, key, { ...made, ...more }))) lost()
    }
    if (await historyIn(photograph)) {
      await finish({ skipped: 'made by this program' })
      return 'left out'
    }
    const started = performance.now()
    const name = `${at.from.address}/${picture.input}`
    const painted = await (attempts < LAST_ATTEMPT ? paint : trial)(
      photograph,
      name,
      picture.output,
      picture.variant,
    )
    if ('skipped' in painted) {
      await finish({ skipped: painted.skipped })
      return 'left out'
    }
    const sha256 = sha256Of(painted.parts)
    await this.#expectOwn(picture, { of, sha256, entry }, at)
    if (!(await ledger.begin(at.lease, key, sha256))) lost()
    await at.mounted.pictures()
    await writing(at.journal.begin(picture, { sha256, of, settings }))
    await writing(this.#write(picture.output, painted.parts, at))
    const { width, height, classes, remarks } = painted
    const milliseconds = Math.round(performance.now() - started)
    const seen = { ...(classes.length ? { classes: [...classes] } : {}) }
    const said = { ...(remarks.length ? { remarks: [...remarks] } : {}) }
    await finish({ sha256, width, height, milliseconds, ...seen, ...said })
    await writing(at.journal.end(picture))
    return 'made'
  }

  /** Throws a `UserError` where the file in the picture's place is somebody else's. */
  async #expectOwn({ output, input }: Picture, of: Origin, { to, job, from }: Places): Promise<void> {
    if ((await to.stat(output)) === null) return
    const there = await to.read(output)
    const found = sha256Of([there])
    const begun = await this.services.ledger.begun(keyOf(job.to, output))
    if ([of.sha256, of.entry?.sha256, ...begun].includes(found)) return
    // where the ledger is lost, the picture itself may say of what it was made
    if ((await historyIn(there))?.settings.source === of.of.slice(0, DIGITS)) return
    throw new UserError(
      `the coloured ${from.address}/${input} would overwrite ${to.address}/${output}, which this program did not make of it`,
    )
  }

  /** Waits while the disk is full. */
  async #write(output: string, parts: readonly Uint8Array[], { to, lease, mounted }: Places): Promise<void> {
    const { ledger, tell, fullDiskMs } = this.services
    const expectLease = async () => {
      if (!(await ledger.isHeld(lease))) lost()
    }
    for (let isFull = false; ; isFull = true) {
      try {
        await to.write(output, parts, async () => {
          await mounted.pictures()
          await expectLease()
        })
        return
      } catch (error) {
        if (error instanceof UserError && error.cause instanceof LostLease) throw error.cause
        if (!(error instanceof UserError) || !FULL.has(codeOf(error.cause) ?? '')) throw error
        if (!isFull) tell(`${error.message}: waiting for room`)
        await expectLease() // a worker that is stopped gives it back
        await sleep(fullDiskMs)
      }
    }
  }

  async #setAside(picture: Picture, reason: string, attempts: number, at: Places): Promise<void> {
    const { ledger, worker, tell } = this.services
    const { pictures: _, ...job } = at.job
    const failure: Failure = { ...picture, ...job, worker, reason, attempts: Math.max(1, attempts) }
    if (!(await ledger.setAside(at.lease, keyOf(job.to, picture.output), failure))) lost()
    tell(reason)
  }
}

/** The photograph, once it is read. Throws `MachineTrouble` where it is missing since its folder is not mounted. */
async function photographOf(bytes: Promise<Uint8Array>, { mounted }: Places): Promise<Uint8Array> {
  return bytes.catch(async (error) => {
    if (error instanceof UserError && codeOf(error.cause) === 'ENOENT') await mounted.photographs()
    throw error
  })
}

/** Waits for something to be written. Throws `MachineTrouble` where that fails for no fault of the picture. */
async function writing(written: Promise<void>): Promise<void> {
  return written.catch((error) => {
    if (!(error instanceof UserError) || error.cause === undefined || isOneOf(ITS_OWN, error)) throw error
    throw new MachineTrouble(error.message, error.trouble, { cause: error.cause })
  })
}

/** A counted one, of a picture under a job's lease. */
interface Try {
  readonly lease: Lease
  readonly key: string
}

/** What a picture in its place may be made of. */
interface Origin {
  readonly of: string
  readonly sha256: string
  readonly entry: Entry | null
}

interface Source {
  readonly photograph: Uint8Array
  /** Digest of its bytes. */
  readonly of: string
  /** With this one. */
  readonly attempts: number
  readonly entry: Entry | null
}
