import type { Gpu } from '../../device/gpu.ts'
import type { OpenOptions } from '../../node/dawn.ts'
import { openTunedGpu } from '../../node/store/tuning.ts'
import type { Call } from './command.ts'

/** The adapter that `--adapter` means, with the tuning that is here for it. Throws as `openGpu`. */
export async function openAdapter(
  { flags, terminal }: Pick<Call, 'flags' | 'terminal'>,
  options: OpenOptions = {},
): Promise<Gpu> {
  const subgroupMatrices = flags.on('subgroup-matrices')
  const asked = { ...options, subgroupMatrices, adapter: flags.text('adapter') }
  const gpu = await openTunedGpu(asked, terminal.warn)
  if (subgroupMatrices && !gpu.matrices)
    terminal.warn(`${gpu.adapterName} has no matrices of float16 in its subgroups: it goes on without`)
  return gpu
}
