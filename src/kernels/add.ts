import { elementwise, elems, expectRanks, expectSame, input, type Op, output } from './op.ts'

/** y = a + b, of one shape. */
export const add: Op<object> = {
  name: 'add',

  infer(inputs) {
    expectRanks('add', inputs, [null, null])
    expectSame('add', inputs, 0, 1)
    return [inputs[0]!]
  },

  kernels: (inputs) => [elementwise('add', elems(inputs[0]!), [input(0), input(1), output(0)])],

  grad: ({ outputGrads: [dy] }) => [dy!, dy!],

  reference: ([a, b]) => [a!.map((value, i) => value + b![i]!)],
}
