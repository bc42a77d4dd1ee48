import { readFile } from 'node:fs/promises'
import type { Gpu } from '../../src/device/gpu.ts'
import { compile } from '../../src/graph/compile.ts'
import { Executor, uploadNeeded, Variables } from '../../src/graph/execute.ts'
import { runReference } from '../../src/graph/reference.ts'
import { networkInputs } from '../../src/infer/inputs.ts'
import { parseModel } from '../../src/io/onnx/model.ts'
import { trunkOf } from '../../src/io/onnx/trunk.ts'
import { parseWeights } from '../../src/io/weights.ts'
import { inferenceGraph } from '../../src/model/graphs.ts'
import type { NetworkInput } from '../../src/model/network.ts'
import { networksOn } from '../../src/model/registry.ts'
import { withFile } from '../../src/node/read-at.ts'

const FILE = 'weights/lite.safetensors'
const TRUNK = 'weights/mobilenet_v1.onnx'
const SIZE = 32
/** Of ab units: far below what one sees, far above what float32 loses. */
const TOLERANCE = 0.01

const networks = networksOn(async (name) =>
  trunkOf({ ...name, model: await parseModel(await readFile(TRUNK), { name: TRUNK }) }),
)

/** The colours that the shipped weights give a small picture, against the float64 reference. Returns what differs. */
export async function colours(gpu: Gpu): Promise<string[]> {
  const weights = await withFile(FILE, 'weights', (file) => parseWeights(file, networks))
  const { network, parameters, statistics } = weights
  const graph = inferenceGraph(network, { batch: 1, height: SIZE, width: SIZE })
  const L = Float32Array.from({ length: SIZE * SIZE }, (_, i) => Math.sin(i / 5) * Math.cos(i / (3 * SIZE)))
  const features = Float32Array.from({ length: network.classes }, (_, i) => (i === 7 ? 0.9 : 0))
  const inputs = networkInputs({ L, features })
  const variables = new Variables(gpu)
  variables.set('parameters', parameters)
  variables.set('statistics', statistics)
  const plan = compile(graph, gpu.device.limits.maxStorageBufferBindingSize, gpu.traits)
  const executor = await Executor.create(gpu, plan, variables)
  uploadNeeded(executor, inputs)
  const [got] = await executor.run(['ab'])
  const shown = [...plan.inputs.keys()].map((name) => {
    const input = inputs[name as NetworkInput]
    return [name, typeof input === 'function' ? input() : input] as const
  })
  const values = [...shown, ['parameters', parameters] as const, ['statistics', statistics] as const]
  const exact = new Map(values.map(([name, data]) => [name, Float64Array.from(data)]))
  const want = runReference(graph, exact).get(graph.outputs.get('ab')!)!
  const worst = want.reduce((most, value, i) => Math.max(most, Math.abs(value - got![i]!)), 0)
  const most = want.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const problems = most > 1 ? [] : [`the colours are grey: ${most} at most`]
  return worst <= TOLERANCE ? problems : [...problems, `ab is off by ${worst}`]
}
