import { arch, availableParallelism, platform, totalmem } from 'node:os'
import type { SubgroupMatrices } from '../device/traits.ts'
import { UserError } from '../errors.ts'
import type { KnownFile } from '../io/manifest.ts'
import { matricesOf } from '../kernels/matrix/gemm.ts'
import type { Timing } from '../tune/tune.ts'
import { VERSION } from '../version.ts'
import { type AdapterSummary, adapterSummary, listAdapters, openGpu } from './dawn.ts'
import { heicDecoder } from './formats/heic.ts'
import { OUTPUT_FORMATS } from './formats/kinds.ts'
import { mendOf } from './package.ts'
import { measureSpeed, type Speed } from './speed.ts'
import { inspect, readManifest } from './store/cache.ts'
import { choicesOf, type FoundTuning, formatPrecision, openTunedGpu, readTuning } from './store/tuning.ts'

export interface DoctorReport {
  readonly version: string
  readonly node: string
  /** "linux-x64" */
  readonly platform: string
  readonly cpus: number
  readonly memoryBytes: number
  /** The adapter that the commands would use; null when there is none. */
  readonly adapter: AdapterSummary | null
  /** What the adapter lacks of the features that are used where they are there; nothing needs them. */
  readonly missingFeatures: readonly string[]
  /** What its subgroups multiply with `--subgroup-matrices`; null when they have no matrices that fit. */
  readonly subgroupMatrices: SubgroupMatrices | null
  /** Names of all adapters, for `--adapter`. */
  readonly adapters: readonly string[]
  /** The measured choice of kernels for it; null when there is no adapter. */
  readonly tuning: TuningSummary | null
  /** Weights and class names that the package carries, each with what is wrong with it. */
  readonly weights: readonly { readonly file: string; readonly problem: string | null }[]
  /** Whether HEIC files are read, too. */
  readonly hasHeicDecoder: boolean
  /** How fast it colours; null where that was not measured. */
  readonly speed: Speed | null
  /** What would make it faster. */
  readonly faster: readonly string[]
  /** What is in the way, each with what mends it; empty when all is well. */
  readonly problems: readonly string[]
}

export interface TuningSummary {
  readonly file: string
  /** When it was last added to; null when there is none that can be used. */
  readonly date: string | null
  /** Convolutions that were measured, and those of them for which another kernel than usual is taken. */
  readonly measured: number
  readonly changed: number
  /** How colourings store their values unless told otherwise, and what both ways took; null when that was not measured. */
  readonly precision: Timing | null
}

const FEATURES = ['shader-f16', 'subgroups', 'timestamp-query']

export interface DoctorOptions {
  readonly adapter?: string | undefined
  /** Whether to measure how fast it colours: by default where that takes seconds, on a real GPU. */
  readonly measure?: boolean | undefined
}

/** Looks at everything that the commands need. Without an adapter the report says so; the caller exits with 3. */
export async function doctor(
  { adapter, measure }: DoctorOptions = {},
  manifest: () => readonly KnownFile[] = readManifest,
): Promise<DoctorReport> {
  const found = await examineAdapter(adapter)
  const weights = await examineShipped(manifest)
  const damaged = weights.flatMap(({ problem }) => problem ?? [])
  const isReady = found.adapter !== null && damaged.length === 0
  const isMeasured = isReady && (measure ?? !found.adapter!.isSoftware)
  const measured = isMeasured ? await measuredOn(adapter) : { speed: null, problems: [] }
  return {
    version: VERSION,
    node: process.versions.node,
    platform: `${platform()}-${arch()}`,
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    adapter: found.adapter,
    missingFeatures: found.adapter ? FEATURES.filter((name) => !found.adapter!.features.includes(name)) : [],
    subgroupMatrices: found.subgroupMatrices,
    tuning: found.tuning && summaryOf(found.tuning),
    adapters: await listAdapters().catch(() => []),
    weights,
    hasHeicDecoder: (await heicDecoder()) !== null,
    speed: measured.speed,
    faster: found.adapter ? fasterWith(found.adapter, found.tuning) : [],
    problems: [...found.problems, ...damaged, ...measured.problems],
  }
}

interface Examined {
  readonly adapter: AdapterSummary | null
  readonly subgroupMatrices: SubgroupMatrices | null
  readonly tuning: FoundTuning | null
  readonly problems: string[]
}

async function examineAdapter(name?: string): Promise<Examined> {
  try {
    const gpu = await openGpu({ adapter: name })
    const [adapter, tuning] = [adapterSummary(gpu), readTuning(gpu)]
    gpu.destroy()
    // what opens the matrices brings features that the commands do not have without --subgroup-matrices
    const experimental = await openGpu({ adapter: name, subgroupMatrices: true })
    const subgroupMatrices = matricesOf(experimental.traits)
    experimental.destroy()
    return { adapter, subgroupMatrices, tuning, problems: tuning.problem === null ? [] : [tuning.problem] }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { adapter: null, subgroupMatrices: null, tuning: null, problems: [error.message] }
  }
}

async function measuredOn(adapter: string | undefined): Promise<{ speed: Speed | null; problems: string[] }> {
  try {
    const gpu = await openTunedGpu({ adapter }, () => {})
    try {
      return { speed: await measureSpeed(gpu), problems: [] }
    } finally {
      gpu.destroy()
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { speed: null, problems: [error.message] }
  }
}

/** What would make colouring faster here, in sentences. */
function fasterWith({ isSoftware }: AdapterSummary, tuning: FoundTuning | null): string[] {
  const advice: string[] = []
  if (isSoftware) advice.push('a GPU with its driver: docs/troubleshooting.md says how one is found')
  if (!tuning?.tuning) advice.push('"colorizer tune" (npm run tune), which takes a minute')
  return advice
}

function summaryOf({ path, tuning }: FoundTuning): TuningSummary {
  if (!tuning) return { file: path, date: null, measured: 0, changed: 0, precision: null }
  const measured = Object.keys(tuning.shapes).length
  const { date, precision = null } = tuning
  return { file: path, date, measured, changed: choicesOf(tuning).size, precision }
}

/** The files that the manifest says the package carries; without a manifest, the manifest. */
async function examineShipped(manifest: () => readonly KnownFile[]): Promise<DoctorReport['weights']> {
  let files: readonly KnownFile[]
  try {
    files = manifest()
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return [{ file: 'manifest.json', problem: error.message }]
  }
  return Promise.all(files.filter(({ shipped }) => shipped).map(examine))
}

async function examine(known: KnownFile): Promise<DoctorReport['weights'][number]> {
  const { path, state, why } = await inspect(known)
  if (state === 'ok') return { file: known.file, problem: null }
  const what = state === 'missing' ? 'is missing' : `is damaged: ${why}`
  return { file: known.file, problem: `${path} ${what}; ${mendOf(path)}` }
}

/** The report for people. */
export function formatDoctor(report: DoctorReport): string {
  const { version, node, platform, cpus, memoryBytes, adapter, adapters, weights, problems } = report
  const rows: [string, string][] = [
    ['colorizer', version],
    ['Node', node],
    ['machine', `${platform}, ${cpus} CPUs, ${size(memoryBytes)}`],
    ...(adapter ? adapterRows(adapter, report.missingFeatures) : [['adapter', 'none'] as [string, string]]),
  ]
  if (adapter) rows.push(['for --subgroup-matrices', describeMatrices(report.subgroupMatrices)])
  if (adapters.length) rows.push(['for --adapter', adapters.join('; ')])
  if (report.tuning) rows.push(['tuning', describeTuning(report.tuning)])
  rows.push([
    'colours',
    `${FORMATS}${report.hasHeicDecoder ? ', HEIC' : '; HEIC where heic-decode is installed'}`,
  ])
  if (adapter) rows.push(['speed', describeSpeed(report.speed)])
  if (report.faster.length) rows.push(['would be faster with', report.faster.join('; ')])
  rows.push(['shipped', weights.map(({ file, problem }) => file + (problem ? ' (!)' : '')).join(', ')])
  const width = Math.max(...rows.map(([name]) => name.length))
  const table = rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')
  const verdict = problems.length
    ? ['Missing:', ...problems.map((problem) => `- ${problem}`)].join('\n')
    : 'All is well.'
  return `${table}\n\n${verdict}`
}

const FORMATS = OUTPUT_FORMATS.map((format) => (format === 'webp' ? 'WebP' : format.toUpperCase())).join(', ')

function describeSpeed(speed: Speed | null): string {
  if (!speed)
    return 'not measured: "colorizer doctor --speed" (npm run doctor -- --speed) does, in about a minute'
  const seconds = (value: number) => `${Number(value.toPrecision(2))} s`
  return `${seconds(speed.seconds)} for a photograph of ${speed.megapixels} megapixels, ${seconds(speed.firstSeconds)} for the first one`
}

const describeMatrices = (matrices: SubgroupMatrices | null) =>
  matrices ? `float16, ${matrices.M}×${matrices.K} times ${matrices.K}×${matrices.N}` : 'none'

function describeTuning({ file, date, measured, changed, precision }: TuningSummary): string {
  if (date === null) return 'none: "colorizer tune" (npm run tune) measures which kernels are fastest here'
  const stored = precision ? `; colouring takes ${formatPrecision(precision)}` : ''
  return `${file}, ${date.slice(0, 10)}: ${measured} convolutions measured, ${changed} by other kernels than usual${stored}`
}

function adapterRows(adapter: AdapterSummary, missing: readonly string[]): [string, string][] {
  const { name, vendor, architecture, driver, backend, isSoftware, features, limits } = adapter
  const kind = isSoftware ? 'software, on the CPU: a real GPU would be many times faster' : 'a real GPU'
  return [
    ['adapter', name],
    ['driver', [driver === name ? '' : driver, vendor, architecture, backend].filter(Boolean).join(', ')],
    ['kind', kind],
    ['features in use', features.join(', ') || 'none'],
    ['features missing', missing.join(', ') || 'none'],
    ...Object.entries(limits).map(([limit, value]): [string, string] => [
      limit,
      /(Size|StorageSize)$/.test(limit) ? size(value) : String(value),
    ]),
  ]
}

function size(bytes: number): string {
  if (bytes >= 2 ** 30) return `${(bytes / 2 ** 30).toFixed(1)} GiB`
  return bytes >= 2 ** 20 ? `${(bytes / 2 ** 20).toFixed(0)} MiB` : `${(bytes / 1024).toFixed(0)} KiB`
}
