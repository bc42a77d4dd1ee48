import { describe, expect, it } from 'vitest'
import { compile } from '../src/graph/compile.ts'
import { Executor, Variables } from '../src/graph/execute.ts'
import { Graph } from '../src/graph/graph.ts'
import { useGpu } from './device.ts'
import { draw, seeded } from './harness.ts'
import { smallTraining } from './small-training.ts'

describe('a training step', () => {
  const gpu = useGpu()

  it('creates no GPU object from the third step on', async () => {
    const device = gpu()
    const random = seeded('leak')
    const variables = new Variables(device)
    for (const name of ['weights', 'm', 'v']) variables.set(name, draw(320, 'unit', random))
    variables.set('statistics', new Float32Array(4))
    const executor = await Executor.create(
      device,
      compile(smallTraining(), device.device.limits.maxBufferSize),
      variables,
    )
    const counts: number[][] = []
    for (let step = 1; step <= 10; step++) {
      for (const name of ['x', 'target']) executor.upload(name, draw(512, 'normal', random))
      executor.upload('hyper', new Float32Array([1e-3, 1 - 0.9 ** step, 1 - 0.999 ** step, 0]))
      await executor.run(['loss'])
      counts.push([device.pool.created, device.objectsCreated])
    }
    for (const count of counts.slice(2)) expect(count).toEqual(counts[1])
  })

  it('gives its buffers back, so that the next plan of the same shapes creates none', async () => {
    const device = gpu()
    const graph = new Graph()
    graph.output('y', graph.op('relu', [graph.input('x', [100])], {}))
    const use = async () => {
      const executor = await Executor.create(
        device,
        compile(graph, device.device.limits.maxBufferSize),
        new Variables(device),
      )
      executor.upload('x', new Float32Array(100))
      await executor.run(['y'])
      executor.destroy()
      return device.pool.created
    }
    const first = await use()
    expect(await use()).toBe(first)
    device.pool.trim()
    expect(device.pool.created).toBeLessThan(first)
  })
})
