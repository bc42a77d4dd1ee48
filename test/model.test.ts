import { describe, expect, it } from 'vitest'
import { backward } from '../src/autograd/backward.ts'
import { Graph } from '../src/graph/graph.ts'
import { runReference } from '../src/graph/reference.ts'
import { conv2dDefaults } from '../src/kernels/conv/conv2d.ts'
import { elems } from '../src/kernels/op.ts'
import { initialStatistics, packArena, unpackArena } from '../src/model/arena.ts'
import { allLayers, architectureOf, layersOf, scaledChannels } from '../src/model/report/layers.ts'
import { initialParameters, layoutOf } from '../src/model/report/layout.ts'
import { buildColorizer } from '../src/model/report/network.ts'
import { seeded } from './harness.ts'

const architecture = { classes: 7, width: 0.05 }
const size = { batch: 2, height: 16, width: 24 }

describe('the network', () => {
  it('has the 6,575,074 parameters of the PyTorch reference at width 1 with 1000 classes', () => {
    const { parameters } = layoutOf({ classes: 1000, width: 1 })
    const count = parameters.tensors.reduce((sum, tensor) => sum + elems(tensor), 0)
    expect(count).toBe(6_575_074)
  })

  it('needs 7.22 GMAC forward at 224 × 224: not the class vector at every pixel, decoder.conv4 at the low resolution', () => {
    const graph = new Graph()
    buildColorizer(graph, { classes: 1000, width: 1 }, { batch: 1, height: 224, width: 224 }, 'infer')
    const products = graph.nodes
      .filter((node) => node.op === 'conv2d')
      .map((node) => {
        const [R, S, C] = graph.shape(node.inputs[1]!)
        return elems(graph.spec(node.outputs[0]!)) * R! * S! * C!
      })
    expect(products.reduce((a, b) => a + b, 0) / 1e9).toBeCloseTo(7.224, 3)
  })

  it('paints a* and b* for every pixel, at any size that is a multiple of 8', () => {
    for (const [height, width] of [
      [8, 8],
      [16, 40],
      [224, 304],
    ] as const) {
      const graph = new Graph()
      const { ab } = buildColorizer(graph, architecture, { batch: 3, height, width }, 'infer')
      expect(graph.shape(ab)).toEqual([3, height, width, 2])
    }
  })

  it('starts from the grey picture', () => {
    const values = randomValues(initial())
    const graph = new Graph()
    const { ab } = buildColorizer(graph, architecture, size, 'train')
    graph.output('ab', ab)
    expect(Math.max(...runReference(graph, values).get(ab)!.map(Math.abs))).toBe(0)
  })

  it('sees the squares of the class probabilities where its weights were trained so', () => {
    const values = randomValues(initial())
    const paint = (squaredClasses: boolean, features: Float64Array) => {
      const graph = new Graph()
      const { ab } = buildColorizer(graph, { ...architecture, squaredClasses }, size, 'train')
      graph.output('ab', ab)
      return runReference(graph, new Map([...values, ['features', features]])).get(ab)!
    }
    const last = layoutOf(architecture).parameters.tensors.find(
      ({ name }) => name === 'decoder.conv5.weight',
    )!
    values.get('parameters')!.fill(0.1, last.offset, last.offset + elems(last)) // it would paint grey
    const features = values.get('features')!
    const squares = features.map((p) => p * p)
    expect(paint(true, features)).toEqual(paint(false, squares))
    expect(paint(true, features)).not.toEqual(paint(false, features))
  })

  it('fuses as the plain layer does: relu(conv(tileConcat(x, v))), forward and gradients', () => {
    const random = seeded('fusion')
    const split = new Graph()
    const network = buildColorizer(split, architecture, size, 'train')
    const fused = split.nodes.findLast((node) => node.label === 'fusion.conv')!
    const [x, weight] = [
      split.nodes.find((node) => node.label === 'fusion.conv' && node.op === 'conv2d')!.inputs[0]!,
      network.parameters.get('fusion.conv.weight')!,
    ]
    const bias = network.parameters.get('fusion.conv.bias')!
    const features = [...split.tensors()].find((t) => {
      const origin = split.origin(t)
      return origin.kind === 'input' && origin.name === 'features'
    })!
    const plain = split.op('conv2d', [split.op('tileConcat', [x, features], {}), weight, bias], {
      ...conv2dDefaults,
      activation: 'relu',
    })
    const target = split.input('target', split.shape(plain))
    const lossOf = (y: typeof plain) => split.op('mse', [y, target], {})
    const wrt = [x, weight, bias]
    const [ours, theirs] = [
      backward(split, lossOf(fused.outputs[0]!), wrt),
      backward(split, lossOf(plain), wrt),
    ]
    for (const [i, t] of [...ours, ...theirs, plain, fused.outputs[0]!].entries()) split.output(`out${i}`, t)

    const values = randomValues(initial())
    values.set('target', Float64Array.from({ length: elems(split.spec(plain)) }, random))
    const computed = runReference(split, values)
    expectClose(computed.get(fused.outputs[0]!)!, computed.get(plain)!)
    for (const [i, grad] of ours.entries()) expectClose(computed.get(grad)!, computed.get(theirs[i]!)!)
  })
})

describe('architectures', () => {
  it('are recognised by their shapes', () => {
    for (const width of [0.03, 0.1, 0.125, 0.25, 0.3, 0.5, 1]) {
      for (const classes of [1, 10, 1000]) {
        const layout = layoutOf({ classes, width })
        const shapes = new Map(layout.parameters.tensors.map(({ name, fileShape }) => [name, fileShape]))
        const found = architectureOf((name) => shapes.get(name))!
        expect(found.classes).toBe(classes)
        expect(allLayers(layersOf(found))).toEqual(allLayers(layersOf({ classes, width })))
      }
    }
  })

  it('are not made up from layers of different widths', () => {
    const shapes = new Map(
      layoutOf({ classes: 3, width: 0.5 }).parameters.tensors.map((t) => [t.name, [...t.fileShape]]),
    )
    shapes.get('encoder.conv6.weight')![0] = 300
    expect(architectureOf((name) => shapes.get(name))).toBeNull()
  })

  it('round channel counts half to even, as the PyTorch reference does', () => {
    expect([0.5, 1.5, 2.5, 3.5, 0.2].map((n) => scaledChannels(10 * n, 0.1))).toEqual([1, 2, 2, 4, 1])
  })
})

describe('arenas', () => {
  it('come back from files bit for bit', () => {
    const { parameters } = layoutOf(architecture)
    const random = seeded('arena')
    const flat = initialParameters(architecture, random)
    expect(packArena(parameters, unpackArena(parameters, flat))).toEqual(flat)
  })

  it('begin with zeros where the fusion layer meets the class vector, and at the last layer', () => {
    const weights = unpackArena(
      layoutOf(architecture).parameters,
      initialParameters(architecture, () => 0.75),
    )
    const { shape, data } = weights.get('fusion.conv.weight')!
    const images = shape[1]! - architecture.classes
    data.forEach((value, i) => {
      if (i % shape[1]! < images) expect(value).toBeGreaterThan(0)
      else expect(value).toBe(0)
    })
    expect(new Set(weights.get('decoder.conv5.weight')!.data)).toEqual(new Set([0]))
  })

  it('hold convolutions as [K,C,R,S] in files and [R,S,C,K] in memory', () => {
    const { parameters } = layoutOf(architecture)
    const flat = Float32Array.from({ length: parameters.length }, (_, i) => i)
    const tensor = parameters.tensors.find(({ name }) => name === 'encoder.conv2.weight')!
    const [, S, C, K] = tensor.shape as [number, number, number, number]
    const file = unpackArena(parameters, flat).get(tensor.name)!
    expect(file.shape).toEqual([K, C, 3, 3])
    const at = ([k, c, r, s]: readonly [number, number, number, number]) =>
      file.data[((k * C + c) * 3 + r) * 3 + s]
    const [r, s, c, k] = [2, 1, C - 1, K - 2] as const
    expect(at([k, c, r, s])).toBe(tensor.offset + ((r * S + s) * C + c) * K + k)
  })
})

function initial() {
  const layout = layoutOf(architecture)
  const random = seeded('weights')
  const parameters = initialParameters(architecture, random)
  const fusion = layout.parameters.tensors.find(({ name }) => name === 'fusion.conv.weight')!
  for (let i = 0; i < elems(fusion); i++) parameters[fusion.offset + i] ||= random() - 0.5 // the class vector's rows are zero
  return { parameters, statistics: initialStatistics(layout.statistics) }
}

function randomValues({ parameters, statistics }: ReturnType<typeof initial>): Map<string, Float64Array> {
  const random = seeded('inputs')
  const { batch, height, width } = size
  return new Map([
    ['parameters', Float64Array.from(parameters)],
    ['statistics', Float64Array.from(statistics)],
    ['L', Float64Array.from({ length: batch * height * width }, () => random() * 2 - 1)],
    ['features', Float64Array.from({ length: batch * architecture.classes }, random)],
  ])
}

function expectClose(got: Float64Array, want: Float64Array): void {
  expect(got.length).toBe(want.length)
  const largest = Math.max(...want.map(Math.abs))
  expect(largest).toBeGreaterThan(0)
  const errors = got.map((value, i) => Math.abs(value - want[i]!))
  expect(Math.max(...errors)).toBeLessThan(1e-12 * largest)
}
