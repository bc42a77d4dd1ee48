import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { Graph } from '../src/graph/graph.ts'
import { runReference } from '../src/graph/reference.ts'
import { elems, type Tensor } from '../src/kernels/op.ts'
import { unpackArena } from '../src/model/arena.ts'
import { FINE_BINS } from '../src/model/bins.ts'
import { inferenceGraph, trainingGraph } from '../src/model/graphs.ts'
import type { Network } from '../src/model/network.ts'
import { pyramidNetwork, pyramidOn, USUAL_TRUNK } from '../src/model/pyramid/index.ts'
import { type Architecture, layersOf } from '../src/model/pyramid/layers.ts'
import { layoutOf } from '../src/model/pyramid/layout.ts'
import { missingTrunk, TAP_STRIDES, type Trunk } from '../src/model/trunk.ts'
import { product } from '../src/numbers.ts'
import { seeded } from './harness.ts'
import { SHA256, smallTrunk } from './trunk-models.ts'

const size = { batch: 2, height: 32, width: 64 }
const trunkName = { name: 'small', sha256: SHA256 }
const architecture = { trunk: trunkName, classes: 5, width: 0.05, head: 'ab', hints: true } as const

let trunk: Trunk
beforeAll(async () => {
  trunk = await smallTrunk()
})

const networkOf = (chosen: Partial<Architecture> = {}) =>
  pyramidNetwork({ ...architecture, ...chosen }, trunk)

/** Random weights, none of them zero, and inputs for `size`. */
function randomValues(network: Network): Map<string, Float64Array> {
  const random = seeded('pyramid')
  const { batch, height, width } = size
  const { parameters, statistics } = network.initial(random)
  const numbers = (count: number, of = () => 2 * random() - 1) => Float64Array.from({ length: count }, of)
  return new Map([
    ['parameters', Float64Array.from(parameters, (value) => value || 0.4 * random() - 0.2)],
    ['statistics', Float64Array.from(statistics, (value) => value + 0.3 * random())],
    ['L', numbers(batch * height * width)],
    ['gray', numbers(batch * height * width)],
    ['features', numbers(batch * network.classes, random)],
    ['hints', numbers((batch * height * width * 3) / 16)],
    ['ab', numbers(2 * batch * height * width, () => 40 * (random() - 0.5))],
  ])
}

function paint(network: Network, values: Map<string, Float64Array>): Float64Array {
  const graph = inferenceGraph(network, size)
  return runReference(graph, values).get(graph.outputs.get('ab')!)!
}

const inputsOf = (graph: Graph) =>
  [...graph.tensors()].flatMap((tensor) => {
    const origin = graph.origin(tensor)
    return origin.kind === 'input' ? [origin.name] : []
  })

describe('the network pyramid', () => {
  it('has 1.3 million parameters on MobileNet v1, its trunk not counted', () => {
    const chosen = { trunk: USUAL_TRUNK, classes: 1000, width: 1, head: 'bins', hints: false } as const
    const { parameters } = layoutOf(layersOf(chosen, [128, 256, 512, 1024]), 1000)
    const count = parameters.tensors.reduce((sum, tensor) => sum + elems(tensor), 0)
    // laterals, the fusion layer and its maps, decoder, batch norms, head
    const [laterals, fusion] = [128 * 32 + 256 * 64 + 512 * 128, 1024 * 192 * 2 + 1000 * 192]
    const decoder = 9 * ((192 + 128) * 128 + (128 + 64) * 96 + (96 + 32 + 4) * 64 + 64 * 64)
    expect(count).toBe(laterals + fusion + decoder + 2 * 768 + 65 * FINE_BINS.count)
  })

  it('paints at a quarter of the size of any picture whose sides are multiples of 32', () => {
    for (const [height, width] of [
      [32, 32],
      [96, 160],
    ] as const) {
      for (const head of ['ab', 'bins'] as const) {
        const graph = new Graph()
        const { ab, logits } = networkOf({ head }).build(graph, { batch: 3, height, width }, 'train')
        expect(graph.shape(ab)).toEqual([3, height / 4, width / 4, 2])
        const shape = head === 'bins' ? [3, height / 4, width / 4, FINE_BINS.count] : null
        expect(logits && graph.shape(logits)).toEqual(shape)
        expect(networkOf({ head }).bins).toBe(head === 'bins' ? FINE_BINS : null)
      }
    }
  })

  it('takes hints only where its architecture says so', () => {
    const inputs = (hints: boolean) => inputsOf(inferenceGraph(networkOf({ hints }), size)).sort()
    expect(inputs(true)).toEqual(['L', 'features', 'gray', 'hints'])
    expect(inputs(false)).toEqual(['L', 'features', 'gray'])
  })

  it('starts from grey, and with bins from their mean', () => {
    for (const [head, colour] of [
      ['ab', [0, 0]],
      ['bins', [0, 1].map((c) => mean(FINE_BINS.centres.filter((_, i) => i % 2 === c)))],
    ] as const) {
      const network = networkOf({ head })
      const { parameters } = network.initial(seeded('start'))
      expect(network.isTrained(parameters)).toBe(false)
      const ab = paint(network, randomValues(network).set('parameters', Float64Array.from(parameters)))
      for (const [i, value] of ab.entries()) expect(value).toBeCloseTo(colour[i % 2]!, 5)
      const trained = randomValues(network).get('parameters')!
      expect(network.isTrained(Float32Array.from(trained))).toBe(true)
    }
  })

  it('paints the mean of the bins by their probabilities', () => {
    const network = networkOf({ head: 'bins' })
    const graph = new Graph()
    const { ab, logits } = network.build(graph, size, 'infer')
    for (const [name, tensor] of Object.entries({ ab, logits: logits! })) graph.output(name, tensor)
    const computed = runReference(graph, randomValues(network))
    const { centres, count } = FINE_BINS
    const [painted, said] = [computed.get(ab)!, computed.get(logits!)!]
    for (const pixel of [0, 77, 255]) {
      const weights = said.slice(pixel * count, (pixel + 1) * count).map(Math.exp)
      for (const c of [0, 1]) {
        const sum = weights.reduce((total, weight, q) => total + weight * centres[2 * q + c]!, 0)
        expect(painted[2 * pixel + c]).toBeCloseTo(sum / weights.reduce((a, b) => a + b), 9)
      }
    }
  })

  it('sees lightness, the grey picture, classes and hints, each of them', () => {
    const network = networkOf()
    const values = randomValues(network)
    const before = paint(network, values)
    for (const name of ['L', 'gray', 'features', 'hints']) {
      const changed = new Map(values).set(
        name,
        values.get(name)!.map((value) => 0.5 * value),
      )
      expect(paint(network, changed), name).not.toEqual(before)
    }
  })

  it('sees the squares of the class probabilities, and forgets them as far as it is told', () => {
    const network = networkOf()
    const values = randomValues(network)
    const before = paint(network, values)
    const negative = values.get('features')!.map((value) => -value)
    expect(paint(network, new Map(values).set('features', negative))).toEqual(before)
    const tensors = unpackArena(network.layout.parameters, Float32Array.from(values.get('parameters')!))
    network.adjustClasses!(tensors, { strength: 0, smoothing: 0 })
    const { data } = tensors.get('fusion.classes.weight')!
    expect(data.length).toBeGreaterThan(0)
    expect(data.every((value) => value === 0)).toBe(true)
  })

  it('has the gradients that finite differences show', () => {
    for (const head of ['ab', 'bins'] as const) {
      const network = networkOf({ head })
      const weights = Float32Array.from({ length: FINE_BINS.count }, (_, q) => 0.5 + (q % 3) / 2)
      const rarity = { bins: FINE_BINS, weights }
      const graph = trainingGraph(network, size, { inspect: true, rarity })
      const values = randomValues(network)
      const { length } = network.layout.parameters
      for (const name of ['adam.m', 'adam.v']) values.set(name, new Float64Array(length))
      values.set('adam.hyper', Float64Array.of(0, 0, 0, 0))
      const compute = (parameters: Float64Array) => {
        const computed = runReference(graph, new Map(values).set('parameters', parameters))
        return (name: string) => computed.get(graph.outputs.get(name)!)!
      }
      const parameters = values.get('parameters')!
      const gradients = compute(parameters)('gradients')
      for (const { name, offset, shape } of network.layout.parameters.tensors) {
        const at = offset + Math.floor((product(shape) - 1) * 0.7)
        const loss = (step: number) => compute(parameters.with(at, parameters[at]! + step))('loss')[0]!
        const difference = (loss(1e-6) - loss(-1e-6)) / 2e-6
        expect(Math.abs(gradients[at]! - difference), name).toBeLessThan(
          1e-5 * Math.max(1, Math.abs(difference)),
        )
      }
    }
  })
})

describe('taps that are smaller than the picture says', () => {
  /** Taps as inputs of the graph, each cell the number of its row and column. */
  const short: Trunk = {
    ...{ ...trunkName, channels: [4, 4, 4, 4], ranges: [null, null, null, null] },
    layers: [],
    build: (graph, gray) =>
      TAP_STRIDES.map((stride, i) => {
        const [batch, height, width] = graph.shape(gray) as [number, number, number, number]
        const lost = [4, 3, 2, 2][i]!
        return graph.input(`tap${i}`, [batch, height / stride - lost, width / stride - lost, 4])
      }),
  }

  it('keep their place in the middle, and their border is repeated', () => {
    const graph = new Graph()
    pyramidNetwork(architecture, short).build(graph, { batch: 1, height: 160, width: 192 }, 'train')
    const resized = graph.nodes.filter(({ op }) => op === 'resize')
    expect(resized.map(({ outputs }) => graph.shape(outputs[0]!))).toEqual([
      [1, 40, 48, 4],
      [1, 20, 24, 4],
      [1, 10, 12, 4],
      [1, 5, 6, 4],
    ])
    for (const { outputs } of resized) graph.output(`out${outputs[0]}`, outputs[0]!)
    const values = new Map<string, Float64Array>()
    for (const tensor of graph.tensors()) {
      const origin = graph.origin(tensor)
      const count = elems(graph.spec(tensor))
      if (origin.kind === 'variable') values.set(origin.name, new Float64Array(count))
      if (origin.kind === 'input') values.set(origin.name, rowNumbers(graph, tensor))
    }
    const computed = runReference(graph, values)
    const rows = (index: number) => {
      const tensor = resized[index]!.outputs[0]!
      const [, h, w] = graph.shape(tensor) as [number, number, number, number]
      return Array.from({ length: h }, (_, y) => computed.get(tensor)![y * w * 4])
    }
    // 36 rows for 40: two more on either side; 17 for 20: one and a half
    expect(rows(0)).toEqual([0, 0, ...Array.from({ length: 36 }, (_, i) => i), 35, 35])
    expect(rows(1)).toEqual([0, 0, ...Array.from({ length: 16 }, (_, i) => i + 0.5), 16, 16])
    expect(rows(3)).toEqual([0, 0, 1, 2, 2])
  })

  const rowNumbers = (graph: Graph, tensor: Tensor) => {
    const [, , w, c] = graph.shape(tensor) as [number, number, number, number]
    return Float64Array.from({ length: elems(graph.spec(tensor)) }, (_, i) => Math.floor(i / (w * c)))
  }
})

describe('networks on trunks', () => {
  const kind = () =>
    pyramidOn(async (name) => {
      if (name.sha256 !== SHA256) throw missingTrunk(name)
      return trunk
    })
  const file = (read: unknown) => ({ shapeOf: () => undefined, architecture: read, settings: {} })

  it('are read by their architecture, with what is usual where it is silent', async () => {
    expect((await kind().read(file(architecture))).architecture).toEqual(architecture)
    const { architecture: whole } = await kind().read(file({ trunk: trunkName }))
    expect(whole).toEqual({ trunk: trunkName, classes: 1000, width: 1, head: 'bins', hints: false })
  })

  it('are refused without their trunk, and as others', async () => {
    await expect(kind().create(kind().sizes.lite)).rejects.toThrow(
      'this network looks through the classifier mobilenet-v1 (sha256 aebafe13…), which is not here: bring its file',
    )
    expect(() => kind().read(file({ classes: 3 }))).toThrow(
      /^its architecture is none of the network pyramid: /,
    )
    expect(() => kind().read(file({ trunk: { name: 'small', sha256: 'short' } }))).toThrow(
      'expected a checksum of 64 hexadecimal digits',
    )
  })

  it('usually have a trunk that the package brings', () => {
    const bytes = readFileSync('weights/mobilenet_v1.onnx')
    const trunk = { name: 'mobilenet-v1', sha256: createHash('sha256').update(bytes).digest('hex') }
    for (const size of Object.values(kind().sizes)) expect(size.trunk).toEqual(trunk)
  })
})

const mean = (values: Float32Array) => values.reduce((a, b) => a + b, 0) / values.length
