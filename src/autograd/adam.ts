import type { Graph } from '../graph/graph.ts'
import { elems, type Tensor } from '../kernels/op.ts'

/** Kingma and Ba 2015, the values of its section 2. */
export const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const

/** Parameters that lie together and have a learning rate of their own. */
export interface Stretch {
  readonly offset: number
  readonly length: number
  /** What the step's learning rate is multiplied by. */
  readonly rate: number
}

export interface AdamOptions {
  /** What the gradients are multiplied by, [1]; 0 leaves all as it is. */
  readonly factor?: Tensor | undefined
  /** What the parameters are made of; all of them alike unless given. */
  readonly stretches?: readonly Stretch[]
}

/**
 * Adds one Adam step over a flat variable to the graph, in place, together with the variables `adam.m` and `adam.v`
 * of the same length and the input `adam.hyper`, which `adamHyper` computes for each step. Returns the new parameters, of each
 * stretch by itself.
 */
export function adamStep(
  graph: Graph,
  parameters: Tensor,
  gradients: Tensor,
  { factor, stretches = [wholeOf(graph, parameters)] }: AdamOptions = {},
): Tensor[] {
  const shape = graph.shape(parameters)
  const flat = [parameters, gradients, graph.variable('adam.m', shape), graph.variable('adam.v', shape)]
  return graph.scope('adam', () => {
    const hyper = graph.input('adam.hyper', [4])
    // all parts before the first step, which overwrites what they are parts of
    const parts = flat.map((tensor) => partsOf(graph, tensor, stretches))
    return stretches.map(({ rate }, i) => {
      const operands = [...parts.map((each) => each[i]!), atRate(graph, hyper, rate)]
      return graph.op('adam', factor === undefined ? operands : [...operands, factor], ADAM)
    })
  })
}

const wholeOf = (graph: Graph, flat: Tensor): Stretch => ({
  ...{ offset: 0, rate: 1 },
  length: elems(graph.spec(flat)),
})

/** The stretches of a flat tensor. */
export const partsOf = (graph: Graph, flat: Tensor, stretches: readonly Stretch[]): Tensor[] =>
  stretches.length < 2
    ? [flat]
    : stretches.map(({ offset, length }) => graph.op('view', [flat], { offset, shape: [length] }))

/** The scalars of a step at another learning rate, by which parameters decay, too. */
function atRate(graph: Graph, hyper: Tensor, rate: number): Tensor {
  if (rate === 1) return hyper
  const factors = graph.constant(Float32Array.of(rate, 1, 1, rate), [4])
  return graph.op('binary', [hyper, factors], { kind: 'mul' })
}

/**
 * The step's scalars: learning rate, the bias corrections 1 − βᵗ of step `t`, which counts from 1, and the share of the
 * parameters that decays in the step, learning rate times `decay` (Loshchilov and Hutter 2019, AdamW).
 */
export function adamHyper(learningRate: number, t: number, decay = 0): Float32Array {
  return new Float32Array([learningRate, 1 - ADAM.beta1 ** t, 1 - ADAM.beta2 ** t, learningRate * decay])
}
