import { elementwise, elems, expectRanks, input, type Op, output } from '../op.ts'

/** y = 1 / (1 + exp(−x)). */
export const sigmoid: Op<object> = {
  name: 'sigmoid',
  half: 'all',

  infer(inputs) {
    expectRanks('sigmoid', inputs, [null])
    return [inputs[0]!]
  },

  kernels: (inputs) => [elementwise('sigmoid', elems(inputs[0]!), [input(0), output(0)])],

  // dx = dy · y − dy · y²
  grad(b) {
    const y = b.outputs[0]!
    const product = b.op('binary', [b.outputGrads[0]!, y], { kind: 'mul' })
    return [b.op('binary', [product, b.op('binary', [product, y], { kind: 'mul' })], { kind: 'sub' })]
  },

  reference: ([x]) => [x!.map((value) => 1 / (1 + Math.exp(-value)))],
}
