/** The network as an ONNX model, which `npm run bench:web` gives to another runtime: that it is the same network. */
import { expect, it } from 'vitest'
import { onnxOf } from '../bench/web/onnx.ts'
import type { Graph } from '../src/graph/graph.ts'
import { runReference } from '../src/graph/reference.ts'
import { networkInputs } from '../src/infer/inputs.ts'
import { importOnnx } from '../src/io/onnx/import.ts'
import { parseModel } from '../src/io/onnx/model.ts'
import { inferenceGraph } from '../src/model/graphs.ts'
import { NODE_NETWORKS } from '../src/node/store/networks.ts'
import { readWeights } from '../src/node/weights.ts'
import { seeded } from './harness.ts'

const SIZE = 32

it('computes the same colours', async () => {
  const { network, parameters, statistics } = await readWeights('weights/lite.safetensors', NODE_NETWORKS)
  const graph = inferenceGraph(network, { batch: 1, height: SIZE, width: SIZE })
  const random = seeded('graph as ONNX')
  const inputs = networkInputs({
    L: Float32Array.from({ length: SIZE * SIZE }, () => 2 * random() - 1),
    features: Float32Array.from({ length: network.classes }, () => random() / network.classes),
  })
  const variables = new Map([
    ['parameters', parameters],
    ['statistics', statistics],
  ])
  const model = importOnnx(await parseModel(onnxOf(graph, variables), { name: 'network' }), { batch: 1 })
  const known = (name: string) => {
    const value = inputs[name as keyof typeof inputs]
    return typeof value === 'function' ? value() : value
  }
  const exact = (of: Graph, more: Iterable<readonly [string, Float32Array]> = []) => {
    const names = [...of.tensors()].flatMap((tensor) => {
      const origin = of.origin(tensor)
      return origin.kind === 'input' ? [origin.name] : []
    })
    const values = [...names.map((name) => [name, known(name)!] as const), ...more]
    return new Map(values.map(([name, data]) => [name, Float64Array.from(data)]))
  }
  const want = runReference(graph, exact(graph, variables)).get(graph.outputs.get('ab')!)!
  const got = runReference(model.graph, exact(model.graph)).get(model.graph.outputs.get('ab')!)!
  expect(Math.max(...want.map(Math.abs))).toBeGreaterThan(1)
  expect(got.length).toBe(want.length)
  expect(Math.max(...got.map((value, i) => Math.abs(value - want[i]!)))).toBeLessThan(1e-3)
})
