/**
 * What is computed of arrays that never change, such as weights in another order: once, and kept as long as all of them.
 * So the same weights in several graphs are the same arrays, and need to be on the GPU only once.
 */
export class Derivations {
  readonly #found = new Found()

  /**
   * @param sources the arrays, and whatever else the result depends on that is known by being the same object
   * @param how all that it depends on besides
   */
  of<T>(sources: readonly object[], how: string, make: () => T): T {
    let at = this.#found
    for (const source of sources) at = at.behind(source)
    if (!at.results.has(how)) at.results.set(how, make())
    return at.results.get(how) as T
  }
}

/** What was computed of some sources, and what of these and others. */
class Found {
  readonly results = new Map<string, unknown>()
  readonly #behind = new WeakMap<object, Found>()

  behind(source: object): Found {
    const found = this.#behind.get(source) ?? new Found()
    this.#behind.set(source, found)
    return found
  }
}
