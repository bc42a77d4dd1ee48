import { elementwise, elems, expectRanks, input, type Op, output } from './op.ts'

export interface LeakyReluAttrs {
  readonly alpha: number
}

/** y = x where x > 0, else alpha · x. */
export const leakyRelu: Op<LeakyReluAttrs> = {
  name: 'leakyRelu',

  infer(inputs) {
    expectRanks('leakyRelu', inputs, [null])
    return [inputs[0]!]
  },

  kernels: (inputs, _outputs, { alpha }) => [
    elementwise('leaky_relu', elems(inputs[0]!), [input(0), output(0)], { alpha }),
  ],

  // alpha · dy, and the rest of dy where x > 0
  grad(b, { alpha }) {
    const dy = b.outputGrads[0]!
    const rest = b.op('reluGrad', [dy, b.inputs[0]!], {})
    const parts = [b.op('scale', [dy], { factor: alpha }), b.op('scale', [rest], { factor: 1 - alpha })]
    return [b.op('binary', parts, { kind: 'add' })]
  },

  reference: ([x], _specs, { alpha }) => [x!.map((value) => (value > 0 ? value : alpha * value))],
}
