import { bar, duration } from '../terminal.ts'

/** How far the work is and how fast it goes. */
export class Pace {
  #begun: number
  #done = 0
  /** When the first picture was coloured, and how many photographs were done then. */
  #first: { readonly at: number; readonly done: number } | null = null

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

  /** A photograph is done; `isColoured` where that is not because it failed or was left out. */
  step(isColoured: boolean): void {
    this.#done++
    if (isColoured) this.#first ??= { at: this.now(), done: this.#done }
  }

  /** Photographs a second behind the first picture, which waits for shaders and weights; null until there are some. */
  get rate(): number | null {
    if (!this.#first || this.#done === this.#first.done) return null
    return (this.#done - this.#first.done) / Math.max((this.now() - this.#first.at) / 1000, 1e-3)
  }

  get seconds(): number {
    return (this.now() - this.#begun) / 1000
  }

  /** "━━━━── 60% · 3 of 5 · 1.2 pictures/s · 2 s left" */
  toString(): string {
    const state = `${bar(this.#done / this.total)} · ${this.#done} of ${this.total}`
    const { rate } = this
    if (rate === null) return state
    return `${state} · ${formatRate(rate)} · ${duration((this.total - this.#done) / rate)} left`
  }
}

/** "12 pictures/s", "1.2 pictures/s", "0.035 pictures/s" */
export const formatRate = (rate: number) => `${Number(rate.toPrecision(2))} pictures/s`
