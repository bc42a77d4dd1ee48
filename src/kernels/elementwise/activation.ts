import type { GradBuilder, Tensor } from '../op.ts'
import { bounds } from './clip.ts'
import { leakyGrad } from './leakyRelu.ts'

const KINDS = ['none', 'relu', 'clip', 'leakyRelu'] as const

/** What an operator does with its result before it is written; as the operators of the same names. */
export interface ActivationAttrs {
  readonly activation: (typeof KINDS)[number]
  /** For `clip`; without a bound there unless given. */
  readonly min?: number
  readonly max?: number
  /** For `leakyRelu`; 0 unless given. */
  readonly alpha?: number
}

/** Constants and parameters of `shaders/lib/activation.wgsl`. */
export function activationKernel(attrs: ActivationAttrs) {
  const { low, high } = bounds(clipAttrs(attrs))
  const leaky = attrs.activation === 'leakyRelu'
  return {
    constants: { ACTIVATION: KINDS.indexOf(attrs.activation) },
    params: { low: leaky ? (attrs.alpha ?? 0) : low, high },
  }
}

/** The gradient before the activation, from that of the node's first output. */
export function activationGrad(b: GradBuilder, attrs: ActivationAttrs): Tensor {
  const [dy, y] = [b.outputGrads[0]!, b.outputs[0]!]
  if (attrs.activation === 'relu') return b.op('reluGrad', [dy, y], {})
  if (attrs.activation === 'clip') return b.op('clipGrad', [dy, y], clipAttrs(attrs))
  return attrs.activation === 'leakyRelu' ? leakyGrad(b, y, attrs.alpha ?? 0) : dy
}

/** For references. */
export function activate(x: number, { activation, min, max, alpha }: ActivationAttrs): number {
  if (activation === 'none' || (activation !== 'clip' && x > 0)) return x
  if (activation === 'clip') return Math.min(Math.max(x, min ?? x), max ?? Number.POSITIVE_INFINITY)
  return activation === 'relu' ? 0 : (alpha ?? 0) * x
}

const clipAttrs = ({ min, max }: ActivationAttrs) => ({
  min: min ?? Number.NEGATIVE_INFINITY,
  max: max ?? Number.POSITIVE_INFINITY,
})
