import type { Graph } from '../graph/graph.ts'
import type { Tensor } from '../kernels/op.ts'

/** Kingma and Ba 2015, the values of its section 2. */
export const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const

/**
 * Adds one Adam step over a flat variable to the graph, in place, together with the variables `adam.m` and `adam.v`
 * of the same length and the input `adam.hyper`, which `adamHyper` computes for each step. Returns the new parameters.
 * @param factor what the gradients are multiplied by, [1]; 0 leaves all as it is
 */
export function adamStep(graph: Graph, parameters: Tensor, gradients: Tensor, factor?: Tensor): Tensor {
  const shape = graph.shape(parameters)
  const m = graph.variable('adam.m', shape)
  const v = graph.variable('adam.v', shape)
  return graph.scope('adam', () => {
    const operands = [parameters, gradients, m, v, graph.input('adam.hyper', [4])]
    return graph.op('adam', factor === undefined ? operands : [...operands, factor], ADAM)
  })
}

/**
 * The step's scalars: learning rate, the bias corrections 1 − βᵗ of step `t`, which counts from 1, and the share of the
 * parameters that decays in the step, learning rate times `decay` (Loshchilov and Hutter 2019, AdamW).
 */
export function adamHyper(learningRate: number, t: number, decay = 0): Float32Array {
  return new Float32Array([learningRate, 1 - ADAM.beta1 ** t, 1 - ADAM.beta2 ** t, learningRate * decay])
}
