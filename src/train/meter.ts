import type { Batch } from './batches.ts'

/** Speed of the steps themselves, and the loss of painting nothing: what training has to get below. */
export class Meter {
  #started = performance.now()
  #paused = 0
  #lap: { readonly step: number; readonly seconds: number }
  #sum = 0
  #count = 0

  constructor(
    private readonly firstStep: number,
    private readonly batch: number,
  ) {
    this.#lap = { step: firstStep, seconds: 0 }
  }

  /** The first step begins: what it took to get there counts as little as pauses. */
  start(): void {
    this.#started = performance.now()
  }

  add({ ab }: Batch): void {
    let sum = this.#sum
    for (let i = 0; i < ab.length; i++) sum += ab[i]! * ab[i]! // an iterator takes as long as a GPU's step
    this.#sum = sum
    this.#count += ab.length
  }

  /** Does work that is not training. */
  async pause(work: () => Promise<unknown>): Promise<void> {
    const begun = performance.now()
    await work()
    this.#paused += performance.now() - begun
  }

  read(step: number): { imagesPerSecond: number; grayLoss: number } {
    return {
      imagesPerSecond: ((step - this.firstStep) * this.batch) / this.#seconds,
      grayLoss: this.#count ? this.#sum / this.#count : 0,
    }
  }

  /** Images a second since the last call. */
  lap(step: number): number {
    const last = this.#lap
    this.#lap = { step, seconds: this.#seconds }
    return ((step - last.step) * this.batch) / (this.#lap.seconds - last.seconds)
  }

  get #seconds(): number {
    return (performance.now() - this.#started - this.#paused) / 1000
  }
}
