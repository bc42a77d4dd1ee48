/** The option by which commands choose how values are stored. */
import { EXIT, UserError } from '../errors.ts'
import { PRECISIONS, type Precision } from '../graph/half.ts'
import type { Gpu } from '../kernels/gpu.ts'
import type { Flags, Option } from './command.ts'

export const PRECISION_OPTION: Readonly<Record<string, Option>> = {
  precision: {
    value: 'P',
    help: 'f32, or f16: values and weights are stored in half the memory, if the adapter has 16-bit floats (default f32)',
  },
}

/** Throws a `UserError` (exit code 2) for anything else. */
export const precisionOf = (flags: Flags): Precision => flags.choice('precision', PRECISIONS) ?? 'f32'

/** Throws a `UserError` (exit code 3) when the adapter cannot store values so. */
export function expectPrecision(gpu: Gpu, precision: Precision): void {
  if (precision === 'f32' || gpu.has('shader-f16')) return
  throw new UserError(
    `the adapter ${gpu.adapterName} has no 16-bit floats (shader-f16): leave out --precision f16, or choose another with --adapter`,
    EXIT.noAdapter,
  )
}
