/** Data-parallel training as a simulation: every worker computes gradients, a ring adds them up, the slowest is waited for. */
import { uniform4 } from '../../src/random.ts'

export interface Ring {
  readonly workers: number
  /** Of all gradients. */
  readonly bytes: number
  /** Between two neighbours, in bytes a second, each way. */
  readonly bandwidth: number
  /** Seconds until the first byte of a message is there. */
  readonly latency: number
}

export interface Steps extends Ring {
  /** Seconds of a worker's gradients. */
  readonly seconds: number
  /** A worker's time is uniform between that and (1 + spread) times that. */
  readonly spread: number
  /** Seconds for the gradients' way from the GPU to the network and back, which WebGPU has no short cut for. */
  readonly staging: number
}

const STREAM = 0x121d6

/**
 * Seconds from the first worker's beginning until all have the sum. Each worker cuts its gradients into as many parts as there are
 * workers; in 2 (n - 1) rounds it sends one part to its right and has another one from its left.
 * @param ready when each worker has its gradients
 */
export function simulateRing({ workers, bytes, bandwidth, latency }: Ring, ready: readonly number[]): number {
  let at = ready
  for (let round = 0; round < 2 * (workers - 1); round++) {
    const sent = at.map((time) => time + latency + bytes / workers / bandwidth)
    at = at.map((time, worker) => Math.max(time, sent[(worker + workers - 1) % workers]!, sent[worker]!))
  }
  return Math.max(...at)
}

/** Mean seconds of `count` steps. */
export function simulateSteps(steps: Steps, count: number, seed: number): number {
  let total = 0
  for (let step = 0; step < count; step++) {
    const ready = Array.from({ length: steps.workers }, (_, worker) => {
      const [random] = uniform4(seed, STREAM, step, worker)
      return steps.seconds * (1 + steps.spread * random) + (steps.workers > 1 ? steps.staging : 0)
    })
    total += simulateRing(steps, ready)
  }
  return total / count
}
