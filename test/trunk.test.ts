import { describe, expect, it } from 'vitest'
import { Graph } from '../src/graph/graph.ts'
import { runReference } from '../src/graph/reference.ts'
import { importOnnx } from '../src/io/onnx/import.ts'
import { findTaps } from '../src/io/onnx/taps.ts'
import { trunkOf } from '../src/io/onnx/trunk.ts'
import type { Tensor } from '../src/kernels/op.ts'
import { readModel } from '../src/node/onnx-file.ts'
import { draw, float64, seeded } from './harness.ts'
import { CHANNELS, chain, modelOf, SHA256, Sketch, smallTrunk } from './trunk-models.ts'

/** Which node, by operator and tensor, gives each tap. */
const tapsOf = async (...of: Parameters<typeof modelOf>) => {
  const model = await modelOf(...of)
  return findTaps(model).map((tap) => model.nodes.find(({ outputs }) => outputs[0] === tap)!.name)
}

/** Blocks of branches without padding, as in Inception V3; the channels of each block are 4 + 4 + 4. */
function branches(): Sketch {
  const sketch = new Sketch()
  let x = sketch.layer('x', [3, 4], 2, { pads: 0 })
  let channels = 4
  const pool = (from: string) => sketch.op('MaxPool', [from], { kernel_shape: [3, 3], strides: [2, 2] })
  for (let halving = 0; halving < 4; halving++) {
    const deep = sketch.layer(sketch.layer(x, [channels, 4]), [4, 4], 2, { pads: 0 })
    const flat = sketch.layer(x, [channels, 4], 2, { pads: 0 })
    const pooled = pool(sketch.layer(x, [channels, 4]))
    const block = sketch.op('Concat', [deep, flat, pooled], { axis: 1 })
    const side = sketch.layer(block, [12, 4])
    x = sketch.op('Concat', [sketch.layer(block, [12, 8]), side], { axis: 1 })
    channels = 12
  }
  return sketch
}

describe('taps', () => {
  it('of MobileNet v1 are its last activations before each halving', async () => {
    const model = await readModel('weights/mobilenet_v1.onnx')
    const trunk = trunkOf({ name: 'mobilenet-v1', sha256: SHA256, model })
    expect(trunk.channels).toEqual([128, 256, 512, 1024])
    expect(trunk.ranges).toEqual(Array(4).fill({ low: 0, high: 6 }))
    expect((await smallTrunk()).ranges).toEqual([null, null, null, null])
    const graph = new Graph()
    const taps = trunk.build(graph, graph.input('gray', [2, 64, 96, 1]))
    expect(taps.map((tap) => graph.shape(tap))).toEqual([
      [2, 16, 24, 128],
      [2, 8, 12, 256],
      [2, 4, 6, 512],
      [2, 2, 3, 1024],
    ])
  })

  it('are concatenations where branches meet, not activations inside one; smaller without padding', async () => {
    const sketch = branches()
    const output = sketch.op('GlobalAveragePool', [`t${sketch.nodes.length - 1}`])
    const parts = sketch.parts(['N', 3, 'H', 'W'], output)
    expect(await tapsOf(parts)).toEqual(Array(4).fill(expect.stringMatching(/^Concat/)))
    const trunk = trunkOf({ name: 'branches', sha256: SHA256, model: await modelOf(parts) })
    expect(trunk.channels).toEqual([12, 12, 12, 12])
    const graph = new Graph()
    const taps = trunk.build(graph, graph.input('gray', [1, 160, 224, 1]))
    expect(taps.map((tap) => graph.shape(tap).slice(1, 3))).toEqual([
      [39, 55],
      [19, 27],
      [9, 13],
      [4, 6],
    ])
  })

  it('are the sums of residual blocks where an activation follows, whatever is inside a block', async () => {
    const sketch = new Sketch()
    let x = sketch.layer('x', [3, 4], 2)
    for (let halving = 0; halving < 4; halving++) {
      x = sketch.layer(x, [4, 4], 2)
      const inner = sketch.layer(sketch.layer(x, [4, 4]), [4, 4], 1, { activation: '' })
      x = sketch.op('Relu', [sketch.op('Add', [inner, x])])
    }
    const last = x
    const parts = sketch.parts([1, 3, 64, 64], sketch.op('ReduceMean', [x], { axes: [2, 3] }))
    const taps = await tapsOf(parts)
    expect(taps.at(-1)).toBe(`Relu of ${last}`)
    const adds = sketch.nodes.filter(({ opType }) => opType === 'Add').map(({ output }) => output![0])
    const sums = sketch.nodes.filter(({ opType, input }) => opType === 'Relu' && adds.includes(input![0]!))
    expect(taps).toEqual(sums.map(({ name }) => name))
  })

  it('are not looked for behind the pool of the whole picture, nor in outputs beside the first', async () => {
    const parts = chain()
    const early = parts.nodes[5]!.output![0]! // read once more at the end
    const beside = { ...parts, outputs: [...parts.outputs!, 'early'] }
    beside.nodes = [...parts.nodes, { ...parts.nodes[1]!, name: 'beside', input: [early], output: ['early'] }]
    const model = await modelOf(beside)
    expect(findTaps(model)).toEqual(findTaps(await modelOf(parts)))
    expect((await tapsOf(parts)).at(-1)).toBe(parts.nodes[9]!.name)
  })

  it('that are missing are told by their sizes', async () => {
    const sketch = new Sketch()
    const x = sketch.layer(sketch.layer(sketch.layer('x', [3, 4], 2), [4, 4], 2), [4, 4], 2)
    const model = await modelOf(sketch.parts([1, 3, 32, 32], x), 'shallow.onnx')
    expect(() => trunkOf({ name: 'shallow', sha256: SHA256, model })).toThrow(
      'shallow.onnx has no layers that a colouriser could look through: it needs activations at 1⁄4, 1⁄8, 1⁄16 ' +
        "and 1⁄32 of the picture's size, and there are none at 1⁄16, 1⁄32",
    )
  })

  it('are none where no picture goes in', async () => {
    const sketch = new Sketch()
    const model = await modelOf(sketch.parts([1, 4, 32, 32], sketch.layer('x', [4, 4])), 'four.onnx')
    expect(() => trunkOf({ name: 'four', sha256: SHA256, model })).toThrow(
      'four.onnx takes no picture of 3 channels: its inputs are x [1×4×32×32]',
    )
  })
})

describe('a trunk', () => {
  const gray = float64(draw(64 * 64, 'normal', seeded('gray')))
  const tapsIn = (graph: Graph, taps: readonly Tensor[]) => {
    for (const [i, tap] of taps.entries()) graph.output(`tap${i}`, tap)
    const computed = runReference(graph, new Map([['gray', gray]]))
    return taps.map((tap) => computed.get(tap)!)
  }

  it('computes what the classifier does of a picture in three equal channels', async () => {
    const trunk = await smallTrunk()
    expect(trunk.channels).toEqual(CHANNELS)
    const graph = new Graph()
    const ours = tapsIn(graph, trunk.build(graph, graph.input('gray', [1, 64, 64, 1])))
    const model = await modelOf(chain())
    const whole = importOnnx({
      ...model,
      outputs: findTaps(model).map((name) => ({ ...model.outputs[0]!, name })),
    })
    const picture = Float64Array.from({ length: 3 * gray.length }, (_, i) => gray[Math.floor(i / 3)]!)
    const theirs = runReference(whole.graph, new Map([['x', picture]]))
    for (const [i, tap] of [...whole.graph.outputs.values()].entries()) expectSame(ours[i]!, theirs.get(tap)!)
  })

  it('is the same with the channels last in the model', async () => {
    const turned = chain()
    turned.nodes.unshift({
      ...chain().nodes[0]!,
      opType: 'Transpose',
      name: 'turn',
      input: ['x'],
      output: ['turned'],
    })
    turned.nodes[0]!.attribute = [{ name: 'perm', type: 7, ints: [0, 3, 1, 2] }]
    turned.nodes[1]!.input![0] = 'turned'
    const model = await modelOf({ ...turned, inputs: { x: [1, 64, 64, 3] } })
    const last = trunkOf({ name: 'turned', sha256: SHA256, model })
    const results = [last, await smallTrunk()].map((trunk) => {
      const graph = new Graph()
      return tapsIn(graph, trunk.build(graph, graph.input('gray', [1, 64, 64, 1])))
    })
    expect(results[0]).toEqual(results[1])
  })
})

/** But for the order of sums. */
function expectSame(got: Float64Array, want: Float64Array): void {
  expect(got.length).toBe(want.length)
  const largest = Math.max(...want)
  expect(largest).toBeGreaterThan(0)
  expect(Math.max(...got.map((value, i) => Math.abs(value - want[i]!)))).toBeLessThan(1e-12 * largest)
}
