import { elementwise, elems, expectRanks, expectSame, input, type Op, output, ShapeError } from '../op.ts'

/**
 * [state, value, t [1]] → state + t · (value − state), in place: a running average. With t = 1 the result is the
 * value alone. Not differentiable.
 */
export const lerp: Op<object> = {
  name: 'lerp',
  inPlace: [0],

  infer(inputs) {
    expectRanks('lerp', inputs, [null, null, 1])
    expectSame('lerp', inputs, 0, 1)
    if (inputs[2]!.shape[0] !== 1) throw new ShapeError('lerp', 't must be [1]', inputs)
    return [inputs[0]!]
  },

  kernels: (inputs) => [elementwise('lerp', elems(inputs[0]!), [input(1), input(2), output(0)])],

  reference: ([state, value, t]) => [
    t![0] === 1 ? value! : state!.map((s, i) => s + t![0]! * (value![i]! - s)),
  ],
}
