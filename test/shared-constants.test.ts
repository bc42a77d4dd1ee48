/** Weights that do not change: on the GPU once, and computed once. */
import { describe, expect, it } from 'vitest'
import { compile } from '../src/graph/compile.ts'
import { Derivations } from '../src/graph/derivations.ts'
import { Executor, Variables } from '../src/graph/execute.ts'
import { Graph } from '../src/graph/graph.ts'
import { rewriteForInference } from '../src/graph/rewrite.ts'
import { conv2dDefaults } from '../src/kernels/conv/conv2d.ts'
import { useGpu } from './device.ts'
import { smallTrunk } from './trunk-models.ts'

const gpu = useGpu()

/** y = x + constant, of rows. */
async function addition(constant: Float32Array, rows: number): Promise<Executor> {
  const graph = new Graph()
  const operands = [graph.input('x', [rows, constant.length]), graph.constant(constant, [1, constant.length])]
  graph.output('y', graph.op('binary', operands, { kind: 'add' }))
  return Executor.create(gpu(), compile(graph, 2 ** 27), new Variables(gpu()))
}

const valuesOf = (graph: Graph) =>
  [...graph.tensors()].flatMap((tensor) => {
    const origin = graph.origin(tensor)
    return origin.kind === 'constant' ? [origin.data] : []
  })

describe('a large constant', () => {
  const weights = Float32Array.from({ length: 5000 }, (_, i) => i)
  const run = async (executor: Executor, rows: number) => {
    executor.upload('x', new Float32Array(rows * weights.length).fill(0.5))
    const [y] = await executor.run(['y'])
    return y!.every((value, i) => value === weights[i % weights.length]! + 0.5)
  }

  it('takes up memory once in several plans, as long as one of them is there', async () => {
    const { pool } = gpu()
    const bytesOf = (executor: Executor) => executor.plan.slotBytes.reduce((a, b) => a + b)
    const first = await addition(weights, 1)
    expect(bytesOf(first)).toBe(2 * 4 * weights.length) // x and y
    const created = pool.created
    const second = await addition(weights, 2)
    expect(pool.created).toBe(created + second.plan.slotBytes.length + 1) // and the parameters
    expect(await run(second, 2)).toBe(true)
    first.destroy()
    pool.trim()
    expect(await run(second, 2)).toBe(true)
    second.destroy()
    pool.trim()
    const left = pool.created
    const third = await addition(weights, 1)
    expect(pool.created).toBe(left + third.plan.slotBytes.length + 2)
    expect(await run(third, 1)).toBe(true)
    third.destroy()
  })

  it('is another one as float16, and as another part of the same memory', () => {
    const { constants, pool } = gpu()
    const parts = [weights.subarray(0, 1000), weights.subarray(1000, 2000), weights.subarray(0, 1000)]
    const whole = { bytes: 4000, half: false }
    const buffers = parts.map((part) => constants.take(part, whole))
    const half = constants.take(parts[0]!, { bytes: 2000, half: true })
    expect(buffers[2]).toBe(buffers[0])
    expect(new Set([...buffers, half]).size).toBe(3)
    for (const part of parts) constants.give(part, whole)
    constants.give(parts[0]!, { bytes: 2000, half: true })
    const before = pool.created
    pool.trim()
    expect(pool.created).toBeLessThanOrEqual(before - 3)
  })

  it('lies in the plan where the plan overwrites it', () => {
    const graph = new Graph()
    const start = graph.constant(weights, [weights.length])
    const towards = graph.input('x', [weights.length])
    graph.output('y', graph.op('lerp', [start, towards, graph.input('rate', [1])], {}))
    const [constant] = compile(graph, 2 ** 27).constants
    expect(constant!.place.buffer).toHaveProperty('slot')
  })
})

describe('what is computed of weights', () => {
  it('is computed once for all sizes of pictures that a trunk is built for', async () => {
    const trunk = await smallTrunk()
    const [small, large] = [64, 96].map((side) => {
      const graph = new Graph()
      trunk.build(graph, graph.input('gray', [1, side, 64, 1]))
      return valuesOf(graph)
    })
    expect(small!.length).toBe(5)
    for (const [i, values] of small!.entries()) expect(large![i]).toBe(values)
  })

  it('is computed again where anything is another', () => {
    const weight = Float32Array.from({ length: 9 * 4 }, (_, i) => i)
    const gamma = Float32Array.of(1, 2, 3, 4)
    const rewritten = (scale: Float32Array, epsilon: number, derivations: Derivations) => {
      const graph = new Graph()
      const operands = [graph.input('x', [1, 4, 4, 1]), graph.constant(weight, [3, 3, 1, 4])]
      const y = graph.op('conv2d', operands, conv2dDefaults)
      const rest = [gamma, gamma, gamma].map((data) => graph.constant(data, [4]))
      graph.output('y', graph.op('batchNorm', [y, graph.constant(scale, [4]), ...rest], { epsilon }))
      const values = valuesOf(rewriteForInference(graph, undefined, derivations))
      return values.find((data) => data.length === weight.length && data !== weight)!
    }
    const shared = new Derivations()
    const first = rewritten(gamma, 1e-3, shared)
    expect(first[4]).toBeCloseTo(4 / Math.sqrt(1 + 1e-3))
    expect(rewritten(gamma, 1e-3, shared)).toBe(first)
    expect(rewritten(gamma, 1e-3, new Derivations())).not.toBe(first)
    expect(rewritten(gamma, 0.5, shared)[4]).toBeCloseTo(4 / Math.sqrt(1.5))
    expect(rewritten(Float32Array.of(2, 2, 2, 2), 1e-3, shared)[4]).toBeCloseTo(8 / Math.sqrt(1 + 1e-3))
  })
})
