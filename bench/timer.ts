import type { Gpu } from '../src/kernels/gpu.ts'
import { median } from '../src/numbers.ts'
import type { Runnable } from './run.ts'

export type Clock = 'gpu' | 'wall'

/** Runs as many dispatches in one pass as take about this long, so that no clock's ticks and no submit's cost show. */
const PASS_MS = 20
const MAX_REPEATS = 2000
const MIN_PASSES = 3
const MAX_PASSES = 50

/** Times dispatches by the GPU's own clock where there is one that can be trusted, else from submit to idle. */
export class Timer {
  clock: Clock
  readonly #querySet: GPUQuerySet | null
  readonly #resolved: GPUBuffer | null

  constructor(private readonly gpu: Gpu) {
    const { device } = gpu
    const has = gpu.has('timestamp-query')
    this.clock = has ? 'gpu' : 'wall'
    this.#querySet = has ? device.createQuerySet({ type: 'timestamp', count: 2 }) : null
    const usage = has ? GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC : 0
    this.#resolved = has ? device.createBuffer({ size: 16, usage, label: 'timestamps' }) : null
  }

  /** The median milliseconds of one dispatch, of passes that together take about `seconds`. */
  async median(work: Runnable, seconds: number): Promise<number> {
    const once = (await this.pass(work, 1))[this.clock]
    const repeats = Math.min(MAX_REPEATS, Math.max(1, Math.ceil(PASS_MS / Math.max(once, 1e-3))))
    const samples: number[] = []
    const end = performance.now() + seconds * 1000
    while (samples.length < MIN_PASSES || (performance.now() < end && samples.length < MAX_PASSES)) {
      samples.push((await this.pass(work, repeats))[this.clock] / repeats)
    }
    return median(samples)
  }

  /** Milliseconds of one pass of `repeats` dispatches by both clocks; `gpu` is NaN without timestamps. */
  async pass({ pipeline, bindGroup, workgroups }: Runnable, repeats: number): Promise<Record<Clock, number>> {
    const { device } = this.gpu
    const encoder = device.createCommandEncoder()
    const querySet = this.#querySet
    const timestampWrites = querySet && { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 }
    const pass = encoder.beginComputePass(timestampWrites ? { timestampWrites } : {})
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, bindGroup)
    for (let i = 0; i < repeats; i++) pass.dispatchWorkgroups(...workgroups)
    pass.end()
    if (querySet) encoder.resolveQuerySet(querySet, 0, 2, this.#resolved!, 0)
    const commands = encoder.finish()
    const started = performance.now()
    device.queue.submit([commands])
    await this.gpu.idle()
    const wall = performance.now() - started
    if (!querySet) return { gpu: Number.NaN, wall }
    const [begin, end] = new BigUint64Array((await this.gpu.read(this.#resolved!)).buffer as ArrayBuffer)
    return { gpu: Number(end! - begin!) / 1e6, wall }
  }

  destroy(): void {
    this.#querySet?.destroy()
    this.#resolved?.destroy()
  }
}

/** Something larger is run once and then at most so often, and for about so long. */
const WHOLE_RUNS = 5
const WHOLE_MS = 5000

/** The median milliseconds of some work by the wall clock, after a first run that does not count. */
export async function medianRun(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = []
  for (let total = 0; times.length <= WHOLE_RUNS && (times.length < 2 || total < WHOLE_MS); ) {
    const started = performance.now()
    await work()
    times.push(performance.now() - started)
    total += times.at(-1)!
  }
  return median(times.slice(1))
}
