import type { BufferPool } from './buffer-pool.ts'
import { STORAGE_USAGE } from './constants.ts'
import { packHalves } from './float16.ts'

interface Shared {
  readonly buffer: GPUBuffer
  users: number
}

/** How an array lies on the GPU. */
export interface Stored {
  readonly bytes: number
  /** As float16. */
  readonly half: boolean
}

/** Arrays that never change, on the GPU: each is uploaded once, however many use it, and freed with the last of these. */
export class SharedConstants {
  /** By the memory that they lie in on the host, and by the part of it. */
  readonly #shared = new Map<ArrayBufferLike, Map<string, Shared>>()

  constructor(
    private readonly device: GPUDevice,
    private readonly pool: BufferPool,
  ) {}

  take(data: Float32Array, stored: Stored): GPUBuffer {
    const parts = this.#shared.get(data.buffer) ?? new Map<string, Shared>()
    this.#shared.set(data.buffer, parts)
    const key = keyOf(data, stored)
    const shared = parts.get(key) ?? { buffer: this.#upload(data, stored), users: 0 }
    shared.users++
    parts.set(key, shared)
    return shared.buffer
  }

  /** For each time that it was taken. */
  give(data: Float32Array, stored: Stored): void {
    const parts = this.#shared.get(data.buffer)!
    const key = keyOf(data, stored)
    const shared = parts.get(key)!
    if (--shared.users > 0) return
    this.pool.give(shared.buffer)
    parts.delete(key)
    if (parts.size === 0) this.#shared.delete(data.buffer)
  }

  #upload(data: Float32Array, { bytes, half }: Stored): GPUBuffer {
    const buffer = this.pool.take(bytes, STORAGE_USAGE, 'shared constant')
    const stored = half ? packHalves(data) : (data as Float32Array<ArrayBuffer>)
    this.device.queue.writeBuffer(buffer, 0, stored)
    return buffer
  }
}

const keyOf = ({ byteOffset, length }: Float32Array, { half }: Stored) => `${byteOffset} ${length} ${half}`
