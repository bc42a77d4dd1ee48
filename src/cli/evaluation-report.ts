/** What an evaluation found, for people and for scripts. */

import { basename, dirname, resolve } from 'node:path'
import type { Kid } from '../color/metrics/featureSets.ts'
import type { Precision } from '../graph/half.ts'
import type { ClassVectorOrigin } from '../model/classifier.ts'
import { alignColumns } from '../table.ts'
import { type Each, listEach } from './each.ts'
import { HINT_COUNTS, type HintErrors } from './measure-hints.ts'
import type { Evaluated, Failure } from './measure-photos.ts'
import type { Means, Summary } from './summaries.ts'

export interface Evaluation {
  /** At least one. */
  readonly evaluated: readonly Evaluated[]
  readonly summaries: Each<Summary>
  readonly failures: readonly Failure[]
  /** File of the weights. */
  readonly weights: string
  /** Files of the other weights that it is held against. */
  readonly against: readonly string[]
  /** Where the class vectors came from that the network was given, and those that it was given besides; null for none. */
  readonly classVectors: ClassVectorOrigin | null
  readonly otherVectors: readonly (ClassVectorOrigin | null)[]
  /** Name of the classifier that judged agreement. */
  readonly judge: string
  /** Name of the classifier whose features were compared. */
  readonly features: string | null
  readonly saturations: Each<number>
  readonly precision: Precision
  /** Whether networks saw mirror images, too. */
  readonly mirror: boolean
  readonly adapter: string
  /** The contact sheet's file, or the page's folder. */
  readonly report: string | null
  /** The folder of pairs. */
  readonly pairs: string | null
  /** Pictures that an interruption left out. */
  readonly left: number
}

export function evaluationJson({
  evaluated,
  summaries,
  failures,
  against: others,
  otherVectors,
  saturations,
  ...setting
}: Evaluation) {
  const { result, gray, constant, shipped, against = [], saturated = [], classified = [] } = summaries
  return {
    n: evaluated.length,
    failed: failures.length,
    ...summaryJson(result),
    baselines: {
      gray: figuresJson(gray.means),
      constant: figuresJson(constant.means),
      ...(shipped
        ? {
            shipped: {
              ...{ saturation: saturations.shipped, ...figuresJson(shipped.means) },
              ...differencesJson(shipped),
            },
          }
        : {}),
    },
    against: against.map((summary, i) => ({
      ...{ weights: others[i]!, saturation: saturations.against![i]!, ...summaryJson(summary) },
      ...differencesJson(summary),
    })),
    saturated: saturated.map((summary, i) => ({
      ...{ saturation: saturations.saturated![i]!, ...summaryJson(summary) },
    })),
    classified: classified.map((summary, i) => ({
      ...{ classVectors: otherVectors[i]!, ...summaryJson(summary) },
      ...differencesJson(summary),
    })),
    ...setting,
    saturation: saturations.result,
    files: [...evaluated.map(({ input, scores }) => ({ input, ...figuresJson(scores.result) })), ...failures],
  }
}

const summaryJson = ({ means, intervals }: Summary) => ({
  ...{ kid: null, hints: null, ...figuresJson(means) },
  intervals: figuresJson(intervals),
})

/** With KID × 1000, and the errors after hints by the number of hints. */
function figuresJson<T extends object>(figures: T): Omit<T, keyof HintErrors> & { hints?: object } {
  const named: Record<string, unknown> = {}
  const hints: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(figures)) {
    if (name.startsWith('hints')) hints[name.slice('hints'.length)] = value
    else named[name] = name === 'kid' ? thousandfold(value) : value
  }
  return { ...(named as T), ...(Object.keys(hints).length ? { hints } : {}) }
}

const differencesJson = ({ differences }: Summary) => ({
  ...(differences ? { abMseDifference: differences.abMse } : {}),
  ...(differences?.kid ? { kidDifference: thousandfoldKid(differences.kid) } : {}),
})

const thousandfoldKid = ({ value, interval }: Kid) => ({
  value: 1000 * value,
  ...(interval ? { interval: interval.map((bound) => 1000 * bound) } : {}),
})

const thousandfold = (value: unknown) =>
  Array.isArray(value) ? value.map((bound) => 1000 * bound) : 1000 * (value as number)

/** A row of the table: what, its title, how many decimals, by what it is multiplied. */
type Row = readonly [keyof Means, string, number, number?]

const hintsRow = (count: (typeof HINT_COUNTS)[number]): Row => [
  `hints${count}`,
  `  after ${count} ${count === 1 ? 'hint' : 'hints'}`,
  1,
]

const ROWS: readonly Row[] = [
  ['abMse', 'ab error, units²', 1],
  ['hueShare', '  by other hues, %', 1, 100],
  ['wrongHue', '  mostly by them, % of pictures', 1, 100],
  ['edgeAbMse', '  near edges', 1],
  ['paintedAbMse', '  as painted', 1],
  ...HINT_COUNTS.map(hintsRow),
  ['psnr', 'PSNR, dB', 2],
  ['ssim', 'SSIM', 4],
  ['deltaE', 'ΔE2000', 2],
  ['chroma', 'chroma', 1],
  ['chromaTruth', '  of the originals', 1],
  ['chromaRatio', '  ratio', 2],
  ['neutralChroma', '  where neutral', 1],
  ['neutralChromaTruth', '  of the originals there', 1],
  ['colorfulness', 'colourfulness', 1],
  ['colorfulnessTruth', '  of the originals', 1],
  ['colorfulnessDifference', '  difference', 1],
  ['colorfulnessError', '  |difference|', 1],
  ['agreement', 'agreement, %', 1, 100],
  ['featureDistance', 'feature distance', 4],
  ['kid', 'KID × 1000', 2, 1000],
  ['fid', 'FID', 2],
]

/** What the weights of `files` are called in tables and on sheets: by the folders of their trainings. */
export function namesOf(files: readonly string[]): readonly string[] {
  const names = files.map((file) => {
    const isInRun = ['best.safetensors', 'checkpoint.safetensors'].includes(basename(file))
    return isInRun ? basename(dirname(resolve(file))) : basename(file, '.safetensors')
  })
  return new Set(names).size === names.length ? names : files
}

const saturationName = (saturation: number) => `saturation ${saturation}`
const vectorName = (origin: ClassVectorOrigin | null) =>
  origin ? `class vector ${origin.classifier}` : 'no class vector'

/** What stands over the columns of the table and the pictures of the page. */
export function titlesOf({
  weights,
  against,
  otherVectors,
  saturations,
}: Pick<Evaluation, 'weights' | 'against' | 'otherVectors' | 'saturations'>): Each<string> {
  const { result, saturated = [], shipped, against: others = [] } = saturations
  const [, ...names] = namesOf([weights, ...against])
  const at = (name: string, saturation: number) =>
    saturation === result ? name : `${name}, ${saturationName(saturation)}`
  return {
    result: saturated.length ? saturationName(result) : 'this network',
    saturated: saturated.map(saturationName),
    classified: otherVectors.map(vectorName),
    ...{ gray: 'all grey', constant: 'constant' },
    ...(shipped === undefined ? {} : { shipped: at('shipped', shipped) }),
    against: names.map((name, i) => at(name, others[i]!)),
  }
}

export function evaluationText(evaluation: Omit<Evaluation, 'report' | 'pairs'>): string {
  const { summaries, failures, left, weights, against, otherVectors } = evaluation
  const [, ...names] = namesOf([weights, ...against])
  return [
    ...heading(evaluation),
    '',
    ...table(evaluation),
    ...comparison('the shipped weights', summaries.shipped),
    ...otherVectors.flatMap((origin, i) => comparison(vectorName(origin), summaries.classified?.[i])),
    ...names.flatMap((name, i) => comparison(name, summaries.against?.[i])),
    ...(failures.length ? [`${failures.length} failed`] : []),
    ...(left ? [`interrupted: ${left} left out`] : []),
  ].join('\n')
}

/** A column for each, and a row for each figure that there is. */
function table(evaluation: Parameters<typeof evaluationText>[0]): string[] {
  const [ours, ...others] = listEach(titlesOf(evaluation))
  const [result, ...columns] = listEach(evaluation.summaries)
  const rows = [['', `${ours}  95% interval`, ...others]]
  for (const [key, title, decimals, scale = 1] of ROWS) {
    const shown = (value = Number.NaN) => (value * scale).toFixed(decimals).replace('NaN', '–')
    const { means, intervals } = result!
    if (means[key] === undefined) continue
    const interval = intervals[key] ? `  [${intervals[key].map(shown).join(', ')}]` : ''
    rows.push([
      ...[title, `${shown(means[key]).padStart(7)}${interval}`],
      ...columns.map(({ means }) => shown(means[key])),
    ])
  }
  return alignColumns(rows, 2)
}

function heading({
  evaluated,
  weights,
  adapter,
  ...setting
}: Parameters<typeof evaluationText>[0]): string[] {
  const { classVectors, judge, features, precision, mirror, saturations } = setting
  const details = [
    `class vector: ${classVectors ? `${classVectors.classifier} (${classVectors.fit})` : 'none'}`,
    `agreement judged by ${judge}`,
    ...(features ? [`features of ${features}`] : []),
    precision,
    ...(mirror ? ['mirror images, too'] : []),
    saturationName(saturations.result),
  ]
  const count = `${evaluated.length} ${evaluated.length === 1 ? 'picture' : 'pictures'}`
  return [`${count} in the colours of ${weights} (${adapter})`, details.join(' · ')]
}

function comparison(name: string, summary: Summary | undefined): string[] {
  if (!summary?.differences) return []
  const { abMse, kid } = summary.differences
  const within = (interval: readonly number[] = []) =>
    interval.length ? ` [${interval.map(signed).join(', ')}]` : ''
  const percent = `${signed(100 * abMse.relative)}%`
  return [
    `ab error against ${name}, picture by picture: ${signed(abMse.mean)}${within(abMse.interval)}, ${percent}`,
    ...(kid
      ? [
          `KID × 1000 against ${name}: ${signed(1000 * kid.value)}${within(kid.interval?.map((bound) => 1000 * bound))}`,
        ]
      : []),
  ]
}

const signed = (value: number) => `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(2)}`
