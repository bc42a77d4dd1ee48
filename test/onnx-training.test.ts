import { describe, expect, it } from 'vitest'
import { arenaOf, packTensors, viewsOf } from '../src/autograd/arena.ts'
import { backward } from '../src/autograd/backward.ts'
import { compile } from '../src/graph/compile.ts'
import { Graph } from '../src/graph/graph.ts'
import { runReference } from '../src/graph/reference.ts'
import { importOnnx } from '../src/io/onnx/import.ts'
import { type IncludeOptions, includeTrainable, readBehind, weightsIn } from '../src/io/onnx/trainable.ts'
import { readModel } from '../src/node/onnx-file.ts'
import { product } from '../src/numbers.ts'
import { draw, float64, seeded } from './harness.ts'
import { float, type ModelParts, node, save, useFolder } from './onnx-models.ts'

const folder = useFolder()
const random = (name: string, dims: number[]) => {
  const count = product(dims)
  return float(name, dims, [...draw(count, 'positive', seeded(name))])
}

/** Convolution, normalisation, pool and a turned matrix: weights in all the orders that there are. */
const classifier: ModelParts = {
  inputs: { x: [2, 3, 5, 5] },
  nodes: [
    node('Conv', ['x', 'w', 'b'], ['c'], { kernel_shape: [3, 3] }),
    node('BatchNormalization', ['c', 'gamma', 'beta', 'mean', 'var'], ['n']),
    node('MaxPool', ['n'], ['p'], { kernel_shape: [3, 3] }),
    node('Flatten', ['p'], ['f']),
    node('Gemm', ['f', 'm', 'v'], ['y'], { transB: 1 }),
  ],
  initializers: [
    random('w', [4, 3, 3, 3]),
    ...['b', 'gamma', 'beta', 'mean', 'var'].map((name) => random(name, [4])),
    random('m', [7, 4]),
    random('v', [7]),
  ],
}
const TRAINED = ['w', 'b', 'gamma', 'beta', 'm', 'v']

async function included(parts: ModelParts, options: IncludeOptions) {
  const model = await readModel(save(folder, parts))
  const imported = importOnnx(model)
  const graph = new Graph()
  return { model, imported, graph, network: includeTrainable(graph, imported, options) }
}

const pictures = float64(draw(2 * 3 * 5 * 5, 'normal', seeded('pictures')))

describe('a model as a part of a graph', () => {
  it('computes what it computes by itself, its weights in an arena', async () => {
    const trainable = (name: string) => TRAINED.includes(name)
    const { model, imported, graph, network } = await included(classifier, { trainable })
    const y = network.outputs.get('y')!
    graph.output('y', y)
    const { initial } = network
    const values = new Map([['x', pictures] as const, ['parameters', float64(initial)] as const])
    const alone = runReference(imported.graph, new Map([['x', pictures]]))
    expect(runReference(graph, values).get(y)).toEqual(alone.get(imported.graph.outputs.get('y')!))

    const { tensors, length } = network.arena
    expect(tensors.map(({ name, shape }) => [name, shape])).toEqual([
      ['w', [3, 3, 3, 4]],
      ...['b', 'gamma', 'beta'].map((name) => [name, [4]]),
      ['m', [4, 7]],
      ['v', [7]],
    ])
    expect(tensors.map(({ offset }) => offset)).toEqual([0, 128, 192, 256, 320, 384])
    expect([length, initial.length]).toEqual([448, 448])
    const weights = weightsIn(network, initial)
    for (const name of TRAINED) expect(weights.get(name)).toEqual(model.initializers.get(name))
  })

  it('gives the gradient of every weight', async () => {
    const trainable = (name: string) => TRAINED.includes(name)
    const { graph, network } = await included(classifier, { trainable })
    const target = graph.constant(new Float32Array(14), [2, 7])
    const loss = graph.op('mse', [network.outputs.get('y')!, target], {})
    const gradients = packTensors(graph, network.arena, backward(graph, loss, network.weights))
    graph.output('gradients', gradients)
    graph.output('loss', loss)
    const lossAt = (parameters: Float64Array) =>
      runReference(graph, new Map([['x', pictures] as const, ['parameters', parameters] as const]))
    const initial = float64(network.initial)
    const slopes = lossAt(initial).get(gradients)!
    for (const { offset, shape } of network.arena.tensors) {
      const at = offset + product(shape) - 1
      const moved = (step: number) => lossAt(initial.with(at, initial[at]! + step)).get(loss)![0]!
      const difference = (moved(1e-5) - moved(-1e-5)) / 2e-5
      expect(slopes[at]! / difference).toBeCloseTo(1, 6)
    }
  })

  it('takes its input from the graph, and what it computed of initializers by the name of the result', async () => {
    const parts = {
      inputs: { x: [1, 2] },
      nodes: [node('Mul', ['w', 'two'], ['doubled']), node('MatMul', ['x', 'doubled'])],
      initializers: [float('w', [2, 3]), float('two', [1], [2])],
    }
    const model = await readModel(save(folder, parts))
    const graph = new Graph()
    const input = graph.op('scale', [graph.input('half of it', [1, 2])], { factor: 2 })
    const inputs = new Map([['x', input]])
    const network = includeTrainable(graph, importOnnx(model), {
      inputs,
      trainable: () => true,
      variable: 'w',
    })
    expect(network.arena.tensors.map(({ name }) => name)).toEqual(['doubled'])
    expect([...network.initial.subarray(0, 6)]).toEqual([0, 0.25, 0.5, 0.75, 1, 1.25])
    const values = new Map([
      ['half of it', Float64Array.of(1, 10)] as const,
      ['w', float64(network.initial)] as const,
    ])
    const y = network.outputs.get('y')!
    graph.output('y', y)
    expect([...runReference(graph, values).get(y)!]).toEqual([15, 20.5, 26])
  })

  it('refuses to train nothing, or a weight in two orders, and an input that does not fit', async () => {
    await expect(included(classifier, { trainable: (name) => name === 'x' })).rejects.toThrow(
      'the model has no weight that is to be trained',
    )
    const tied = {
      inputs: { x: [2, 2] },
      nodes: [node('MatMul', ['x', 'w'], ['z']), node('Gemm', ['z', 'w'], ['y'], { transB: 1 })],
      initializers: [float('w', [2, 2])],
    }
    await expect(included(tied, { trainable: () => true })).rejects.toThrow(
      'the weight "w" is used in two orders of its axes: it cannot be trained',
    )
    const { imported } = await included(classifier, { trainable: () => true })
    const graph = new Graph()
    const inputs = new Map([['x', graph.input('image', [2, 3, 5, 5])]])
    expect(() => includeTrainable(graph, imported, { inputs, trainable: () => true })).toThrow(
      'a tensor [2×3×5×5] cannot stand for one that is [2×5×5×3]',
    )
  })
})

describe('the nodes behind another', () => {
  it('read its results, weights and whatever else they need', async () => {
    const model = await readModel(save(folder, classifier))
    expect(readBehind(model, 'the MaxPool')).toEqual(new Set(['p', 'f', 'm', 'v']))
    expect(() => readBehind(model, 'the end')).toThrow('the model has no node "the end"')
  })
})

describe('gradients in an arena', () => {
  it('are copied where another one has the same memory', () => {
    const graph = new Graph()
    const arena = arenaOf([{ shape: [2, 3] }, { shape: [2, 3] }, { shape: [6] }])
    const variable = graph.variable('parameters', [arena.length])
    const [a, b, c] = viewsOf(graph, arena, variable)
    const sum = graph.op('binary', [a!, b!], { kind: 'add' })
    const all = graph.op('binary', [sum, graph.op('view', [c!], { offset: 0, shape: [2, 3] })], {
      kind: 'add',
    })
    const loss = graph.op('mse', [all, graph.input('target', [2, 3])], {})
    const gradients = packTensors(graph, arena, backward(graph, loss, [a!, b!, c!]))
    graph.output('gradients', gradients)
    expect(() => compile(graph, 2 ** 20)).not.toThrow()
    const values = new Map([
      ['parameters', new Float64Array(arena.length)],
      ['target', Float64Array.of(3, 6, 9, 12, 15, 18)],
    ])
    const packed = runReference(graph, values).get(gradients)!
    for (const { offset } of arena.tensors)
      expect([...packed.subarray(offset, offset + 6)]).toEqual([-1, -2, -3, -4, -5, -6])
  })
})
