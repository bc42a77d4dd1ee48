/** States that came one after another: what was undone can be done again, until something else is done. */
export class History<T> {
  #past: T[] = []
  #future: T[] = []

  constructor(private state: T) {}

  get now(): T {
    return this.state
  }

  get canUndo(): boolean {
    return this.#past.length > 0
  }

  get canRedo(): boolean {
    return this.#future.length > 0
  }

  do(state: T): void {
    this.#past.push(this.state)
    this.#future = []
    this.state = state
  }

  undo(): void {
    if (!this.canUndo) return
    this.#future.push(this.state)
    this.state = this.#past.pop()!
  }

  redo(): void {
    if (!this.canRedo) return
    this.#past.push(this.state)
    this.state = this.#future.pop()!
  }
}
