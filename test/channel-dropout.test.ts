/** Channels of the trunk's last tap that training leaves out. */
import { describe, expect, it } from 'vitest'
import { Graph } from '../src/graph/graph.ts'
import { runReference } from '../src/graph/reference.ts'
import { inferenceGraph } from '../src/model/graphs.ts'
import type { Network } from '../src/model/network.ts'
import { pyramidNetwork } from '../src/model/pyramid/index.ts'
import { drawChannels } from '../src/train/channel-dropout.ts'
import { draw, float64, seeded } from './harness.ts'
import { SHA256, smallTrunk } from './trunk-models.ts'

const architecture = {
  ...{ trunk: { name: 'small', sha256: SHA256 }, classes: 3, width: 0.1 },
  ...{ head: 'ab' as const, hints: false },
}

describe('channels that are left out', () => {
  const options = { seed: 3, share: 0.25, channels: 10, samples: 400, place: { epoch: 1, position: 8 } }

  it('are as many as asked for, and the mean of what is left stays', () => {
    const factors = drawChannels(options)
    expect(factors.length).toBe(4000)
    expect(new Set(factors)).toEqual(new Set([0, Math.fround(1 / 0.75)]))
    const mean = factors.reduce((a, b) => a + b) / factors.length
    expect(Math.abs(mean - 1)).toBeLessThan(0.03) // three standard deviations
    expect([...drawChannels({ ...options, share: 0 })].every((factor) => factor === 1)).toBe(true)
  })

  it('are those of the last tap, and the network colours without it', async () => {
    const network = pyramidNetwork(architecture, await smallTrunk())
    const size = { batch: 2, height: 32, width: 32 }
    const inputs = (graph: Graph) =>
      [...graph.tensors()].flatMap((tensor) => {
        const origin = graph.origin(tensor)
        return origin.kind === 'input' && origin.name === 'channels' ? [graph.shape(tensor)] : []
      })
    const graph = new Graph()
    const dropping = network.leavingOutChannels!()
    dropping.build(graph, size, 'train')
    expect(inputs(graph)).toEqual([[2, 1, 1, 12]])
    expect(inputs(inferenceGraph(network, size))).toEqual([])
    const random = seeded('left out')
    const { parameters, statistics } = network.initial(random)
    // none of them zero, as the last layer's are at first: else no channel changes anything
    const weights = { parameters: parameters.map((value) => value || random() - 0.5), statistics }
    const values = new Map([
      ...Object.entries(weights).map(([name, flat]) => [name, float64(flat)] as const),
      ...['L', 'gray'].map((name) => [name, float64(draw(2048, 'unit', random))] as const),
      ['features', new Float64Array(6)],
    ])
    const paint = (of: Network, channels: Float64Array<ArrayBuffer>) => {
      const shown = inferenceGraph(of, size)
      const computed = runReference(shown, new Map(values).set('channels', channels))
      return computed.get(shown.outputs.get('ab')!)!
    }
    const plain = paint(network, new Float64Array(24))
    expect(paint(dropping, new Float64Array(24).fill(1))).toEqual(plain)
    // of the second sample alone
    const changed = paint(dropping, new Float64Array(24).fill(1, 0, 12))
    const half = plain.length / 2
    expect(changed.subarray(0, half)).toEqual(plain.subarray(0, half))
    expect(changed.subarray(half)).not.toEqual(plain.subarray(half))
  })

  it('follow from seed and place alone, whatever the batch', () => {
    const factors = drawChannels(options)
    const later = drawChannels({ ...options, samples: 3, place: { epoch: 1, position: 10 } })
    expect(later).toEqual(factors.subarray(20, 50))
    for (const other of [{ seed: 4 }, { place: { epoch: 2, position: 8 } }])
      expect(drawChannels({ ...options, ...other })).not.toEqual(factors)
  })
})
