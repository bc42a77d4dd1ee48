import { BUFFER_USAGE } from './constants.ts'
import { type Gpu, GpuError } from './gpu.ts'

/** WebGPU's limit on the queries of one set. */
const MAX_QUERIES = 4096
const BYTES = 8

/** When a dispatch began and ended on the GPU, in milliseconds of the GPU's own clock, whose zero means nothing. */
export interface GpuSpan {
  readonly begin: number
  readonly end: number
}

/**
 * When each of `count` passes of an ordinary run began and ended on the GPU, by two timestamps that the GPU writes for each: for
 * profiles. How long a piece of work takes by itself is for `Timer` to say.
 */
export class PassTimes {
  readonly #querySet: GPUQuerySet
  readonly #resolved: GPUBuffer

  /** Throws a `GpuError` when the adapter has no timestamps, or takes fewer. */
  constructor(
    private readonly gpu: Gpu,
    private readonly count: number,
  ) {
    if (!gpu.has('timestamp-query')) {
      throw new GpuError('kernels cannot be timed: the adapter has no timestamps (timestamp-query)')
    }
    if (2 * count > MAX_QUERIES) throw new GpuError(`${count} passes are too many to be timed at once`)
    gpu.objectsCreated++
    this.#querySet = gpu.device.createQuerySet({ type: 'timestamp', count: 2 * count })
    const usage = BUFFER_USAGE.QUERY_RESOLVE | BUFFER_USAGE.COPY_SRC
    this.#resolved = gpu.pool.take(2 * count * BYTES, usage, 'timestamps')
  }

  /** What pass `index` is begun with. */
  writes(index: number): GPUComputePassTimestampWrites {
    const first = 2 * index
    return {
      querySet: this.#querySet,
      beginningOfPassWriteIndex: first,
      endOfPassWriteIndex: first + 1,
    }
  }

  /** Must stand behind the passes in the same encoder. */
  resolve(encoder: GPUCommandEncoder): void {
    encoder.resolveQuerySet(this.#querySet, 0, 2 * this.count, this.#resolved, 0)
  }

  /** The times of what was submitted last. */
  async read(): Promise<GpuSpan[]> {
    const { buffer } = await this.gpu.read(this.#resolved)
    const nanoseconds = new BigUint64Array(buffer as ArrayBuffer)
    return Array.from({ length: this.count }, (_, i) => ({
      begin: Number(nanoseconds[2 * i]!) / 1e6,
      end: Number(nanoseconds[2 * i + 1]!) / 1e6,
    }))
  }

  destroy(): void {
    this.#querySet.destroy()
    this.gpu.pool.give(this.#resolved)
  }
}
