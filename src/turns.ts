/** Work that overlaps in time, done one piece after another. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  /** Begins `work` when all that was asked for before has ended, well or badly. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = result.catch(() => {}) // told to whoever asked for it, and of no concern to the next
    return result
  }
}
