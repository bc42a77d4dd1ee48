import type { Graph } from '../graph/graph.ts'
import type { Tensor } from '../kernels/op.ts'

/**
 * Loss scaling, for gradients that are stored as float16 (Micikevicius et al. 2018, section 3.2): the gradient of the loss is
 * begun with a scale instead of 1, and Adam divides by it. It is a power of two, so that neither rounds. A step with a gradient
 * that is not finite is skipped and halves the scale; the scale is doubled after so many good steps. At 1 no step is
 * skipped: what overflows there is no matter of scale, and the next loss tells of it.
 */
const SCALING = { every: 1000, most: 2 ** 32 } as const

/** The state before the first step, more than small networks take: the first steps find how much. */
export const INITIAL_SCALING: readonly number[] = [2 ** 16, 0, 0, 0]

/** The variable with the state: the scale, steps since it changed, steps skipped in all, 0. */
export const SCALING_VARIABLE = 'loss.scaling'

const stateOf = (graph: Graph) => graph.variable(SCALING_VARIABLE, [INITIAL_SCALING.length])

/** The scale, [1], as the step finds it. */
export const lossScale = (graph: Graph) => graph.op('view', [stateOf(graph)], { offset: 0, shape: [1] })

/**
 * Adds the judgement of a step's gradients to the graph, and returns what Adam is to multiply them by, [1].
 * @param used how many elements count of each block of 64 gradients
 */
export function scalingStep(graph: Graph, gradients: Tensor, used: Float32Array): Tensor {
  return graph.scope('loss scaling', () => {
    const operands = [stateOf(graph), gradients, graph.constant(used, [used.length])]
    return graph.all('lossScaling', operands, SCALING)[1]!
  })
}
