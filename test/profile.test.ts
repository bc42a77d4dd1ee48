import { describe, expect, it } from 'vitest'
import type { Gpu } from '../src/device/gpu.ts'
import { compile } from '../src/graph/compile.ts'
import { Executor, Variables } from '../src/graph/execute.ts'
import { Graph } from '../src/graph/graph.ts'
import { openGpu } from '../src/node/dawn.ts'
import { Profiler } from '../src/train/profile.ts'

/** A product that takes a while, then a sum that takes next to nothing. */
function twoNodes(): Graph {
  const graph = new Graph()
  const x = graph.input('x', [256, 256])
  const product = graph.scope('heavy', () => graph.op('matmul', [x, x], {}))
  graph.output(
    'y',
    graph.scope('light', () => graph.op('relu', [product], {})),
  )
  return graph
}

async function withExecutor<T>(use: (executor: Executor, gpu: Gpu) => Promise<T>): Promise<T> {
  const gpu = await openGpu({ preciseTimestamps: true })
  try {
    const plan = compile(twoNodes(), gpu.device.limits.maxStorageBufferBindingSize)
    return await use(await Executor.create(gpu, plan, new Variables(gpu)), gpu)
  } finally {
    gpu.destroy()
  }
}

const x = Float32Array.from({ length: 256 * 256 }, (_, i) => ((i * 7) % 13) - 6)

describe('a timed run', () => {
  it('gives the same bits, and each dispatch begins when the one before has ended', () =>
    withExecutor(async (executor) => {
      executor.upload('x', x)
      const plain = await executor.run(['y'])
      executor.upload('x', x)
      const { results, spans } = await executor.runTimed(['y'])
      expect(results).toEqual(plain)
      expect(spans).toHaveLength(2)
      const [heavy, light] = spans as [(typeof spans)[0], (typeof spans)[0]]
      expect(heavy.end).toBeGreaterThan(heavy.begin)
      expect(light.begin).toBeGreaterThanOrEqual(heavy.end)
      expect(light.end).toBeGreaterThanOrEqual(light.begin)
    }))

  it('leaves no GPU buffer behind', () =>
    withExecutor(async (executor, { pool }) => {
      const counts: number[] = []
      for (let run = 0; run < 3; run++) {
        executor.upload('x', x)
        await executor.runTimed(['y'])
        counts.push(pool.created)
      }
      expect(counts[2]).toBe(counts[0])
    }))
})

describe('a profile', () => {
  const profiled = () =>
    withExecutor(async (executor) => {
      const profiler = new Profiler()
      for (let steps = 0; !profiler.isDone; steps++) {
        profiler.host('upload', () => executor.upload('x', x))
        await profiler.run(executor, ['y'])
        if (steps > 100) throw new Error('it never ends')
      }
      return profiler
    })

  it('has the host and every kernel on one scale of time, in a trace that viewers read', async () => {
    const from = performance.now()
    const profiler = await profiled()
    const to = performance.now()
    const { traceEvents } = JSON.parse(profiler.trace()) as {
      traceEvents: { ph: string; tid: string; name: string; ts: number; dur: number; args?: object }[]
    }
    const named = (name: string) => traceEvents.filter((event) => event.name === name)
    const names = new Set(traceEvents.map(({ name }) => name))
    expect([...names].sort()).toEqual(['encode and submit', 'heavy conv2d_tiled', 'light relu', 'upload'])
    for (const name of names) expect(named(name)).toHaveLength(10)
    for (const { ph, ts, dur } of traceEvents) {
      expect(ph).toBe('X')
      expect(ts).toBeGreaterThan(1000 * from)
      expect(ts + dur).toBeLessThan(1000 * to)
    }
    expect(named('light relu')[0]!.args).toEqual({ operator: 'relu', shader: 'relu' })
    expect(new Set(traceEvents.map(({ tid }) => tid))).toEqual(new Set(['host', 'GPU']))
  })

  it('lists kernels by their share of the time', async () => {
    const lines = (await profiled()).table().split('\n')
    const heavy = lines.findIndex((line) => /^ {2}heavy conv2d_tiled +[\d.]+ +[\d.]+%$/.test(line))
    const light = lines.findIndex((line) => /^ {2}light relu +[\d.]+ +[\d.]+%$/.test(line))
    expect(heavy).toBeGreaterThan(0)
    expect(light).toBe(heavy + 1)
    const share = (line: number) => Number.parseFloat(lines[line]!.split(/ +/).at(-1)!)
    expect(share(heavy)).toBeGreaterThan(share(light))
    expect(Math.abs(share(heavy) + share(light) - 100)).toBeLessThan(0.2)
  })

  it('of nothing is empty', () => {
    const profiler = new Profiler()
    expect(JSON.parse(profiler.trace()).traceEvents).toEqual([])
    expect(profiler.table()).toContain('mean ms of 0 steps')
  })
})
