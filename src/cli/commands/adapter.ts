import type { Gpu } from '../../device/gpu.ts'
import type { Choices } from '../../device/traits.ts'
import { matricesOf } from '../../kernels/matrix/gemm.ts'
import type { OpenOptions } from '../../node/dawn.ts'
import { openTunedGpu } from '../../node/store/tuning.ts'
import type { Call } from './command.ts'

/**
 * The adapter that `--adapter` means, with the tuning that is here for it or what `choose` takes instead. Throws as
 * `openGpu`.
 */
export async function openAdapter(
  { flags, terminal }: Pick<Call, 'flags' | 'terminal'>,
  options: OpenOptions = {},
  choose?: (tuned: Choices) => Choices,
): Promise<Gpu> {
  const subgroupMatrices = flags.on('subgroup-matrices')
  const asked = { ...options, subgroupMatrices, adapter: flags.text('adapter') }
  const warn = (problem: string) => terminal.warn(`${problem} (colorizer tune)`)
  const gpu = await openTunedGpu(asked, warn, choose)
  if (subgroupMatrices && !matricesOf(gpu.traits))
    terminal.warn(`${gpu.adapterName} has no matrices of float16 in its subgroups: it goes on without`)
  return gpu
}
