import { ADAM } from '../src/autograd/adam.ts'
import { backward } from '../src/autograd/backward.ts'
import { Graph } from '../src/graph/graph.ts'
import { conv2dDefaults as CONV } from '../src/kernels/conv/conv2d.ts'

/** Convolution, batch norm, loss, gradients and running statistics: what a training step is made of. */
export function smallTraining(): Graph {
  const graph = new Graph()
  const x = graph.input('x', [2, 8, 8, 4])
  const target = graph.input('target', [2, 8, 8, 4])
  const weights = graph.variable('weights', [320])
  const w = graph.op('view', [weights], { offset: 0, shape: [3, 3, 4, 4] })
  const [gamma, beta] = [192, 256].map((offset) => graph.op('view', [weights], { offset, shape: [4] }))
  const h = graph.op('conv2d', [x, w], { ...CONV, activation: 'relu' })
  const [y, mean] = graph.all('batchNormTrain', [h, gamma!, beta!], { epsilon: 1e-3 })
  const loss = graph.op('mse', [y!, target], {})
  graph.output('loss', loss)
  const grads = backward(graph, loss, [w, gamma!, beta!])
  const all = graph.op('pack', grads, { offsets: [0, 192, 256], length: 320 })
  graph.op('lerp', [graph.variable('statistics', [4]), mean!, graph.constant(Float32Array.of(0.1), [1])], {})
  graph.op(
    'adam',
    [weights, all, graph.variable('m', [320]), graph.variable('v', [320]), graph.input('hyper', [4])],
    ADAM,
  )
  return graph
}
