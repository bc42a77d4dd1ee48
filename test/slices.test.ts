import { describe, expect, it } from 'vitest'
import { compile } from '../src/graph/compile.ts'
import { Executor, Variables } from '../src/graph/execute.ts'
import { Graph } from '../src/graph/graph.ts'
import { runReference } from '../src/graph/reference.ts'
import { conv2dDefaults } from '../src/kernels/conv/conv2d.ts'
import { elems, type Tensor } from '../src/kernels/op.ts'
import { useGpu } from './device.ts'
import { seeded } from './harness.ts'
import { compare } from './tolerance.ts'

const gpu = useGpu()
const random = seeded('slices')
const values = (length: number) => Float32Array.from({ length }, () => 2 * random() - 1)

class Branches {
  readonly graph = new Graph()
  readonly x = this.graph.input('x', [2, 5, 5, 4])

  conv(outputs: number, from = this.x): Tensor {
    const inputs = this.graph.shape(from)[3]!
    const weight = this.graph.constant(values(9 * inputs * outputs), [3, 3, inputs, outputs])
    return this.graph.op('conv2d', [from, weight], { ...conv2dDefaults, activation: 'relu' })
  }

  concat(...parts: Tensor[]): Tensor {
    return this.graph.op('concat', parts, { axis: 3 })
  }

  /** Shaders of the plan, after checking that it computes what the reference does. */
  async run(result: Tensor, checked = false): Promise<string[]> {
    this.graph.output('y', result)
    const plan = compile(this.graph, gpu().device.limits.maxStorageBufferBindingSize)
    const executor = await Executor.create(gpu(), plan, new Variables(gpu()))
    const x = values(elems(this.graph.spec(this.x)))
    executor.upload('x', x)
    const [got] = await (checked ? executor.runChecked(['y']) : executor.run(['y']))
    executor.destroy()
    const want = runReference(this.graph, new Map([['x', Float64Array.from(x)]])).get(result)!
    const { share, worst } = compare(got!, want, 9 * 16)
    expect(share, worst).toBeLessThan(1)
    return plan.steps.map(({ dispatch }) => dispatch.shader)
  }
}

describe('concatenation along the last axis', () => {
  it('costs no dispatch where convolutions write their slices', async () => {
    const b = new Branches()
    expect(await b.run(b.concat(b.conv(8), b.conv(4), b.conv(12)))).toEqual(Array(3).fill('conv2d_tiled'))
  })

  it('can be nested', async () => {
    const b = new Branches()
    const inner = b.concat(b.conv(4), b.conv(8))
    expect(await b.run(b.concat(b.conv(4), inner, b.conv(8)))).toEqual(Array(4).fill('conv2d_tiled'))
  })

  it('can be read by a convolution that writes into another', async () => {
    const b = new Branches()
    const first = b.concat(b.conv(4), b.conv(8))
    expect(await b.run(b.concat(b.conv(8, first), b.conv(4)))).toEqual(Array(4).fill('conv2d_tiled'))
  })

  it('copies what no convolution computed, also inside another', async () => {
    const b = new Branches()
    const inner = b.concat(b.graph.op('tanh', [b.x], {}), b.conv(8))
    const shaders = await b.run(b.concat(b.conv(4), inner))
    expect(shaders.filter((shader) => shader === 'concat')).toHaveLength(1)
    expect(shaders.filter((shader) => shader === 'conv2d_tiled')).toHaveLength(2)
  })

  it('copies what somebody else reads, and what it holds twice', async () => {
    const b = new Branches()
    const shared = b.conv(8)
    b.graph.output('shared', shared)
    expect((await b.run(b.concat(shared, b.conv(4)))).filter((s) => s === 'concat')).toHaveLength(1)
    const twice = new Branches()
    const part = twice.conv(8)
    expect((await twice.run(twice.concat(part, part))).filter((s) => s === 'concat')).toHaveLength(2)
  })

  it('copies tiled convolutions into slices that are not aligned, and lets untiled ones write', async () => {
    const b = new Branches()
    const shaders = await b.run(b.concat(b.conv(3), b.conv(8)))
    // the thin one's weights are put in order before the first run
    expect(shaders.sort()).toEqual(['concat', 'conv2d_tiled', 'conv2d_tiled', 'thin_sum'])
  })

  it('can be looked at piece by piece', async () => {
    const b = new Branches()
    await b.run(b.concat(b.conv(8), b.conv(4)), true)
  })
})
