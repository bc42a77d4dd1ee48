/** The option by which commands choose how values are stored. */
import { EXIT, UserError } from '../errors.ts'
import { PRECISIONS, type Precision } from '../graph/half.ts'
import { precisionIn, readTuning } from '../io/tuning.ts'
import type { Gpu } from '../kernels/gpu.ts'
import type { Flags, Option } from './command.ts'

export const PRECISION_OPTION: Readonly<Record<string, Option>> = {
  precision: {
    value: 'P',
    help: 'f32, or f16: values and weights are stored in half the memory, if the adapter has 16-bit floats (default: what tune measured to be faster; f32 without)',
  },
}

/** What is asked for, if anything. Throws a `UserError` (exit code 2) for anything else. */
export const askedPrecision = (flags: Flags): Precision | undefined => flags.choice('precision', PRECISIONS)

/** As asked, else as the tuning says. Throws a `UserError` (exit code 3) when the adapter cannot store values so. */
export function precisionOn(gpu: Gpu, asked: Precision | undefined): Precision {
  if (asked === undefined) return precisionIn(readTuning(gpu).tuning)
  if (asked === 'f32' || gpu.has('shader-f16')) return asked
  throw new UserError(
    `the adapter ${gpu.adapterName} has no 16-bit floats (shader-f16): leave out --precision f16, or choose another with --adapter`,
    EXIT.noAdapter,
  )
}
