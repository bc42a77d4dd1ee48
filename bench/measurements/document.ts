import type { Clock } from '../../src/device/timer.ts'
import { median } from '../../src/numbers.ts'
import { CLOCKS, formatSize, short } from '../report.ts'
import { formatRoofline, KINDS, type Kind, layerNames, type Roofline } from '../roofline.ts'
import type { Size } from '../workload.ts'
import type { CandidateRow } from './candidates.ts'
import type { Machine } from './machine.ts'
import type { PhaseRow } from './phases.ts'
import { type PlanRow, WAYS } from './plans.ts'

/** All that `bench:report` measures. */
export interface Measurements {
  readonly machine: Machine
  readonly date: string
  /** As it was called. */
  readonly command: string
  /** Of the convolutions, and of the whole plans. */
  readonly clocks: { readonly convolutions: Clock; readonly plans: Clock }
  readonly plans: readonly PlanRow[]
  readonly convolutions: readonly { readonly size: Size; readonly rows: readonly CandidateRow[] }[]
  readonly phases: readonly { readonly size: Size; readonly rows: readonly PhaseRow[] }[]
  /** Null where only whole plans were measured. */
  readonly roofline: Roofline | null
  /** What `bench:peers` printed. */
  readonly peers: string | null
}

export const ROOFLINE_FILE = 'roofline.svg'

/** Length of a line of prose at most. */
const COLUMNS = 118

const HEADINGS: Readonly<Record<Kind, string>> = {
  forward: 'Forward',
  dx: 'Gradient to the input',
  dw: 'Gradient to the weight',
}

/** The whole document, in Markdown. */
export function formatMeasurements(measured: Measurements): string {
  const { plans, convolutions, phases, roofline, clocks, peers } = measured
  return [
    ...heading(measured),
    ...plansSection(plans, clocks.plans),
    ...convolutions.flatMap(({ size, rows }) => convolutionsSection(size, rows, clocks.convolutions)),
    ...(phases.length ? phasesSection(phases, clocks.convolutions) : []),
    ...(roofline ? rooflineSection(roofline) : []),
    ...(peers === null ? [] : ['## Against the peers', '', ...fenced(peers)]),
  ].join('\n')
}

function heading({ machine, date, command }: Measurements): string[] {
  const { adapter, subgroupLanes, processor, cores, load, system, node, kernels } = machine
  const { name, driver, vendor, architecture, backend, isSoftware, features } = adapter
  const lanes = subgroupLanes ? `subgroups of ${subgroupLanes} lanes` : 'no subgroups of one fixed size'
  const busy = load ? `; ${load.toFixed(1)} processes wanted them in the minute before` : ''
  return [
    '# Measurements',
    '',
    `Written by \`${command}\`, all in one run. The repository's docs/performance.md explains the figures.`,
    '',
    ...table(
      ['', ''],
      [
        ['adapter', `${name}${isSoftware ? ', software' : ''}`],
        ['driver', [driver === name ? '' : driver, vendor, architecture, backend].filter(Boolean).join(', ')],
        ['features', [...features, lanes].join(', ')],
        ['processor', `${processor}, ${cores} cores${busy}`],
        ['system', `${system}, Node ${node}`],
        ['date', date],
        ['kernels', kernels],
      ],
    ),
    '',
  ]
}

function plansSection(plans: readonly PlanRow[], clock: Clock): string[] {
  const isCpu = clock === 'cpu'
  const usualOf = ({ work, size }: PlanRow) =>
    plans.find((row) => row.work === work && row.size === size && row.way === 'usual')!
  const rows = plans.map((row) => {
    const usual = usualOf(row)
    const [all, others] = [row.times, usual.times]
    const ratios = [median(all) / median(others), Math.min(...all) / Math.min(...others)]
    return [
      row === usual ? `${row.work}, ${formatSize(row.size)}` : '',
      WAYS[row.way],
      String(all.length),
      `${short(median(all))} (${short(Math.min(...all))})`,
      row === usual ? '' : `${ratios[0]!.toFixed(2)} (${ratios[1]!.toFixed(2)})`,
      (row.bytes / 2 ** 20).toFixed(1),
    ]
  })
  const remarks = [
    isCpu
      ? 'Times are CPU time of all threads: what one core alone would take. Other programs on the machine hardly change them.'
      : 'Times are by the wall clock, from arrays on the host until the GPU is done.',
    'They are medians of turns in one process, with the least in brackets.',
    'Memory is that of the plan with weights and moments.',
    "Weights and pictures are random. *Any adapter's kernels* are those without subgroups; the row is missing where they are the usual ones.",
    "*float16* is `--precision f16`, *the subgroups' matrices* is `--subgroup-matrices`. Adapters that lack these have no such rows.",
  ]
  return [
    '## Whole plans',
    '',
    ...wrapped(remarks),
    '',
    ...table(['', 'by', 'turns', isCpu ? 'CPU ms' : 'ms', '× usual', 'MiB'], rows, 2),
    '',
  ]
}

function convolutionsSection(size: Size, rows: readonly CandidateRow[], clock: Clock): string[] {
  const unit = clock === 'cpu' ? 'GFLOP per CPU second' : 'GFLOP/s'
  const faster = rows.filter((row) => row.faster !== null).length
  const hasMatrices = rows.some(({ milliseconds }) => 'matrix' in milliseconds)
  return [
    `## Convolutions: ${formatSize(size)}`,
    '',
    ...wrapped([
      `${unit}${clock === 'cpu' ? '' : ` by ${CLOCKS[clock]}`}, of operations that the direct convolution needs, without padding, for every candidate.`,
      'Figures are medians of candidates taking turns, each alone as in a training. The usual candidate is bold.',
      'A dash stands for a candidate that would have taken too long,',
      'an empty cell for one that the operator does not offer for these shapes.',
      ...(hasMatrices
        ? [
            "*matrix* multiplies float16 in the subgroups' matrices, only where `--subgroup-matrices` asks for it.",
          ]
        : []),
    ]),
    ...wrapped([
      `For ${faster} of ${rows.length} convolutions another candidate was faster than the usual one by more than 3%, by median and by least time.`,
    ]),
    '',
    ...Object.values(KINDS).flatMap((kind) =>
      candidateTable(
        kind,
        rows.filter((row) => row.kind === kind),
      ),
    ),
  ]
}

function candidateTable(kind: Kind, rows: readonly CandidateRow[]): string[] {
  if (!rows.length) return []
  const names = [...new Set(rows.flatMap(({ milliseconds }) => Object.keys(milliseconds)))].sort()
  const cells = rows.map(({ layers, shape, kernel, flops, milliseconds, faster }) => [
    layerNames(layers),
    shape,
    (flops / 1e9).toPrecision(3),
    ...names.map((name) => {
      const ms = milliseconds[name]
      if (ms === undefined) return ''
      const speed = ms === null ? '–' : short(flops / 1e6 / ms)
      return name === kernel ? `**${speed}**` : speed
    }),
    faster ?? '',
  ])
  const headings = ['layer', 'of', 'GFLOP', ...names, 'faster']
  return [`### ${HEADINGS[kind]}`, '', ...table(headings, cells, 2), '']
}

function phasesSection(phases: Measurements['phases'], clock: Clock): string[] {
  const compared = ({ written, phases }: PhaseRow['forward']) => [
    `${short(written)} → ${short(phases)}`,
    (written / phases).toFixed(2),
  ]
  const rows = phases.flatMap(({ size, rows }) =>
    rows.map(({ layer, shape, breadth, forward, training }) => [
      `${layer}, ${formatSize(size)}`,
      shape,
      breadth.toFixed(1),
      ...compared(forward),
      ...compared(training),
    ]),
  )
  const ms = clock === 'cpu' ? 'CPU ms' : 'ms'
  return [
    '## Phases',
    '',
    ...wrapped([
      'A convolution after an upsampling, first as it is written (upsampled, then convolved),',
      'then as phases (at the low resolution, then put together). Times include bias, ReLU and the transform of the weight;',
      'those with gradients also the gradients of a mean square to image, weight and bias.',
      'They are medians of both taking turns; the factor says how many times as fast phases are.',
    ]),
    '',
    ...table(['layer', 'of', 'C·K ⁄ (C + K)', `forward, ${ms}`, '', `and gradients, ${ms}`, ''], rows),
    '',
  ]
}

function rooflineSection(roofline: Roofline): string[] {
  return [
    '## Roofline',
    '',
    ...wrapped([
      "The convolutions above by their usual kernels, against their floor. The floor is the time that a convolution's operations,",
      "or its inputs, weights and outputs once, take at the adapter's best rates",
      '(multiply-adds in registers, the fastest copy; the best of several measurements in the same run).',
      "The share is floor / ms. Winograd's kernels need fewer operations than are counted here, so their share may be above 100%.",
    ]),
    '',
    `![Every convolution of the network against what the adapter can do](${ROOFLINE_FILE})`,
    '',
    ...fenced(formatRoofline(roofline)),
  ]
}

/** Prose in lines of at most `COLUMNS`. */
function wrapped(parts: readonly string[]): string[] {
  const lines: string[] = []
  for (const word of parts.join(' ').split(' ')) {
    const line = `${lines.at(-1)} ${word}`
    if (lines.length && line.length <= COLUMNS) lines[lines.length - 1] = line
    else lines.push(word)
  }
  return lines
}

const fenced = (text: string) => ['```', text.trimEnd(), '```', '']

/** A table in Markdown whose first columns are text; the others are numbers. */
function table(headings: readonly string[], rows: readonly (readonly string[])[], textColumns = 2): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rule = headings.map((_, i) => (i < textColumns ? '---' : '--:'))
  return [headings, rule, ...rows].map(line)
}
