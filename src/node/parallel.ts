/** Several pictures in work at once: while one is on the GPU, others are decoded and encoded. */

/**
 * Runs `work` on all of `items`, at most `most` at once, and begins none after `signal` was raised or one has failed. Throws the
 * first failure once all that was begun has ended.
 */
export async function inParallel<T>(
  items: readonly T[],
  { most, signal }: { readonly most: number; readonly signal: AbortSignal },
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items.values()
  const failures: unknown[] = []
  const worker = async () => {
    for (const item of waiting) {
      if (signal.aborted || failures.length) return
      await work(item).catch((error) => failures.push(error))
    }
  }
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker))
  if (failures.length) throw failures[0]
}

/** Room for so much at once, given in the order of asking. What needs more than there is gets it when nothing else is there. */
export class Room {
  #taken = 0
  readonly #waiting: { readonly amount: number; begin(): void }[] = []

  constructor(private readonly size: number) {}

  /** Runs `work` once there is room for `amount`. */
  async with<T>(amount: number, work: () => Promise<T>): Promise<T> {
    const needed = Math.min(amount, this.size)
    await new Promise<void>((begin) => {
      this.#waiting.push({ amount: needed, begin })
      this.#admit()
    })
    try {
      return await work()
    } finally {
      this.#taken -= needed
      this.#admit()
    }
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      if (this.#taken + next.amount > this.size) return
      this.#waiting.shift()
      this.#taken += next.amount
      next.begin()
    }
  }
}
