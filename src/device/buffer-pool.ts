/** Buffers of one device, given out by size and taken back for reuse. */
export class BufferPool {
  readonly #free = new Map<string, GPUBuffer[]>()
  #created = 0

  constructor(private readonly device: GPUDevice) {}

  /** Buffers that exist now, in use or free: the leak test watches this. */
  get created(): number {
    return this.#created
  }

  /** A buffer of exactly `size` bytes (a multiple of 4). Reused ones hold old data. */
  take(size: number, usage: GPUBufferUsageFlags, label: string): GPUBuffer {
    const reused = this.#free.get(`${size}:${usage}`)?.pop()
    if (reused) {
      reused.label = label
      return reused
    }
    this.#created++
    return this.device.createBuffer({ size, usage, label })
  }

  give(buffer: GPUBuffer): void {
    const key = `${buffer.size}:${buffer.usage}`
    const list = this.#free.get(key)
    if (list) list.push(buffer)
    else this.#free.set(key, [buffer])
  }

  /** Frees what nobody uses. */
  trim(): void {
    for (const buffer of [...this.#free.values()].flat()) {
      this.#created--
      buffer.destroy()
    }
    this.#free.clear()
  }
}
