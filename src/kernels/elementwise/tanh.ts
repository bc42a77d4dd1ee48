import { elementwise, elems, expectRanks, expectSame, input, type Op, output } from '../op.ts'

/** y = tanh(x). */
export const tanh: Op<object> = {
  name: 'tanh',

  infer(inputs) {
    expectRanks('tanh', inputs, [null])
    return [inputs[0]!]
  },

  kernels: (inputs) => [elementwise('tanh', elems(inputs[0]!), [input(0), output(0)])],

  grad: (b) => [b.op('tanhGrad', [b.outputGrads[0]!, b.outputs[0]!], {})],

  reference: ([x]) => [x!.map((value) => Math.tanh(value))],
}

/** [dy, y] → dx = dy · (1 − y²); y is the output of the tanh. */
export const tanhGrad: Op<object> = {
  name: 'tanhGrad',

  infer(inputs) {
    expectRanks('tanhGrad', inputs, [null, null])
    expectSame('tanhGrad', inputs, 0, 1)
    return [inputs[0]!]
  },

  kernels: (inputs) => [elementwise('tanh_grad', elems(inputs[0]!), [input(0), input(1), output(0)])],

  reference: ([dy, y]) => [dy!.map((value, i) => value * (1 - y![i]! ** 2))],
}
