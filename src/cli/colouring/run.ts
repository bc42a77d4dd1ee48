/** Colours what a plan says, and tells how far it is. */

import { removeParts } from '../../node/files.ts'
import { inParallel } from '../../node/parallel.ts'
import { type ColorizeOptions, FileColorizer, type Outcome } from '../colorize-files.ts'
import type { Terminal } from '../terminal.ts'
import { allOf } from './names.ts'
import { Pace } from './pace.ts'
import type { Job, Planned } from './plan.ts'
import type { Opened } from './setup.ts'

export interface RunOptions extends Omit<ColorizeOptions, 'file'> {
  /** Photographs in work at once. */
  readonly jobs: number
  /** What the pictures are made with, in full. */
  readonly values: unknown
  readonly terminal: Terminal
  readonly interrupted: AbortSignal
  /** Called when there is something to colour. */
  open(): Promise<Opened>
}

export interface Ran {
  /** In the order of the plan, but without what was not begun. */
  readonly outcomes: readonly Outcome[]
  /** Photographs that were to be coloured, or failed before. */
  readonly total: number
  /** null where it went on as photographs came. */
  readonly pace: Pace | null
}

/** Says what a person should know of it. */
function tell(outcome: Outcome, terminal: Terminal): void {
  if ('error' in outcome) terminal.warn(outcome.error)
  else if ('output' in outcome) for (const remark of outcome.remarks ?? []) terminal.warn(remark)
  else terminal.say(`${outcome.input} is ${outcome.skipped}: it is left out without --recolor`)
}

/** Throws what opening the painter throws, and failures of the GPU; trouble with single photographs is in the outcomes. */
export async function runPlan(planned: readonly Planned[], options: RunOptions): Promise<Ran> {
  const { terminal, interrupted, journal } = options
  await journal.restamp()
  const jobs = planned.filter((entry): entry is Job => 'photo' in entry)
  const outcomes = new Map<Planned, readonly Outcome[]>()
  for (const entry of planned) if (!('photo' in entry)) outcomes.set(entry, [entry])
  for (const entry of planned) if ('error' in entry) terminal.warn(entry.error)
  const total = planned.filter((entry) => !('skipped' in entry)).length
  const pace = new Pace(jobs.length)
  if (jobs.length === 0) return { outcomes: [...outcomes.values()].flat(), total, pace }
  const { painter, file } = await options.open()
  const colorizer = new FileColorizer(painter, { ...options, file })
  await removeParts(jobs.flatMap(allOf))
  await journal.settings(options.settings, options.values)
  pace.begin()
  await inParallel(jobs, { most: options.jobs, signal: interrupted }, async (job) => {
    terminal.progress(`${pace} · ${job.photo.relative}`)
    const made = await colorizer.colorize(job)
    outcomes.set(job, made)
    for (const outcome of made) tell(outcome, terminal)
    pace.step()
  })
  return { outcomes: planned.flatMap((entry) => outcomes.get(entry) ?? []), total, pace }
}
