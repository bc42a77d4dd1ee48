import type { OpenOptions } from '../io/dawn.ts'
import { openTunedGpu } from '../io/tuning.ts'
import type { Gpu } from '../kernels/gpu.ts'
import type { Call } from './command.ts'

/** The adapter that `--adapter` means, with the tuning that is here for it. Throws as `openGpu`. */
export function openAdapter(
  { flags, terminal }: Pick<Call, 'flags' | 'terminal'>,
  options: OpenOptions = {},
): Promise<Gpu> {
  return openTunedGpu({ ...options, adapter: flags.text('adapter') }, terminal.warn)
}
