/** Which kernels measured fastest on this adapter: `tune` writes it down, all that computes makes use of it. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { adapterName, isSoftware } from '../../device/adapter.ts'
import type { Gpu } from '../../device/gpu.ts'
import { KERNEL_VERSION } from '../../device/shader-text.ts'
import type { Choices } from '../../device/traits.ts'
import { UserError } from '../../errors.ts'
import type { Precision } from '../../graph/half.ts'
import { measuredSchema, type Timing } from '../../tune/tune.ts'
import { backend, type OpenOptions, openGpu } from '../dawn.ts'
import { makeFolder, saveFile } from '../save.ts'
import { codeOf, reason } from '../trouble.ts'
import { cacheFolder } from './cache.ts'

const tuningSchema = v.object({
  /** Adapter and driver. */
  adapter: v.string(),
  /** The kernels that were measured: `KERNEL_VERSION`. */
  kernels: v.string(),
  date: v.string(),
  /** By `choiceKey`. */
  shapes: v.record(v.string(), measuredSchema),
  /** How colourings store their values; missing until both were measured. */
  precision: v.optional(measuredSchema),
})
export type Tuning = Readonly<v.InferOutput<typeof tuningSchema>>

/** The tuning for an adapter and these kernels, or why there is none. */
export interface FoundTuning {
  readonly path: string
  readonly tuning: Tuning | null
  /** What is wrong with the file, in one sentence; null when it is fine, and when there is none. */
  readonly problem: string | null
}

/**
 * Opens a WebGPU device that takes what was measured fastest. Throws as `openGpu`; a useless tuning is only warned of.
 * @param choose what to take instead, if anything
 */
export function openTunedGpu(
  options: Omit<OpenOptions, 'choices'>,
  warn: (line: string) => void,
  choose: (tuned: Choices) => Choices = (tuned) => tuned,
): Promise<Gpu> {
  const choices = (adapter: GPUAdapter) => {
    const { tuning, problem } = readTuning({ adapter })
    if (problem) warn(problem)
    return choose(tuning ? choicesOf(tuning) : new Map())
  }
  return openGpu({ ...options, choices })
}

/** What is to be taken instead of the usual candidates. */
export function choicesOf({ shapes }: Pick<Tuning, 'shapes'>): Choices {
  const chosen = Object.entries(shapes).filter(([, { best, usual }]) => best !== usual)
  return new Map(chosen.map(([key, { best }]) => [key, best]))
}

/** How values are to be stored where nobody asks for anything else: float16 where colouring measured faster with it. */
const precisionIn = (tuning: Tuning | null): Precision => (tuning?.precision?.best === 'f16' ? 'f16' : 'f32')

/** As asked, else as the tuning says. Throws a `UserError` (adapter) when the adapter cannot store values so. */
export function precisionOn(gpu: Gpu, asked: Precision | undefined): Precision {
  if (asked === undefined) return precisionIn(readTuning(gpu).tuning)
  if (asked === 'f32' || gpu.has('shader-f16')) return asked
  throw new UserError(
    `the adapter ${gpu.adapterName} has no 16-bit floats (shader-f16), which the precision f16 needs`,
    'adapter',
    { mend: ['precision', 'adapter'] },
  )
}

/** "f32 (f32 12.3 ms, f16 14.5 ms)" */
export function formatPrecision({ best, milliseconds }: Timing): string {
  const times = Object.entries(milliseconds).map(([name, ms]) => `${name} ${ms.toFixed(1)} ms`)
  return `${best} (${times.join(', ')})`
}

export function readTuning(gpu: Pick<Gpu, 'adapter'>): FoundTuning {
  const path = pathFor(gpu)
  const useless = (what: string) => ({
    path,
    tuning: null,
    problem: `${path} ${what}: the usual kernels are taken until it is measured anew`,
  })
  try {
    const parsed = v.safeParse(tuningSchema, JSON.parse(readFileSync(path, 'utf8')))
    if (!parsed.success) return useless('is no tuning of this program')
    const tuning = parsed.output
    if (tuning.adapter !== identityOf(gpu)) return useless('was measured on another adapter')
    if (tuning.kernels !== KERNEL_VERSION) return useless('was measured with other kernels')
    return { path, tuning, problem: null }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { path, tuning: null, problem: null }
    return useless(codeOf(error) ? `cannot be read (${reason(error)})` : 'is damaged')
  }
}

/** Adds what was measured to what an earlier tuning for the same adapter and kernels knows, and returns its path. */
export async function saveTuning(
  gpu: Pick<Gpu, 'adapter'>,
  shapes: Tuning['shapes'],
  precision: Timing | null = null,
): Promise<string> {
  const { path, tuning } = readTuning(gpu)
  const updated: Tuning = {
    ...tuning,
    adapter: identityOf(gpu),
    kernels: KERNEL_VERSION,
    date: new Date().toISOString(),
    shapes: { ...tuning?.shapes, ...shapes },
    ...(precision ? { precision } : {}),
  }
  await makeFolder(folder())
  await saveFile(path, Buffer.from(`${JSON.stringify(updated, null, 2)}\n`))
  return path
}

const folder = () => join(cacheFolder(), 'tuning')

const pathFor = (gpu: Pick<Gpu, 'adapter'>) =>
  join(folder(), `${createHash('sha256').update(identityOf(gpu)).digest('hex').slice(0, 16)}.json`)

/** Adapter and driver; where the adapter is a program, also what it runs on. */
function identityOf({ adapter: { info } }: Pick<Gpu, 'adapter'>): string {
  const { description, vendor, architecture } = info
  const processor = isSoftware(info) ? cpus()[0]?.model : undefined
  const parts = [adapterName(info), description, vendor, architecture, backend(), processor]
  return [...new Set(parts)].filter(Boolean).join(', ')
}
