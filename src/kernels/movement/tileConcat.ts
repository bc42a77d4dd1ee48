import { elementwise, elems, expectRanks, input, type Op, output, ShapeError } from '../op.ts'

/** [x [N,H,W,A], v [N,1,1,B]] → y [N,H,W,A+B]: v repeated over all pixels, behind x's channels. */
export const tileConcat: Op<object> = {
  name: 'tileConcat',
  half: 'all',

  infer(inputs) {
    expectRanks('tileConcat', inputs, [4, 4])
    const [N, H, W, A] = inputs[0]!.shape
    const [M, one, other, B] = inputs[1]!.shape
    if (M !== N || one !== 1 || other !== 1) {
      throw new ShapeError('tileConcat', `the vector must be [${N}×1×1×…]`, inputs)
    }
    return [{ shape: [N!, H!, W!, A! + B!] }]
  },

  kernels([x, v], [y]) {
    const [, H, W, A] = x!.shape as [number, number, number, number]
    const B = v!.shape[3]!
    const vector = A % 4 === 0 && B % 4 === 0
    const unit = vector ? 4 : 1
    const params = { pixels: H * W, A: A / unit, B: B / unit }
    const bindings = [input(0), input(1), output(0)]
    return [
      elementwise('tile_concat', elems(y!), bindings, { params, constants: { VECTOR: Number(vector) } }),
    ]
  },

  grad(b) {
    const dy = b.outputGrads[0]!
    const [A, B] = [b.shape(b.inputs[0]!)[3]!, b.shape(b.inputs[1]!)[3]!]
    const dv = () => b.op('slice', [dy], { axis: 3, start: A, size: B })
    return [
      b.needs(0) ? b.op('slice', [dy], { axis: 3, start: 0, size: A }) : null,
      b.needs(1) ? b.op('sumRows', [dv()], { keepBatch: true }) : null,
    ]
  },

  reference([x, v], [xs, vs]) {
    const [N, H, W, A] = xs!.shape as [number, number, number, number]
    const B = vs!.shape[3]!
    const y: number[] = []
    for (let n = 0; n < N; n++) {
      for (let pixel = 0; pixel < H * W; pixel++) {
        for (let a = 0; a < A; a++) y.push(x![(n * H * W + pixel) * A + a]!)
        for (let b = 0; b < B; b++) y.push(v![n * B + b]!)
      }
    }
    return [Float64Array.from(y)]
  },
}
