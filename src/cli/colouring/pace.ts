import { bar, duration } from '../terminal.ts'

/** How far the work is and how fast it goes. */
export class Pace {
  #begun: number
  #done = 0

  /** @param now in ms */
  constructor(
    private readonly total: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#begun = now()
  }

  /** Counts from now on. */
  begin(): void {
    this.#begun = this.now()
  }

  step(): void {
    this.#done++
  }

  /** Pictures a second. */
  get rate(): number {
    return this.#done / Math.max(this.seconds, 1e-3)
  }

  get seconds(): number {
    return (this.now() - this.#begun) / 1000
  }

  /** "━━━━── 60% · 3 of 5 · 1.2 pictures/s · 2 s left" */
  toString(): string {
    const state = `${bar(this.#done / this.total)} · ${this.#done} of ${this.total}`
    if (!this.#done) return state
    return `${state} · ${formatRate(this.rate)} · ${duration((this.total - this.#done) / this.rate)} left`
  }
}

/** "12 pictures/s", "1.2 pictures/s", "0.035 pictures/s" */
export const formatRate = (rate: number) => `${Number(rate.toPrecision(2))} pictures/s`
