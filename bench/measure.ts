import type { Terminal } from '../src/cli/terminal.ts'
import type { Gpu } from '../src/device/gpu.ts'
import type { Timer } from '../src/device/timer.ts'
import { bestPeaks, checkClock, measurePeaks, type Peaks } from './peaks.ts'

/** Items between two measurements of the adapter. */
const PEAKS_EVERY = 16

/** A device, a clock for it, and who is told of the work. */
export interface Bench {
  readonly gpu: Gpu
  readonly timer: Timer
  readonly terminal: Terminal
}

/** Measures every item, and what the adapter can do before, in between and after: on a busy machine it varies. */
export async function measureAll<T, R>(
  { gpu, timer, terminal }: Bench,
  items: readonly T[],
  describe: (item: T) => string,
  measure: (item: T) => Promise<R>,
): Promise<{ results: R[]; peaks: Peaks }> {
  const hasClock = timer.clock === 'gpu'
  if (hasClock && !(await checkClock(gpu, timer)))
    terminal.warn("the GPU's timestamps disagree with the wall clock, which is used instead")
  terminal.progress('what the adapter can do')
  let peaks = await measurePeaks(gpu, timer)
  const results: R[] = []
  for (const [i, item] of items.entries()) {
    if (i % PEAKS_EVERY === PEAKS_EVERY - 1) peaks = bestPeaks(peaks, await measurePeaks(gpu, timer))
    terminal.progress(`${i + 1} of ${items.length}: ${describe(item)}`)
    results.push(await measure(item))
  }
  return { results, peaks: bestPeaks(peaks, await measurePeaks(gpu, timer)) }
}
