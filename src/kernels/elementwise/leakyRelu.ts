import {
  elementwise,
  elems,
  expectRanks,
  type GradBuilder,
  input,
  type Op,
  output,
  type Tensor,
} from '../op.ts'

export interface LeakyReluAttrs {
  readonly alpha: number
}

/** y = x where x > 0, else alpha · x. */
export const leakyRelu: Op<LeakyReluAttrs> = {
  name: 'leakyRelu',
  half: 'all',

  infer(inputs) {
    expectRanks('leakyRelu', inputs, [null])
    return [inputs[0]!]
  },

  kernels: (inputs, _outputs, { alpha }) => [
    elementwise('leaky_relu', elems(inputs[0]!), [input(0), output(0)], { params: { alpha } }),
  ],

  grad: (b, { alpha }) => [leakyGrad(b, b.inputs[0]!, alpha)],

  reference: ([x], _specs, { alpha }) => [x!.map((value) => (value > 0 ? value : alpha * value))],
}

/** alpha · dy, and the rest of dy where x > 0. For x the result does as well, unless alpha is negative. */
export function leakyGrad(b: GradBuilder, x: Tensor, alpha: number): Tensor {
  const dy = b.outputGrads[0]!
  const rest = b.op('reluGrad', [dy, x], {})
  const parts = [b.op('scale', [dy], { factor: alpha }), b.op('scale', [rest], { factor: 1 - alpha })]
  return b.op('binary', parts, { kind: 'add' })
}
