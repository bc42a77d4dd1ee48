import { describe, expect, it } from 'vitest'
import { liveNodes } from '../src/graph/compile.ts'
import { Graph } from '../src/graph/graph.ts'
import { runReference } from '../src/graph/reference.ts'
import { rewriteForInference } from '../src/graph/rewrite.ts'
import { conv2dDefaults } from '../src/kernels/conv/conv2d.ts'
import { elems, type Tensor } from '../src/kernels/op.ts'
import { seeded } from './harness.ts'

const random = seeded('rewrite')
const values = (length: number, from = -1) =>
  Float32Array.from({ length }, () => from + (1 - from) * random())

/** A graph with a convolution of constant weight, [2,6,6,3] → [2,6,6,5], and what `build` puts behind it. */
function behindConv(
  build: (graph: Graph, y: Tensor, perChannel: (from?: number) => Tensor) => Tensor,
): Graph {
  const graph = new Graph()
  const x = graph.input('x', [2, 6, 6, 3])
  const operands = [x, graph.constant(values(135), [3, 3, 3, 5]), graph.constant(values(5), [5])]
  const y = graph.scope('layer', () => graph.op('conv2d', operands, conv2dDefaults))
  const perChannel = (from = -1) => graph.constant(values(5, from), [5])
  graph.output('y', build(graph, y, perChannel))
  return graph
}

const opsOf = (graph: Graph) => liveNodes(graph).map((node) => node.op)

/** The rewritten graph's operators, after checking that it computes the same. */
function expectSame(graph: Graph): string[] {
  const rewritten = rewriteForInference(graph)
  const inputs = new Map(
    [...graph.tensors()].flatMap((t) => {
      const origin = graph.origin(t)
      return origin.kind === 'input'
        ? [[origin.name, Float64Array.from(values(elems(graph.spec(t))))] as const]
        : []
    }),
  )
  for (const [name, tensor] of graph.outputs) {
    const want = runReference(graph, new Map(inputs)).get(tensor)!
    const got = runReference(rewritten, new Map(inputs)).get(rewritten.outputs.get(name)!)!
    const largest = Math.max(...want.map(Math.abs))
    expect(largest).toBeGreaterThan(0.1)
    expect(rewritten.shape(rewritten.outputs.get(name)!)).toEqual(graph.shape(tensor))
    // folded constants are rounded to float32
    expect(Math.max(...want.map((v, i) => Math.abs(v - got[i]!)))).toBeLessThan(1e-6 * largest)
  }
  return opsOf(rewritten)
}

describe('rewrites for inference', () => {
  it('put a batch norm into the convolution before it', () => {
    const graph = behindConv((g, y, c) => g.op('batchNorm', [y, c(), c(), c(), c(0.1)], { epsilon: 1e-3 }))
    expect(expectSame(graph)).toEqual(['conv2d'])
  })

  it('put a ReLU into the convolution, also behind a batch norm', () => {
    expect(expectSame(behindConv((g, y) => g.op('relu', [y], {})))).toEqual(['conv2d'])
    const graph = behindConv((g, y, c) =>
      g.op('relu', [g.op('batchNorm', [y, c(), c(), c(), c(0.1)], { epsilon: 1e-3 })], {}),
    )
    expect(expectSame(graph)).toEqual(['conv2d'])
  })

  it.each(['add', 'sub', 'mul', 'div'] as const)(
    'put %s with a constant per channel into the convolution',
    (kind) => {
      const graph = behindConv((g, y, c) => g.op('binary', [y, c(0.5)], { kind }))
      expect(expectSame(graph)).toEqual(['conv2d'])
    },
  )

  it('put a constant factor into the convolution', () => {
    expect(expectSame(behindConv((g, y) => g.op('scale', [y], { factor: 0.17 })))).toEqual(['conv2d'])
    const scalar = (g: Graph) => g.constant(new Float32Array([0.17]), [1])
    expect(expectSame(behindConv((g, y) => g.op('binary', [scalar(g), y], { kind: 'mul' })))).toEqual([
      'conv2d',
    ])
  })

  it('put a clip or a leaky ReLU into the convolution', () => {
    const clip = (min: number, max: number) => behindConv((g, y) => g.op('clip', [y], { min, max }))
    expect(expectSame(clip(0, 1))).toEqual(['conv2d'])
    expect(expectSame(clip(-0.5, Number.POSITIVE_INFINITY))).toEqual(['conv2d'])
    expect(expectSame(behindConv((g, y) => g.op('leakyRelu', [y], { alpha: 0.2 })))).toEqual(['conv2d'])
  })

  it("put Inception-ResNet's relu(x + scale · conv) into the convolution, either way round", () => {
    for (const order of [(a: Tensor, b: Tensor) => [a, b], (a: Tensor, b: Tensor) => [b, a]]) {
      const graph = behindConv((g, y) => {
        const scaled = g.op('scale', [y], { factor: 0.17 })
        const sum = g.op('binary', order(g.input('z', [2, 6, 6, 5]), scaled), { kind: 'add' })
        return g.op('relu', [sum], {})
      })
      expect(expectSame(graph)).toEqual(['conv2d'])
    }
  })

  it('add one convolution to another as its residual', () => {
    const graph = behindConv((g, y) => {
      const weight = g.constant(values(15), [1, 1, 3, 5])
      const other = g.op('conv2d', [g.input('z', [2, 6, 6, 3]), weight], conv2dDefaults)
      return g.op('binary', [y, other], { kind: 'add' })
    })
    expect(expectSame(graph)).toEqual(['conv2d', 'conv2d'])
  })

  it('leave sums that broadcast', () => {
    const graph = behindConv((g, y) => g.op('binary', [y, g.input('z', [2, 1, 1, 5])], { kind: 'add' }))
    expect(expectSame(graph)).toEqual(['conv2d', 'binary'])
  })

  it('do not divide by the convolution, nor subtract it the wrong way round', () => {
    for (const kind of ['sub', 'div'] as const) {
      const graph = behindConv((g, y, c) =>
        g.op('binary', [c(), g.op('binary', [y, g.input('z', [5])], { kind: 'add' })], { kind }),
      )
      expect(expectSame(graph)).toEqual(['conv2d', 'binary', 'binary'])
      const direct = behindConv((g, y, c) => g.op('binary', [c(), y], { kind: 'sub' }))
      expect(expectSame(direct)).toEqual(['conv2d', 'binary'])
    }
  })

  it('leave a convolution that somebody else reads', () => {
    const graph = behindConv((g, y) => {
      g.output('raw', y)
      return g.op('relu', [y], {})
    })
    expect(expectSame(graph)).toEqual(['conv2d', 'relu'])
  })

  it('put nothing behind a ReLU into the convolution before it', () => {
    const graph = behindConv((g, y, c) => g.op('binary', [g.op('relu', [y], {}), c()], { kind: 'add' }))
    expect(expectSame(graph)).toEqual(['conv2d', 'binary'])
  })

  it('leave constants that vary over pixels', () => {
    const graph = behindConv((g, y) =>
      g.op('binary', [y, g.constant(values(6), [1, 1, 6, 1])], { kind: 'mul' }),
    )
    expect(expectSame(graph)).toEqual(['conv2d', 'binary'])
  })

  it('compute what depends on constants only, once', () => {
    const graph = new Graph()
    const sum = graph.op('binary', [graph.constant(values(4), [4]), graph.constant(values(1), [1])], {
      kind: 'add',
    })
    graph.output(
      'y',
      graph.op('binary', [graph.input('x', [3, 4]), graph.op('tanh', [sum], {})], { kind: 'mul' }),
    )
    expect(expectSame(graph)).toEqual(['binary'])
  })

  it('keep the names of layers, inputs and outputs', () => {
    const rewritten = rewriteForInference(behindConv((g, y) => g.scope('act', () => g.op('relu', [y], {}))))
    expect(liveNodes(rewritten).map((node) => node.label)).toEqual(['layer'])
    expect([...rewritten.outputs.keys()]).toEqual(['y'])
  })
})
