/** WebGPU in Node: Dawn (npm `webgpu`). A browser hands in its own instead. */

import { Gpu, type GpuOptions } from '../device/gpu.ts'
import type { ShaderLoader } from '../device/shader.ts'
import { UserError } from '../errors.ts'
import { packagePath } from './package.ts'
import { patiently } from './patience.ts'

export interface OpenOptions {
  /** Part of the adapter's name, as `doctor` lists it. Without it Dawn's first choice is taken. */
  readonly adapter?: string | undefined
  /** Timestamps as fine as the driver gives them; Dawn rounds them to 0.1 ms otherwise. */
  readonly preciseTimestamps?: boolean
  /** Dawn's experimental subgroup matrices, where the adapter has them; see `Traits.matrices`. */
  readonly subgroupMatrices?: boolean
  /** Where shader texts come from; `src/device/shader-text.ts` by default. */
  readonly loadShader?: ShaderLoader
  /** As `GpuOptions` has it; none by default. */
  readonly choices?: NonNullable<GpuOptions['choices']>
}

/** What `doctor`, `bench` and logs say of an adapter. */
export interface AdapterSummary {
  /** "llvmpipe (LLVM 15.0.6, 256 bits)" */
  readonly name: string
  readonly vendor: string
  readonly architecture: string
  /** Driver and its version, as the driver words it. */
  readonly driver: string
  readonly backend: 'vulkan' | 'metal' | 'd3d12'
  /** Whether a CPU does the work. */
  readonly isSoftware: boolean
  /** Optional features in use. */
  readonly features: readonly string[]
  readonly limits: Readonly<Record<(typeof MAIN_LIMITS)[number], number>>
}

const MAIN_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
] as const

/** Dawn's switches for its experiment, and for the float16 that it needs, which Dawn leaves off on NVIDIA's Vulkan driver. */
const MATRICES_TOGGLES = 'allow_unsafe_apis,vulkan_enable_f16_on_nvidia'

/** What Dawn's own remarks say there, which the launcher leaves out. */
const NO_DRIVER = process.platform === 'linux' ? ', since no Vulkan driver works' : ''

/**
 * Opens a WebGPU device in Node. Throws a `UserError` with trouble 'adapter' and the one thing to do when Dawn does not load
 * on this machine, when there is no adapter, or none of the asked name.
 */
export async function openGpu({
  adapter,
  preciseTimestamps = false,
  subgroupMatrices = false,
  loadShader,
  choices,
}: OpenOptions = {}): Promise<Gpu> {
  const entry = await dawn([
    ...(adapter === undefined ? [] : [`adapter=${adapter}`]),
    ...(subgroupMatrices ? [`enable-dawn-features=${MATRICES_TOGGLES}`] : []),
    ...(preciseTimestamps ? ['disable-dawn-features=timestamp_quantization'] : []),
  ])
  const given = { ...(loadShader ? { load: loadShader } : {}), ...(choices ? { choices } : {}) }
  const gpu = await Gpu.open(entry, { wait: patiently, ...given }).catch(async (cause: Error) => {
    // Dawn throws for a name that it does not know, and returns no adapter when there is none at all
    const known = adapter === undefined ? [] : await listAdapters()
    const sentence = known.length
      ? `no WebGPU adapter is called "${adapter}": choose one of ${known.map((name) => `"${name}"`).join(', ')}`
      : `the WebGPU adapter does not open: ${cause.message}`
    throw new UserError(sentence, 'adapter', { cause })
  })
  if (!gpu) throw new UserError(`no WebGPU adapter on this machine${NO_DRIVER}: ${remedy()}`, 'adapter')
  return gpu
}

/** Names of all adapters that `openGpu` can open. */
export const listAdapters = async (): Promise<string[]> => [...new Set(await everyAdapter())]

/** The name of each adapter: equal ones have equal names, of which Dawn opens the first. */
export async function everyAdapter(): Promise<string[]> {
  // Dawn lists them only in the error for a name that matches none
  const entry = await dawn(['adapter=\u{1F50E}'])
  try {
    await entry.requestAdapter()
    return []
  } catch (error) {
    return [...(error as Error).message.matchAll(/name: '(.*)'$/gm)].map((match) => match[1]!)
  }
}

export function adapterSummary(gpu: Gpu): AdapterSummary {
  const { info } = gpu.adapter
  const { limits, features } = gpu.device
  return {
    name: gpu.adapterName,
    vendor: info.vendor,
    architecture: info.architecture,
    driver: info.description,
    backend: backend(),
    isSoftware: gpu.traits.isSoftware,
    features: ['shader-f16', 'subgroups', 'timestamp-query'].filter((feature) => features.has(feature)),
    limits: Object.fromEntries(MAIN_LIMITS.map((name) => [name, limits[name]])) as AdapterSummary['limits'],
  }
}

/** The system's interface to GPUs that Dawn uses on this platform. */
export function backend(): AdapterSummary['backend'] {
  if (process.platform === 'darwin') return 'metal'
  return process.platform === 'win32' ? 'd3d12' : 'vulkan'
}

async function dawn(options: string[]): Promise<GPU> {
  const { create } = await import('webgpu').catch((cause: Error) => {
    const sentence = `WebGPU does not load on ${process.platform}-${process.arch}: ${cause.message.split('\n')[0]}`
    throw new UserError(`${sentence}; ${remedy()}`, 'adapter', { cause })
  })
  return create(options)
}

function remedy(): string {
  if (process.platform !== 'linux') return 'update the graphics driver'
  return `run: node ${packagePath('scripts/setup.mjs')}`
}
