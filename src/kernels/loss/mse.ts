import { chunkRows, partialElems, reduceChunks } from '../norm/chunks.ts'
import {
  ceilDiv,
  elementwise,
  elems,
  expectRanks,
  expectSame,
  input,
  type Op,
  output,
  ShapeError,
  scratch,
} from '../op.ts'

/** [prediction, target] → [1]: the mean over all elements of (prediction − target)². The target is a constant. */
export const mse: Op<object> = {
  name: 'mse',

  infer(inputs) {
    expectRanks('mse', inputs, [null, null])
    expectSame('mse', inputs, 0, 1)
    return [{ shape: [1] }]
  },

  kernels([prediction]) {
    const count = elems(prediction!)
    const cut = chunkRows(ceilDiv(count, 4), 4)
    const partial = scratch(0, partialElems(cut))
    const params = { partials: cut.columns * cut.chunks, elems: count }
    return [
      reduceChunks('mse_partial', cut, [input(0), input(1), partial], { elems: count }),
      { shader: 'mse', params, bindings: [partial, output(0)], workgroups: [1, 1, 1] },
    ]
  },

  grad(b) {
    const [prediction, target] = b.inputs
    return [b.op('mseGrad', [b.outputGrads[0]!, prediction!, target!], {}), null]
  },

  reference([prediction, target]) {
    // compensated (Kahan 1965): differences of the loss shall resolve what float64 can
    let [sum, excess] = [0, 0]
    prediction!.forEach((value, i) => {
      const term = (value - target![i]!) ** 2 - excess
      const next = sum + term
      excess = next - sum - term
      sum = next
    })
    return [Float64Array.of(sum / prediction!.length)]
  },
}

/** [dloss [1], prediction, target] → dprediction = dloss · 2 (prediction − target) / number of elements. */
export const mseGrad: Op<object> = {
  name: 'mseGrad',

  infer(inputs) {
    expectRanks('mseGrad', inputs, [1, null, null])
    expectSame('mseGrad', inputs, 1, 2)
    if (inputs[0]!.shape[0] !== 1) throw new ShapeError('mseGrad', 'dloss must be [1]', inputs)
    return [inputs[1]!]
  },

  kernels([, prediction]) {
    const count = elems(prediction!)
    const bindings = [input(0), input(1), input(2), output(0)]
    return [elementwise('mse_grad', count, bindings, { params: { factor: 2 / count } })]
  },

  reference: ([dloss, prediction, target]) => [
    prediction!.map((value, i) => (dloss![0]! * 2 * (value - target![i]!)) / prediction!.length),
  ],
}
