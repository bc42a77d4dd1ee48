import type { Work } from '../../queue/work.ts'

/** What a worker works with, ready to begin. */
export interface Opened {
  readonly work: Work
  /** As people know the GPU. */
  readonly adapter: string
  /** As of `WorkerOptions`. */
  readonly mostLosses: number
  /** Jobs in work at once, where one fills the machine. */
  readonly concurrency?: number
  close(): void
}
