import { elementwise, elems, expectRanks, input, type Op, output, ShapeError } from '../op.ts'

export interface AddRowsAttrs {
  readonly activation: 'none' | 'relu'
}

/** y = act(x + v): x [N,H,W,C] with a vector v [N,1,1,C] added to every pixel of its sample. */
export const addRows: Op<AddRowsAttrs> = {
  name: 'addRows',
  half: 'all',

  infer(inputs) {
    expectRanks('addRows', inputs, [4, 4])
    const [N, , , C] = inputs[0]!.shape
    if ([N, 1, 1, C].some((d, i) => d !== inputs[1]!.shape[i])) {
      throw new ShapeError('addRows', `the vector must be [${N}×1×1×${C}]`, inputs)
    }
    return [inputs[0]!]
  },

  kernels([x], _outputs, { activation }) {
    const [, H, W, C] = x!.shape as [number, number, number, number]
    const vector = C % 4 === 0
    const params = { pixels: H * W, channels: vector ? C / 4 : C }
    const constants = { VECTOR: Number(vector), RELU: Number(activation === 'relu') }
    return [elementwise('add_rows', elems(x!), [input(0), input(1), output(0)], { params, constants })]
  },

  grad(b, { activation }) {
    const dy = b.outputGrads[0]!
    const dx = activation === 'relu' ? b.op('reluGrad', [dy, b.outputs[0]!], {}) : dy
    return [dx, b.needs(1) ? b.op('sumRows', [dx], { keepBatch: true }) : null]
  },

  reference([x, v], [spec], { activation }) {
    const [N, H, W, C] = spec!.shape as [number, number, number, number]
    const y = Float64Array.from(x!)
    for (let n = 0; n < N; n++) {
      for (let pixel = 0; pixel < H * W; pixel++) {
        for (let c = 0; c < C; c++) y[(n * H * W + pixel) * C + c]! += v![n * C + c]!
      }
    }
    return [activation === 'relu' ? y.map((value) => Math.max(value, 0)) : y]
  },
}
