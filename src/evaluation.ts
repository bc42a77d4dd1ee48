/** What an evaluation found, for people and for scripts. */
import {
  type Colourist,
  differenceToShipped,
  type Each,
  type Evaluated,
  type Failure,
  type Scores,
  type Summary,
  summarise,
} from './evaluate.ts'
import type { Precision } from './graph/half.ts'
import { readPhoto } from './io/image.ts'
import { contactSheet, type SheetRow } from './io/sheet.ts'
import type { ClassVectorOrigin } from './model/classifier.ts'
import { grayOf, paint } from './predict.ts'

export interface Evaluation {
  readonly evaluated: readonly Evaluated[]
  readonly failures: readonly Failure[]
  /** File of the weights. */
  readonly weights: string
  /** Where the class vectors came from that the network was given. */
  readonly classVectors: ClassVectorOrigin | null
  /** Name of the classifier that judged agreement. */
  readonly judge: string
  readonly saturation: number
  readonly precision: Precision
  readonly adapter: string
  /** File of the contact sheet. */
  readonly report: string | null
  /** Pictures that an interruption left out. */
  readonly left: number
}

/** At least one picture must have been evaluated. */
export function summariseAll(evaluated: readonly Evaluated[]): Each<Summary> {
  const of = (name: keyof Each<Scores>) => evaluated.flatMap(({ scores }) => scores[name] ?? [])
  const shipped = of('shipped')
  return {
    result: summarise(of('result')),
    gray: summarise(of('gray')),
    constant: summarise(of('constant')),
    ...(shipped.length ? { shipped: summarise(shipped) } : {}),
  }
}

export function evaluationJson({ evaluated, failures, ...setting }: Evaluation) {
  const { result, gray, constant, shipped } = summariseAll(evaluated)
  const difference = differenceToShipped(evaluated)
  return {
    n: evaluated.length,
    failed: failures.length,
    ...result.means,
    intervals: result.intervals,
    baselines: {
      gray: gray.means,
      constant: constant.means,
      ...(shipped ? { shipped: { ...shipped.means, abMseDifference: difference } } : {}),
    },
    ...setting,
    files: [...evaluated.map(({ input, scores }) => ({ input, ...scores.result })), ...failures],
  }
}

/** Rows of the table: what, how many decimals, by what it is multiplied. */
const ROWS: readonly [keyof Scores, string, number, number?][] = [
  ['abMse', 'ab error, units²', 1],
  ['psnr', 'PSNR, dB', 2],
  ['ssim', 'SSIM', 4],
  ['deltaE', 'ΔE2000', 2],
  ['colorfulness', 'colourfulness', 1],
  ['colorfulnessTruth', '  of the originals', 1],
  ['colorfulnessDifference', '  difference', 1],
  ['colorfulnessError', '  |difference|', 1],
  ['agreement', 'agreement, %', 1, 100],
]

const TITLES: Each<string> = {
  result: 'this network  95% interval',
  gray: 'all grey',
  constant: 'constant',
  shipped: 'shipped',
}

export function evaluationText(evaluation: Evaluation): string {
  const { evaluated, failures, left, report } = evaluation
  const summaries = summariseAll(evaluated)
  const names = (Object.keys(TITLES) as (keyof Each<string>)[]).filter((name) => summaries[name])
  const table = [['', ...names.map((name) => TITLES[name]!)]]
  for (const [key, title, decimals, scale = 1] of ROWS) {
    const shown = (value = Number.NaN) => (value * scale).toFixed(decimals).replace('NaN', '–')
    const { means, intervals } = summaries.result
    const [low, high] = intervals[key]!.map(shown)
    const others = names.slice(1).map((name) => shown(summaries[name]!.means[key]))
    table.push([title, `${shown(means[key]).padStart(7)}  [${low}, ${high}]`, ...others])
  }
  return [
    ...heading(evaluation),
    '',
    ...aligned(table),
    ...comparison(evaluated),
    ...(failures.length ? [`${failures.length} failed`] : []),
    ...(left ? [`interrupted: ${left} left out`] : []),
    ...(report === null ? [] : [report]),
  ].join('\n')
}

const heading = ({ evaluated, weights, classVectors, judge, saturation, precision, adapter }: Evaluation) => [
  `${evaluated.length} ${evaluated.length === 1 ? 'picture' : 'pictures'} in the colours of ${weights} (${adapter})`,
  `class vector: ${classVectors ? `${classVectors.classifier} (${classVectors.fit})` : 'none'} · agreement judged by ${judge} · ${precision} · saturation ${saturation}`,
]

function comparison(evaluated: readonly Evaluated[]): string[] {
  const difference = differenceToShipped(evaluated)
  if (!difference) return []
  const [middle, low, high] = [difference.mean, ...difference.interval].map(signed)
  return [`ab error against the shipped weights, picture by picture: ${middle} [${low}, ${high}]`]
}

const signed = (value: number) => `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(2)}`

/** The first two columns to the left, numbers to the right. */
function aligned(table: readonly (readonly string[])[]): string[] {
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  return table.map((row) =>
    row
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  )
}

/** Pictures of each kind in a report. */
const SHOWN = 3

/** A contact sheet of the best, the middle and the worst pictures by ab error, with what was measured. */
export async function reportSheet(
  evaluated: readonly Evaluated[],
  { colours, saturation }: Colourist,
): Promise<Buffer> {
  const rows: SheetRow[] = []
  for (const { kind, input, scores } of bestMedianWorst(evaluated)) {
    const original = await readPhoto(input)
    const { abMse, psnr } = scores.result
    rows.push({
      gray: grayOf(original),
      ours: paint(original, await colours(original), saturation),
      original,
      caption: `${kind}: ab error ${abMse.toFixed(1)}, ${psnr.toFixed(2)} dB, ${input}`,
    })
  }
  return contactSheet(rows)
}

/** Three of each by ab error, the best first; all pictures where they are no more than that. */
export function bestMedianWorst(evaluated: readonly Evaluated[]): (Evaluated & { kind: string })[] {
  const sorted = [...evaluated].sort((a, b) => a.scores.result.abMse - b.scores.result.abMse)
  const count = Math.min(SHOWN, Math.ceil(sorted.length / 3))
  const worst = Math.max(count, sorted.length - count)
  const median = Math.max(count, Math.min(worst - count, (sorted.length - count) >> 1))
  const kinds = {
    best: [0, count],
    median: [median, Math.min(median + count, worst)],
    worst: [worst, sorted.length],
  }
  return Object.entries(kinds).flatMap(([kind, [from, to]]) =>
    sorted.slice(from, to).map((picture) => ({ ...picture, kind })),
  )
}
