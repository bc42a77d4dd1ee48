/** Colours what arrives in folders, until somebody stops it, or the disk is full. */
import { setTimeout as sleep } from 'node:timers/promises'
import { stampOf } from '../../node/journal.ts'
import type { Outcome } from '../colorize-files.ts'
import type { Job, Planned } from './plan.ts'
import { type Ran, type RunOptions, runPlan } from './run.ts'

/** Between two looks. Network drives, too, tell a new file to whoever looks; not all of them call. */
const INTERVAL_MS = 2000

/**
 * Looks again and again. A photograph that is still being copied grows between two looks, so it is taken when it was the same in
 * both. One that has failed is taken again only when it has changed, and what else is wrong is said once.
 * @param look what there is to do now
 */
export async function watch(
  look: () => Promise<readonly Planned[]>,
  options: RunOptions,
  intervalMs = INTERVAL_MS,
): Promise<Ran> {
  const { interrupted, terminal } = options
  const watched = new Watched()
  const outcomes: Outcome[] = []
  let place = 0
  let isDiskFull = false
  while (!interrupted.aborted) {
    const planned = await look()
    const ready = await watched.ready(planned)
    const placed = ready.map((entry) => ('photo' in entry ? { ...entry, place: place + entry.place } : entry))
    place += planned.length
    const ran = await runPlan(placed, options)
    for (const outcome of ran.outcomes) {
      outcomes.push(outcome)
      if ('output' in outcome) terminal.say(`${outcome.input} → ${outcome.output}`)
    }
    isDiskFull = ran.isDiskFull
    if (isDiskFull) break
    terminal.progress('watching; Ctrl-C ends it')
    await sleep(intervalMs, undefined, { signal: interrupted }).catch(() => {})
  }
  const total = new Set(outcomes.map(({ input }) => input)).size
  return { outcomes, total, pace: null, isDiskFull }
}

/** What was seen at earlier looks. */
class Watched {
  /** Stamps at the last look of photographs that are to be coloured. */
  #last = new Map<string, string | null>()
  /** Stamps with which photographs were taken. */
  readonly #taken = new Map<string, string | null>()
  readonly #said = new Set<string>()

  /** What has settled, and what is wrong and was not said yet. */
  async ready(planned: readonly Planned[]): Promise<Planned[]> {
    const jobs = planned.filter((entry): entry is Job => 'photo' in entry)
    const seen = new Map<string, string | null>()
    for (const { photo } of jobs) seen.set(photo.path, await stampOf(photo.path))
    const isSettled = ({ photo: { path } }: Job) =>
      seen.get(path) === this.#last.get(path) && seen.get(path) !== this.#taken.get(path)
    const ready: Planned[] = jobs.filter(isSettled)
    for (const { photo } of jobs.filter(isSettled)) this.#taken.set(photo.path, seen.get(photo.path)!)
    this.#last = seen
    for (const entry of planned) {
      if (!('error' in entry) || this.#said.has(entry.error)) continue
      this.#said.add(entry.error)
      ready.push(entry)
    }
    return ready
  }
}
