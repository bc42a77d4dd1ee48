/** What `colorize` says of a plan and of what was done, for people and as JSON. */
import { duration, printable } from '../terminal.ts'
import { allOf } from './names.ts'
import { formatRate } from './pace.ts'
import type { Planned, Skipped } from './plan.ts'
import type { Ran } from './run.ts'

const isSkipped = (entry: object): entry is Skipped => 'skipped' in entry

/** "2 done before, 1 in colour"; empty when nothing was left out. */
function leftOut(entries: readonly object[]): string {
  const counts = new Map<string, number>()
  for (const { skipped } of entries.filter(isSkipped)) counts.set(skipped, (counts.get(skipped) ?? 0) + 1)
  return [...counts].map(([why, count]) => `${count} ${why}`).join(', ')
}

/** A line for each photograph, and one for all. */
export function planText(planned: readonly Planned[]): string {
  const lines = planned.map((entry) => {
    if ('skipped' in entry) return `${entry.input}: left out, ${entry.skipped}`
    if ('error' in entry) return `${entry.input}: fails, ${entry.error}`
    return `${entry.photo.path} → ${allOf(entry).join(', ')}`
  })
  const [left, failing] = [leftOut(planned), planned.filter((entry) => 'error' in entry).length]
  const parts = [
    `${planned.filter((entry) => 'photo' in entry).length} to colour`,
    ...(left ? [`left out: ${left}`] : []),
    ...(failing ? [`${failing} failing`] : []),
  ]
  return [...lines, parts.join('; ')].map(printable).join('\n')
}

/** Every picture that would be written, and every photograph of which none is. */
export const planJson = (planned: readonly Planned[]) => ({
  dryRun: true,
  files: planned.flatMap<object>((entry) =>
    'photo' in entry ? allOf(entry).map((output) => ({ input: entry.photo.path, output })) : [entry],
  ),
})

/** "coloured 3 of 4 → out · 12 s, 0.25 pictures/s; left out: 2 done" */
export function doneText({ outcomes, total, pace }: Ran, out: string): string {
  const done = new Set(outcomes.flatMap((outcome) => ('output' in outcome ? [outcome.input] : []))).size
  const speed = done && pace ? ` · ${duration(pace.seconds)}, ${formatRate(done / pace.seconds)}` : ''
  const left = leftOut(outcomes)
  return printable(`coloured ${done} of ${total} → ${out}${speed}${left ? `; left out: ${left}` : ''}`)
}
