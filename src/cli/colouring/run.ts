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
  /** Whether it ended early since a disk is full. */
  readonly isDiskFull: boolean
}

/** Says what a person should know of it. */
function tell(outcome: Outcome, terminal: Terminal): void {
  if ('error' in outcome) terminal.warn(outcome.error)
  else if ('output' in outcome) for (const remark of outcome.remarks ?? []) terminal.warn(remark)
  else terminal.say(`${outcome.input} is ${outcome.skipped}: it is left out without --recolor`)
}

/** Throws what opening the painter throws, and failures of the GPU; trouble with single photographs is in the outcomes. */
export async function runPlan(planned: readonly Planned[], options: RunOptions): Promise<Ran> {
  const { terminal, journal } = options
  await journal.restamp()
  for (const entry of planned) if ('error' in entry) terminal.warn(entry.error)
  const jobs = planned.filter((entry): entry is Job => 'photo' in entry)
  const pace = new Pace(jobs.length)
  const made: Made = new Map()
  const isDiskFull = jobs.length > 0 && (await runJobs(jobs, options, pace, made))
  if (isDiskFull) nameRest(jobs, made, terminal)
  return {
    outcomes: planned.flatMap((entry) => ('photo' in entry ? (made.get(entry) ?? []) : [entry])),
    total: planned.filter((entry) => !('skipped' in entry)).length,
    ...{ pace, isDiskFull },
  }
}

/** What became of each photograph. */
type Made = Map<Job, readonly Outcome[]>

/** Returns whether it has ended early since the disk is full, where each of the others would be coloured in vain. */
async function runJobs(jobs: readonly Job[], options: RunOptions, pace: Pace, made: Made): Promise<boolean> {
  const { terminal, interrupted, journal } = options
  const { painter, file } = await options.open()
  const colorizer = new FileColorizer(painter, { ...options, file })
  await removeParts(jobs.flatMap(allOf))
  await journal.settings(options.settings, options.values)
  pace.begin()
  const signal = AbortSignal.any([interrupted, colorizer.diskFull])
  await inParallel(jobs, { most: options.jobs, signal }, async (job) => {
    terminal.progress(`${pace} · ${job.photo.relative}`)
    const outcomes = await colorizer.colorize(job)
    made.set(job, outcomes)
    for (const outcome of outcomes) tell(outcome, terminal)
    pace.step(outcomes.some((outcome) => 'output' in outcome))
  })
  return colorizer.diskFull.aborted
}

const NOT_BEGUN = 'not begun, since the disk is full'

/** Says once for all what a full disk has left undone. */
function nameRest(jobs: readonly Job[], made: Made, terminal: Terminal): void {
  for (const job of jobs) if (!made.has(job)) made.set(job, [{ input: job.photo.path, error: NOT_BEGUN }])
  const left = jobs.filter((job) => made.get(job)!.some((outcome) => 'error' in outcome)).length
  const done = `${jobs.length - left} of ${jobs.length} are done, ${left} are left`
  terminal.warn(
    `the disk is full: ${done}. Make room and give the same command again: it goes on with the rest`,
  )
}
