import { afterEach, describe, expect, it } from 'vitest'
import { GpuError } from '../src/device/gpu.ts'
import { compile, type Plan } from '../src/graph/compile.ts'
import { Executor, Variables } from '../src/graph/execute.ts'
import { Graph, GraphError } from '../src/graph/graph.ts'
import { conv2dDefaults } from '../src/kernels/conv/conv2d.ts'
import type { PackAttrs } from '../src/kernels/movement/pack.ts'
import { elems, type Tensor } from '../src/kernels/op.ts'
import { openGpu } from '../src/node/dawn.ts'
import { useGpu } from './device.ts'
import { float64, outputSpecs, rowsOf } from './harness.ts'

const gpu = useGpu()
const executors: Executor[] = []

afterEach(() => {
  for (const executor of executors.splice(0)) executor.destroy()
})

async function prepare(graph: Graph, variables = new Variables(gpu())): Promise<Executor> {
  const executor = await Executor.create(gpu(), compile(graph, 2 ** 27), variables)
  executors.push(executor)
  return executor
}

const f32 = (...values: number[]) => new Float32Array(values)

describe('a plan', () => {
  it('takes inputs, constants and variables, and gives the outputs asked for in that order', async () => {
    const graph = new Graph()
    const x = graph.input('x', [5])
    const sum = graph.op('binary', [x, graph.constant(f32(1, 2, 3, 4, 5), [5])], { kind: 'add' })
    graph.output('sum', sum)
    graph.output('more', graph.op('binary', [sum, graph.variable('v', [5])], { kind: 'add' }))
    const variables = new Variables(gpu())
    variables.set('v', f32(100, 100, 100, 100, 100))
    const executor = await prepare(graph, variables)
    executor.upload('x', f32(10, 20, 30, 40, 50))
    expect(await executor.run(['more', 'sum'])).toEqual([
      f32(111, 122, 133, 144, 155),
      f32(11, 22, 33, 44, 55),
    ])
    // constants are still there after a run, and a new input does not need a new plan
    executor.upload('x', f32(0, 0, 0, 0, 0))
    expect(await executor.run(['sum'])).toEqual([f32(1, 2, 3, 4, 5)])
  })

  it('updates variables in place, seen by the next run, by other plans and by get', async () => {
    const update = new Graph()
    update.op(
      'lerp',
      [update.variable('state', [4]), update.input('seen', [4]), update.constant(Float32Array.of(0.5), [1])],
      {},
    )
    const look = new Graph()
    look.output('y', look.op('scale', [look.variable('state', [4])], { factor: 10 }))
    const variables = new Variables(gpu())
    variables.set('state', f32(0, 0, 0, 0))
    const [updating, looking] = [await prepare(update, variables), await prepare(look, variables)]
    updating.upload('seen', f32(8, 8, 8, 8))
    await updating.run()
    expect(await looking.run(['y'])).toEqual([f32(40, 40, 40, 40)])
    updating.upload('seen', f32(8, 8, 8, 8))
    await updating.run()
    expect(await variables.get('state')).toEqual(f32(6, 6, 6, 6))
    variables.set('state', f32(1, 2, 3, 4))
    expect(await looking.run(['y'])).toEqual([f32(10, 20, 30, 40)])
  })

  it.each<[string, (graph: Graph, x: Tensor, w: Tensor) => Tensor]>([
    ['winograd_weight', (graph, x, w) => graph.op('conv2d', [x, w], conv2dDefaults)],
    [
      'phase_weight',
      (graph, x, w) => {
        const phases = graph.op('phaseWeight', [w], {})
        const z = graph.op('conv2d', [x, phases], { ...conv2dDefaults, padding: [1, 1, 1, 1] })
        return graph.op('interleave', [z], { activation: 'none' })
      },
    ],
  ])(
    'transforms weights once, and anew when they were set or another plan has changed them: %s',
    async (shader, convolve) => {
      const shape = [3, 3, 64, 64]
      const graph = new Graph()
      const x = graph.input('x', [1, 12, 12, 64])
      graph.output('y', convolve(graph, x, graph.variable('w', shape)))
      const doubling = new Graph()
      const twice = doubling.op('scale', [doubling.variable('w', shape)], { factor: 2 })
      doubling.op('lerp', [doubling.variable('w', shape), twice, doubling.constant(f32(1), [1])], {})
      const variables = new Variables(gpu())
      const ones = new Float32Array(9 * 64 * 64).fill(1)
      variables.set('w', ones)
      const [executor, other] = [await prepare(graph, variables), await prepare(doubling, variables)]
      expect(executor.plan.preparation.map(({ dispatch }) => dispatch.shader)).toEqual([shader])
      expect(executor.plan.steps.map(({ dispatch }) => dispatch.shader)).not.toContain(shader)
      const inTheMiddle = async (run: 'run' | 'runChecked' = 'run') => {
        executor.upload('x', new Float32Array(12 * 12 * 64).fill(1))
        const [y] = await executor[run](['y'])
        return Math.round(y![(4 * 12 + 4) * 64]!)
      }
      expect([await inTheMiddle(), await inTheMiddle()]).toEqual([576, 576])
      await other.run()
      expect([await inTheMiddle(), await inTheMiddle('runChecked')]).toEqual([1152, 1152])
      variables.set('w', ones)
      expect([await inTheMiddle('runChecked'), await inTheMiddle()]).toEqual([576, 576])
    },
  )

  it('lets a second run start before the first is read, and each reads its own values', async () => {
    const graph = new Graph()
    graph.output('y', graph.op('scale', [graph.input('x', [3])], { factor: 2 }))
    const executor = await prepare(graph)
    const runs = [1, 2, 3].map((value) => {
      executor.upload('x', f32(value, value, value))
      return executor.run(['y'])
    })
    expect(await Promise.all(runs)).toEqual([1, 2, 3].map((v) => [f32(2 * v, 2 * v, 2 * v)]))
  })

  it.each([...rowsOf('view'), ...rowsOf('pack')])(
    'shares memory without a kernel: $op.name $title',
    async (row) => {
      const graph = new Graph()
      const operands = row.specs.map(({ shape }, i) =>
        graph.op('scale', [graph.input(`x${i}`, shape)], { factor: 1 }),
      )
      const shared = graph.op(row.name, operands, row.attrs as never)
      graph.output('y', graph.op('scale', [shared], { factor: 3 }))
      const executor = await prepare(graph)
      for (const [i, data] of row.inputs.entries()) executor.upload(`x${i}`, data)
      const [y] = await executor.run(['y'])
      const [want] = row.op.reference(row.inputs.map(float64), row.specs, row.attrs)
      expect(y!.length).toBe(elems(outputSpecs(row)[0]!))
      // between the parts of a pack anything may lie
      const starts = row.name === 'pack' ? (row.attrs as PackAttrs).offsets : [0]
      for (const [i, start] of starts.entries()) {
        const size = row.name === 'pack' ? row.inputs[i]!.length : want!.length
        const expected = Float32Array.from(want!.subarray(start, start + size), (v) => 3 * v)
        expect(y!.slice(start, start + size)).toEqual(expected)
      }
    },
  )

  it('gives its memory back when it cannot be prepared', async () => {
    const graph = new Graph()
    const v = graph.variable('v', [1003])
    graph.output('y', graph.op('scale', [graph.op('relu', [v], {})], { factor: 2 }))
    gpu().pool.trim()
    const before = gpu().pool.created
    await expect(prepare(graph)).rejects.toThrow('variable v has no value yet')
    gpu().pool.trim()
    expect(gpu().pool.created).toBe(before)
  })

  it('wants every input anew for each run: others may lie in its memory by then', async () => {
    const graph = new Graph()
    graph.output('y', graph.op('relu', [graph.input('x', [2])], {}))
    const executor = await prepare(graph)
    expect(() => executor.run(['y'])).toThrow('the input x was not uploaded for this run')
    executor.upload('x', f32(1, 2))
    await executor.run(['y'])
    expect(() => executor.run(['y'])).toThrow('the input x was not uploaded for this run')
    await expect(executor.runChecked(['y'])).rejects.toThrow('the input x was not uploaded')
  })

  it('refuses unknown names and wrong lengths', async () => {
    const graph = new Graph()
    graph.output('y', graph.op('relu', [graph.input('x', [2, 3])], {}))
    const executor = await prepare(graph)
    expect(() => executor.upload('z', f32(1))).toThrow('the graph has no input z')
    expect(() => executor.upload('x', f32(1))).toThrow('input x is [2×3]: needs 6 values, got 1')
    expect(() => executor.run(['z'])).toThrow('the graph has no output z')
    const variables = new Variables(gpu())
    variables.set('v', f32(1, 2))
    expect(() => variables.set('v', f32(1))).toThrow('variable v has 2 elements, not 1')
    expect(() => variables.buffer('w')).toThrow('variable w has no value yet')
  })
})

describe('a run that looks at every value', () => {
  const overflowing = () => {
    const graph = new Graph()
    let x: Tensor = graph.input('x', [3])
    for (const [label, factor] of [
      ['first', 1],
      ['second', 1e30],
      ['third', 1],
    ] as const) {
      x = graph.scope(label, () => graph.op('scale', [x], { factor }))
    }
    graph.output('y', x)
    return graph
  }

  it('names the first node with an infinity', async () => {
    const executor = await prepare(overflowing())
    executor.upload('x', f32(1, 1e30, 1))
    const found = 'layer second: scale (node 1) is the first to give Infinity, at element 1 of [3]'
    await expect(executor.runChecked(['y'])).rejects.toThrow(found)
    executor.upload('x', f32(1, 1e30, 1))
    await expect(executor.runChecked(['y'])).rejects.toBeInstanceOf(GraphError)
  })

  it('names the first node with a NaN', async () => {
    const executor = await prepare(overflowing())
    executor.upload('x', f32(1, 1, Number.NaN))
    await expect(executor.runChecked(['y'])).rejects.toThrow(
      'layer first: scale (node 0) is the first to give NaN, at element 2',
    )
  })

  it.each(['relu', 'clip', 'leakyRelu'] as const)(
    '%s hands a NaN on, alone and in a convolution',
    async (kind) => {
      const bounds = { clip: { min: 0, max: 6 }, relu: {}, leakyRelu: { alpha: 0.1 } }[kind]
      const graph = new Graph()
      const x = graph.input('x', [1, 1, 2, 4])
      graph.output('alone', graph.op(kind, [x], bounds as never))
      const one = graph.constant(f32(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1), [1, 1, 4, 4])
      graph.output('fused', graph.op('conv2d', [x, one], { ...conv2dDefaults, activation: kind, ...bounds }))
      const executor = await prepare(graph)
      executor.upload('x', f32(-1, 2, 7, 0, Number.NaN, Number.NaN, Number.NaN, Number.NaN))
      for (const y of await executor.run(['alone', 'fused']))
        expect([...y.slice(0, 3).map(Math.sign), ...y.slice(4)]).toEqual([
          kind === 'leakyRelu' ? -1 : 0,
          ...[1, 1],
          ...Array(4).fill(Number.NaN),
        ])
    },
  )

  it('gives what a plain run gives when all is finite', async () => {
    const executor = await prepare(overflowing())
    executor.upload('x', f32(1, 2, 3))
    const checked = await executor.runChecked(['y'])
    executor.upload('x', f32(1, 2, 3))
    expect(checked).toEqual(await executor.run(['y']))
  })
})

describe('failures of the device', () => {
  const doubled = () => {
    const graph = new Graph()
    graph.output(
      'y',
      graph.scope('encoder.conv1', () => graph.op('scale', [graph.input('x', [64])], { factor: 2 })),
    )
    return compile(graph, 2 ** 27)
  }

  /** A device of its own: it does not survive. */
  async function failing(
    plan: Plan,
    sabotage: (device: GPUDevice, executor: Executor) => void,
  ): Promise<unknown> {
    const own = await openGpu()
    try {
      const executor = await Executor.create(own, plan, new Variables(own))
      executor.upload('x', new Float32Array(64))
      sabotage(own.device, executor)
      return await executor.run(['y'])
    } catch (error) {
      return error
    } finally {
      own.destroy()
    }
  }

  it('a binding that WebGPU refuses is an error that names layer and kernel', async () => {
    const plan = doubled()
    const steps = plan.steps.map((step) => ({
      ...step,
      places: step.places.map((place) => ({ ...place, offsetBytes: 12 })),
    }))
    const error = await failing({ ...plan, steps }, () => {})
    expect(error).toBeInstanceOf(GpuError)
    expect((error as Error).message).toContain('encoder.conv1 (scale)')
  })

  it('a dispatch beyond the limit is an error that names layer and kernel', async () => {
    const plan = doubled()
    const steps = plan.steps.map((step) => ({
      ...step,
      dispatch: { ...step.dispatch, workgroups: [70000, 1, 1] as const },
    }))
    const error = await failing({ ...plan, steps }, () => {})
    expect(error).toBeInstanceOf(GpuError)
    expect((error as Error).message).toBe(
      'encoder.conv1 (scale): 70000×1×1 workgroups, but the adapter takes 65535 in a direction',
    )
  })

  it('a lost device is an error, not a hang', async () => {
    const error = await failing(doubled(), (device) => device.destroy())
    expect(error).toBeInstanceOf(GpuError)
    expect((error as Error).message).toContain('the GPU device was lost')
  })

  it('a shader that does not compile is an error that names kernel and line', async () => {
    const broken = (path: string) => (path === 'scale' ? 'fn main() {\n  let x: u32 = 1.5;\n}' : '')
    const own = await openGpu({ loadShader: broken })
    await expect(own.kernel('scale')).rejects.toThrow(/kernel scale\(\) does not compile:\nerror at line 2/)
    await expect(own.kernel('scale')).rejects.toBeInstanceOf(GpuError)
    own.destroy()
  })

  it('closing the device on purpose is no error', async () => {
    const own = await openGpu()
    const { lost } = own.device
    own.destroy()
    await lost
    own.check()
  })
})
