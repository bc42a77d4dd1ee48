import { median } from '../numbers.ts'
import { BUFFER_USAGE } from './constants.ts'
import type { Gpu } from './gpu.ts'

export type Clock = 'gpu' | 'wall' | 'cpu'

/** Work that can be done any number of times in a pass. */
export interface Repeatable {
  encode(pass: GPUComputePassEncoder): void
}

/** As much work in one pass as takes about this long, so that no clock's ticks and no submit's cost show. */
const PASS_MS = 20
const MAX_REPEATS = 2000
const MIN_PASSES = 3
const MAX_PASSES = 50
/** Long enough for two clocks to be compared. */
const CHECK_MS = 150

/**
 * How long work takes that is repeated for nothing but being timed, as tuning and benchmarks do; `PassTimes` says when the work of
 * an ordinary run was done. By the GPU's own clock where there is one that can be trusted, else from submit to idle; or by the
 * CPU time of all that a software adapter does meanwhile, which others on the machine hardly change.
 */
export class Timer {
  clock: Clock
  readonly #querySet: GPUQuerySet | null
  readonly #resolved: GPUBuffer | null

  /** @param cpuTime milliseconds that the process has computed so far: the clock to be used */
  constructor(
    private readonly gpu: Gpu,
    private readonly cpuTime: (() => number) | null = null,
  ) {
    const { device } = gpu
    const has = gpu.has('timestamp-query')
    this.clock = cpuTime ? 'cpu' : has ? 'gpu' : 'wall'
    this.#querySet = has ? device.createQuerySet({ type: 'timestamp', count: 2 }) : null
    const usage = has ? BUFFER_USAGE.QUERY_RESOLVE | BUFFER_USAGE.COPY_SRC : 0
    this.#resolved = has ? device.createBuffer({ size: 16, usage, label: 'timestamps' }) : null
  }

  /** Goes on with the GPU's clock only if it says the same of `work`, repeated for long enough, as the wall. */
  async check(work: Repeatable): Promise<void> {
    if (this.clock !== 'gpu') return
    let times = await this.pass(work, 1)
    for (let repeats = 2; times.wall < CHECK_MS && repeats <= MAX_REPEATS; repeats *= 2) {
      times = await this.pass(work, repeats)
    }
    const { gpu, wall } = times
    if (!(gpu > wall / 2 && gpu < wall * 1.1)) this.clock = 'wall'
  }

  /** The median milliseconds of doing it once, of passes that together take about `seconds`. */
  async median(work: Repeatable, seconds: number): Promise<number> {
    const repeats = repeatsFor(await this.once(work))
    const samples: number[] = []
    const end = performance.now() + seconds * 1000
    while (samples.length < MIN_PASSES || (performance.now() < end && samples.length < MAX_PASSES)) {
      samples.push(await this.mean(work, repeats))
    }
    return median(samples)
  }

  once(work: Repeatable): Promise<number> {
    return this.mean(work, 1)
  }

  /** Milliseconds of doing it once, of one pass that does it `repeats` times. */
  async mean(work: Repeatable, repeats: number): Promise<number> {
    return (await this.pass(work, repeats))[this.clock] / repeats
  }

  /** Milliseconds of one pass by all clocks; `gpu` is NaN without timestamps, `cpu` without such a clock. */
  async pass(work: Repeatable, repeats: number): Promise<Record<Clock, number>> {
    const { device } = this.gpu
    const encoder = device.createCommandEncoder()
    const querySet = this.#querySet
    const timestampWrites = querySet && { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 }
    const pass = encoder.beginComputePass(timestampWrites ? { timestampWrites } : {})
    for (let i = 0; i < repeats; i++) work.encode(pass)
    pass.end()
    if (querySet) encoder.resolveQuerySet(querySet, 0, 2, this.#resolved!, 0)
    const commands = encoder.finish()
    const [started, computed] = [performance.now(), this.cpuTime?.() ?? Number.NaN]
    device.queue.submit([commands])
    await this.gpu.idle()
    const wall = performance.now() - started
    const cpu = (this.cpuTime?.() ?? Number.NaN) - computed
    if (!querySet) return { gpu: Number.NaN, wall, cpu }
    const [begin, end] = new BigUint64Array((await this.gpu.read(this.#resolved!)).buffer as ArrayBuffer)
    return { gpu: Number(end! - begin!) / 1e6, wall, cpu }
  }

  destroy(): void {
    this.#querySet?.destroy()
    this.#resolved?.destroy()
  }
}

/** How often work of `milliseconds` is to be done in one pass. */
export const repeatsFor = (milliseconds: number) =>
  Math.min(MAX_REPEATS, Math.max(1, Math.ceil(PASS_MS / Math.max(milliseconds, 1e-3))))

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
