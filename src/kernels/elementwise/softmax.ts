import {
  type Dispatch,
  elems,
  expectRanks,
  expectSame,
  grid,
  input,
  type Op,
  output,
  type Ref,
  ShapeError,
  type Spec,
} from '../op.ts'

/** y = exp(x) / Σ exp(x), the sum over the last axis; large values do not overflow. */
export const softmax: Op<object> = {
  name: 'softmax',

  infer(inputs) {
    expectRanks('softmax', inputs, [null])
    if (inputs[0]!.shape.length === 0) throw new ShapeError('softmax', 'needs at least one axis', inputs)
    return [inputs[0]!]
  },

  kernels([x]) {
    return [rowByRow('softmax', x!, [input(0), output(0)])]
  },

  grad: (b) => [b.op('softmaxGrad', [b.outputGrads[0]!, b.outputs[0]!], {})],

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

/** [dy, y] → dx_i = y_i · Σ_j y_j (dy_i − dy_j) along the last axis; y is the output of the softmax, so this is y (dy − Σ dy · y). */
export const softmaxGrad: Op<object> = {
  name: 'softmaxGrad',

  infer(inputs) {
    expectRanks('softmaxGrad', inputs, [null, null])
    expectSame('softmaxGrad', inputs, 0, 1)
    if (inputs[0]!.shape.length === 0) throw new ShapeError('softmaxGrad', 'needs at least one axis', inputs)
    return [inputs[0]!]
  },

  kernels: ([dy]) => [rowByRow('softmax_grad', dy!, [input(0), input(1), output(0)])],

  reference([dy, y], [spec]) {
    const length = spec!.shape.at(-1)!
    const dx = new Float64Array(y!.length)
    for (let row = 0; row < dx.length; row += length) {
      for (let i = row; i < row + length; i++) {
        let sum = 0
        for (let j = row; j < row + length; j++) sum += (dy![i]! - dy![j]!) * y![j]!
        dx[i] = y![i]! * sum
      }
    }
    return [dx]
  },
}

/** One workgroup for each row along the last axis. */
function rowByRow(shader: string, x: Spec, bindings: Ref[]): Dispatch {
  const length = x.shape.at(-1)!
  const rows = elems(x) / length
  return { shader, params: { rows, length }, bindings, workgroups: grid(rows) }
}
