/** What a worker does with jobs of one kind, and how a job can end otherwise than well. */
import { UserError } from '../errors.ts'
import type { Lease } from './ledger.ts'

/** A job as the server has it: nothing of it is checked. */
export interface RawJob {
  readonly name: string
  readonly data: unknown
}

export interface InHand {
  readonly lease: Lease
  /** Raised: leave all where it is. */
  readonly signal: AbortSignal
  /** To be called for each thing that was made. */
  count(): void
}

export interface Work {
  /** Called before the first job. Throws a `UserError` where this worker must not begin. */
  begin(): Promise<void>
  /** Does a job. What it throws beside the errors below is trouble of the machine: the job is tried again after a while. */
  run(job: RawJob, hand: InHand): Promise<void>
  /** Called before this worker gives a job that is in hand to others. */
  release(lease: Lease): Promise<void>
  /** Called after trouble, which may have broken what works. */
  reset(): void
}

/** The job was given to another worker, since this one was silent for longer than its lease. */
export class LostLease extends Error {}

export function lost(): never {
  throw new LostLease()
}

/** A job that is none, or names places where this worker may not go: nobody tries it again. */
export class RefusedJob extends Error {}

/** What is wrong with this machine, or passes, and says nothing of the job or a photograph: it is tried again. */
export class MachineTrouble extends UserError {}

/** What the job needs is not there yet. */
export class NotYet extends Error {}

/** This worker must not go on. */
export class Halt extends Error {
  constructor(readonly why: Error) {
    super(why.message)
  }
}

/**
 * The result of `look`, whose `UserError` means that the job is refused. One about how this worker was started, such as without a
 * `--root`, ends it; one with a cause, such as a bucket that does not answer, is trouble of the machine.
 */
export async function orRefused<T>(look: () => T | Promise<T>): Promise<T> {
  try {
    return await look()
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    if (error.trouble === 'usage') throw new Halt(error)
    throw error.cause === undefined ? new RefusedJob(error.message) : error
  }
}

/** Throws a `Halt` where a job was queued for other settings than this worker's. */
export function expectSettings(job: { readonly settings: string }, own: { readonly digest: string }): void {
  if (job.settings !== own.digest)
    throw new Halt(new UserError('the queue has other settings now: start this worker anew', 'usage'))
}
