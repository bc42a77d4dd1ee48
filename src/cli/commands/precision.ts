/** The option by which commands choose how values are stored. */

import { PRECISIONS, type Precision } from '../../graph/half.ts'
import { type Flags, type Option, wrong } from './command.ts'

export const PRECISION_OPTIONS: Readonly<Record<string, Option>> = {
  precision: {
    value: 'P',
    help: 'f32, or f16: values and weights are stored in half the memory, if the adapter has 16-bit floats (default: what tune measured to be faster; f32 without)',
  },
  'subgroup-matrices': {
    help: "multiplies in the subgroups' matrices (tensor cores) with --precision f16, by an experiment of Dawn's, where the adapter has them",
  },
}

/** What is asked for, if anything. Throws a `UserError` (exit code 2) for anything else. */
export function askedPrecision(flags: Flags): Precision | undefined {
  const asked = flags.choice('precision', PRECISIONS)
  if (!flags.on('subgroup-matrices')) return asked
  if (asked === 'f32')
    throw wrong(
      "--subgroup-matrices is for float16: the subgroups' matrices hold nothing wider; leave out --precision f32",
    )
  return 'f16'
}
