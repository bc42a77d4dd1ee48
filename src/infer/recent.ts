/**
 * The last few of things that are costly to make, such as the plans for one size of picture. The least recently used one is
 * freed to make room. Calls must not overlap.
 */
export class Recent<T extends { destroy(): void }> {
  readonly #kept = new Map<string, T>()

  /**
   * @param most how many are kept
   * @param freed called when one was freed to make room
   */
  constructor(
    private readonly most: number,
    private readonly freed: () => void,
  ) {}

  async get(key: string, make: () => Promise<T>): Promise<T> {
    const found = this.#kept.get(key)
    this.#kept.delete(key)
    if (!found && this.#kept.size >= this.most) this.#evict()
    const one = found ?? (await make())
    this.#kept.set(key, one)
    return one
  }

  destroy(): void {
    for (const one of this.#kept.values()) one.destroy()
    this.#kept.clear()
  }

  #evict(): void {
    const [oldest, one] = this.#kept.entries().next().value!
    one.destroy()
    this.#kept.delete(oldest)
    this.freed()
  }
}
