import type { Clock } from '../src/device/timer.ts'
import { alignColumns } from '../src/table.ts'
import type { ClassifierRow } from './classifiers.ts'
import { copyRateAt, type Peaks } from './peaks.ts'
import type { Size, Work } from './workload.ts'

/** One measured kernel at one shape. */
export interface Row {
  readonly op: string
  readonly shader: string
  readonly constants: Readonly<Record<string, number>>
  readonly layers: readonly string[]
  readonly shape: string
  readonly counts: Work['counts']
  /** Median of one dispatch. */
  readonly milliseconds: number
  readonly gflops: number | null
  readonly gbPerSecond: number
  /** The larger of its share of the FMA peak and of the copy of as many bytes. */
  readonly share: number
}

export interface Totals {
  /** Sums of the kernels, ms. */
  readonly forward: number
  readonly training: number
}

/** What was measured when, on what. */
export interface Head {
  readonly adapter: string
  readonly date: string
  readonly clock: Clock
  readonly size: Size
  /** Convolutions for which `tune` has found other kernels than usual, whether they are among these or not. */
  readonly tuned: number
}

export interface Report extends Head {
  readonly peaks: Peaks
  readonly rows: readonly Row[]
  readonly totals: Totals
  /** Whole plans from submit to idle, ms; null when only some kernels were asked for. */
  readonly whole: Totals | null
  readonly classifiers: readonly ClassifierRow[]
}

export function rowOf(work: Work, milliseconds: number, peaks: Peaks): Row {
  const { op, layers, dispatch, shape, counts, flops, bytes } = work
  const gflops = flops === null ? null : flops / 1e6 / milliseconds
  const gbPerSecond = bytes / 1e6 / milliseconds
  const share = Math.max((gflops ?? 0) / peaks.gflops, gbPerSecond / copyRateAt(peaks, bytes))
  const { shader, constants = {} } = dispatch
  return { op, shader, constants, layers, shape, counts, milliseconds, gflops, gbPerSecond, share }
}

export function totalsOf(rows: readonly Row[]): Totals {
  const sum = (plan: keyof Totals) =>
    rows.reduce((total, { counts, milliseconds }) => total + counts[plan] * milliseconds, 0)
  return { forward: sum('forward'), training: sum('training') }
}

/** Operators by their share of a training step, within them the layers in the order they run. */
export function formatReport(report: Report): string {
  const { peaks, rows, totals, whole, classifiers } = report
  const copies = peaks.copies.map(
    ({ bytes, gbPerSecond }) => `${short(gbPerSecond)} GB/s at ${byteSize(bytes)}`,
  )
  const plans = (['forward', 'training'] as const).map((plan) => {
    const measured = whole ? `, the whole plan in one submit ${short(whole[plan])} ms` : ''
    return `${plan === 'forward' ? 'colouring' : 'training step'}: kernels ${short(totals[plan])} ms${measured}`
  })
  return [
    ...formatHead(report),
    `peaks: ${short(peaks.gflops)} GFLOP/s multiply-add; copy ${copies.join(', ')}`,
    ...(rows.length ? ['', formatTable(rows, totals), '', ...plans] : []),
    ...classifiers.map(
      ({ name, weights, milliseconds, gflop, gflops }) =>
        `${name}, ${weights} weights: ${short(milliseconds)} ms, ${short(gflops)} GFLOP/s (${short(gflop)} GFLOP)`,
    ),
  ].join('\n')
}

/** What the milliseconds are. */
export const CLOCKS: Readonly<Record<Clock, string>> = {
  gpu: "the GPU's clock",
  wall: 'the wall clock',
  cpu: 'the CPU time of all threads',
}

export const formatSize = ({ width, size, batch }: Size) => `width ${width}, ${size} px, batch ${batch}`

export function formatHead({ adapter, date, clock, size, tuned }: Head): string[] {
  const kernels = tuned ? `; the tuning takes other kernels than usual for ${tuned} convolutions` : ''
  return [`${adapter}, ${date}`, `${formatSize(size)}; medians by ${CLOCKS[clock]}${kernels}`]
}

const HEADINGS = ['operator', 'kernel', 'on', '× colour', '× train', 'ms', 'GFLOP/s', 'GB/s', 'of peak']
const TEXT_COLUMNS = 3

function formatTable(rows: readonly Row[], totals: Totals): string {
  const operators = [...new Set(rows.map(({ op }) => op))]
    .map((op) => ({ op, own: rows.filter((row) => row.op === op) }))
    .map((section) => ({ ...section, sums: totalsOf(section.own) }))
    .sort((a, b) => b.sums.training - a.sums.training || b.sums.forward - a.sums.forward)
  const table = [HEADINGS, ...operators.flatMap(({ own }) => own.map(cells))]
  const [headings, ...lines] = alignColumns(table, TEXT_COLUMNS)
  const sections = operators.flatMap(({ op, own, sums }) => [
    `${op}: ${percent(sums.training / totals.training)} of training, ${percent(sums.forward / totals.forward)} of colouring`,
    ...lines.splice(0, own.length),
  ])
  return [headings, ...sections].join('\n')
}

function cells({ layers, shader, shape, counts, milliseconds, gflops, gbPerSecond, share }: Row): string[] {
  const more = layers.length > 1 ? ` +${layers.length - 1}` : ''
  return [
    `  ${layers[0]}${more}`,
    shader,
    shape,
    String(counts.forward),
    String(counts.training),
    short(milliseconds),
    gflops === null ? '' : short(gflops),
    short(gbPerSecond),
    percent(share),
  ]
}

export const percent = (share: number) => (Number.isFinite(share) ? `${(100 * share).toFixed(0)}%` : '-')

/** Three digits. */
export function short(value: number): string {
  if (value >= 100) return value.toFixed(0)
  return value >= 10 ? value.toFixed(1) : value.toFixed(value >= 1 ? 2 : 3)
}

function byteSize(bytes: number): string {
  return bytes >= 2 ** 20 ? `${bytes / 2 ** 20} MiB` : `${bytes / 1024} KiB`
}
