import { elementwise, elems, expectRanks, expectSame, input, type Op, output, ShapeError } from '../op.ts'

export interface AdamAttrs {
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
}

/**
 * [params, grads, m, v, hyper [4]] → [params, m, v], in place, all parameters in one flat tensor: Adam as Kingma and Ba
 * 2015, algorithm 1, with the decoupled decay of Loshchilov and Hutter 2019. hyper = [learning rate, 1 − beta1ᵗ, 1 − beta2ᵗ,
 * learning rate · decay] at step t ≥ 1, computed by the host. A sixth input, factor [1], multiplies the gradients; where it is 0
 * all stays as it is.
 */
export const adam: Op<AdamAttrs> = {
  name: 'adam',
  inPlace: [0, 2, 3],

  infer(inputs) {
    expectRanks('adam', inputs, [null, null, null, null, 1, ...(inputs.length > 5 ? [1] : [])])
    for (const i of [1, 2, 3]) expectSame('adam', inputs, 0, i)
    if (inputs[4]!.shape[0] !== 4) throw new ShapeError('adam', 'hyper must be [4]', inputs)
    if (inputs[5] && inputs[5].shape[0] !== 1) throw new ShapeError('adam', 'factor must be [1]', inputs)
    return [inputs[0]!, inputs[2]!, inputs[3]!]
  },

  kernels([flat, , , , , factor], _outputs, { beta1, beta2, epsilon }) {
    // a factor that is missing is not looked at: hyper stands in for it
    const bindings = [input(1), input(4), input(factor ? 5 : 4), output(0), output(1), output(2)]
    // the differences from 1 are taken in float64: in float32, 1 − 0.999 has lost four of its seven digits
    const params = { beta1, oneMinusBeta1: 1 - beta1, beta2, oneMinusBeta2: 1 - beta2, epsilon }
    const constants = { SCALED: Number(factor !== undefined) }
    return [elementwise('adam', elems(flat!), bindings, { params, constants })]
  },

  reference([params, scaled, m, v, hyper, factor], _specs, { beta1, beta2, epsilon }) {
    if (factor?.[0] === 0) return [params!, m!, v!]
    const grads = scaled!.map((value) => value * (factor?.[0] ?? 1))
    const [rate, correction1, correction2, decay] = hyper!
    const newM = m!.map((value, i) => beta1 * value + (1 - beta1) * grads[i]!)
    const newV = v!.map((value, i) => beta2 * value + (1 - beta2) * grads[i]! ** 2)
    const newParams = params!.map((value, i) => {
      const denominator = Math.sqrt(newV[i]! / correction2!) + epsilon
      return value - decay! * value - (rate! * (newM[i]! / correction1!)) / denominator
    })
    return [newParams, newM, newV]
  },
}
