import { elems, expectRanks, grid, input, type Op, output, ShapeError } from '../op.ts'

/** y = exp(x) / Σ exp(x), the sum over the last axis; large values do not overflow. Not differentiable. */
export const softmax: Op<object> = {
  name: 'softmax',

  infer(inputs) {
    expectRanks('softmax', inputs, [null])
    if (inputs[0]!.shape.length === 0) throw new ShapeError('softmax', 'needs at least one axis', inputs)
    return [inputs[0]!]
  },

  kernels([x]) {
    const length = x!.shape.at(-1)!
    const rows = elems(x!) / length
    const bindings = [input(0), output(0)]
    return [{ shader: 'softmax', params: { rows, length }, bindings, workgroups: grid(rows) }]
  },

  reference([x], [spec]) {
    const length = spec!.shape.at(-1)!
    const y = new Float64Array(x!.length)
    for (let at = 0; at < x!.length; at += length) {
      const row = x!.subarray(at, at + length)
      const largest = row.reduce((a, b) => Math.max(a, b))
      const sum = row.reduce((total, value) => total + Math.exp(value - largest), 0)
      row.forEach((value, j) => {
        y[at + j] = Math.exp(value - largest) / sum
      })
    }
    return [y]
  },
}
