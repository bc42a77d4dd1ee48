import { elementwise, elems, expectRanks, expectSame, input, type Op, output } from '../op.ts'

export interface ClipAttrs {
  /** May be infinite. */
  readonly min: number
  readonly max: number
}

/** y = min(max(x, min), max). */
export const clip: Op<ClipAttrs> = {
  name: 'clip',
  half: 'all',

  infer(inputs) {
    expectRanks('clip', inputs, [null])
    return [inputs[0]!]
  },

  kernels: (inputs, _outputs, attrs) => [
    elementwise('clip', elems(inputs[0]!), [input(0), output(0)], { params: bounds(attrs) }),
  ],

  grad: (b, attrs) => [b.op('clipGrad', [b.outputGrads[0]!, b.outputs[0]!], attrs)],

  reference: ([x], _specs, { min, max }) => [x!.map((value) => Math.min(Math.max(value, min), max))],
}

/** [dy, y] → dx = dy where min < y < max, else 0; y is the output of the clip. */
export const clipGrad: Op<ClipAttrs> = {
  name: 'clipGrad',

  infer(inputs) {
    expectRanks('clipGrad', inputs, [null, null])
    expectSame('clipGrad', inputs, 0, 1)
    return [inputs[0]!]
  },

  kernels: (inputs, _outputs, attrs) => [
    elementwise('clip_grad', elems(inputs[0]!), [input(0), input(1), output(0)], { params: bounds(attrs) }),
  ],

  reference: ([dy, y], _specs, { min, max }) => [
    dy!.map((value, i) => (min < y![i]! && y![i]! < max ? value : 0)),
  ],
}

/** Parameters `low` and `high`. WGSL knows no infinities, but float32's largest number does as well. */
export function bounds({ min, max }: ClipAttrs): { low: number; high: number } {
  const finite = (x: number) => Math.min(Math.max(x, -LARGEST), LARGEST)
  return { low: finite(min), high: finite(max) }
}

/** float32's largest number. */
const LARGEST = 2 ** 128 - 2 ** 104
