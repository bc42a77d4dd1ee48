import { conv2d } from './conv2d.ts'
import { conv2dGradInput } from './conv2dGradInput.ts'
import { conv2dGradWeight } from './conv2dGradWeight.ts'
import type { AnyOp, Op } from './op.ts'

/** Every operator there is. `test/cases.ts` must have rows for each, or it does not compile. */
export const ops = {
  conv2d,
  conv2dGradInput,
  conv2dGradWeight,
} as const

export type OpName = keyof typeof ops
export type AttrsOf<N extends OpName> = (typeof ops)[N] extends Op<infer A> ? A : never

/** The operator of a node, with its attribute type erased. */
export const getOp = (name: OpName): AnyOp => ops[name]
