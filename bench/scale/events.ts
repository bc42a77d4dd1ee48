/** A clock that jumps from one event to the next, and what waits in line before a machine. */

/** Events in the order of their times; those of one time in the order in which they were asked for. */
export class Events {
  /** Seconds. */
  now = 0
  #asked = 0
  readonly #heap: { readonly at: number; readonly order: number; readonly work: () => void }[] = []

  /** @param seconds from now on */
  after(seconds: number, work: () => void): void {
    this.#heap.push({ at: this.now + seconds, order: this.#asked++, work })
    let child = this.#heap.length - 1
    while (child > 0) {
      const parent = (child - 1) >> 1
      if (!this.#swapIfLater(parent, child)) break
      child = parent
    }
  }

  /** Until nothing is left to happen, or `isDone`. */
  run(isDone: () => boolean): void {
    while (this.#heap.length && !isDone()) {
      const { at, work } = this.#next()
      this.now = at
      work()
    }
  }

  #next() {
    const first = this.#heap[0]!
    const last = this.#heap.pop()!
    if (this.#heap.length === 0) return first
    this.#heap[0] = last
    for (let parent = 0; ; ) {
      const [left, right] = [2 * parent + 1, 2 * parent + 2]
      if (left >= this.#heap.length) return first
      const child = right < this.#heap.length && this.#isLater(left, right) ? right : left
      if (!this.#swapIfLater(parent, child)) return first
      parent = child
    }
  }

  #isLater(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a]!, this.#heap[b]!]
    return one.at === other.at ? one.order > other.order : one.at > other.at
  }

  #swapIfLater(parent: number, child: number): boolean {
    if (!this.#isLater(parent, child)) return false
    const heap = this.#heap
    ;[heap[parent], heap[child]] = [heap[child]!, heap[parent]!]
    return true
  }
}

/** Serves one after the other, first come, first served. */
export class Line {
  #freeAt = 0
  /** Seconds of work so far. */
  busy = 0

  constructor(private readonly events: Events) {}

  /** Calls `done` when those before and this one have been served. */
  serve(seconds: number, done: () => void): void {
    this.#freeAt = Math.max(this.#freeAt, this.events.now) + seconds
    this.busy += seconds
    this.events.after(this.#freeAt - this.events.now, done)
  }
}
