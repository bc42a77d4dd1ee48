import {
  ceilDiv,
  elems,
  expectRanks,
  expectSame,
  grid,
  input,
  type Op,
  output,
  ShapeError,
  type Spec,
  scratch,
} from '../op.ts'

/**
 * [logits [N,H,W,Q], target [N,H,W,Q], weight [N,H,W,1]] → [1]: the mean over pixels of
 * weight · Σ_q target_q (log Σ_r exp(logits_r) − logits_q), the cross entropy of the softmax against the target (Zhang, Isola
 * and Efros 2016, equation 2). Target and weight are constants.
 */
export const crossEntropy: Op<object> = {
  name: 'crossEntropy',

  infer(inputs) {
    expectRanks('crossEntropy', inputs, [4, 4, 4])
    expectFit('crossEntropy', inputs, 0)
    return [{ shape: [1] }]
  },

  kernels([logits]) {
    const { pixels, bins } = sizes(logits!)
    const losses = scratch(0, pixels)
    const params = { pixels, bins }
    return [
      {
        shader: 'cross_entropy_pixels',
        params,
        bindings: [input(0), input(1), input(2), losses],
        workgroups: grid(ceilDiv(pixels, 64)),
      },
      { shader: 'cross_entropy', params, bindings: [losses, output(0)], workgroups: [1, 1, 1] },
    ]
  },

  grad(b) {
    const [logits, target, weight] = b.inputs
    return [b.op('crossEntropyGrad', [b.outputGrads[0]!, logits!, target!, weight!], {}), null, null]
  },

  reference([logits, target, weight], [spec]) {
    const { pixels, bins } = sizes(spec!)
    let total = 0
    for (let p = 0; p < pixels; p++) {
      const z = logits!.subarray(p * bins, (p + 1) * bins)
      const largest = Math.max(...z)
      const log = largest + Math.log(z.reduce((sum, value) => sum + Math.exp(value - largest), 0))
      z.forEach((value, q) => {
        total += (weight![p]! * target![p * bins + q]! * (log - value)) / pixels
      })
    }
    return [Float64Array.of(total)]
  },
}

/**
 * [dloss [1], logits, target, weight] → dlogits = dloss · weight ⁄ pixels · (softmax(logits) · Σ_r target_r − target).
 */
export const crossEntropyGrad: Op<object> = {
  name: 'crossEntropyGrad',

  infer(inputs) {
    expectRanks('crossEntropyGrad', inputs, [1, 4, 4, 4])
    expectFit('crossEntropyGrad', inputs, 1)
    if (inputs[0]!.shape[0] !== 1) throw new ShapeError('crossEntropyGrad', 'dloss must be [1]', inputs)
    return [inputs[1]!]
  },

  kernels([, logits]) {
    const { pixels, bins } = sizes(logits!)
    const bindings = [input(0), input(1), input(2), input(3), output(0)]
    return [
      {
        shader: 'cross_entropy_grad',
        params: { pixels, bins },
        bindings,
        workgroups: grid(ceilDiv(pixels, 64)),
      },
    ]
  },

  reference([dloss, logits, target, weight], [, spec]) {
    const { pixels, bins } = sizes(spec!)
    const gradient = new Float64Array(logits!.length)
    for (let p = 0; p < pixels; p++) {
      const at = (q: number) => p * bins + q
      let [largest, sum, whole] = [Number.NEGATIVE_INFINITY, 0, 0]
      for (let q = 0; q < bins; q++) largest = Math.max(largest, logits![at(q)]!)
      for (let q = 0; q < bins; q++) {
        sum += Math.exp(logits![at(q)]! - largest)
        whole += target![at(q)]!
      }
      for (let q = 0; q < bins; q++) {
        const share = Math.exp(logits![at(q)]! - largest) / sum
        gradient[at(q)] = (dloss![0]! * weight![p]! * (share * whole - target![at(q)]!)) / pixels
      }
    }
    return [gradient]
  },
}

/** Logits stand at `first`, target and weight behind them. */
function expectFit(op: string, inputs: readonly Spec[], first: number): void {
  expectSame(op, inputs, first, first + 1)
  const wanted = [...inputs[first]!.shape.slice(0, 3), 1]
  if (wanted.some((d, i) => d !== inputs[first + 2]!.shape[i]))
    throw new ShapeError(op, `the weight must be [${wanted.join('×')}]`, inputs)
}

function sizes(logits: Spec): { pixels: number; bins: number } {
  const bins = logits.shape[3]!
  return { pixels: elems(logits) / bins, bins }
}
