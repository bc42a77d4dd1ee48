import type { SubgroupMatrices } from './traits.ts'

/** Dawn's experiment: an adapter has it where Dawn was started with `allow_unsafe_apis`, and is asked what it can multiply. */
export const MATRICES_FEATURE = 'chromium-experimental-subgroup-matrix' as GPUFeatureName

interface MatrixConfig {
  readonly componentType: string
  readonly resultComponentType: string
  readonly M: number
  readonly N: number
  readonly K: number
}

type Adapter = Pick<GPUAdapter, 'info' | 'features'>

/** What a person would call the adapter: "nvidia-h200", "llvmpipe: Mesa 25.0.7 (LLVM 15.0.6)". */
export function adapterName({ architecture, description, device, vendor }: GPUAdapterInfo): string {
  const models = architecture === 'software' ? [description, device] : [device, description]
  // wgpu, as in Firefox and Deno, gives the device by its number
  const isName = (text: string) => text !== '' && !/^\d+$/.test(text)
  return [...models, vendor].find(isName) ?? 'unknown adapter'
}

/** Whether a CPU does the work (llvmpipe, SwiftShader, WARP). */
export function isSoftware(info: GPUAdapterInfo): boolean {
  const { architecture, description, device, isFallbackAdapter, vendor } = info
  return isFallbackAdapter || isSoftwareName(`${vendor} ${architecture} ${device} ${description}`)
}

/** The same by an adapter's name alone. */
export const isSoftwareName = (words: string): boolean =>
  /llvmpipe|lavapipe|swiftshader|\bwarp\b|basic render/i.test(words)

/**
 * Whether loops over private arrays are to be written out for an adapter: SwiftShader, Chromium's adapter without a graphics
 * processor, does not do it itself, and then keeps sums in memory; written out, the network takes it a quarter of the time.
 */
export const needsUnrolling = ({ architecture, description, device }: GPUAdapterInfo): boolean =>
  /swiftshader/i.test(`${architecture} ${device} ${description}`)

/** Lanes of the adapter's subgroups, where all have as many. */
export function subgroupLanes({ info, features }: Adapter): number | null {
  const { subgroupMinSize, subgroupMaxSize } = info
  const isFixed = features.has('subgroups') && subgroupMinSize === subgroupMaxSize
  return isFixed ? (subgroupMinSize ?? null) : null
}

/** All kinds of matrices of float16, with sums of float32, that the adapter's subgroups multiply. */
export function subgroupMatrices(adapter: Adapter): SubgroupMatrices[] {
  const lanes = subgroupLanes(adapter)
  const { info, features } = adapter
  if (!lanes || !features.has(MATRICES_FEATURE) || !features.has('shader-f16')) return []
  const { subgroupMatrixConfigs = [] } = info as { subgroupMatrixConfigs?: MatrixConfig[] }
  return subgroupMatrixConfigs
    .filter(
      ({ componentType, resultComponentType }) => componentType === 'f16' && resultComponentType === 'f32',
    )
    .map(({ M, N, K }) => ({ M, N, K, lanes }))
}
