import { elementwise, elems, expectRanks, expectSame, input, type Op, output } from './op.ts'

export interface LerpAttrs {
  readonly t: number
}

/** [state, value] → state + t · (value − state), in place: a running average. Not differentiable. */
export const lerp: Op<LerpAttrs> = {
  name: 'lerp',
  inPlace: [0],

  infer(inputs) {
    expectRanks('lerp', inputs, [null, null])
    expectSame('lerp', inputs, 0, 1)
    return [inputs[0]!]
  },

  kernels: (inputs, _outputs, { t }) => [
    elementwise('lerp', elems(inputs[0]!), [input(1), output(0)], { t }),
  ],

  reference: ([state, value], _specs, { t }) => [state!.map((s, i) => s + t * (value![i]! - s))],
}
