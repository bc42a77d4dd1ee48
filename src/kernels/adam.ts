import { elementwise, elems, expectRanks, expectSame, input, type Op, output, ShapeError } from './op.ts'

export interface AdamAttrs {
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
}

/**
 * [params, grads, m, v, hyper [4]] → [params, m, v], in place, all parameters in one flat tensor: Adam as Kingma and Ba
 * 2015, algorithm 1. hyper = [learning rate, 1 − beta1ᵗ, 1 − beta2ᵗ, 0] at step t ≥ 1, computed by the host.
 */
export const adam: Op<AdamAttrs> = {
  name: 'adam',
  inPlace: [0, 2, 3],

  infer(inputs) {
    expectRanks('adam', inputs, [null, null, null, null, 1])
    for (const i of [1, 2, 3]) expectSame('adam', inputs, 0, i)
    if (inputs[4]!.shape[0] !== 4) throw new ShapeError('adam', 'hyper must be [4]', inputs)
    return [inputs[0]!, inputs[2]!, inputs[3]!]
  },

  kernels([params], _outputs, { beta1, beta2, epsilon }) {
    const bindings = [input(1), input(4), output(0), output(1), output(2)]
    // the differences from 1 are taken in float64: in float32, 1 − 0.999 has lost four of its seven digits
    const constants = { beta1, oneMinusBeta1: 1 - beta1, beta2, oneMinusBeta2: 1 - beta2, epsilon }
    return [elementwise('adam', elems(params!), bindings, constants)]
  },

  reference([params, grads, m, v, hyper], _specs, { beta1, beta2, epsilon }) {
    const [rate, correction1, correction2] = hyper!
    const newM = m!.map((value, i) => beta1 * value + (1 - beta1) * grads![i]!)
    const newV = v!.map((value, i) => beta2 * value + (1 - beta2) * grads![i]! ** 2)
    const newParams = params!.map((value, i) => {
      const denominator = Math.sqrt(newV[i]! / correction2!) + epsilon
      return value - (rate! * (newM[i]! / correction1!)) / denominator
    })
    return [newParams, newM, newV]
  },
}
