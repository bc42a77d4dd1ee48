/** Where the time of a training goes: kernels by the GPU's own clock, the host's work by the host's. */

import type { GpuSpan } from '../device/timestamps.ts'
import type { Step } from '../graph/compile.ts'
import { median, sum } from '../numbers.ts'
import { alignColumns } from '../table.ts'
import type { Stepper } from './accumulate.ts'

/** First steps that are not measured, since pipelines and caches are cold. */
const WARM_UP_STEPS = 2
/** Steps whose host work is timed. In as many steps after them, each kernel has a pass of its own, which takes longer. */
const STEPS = 10
/** Rows of the table; the rest is summed up. */
const MOST_ROWS = 30

type Track = 'host' | 'GPU'

interface Event {
  readonly track: Track
  readonly name: string
  /** Milliseconds of `performance.now`. */
  readonly begin: number
  readonly end: number
  readonly details?: Readonly<Record<string, string>>
}

export class Profiler {
  readonly #events: Event[] = []
  readonly #timed: {
    readonly steps: readonly Step[]
    readonly spans: readonly GpuSpan[]
    readonly doneAt: number
  }[] = []
  #step = 0

  /** Whether all that is wanted has been measured. */
  get isDone(): boolean {
    return this.#step >= WARM_UP_STEPS + 2 * STEPS
  }

  /** Does work of the host and notes how long it takes; of a promise only the making. */
  host<T>(name: string, work: () => T): T {
    const begin = performance.now()
    try {
      return work()
    } finally {
      this.waited(name, begin)
    }
  }

  /** Notes what the host has done since `begin`. */
  waited(name: string, begin: number): void {
    const isWanted = this.#step >= WARM_UP_STEPS && this.#step < WARM_UP_STEPS + STEPS
    if (isWanted) this.#events.push({ track: 'host', name, begin, end: performance.now() })
  }

  /** One step. */
  run(executor: Stepper, read: readonly string[]): Promise<Float32Array[]> {
    const isTimed = this.#step >= WARM_UP_STEPS + STEPS && !this.isDone
    const results = isTimed
      ? this.#runTimed(executor, read)
      : this.host('encode and submit', () => executor.run(read))
    this.#step++
    return results
  }

  async #runTimed(executor: Stepper, read: readonly string[]): Promise<Float32Array[]> {
    const { results, spans } = await executor.runTimed(read)
    this.#timed.push({ steps: executor.plan.steps, spans, doneAt: performance.now() })
    return results
  }

  /** For people: the host's work and the kernels, milliseconds a step. */
  table(): string {
    const hostRows = [...byName(this.#events)].map(([name, lengths]) => [name, median(lengths).toFixed(2)])
    const steps = this.#timed.length
    const sums = [...byName(this.#kernels())].map(([name, lengths]) => ({ name, ms: sum(lengths) / steps }))
    sums.sort((a, b) => b.ms - a.ms)
    const total = sum(sums.map(({ ms }) => ms))
    const rest = sums.splice(MOST_ROWS)
    if (rest.length) sums.push({ name: `${rest.length} others`, ms: sum(rest.map(({ ms }) => ms)) })
    const kernelRows = sums.map(({ name, ms }) => [
      name,
      ms.toFixed(3),
      `${((100 * ms) / total).toFixed(1)}%`,
    ])
    return [
      `host, median ms of ${STEPS} steps`,
      ...indented(hostRows),
      `kernels, mean ms of ${steps} steps: ${total.toFixed(1)} in all`,
      ...indented(kernelRows),
    ].join('\n')
  }

  /** A file for chrome://tracing or Perfetto, in Chrome's trace event format. */
  trace(): string {
    const traceEvents = [...this.#events, ...this.#kernels()].map(({ track, name, begin, end, details }) => ({
      ...{ ph: 'X', pid: 1, tid: track, name, cat: track, ts: 1000 * begin, dur: 1000 * (end - begin) },
      ...(details ? { args: details } : {}),
    }))
    return JSON.stringify({ displayTimeUnit: 'ms', traceEvents })
  }

  /**
   * The GPU's clock has a zero of its own. A result cannot reach the host before its kernels have ended, and the fastest
   * one takes next to no time for it: so the smallest difference seen is taken for that between the clocks.
   */
  #kernels(): Event[] {
    if (this.#timed.length === 0) return []
    const ahead = this.#timed.map(({ spans, doneAt }) => doneAt - spans.at(-1)!.end)
    const offset = Math.min(...ahead)
    return this.#timed.flatMap(({ steps, spans }) =>
      spans.map(({ begin, end }, i): Event => {
        const { node, dispatch } = steps[i]!
        const details = { operator: node.op, shader: dispatch.shader }
        const name = `${node.label} ${dispatch.shader}`
        return { track: 'GPU', name, begin: begin + offset, end: end + offset, details }
      }),
    )
  }
}

const lengthOf = ({ begin, end }: Event) => end - begin

function byName(events: readonly Event[]): Map<string, number[]> {
  const lengths = new Map<string, number[]>()
  for (const event of events) lengths.set(event.name, [...(lengths.get(event.name) ?? []), lengthOf(event)])
  return lengths
}

const indented = (rows: readonly (readonly string[])[]) => alignColumns(rows, 1).map((line) => `  ${line}`)
