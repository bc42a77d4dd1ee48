import { elementwise, elems, expectRanks, input, type Op, output } from '../op.ts'

export interface ScaleAttrs {
  readonly factor: number
}

/** y = factor · x. */
export const scale: Op<ScaleAttrs> = {
  name: 'scale',
  half: 'all',

  infer(inputs) {
    expectRanks('scale', inputs, [null])
    return [inputs[0]!]
  },

  kernels: (inputs, _outputs, { factor }) => [
    elementwise('scale', elems(inputs[0]!), [input(0), output(0)], { params: { factor } }),
  ],

  grad: (b, attrs) => [b.op('scale', [b.outputGrads[0]!], attrs)],

  reference: ([x], _specs, { factor }) => [x!.map((value) => factor * value)],
}
