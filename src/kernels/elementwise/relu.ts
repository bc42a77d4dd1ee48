import { elementwise, elems, expectRanks, expectSame, input, type Op, output } from '../op.ts'

/** y = max(x, 0). */
export const relu: Op<object> = {
  name: 'relu',
  half: 'all',

  infer(inputs) {
    expectRanks('relu', inputs, [null])
    return [inputs[0]!]
  },

  kernels: (inputs) => [elementwise('relu', elems(inputs[0]!), [input(0), output(0)])],

  grad: (b) => [b.op('reluGrad', [b.outputGrads[0]!, b.outputs[0]!], {})],

  reference: ([x]) => [x!.map((value) => Math.max(value, 0))],
}

/** [dy, y] → dx = dy where y > 0, else 0; y is the output of the ReLU. */
export const reluGrad: Op<object> = {
  name: 'reluGrad',
  half: 'all',

  infer(inputs) {
    expectRanks('reluGrad', inputs, [null, null])
    expectSame('reluGrad', inputs, 0, 1)
    return [inputs[0]!]
  },

  kernels: (inputs) => [elementwise('relu_grad', elems(inputs[0]!), [input(0), input(1), output(0)])],

  reference: ([dy, y]) => [dy!.map((value, i) => (y![i]! > 0 ? value : 0))],
}
