/** The shipped network for a picture of one size: as an ONNX model, and something to show it. */
import { networkInputs } from '../../src/infer/inputs.ts'
import { inferenceGraph } from '../../src/model/graphs.ts'
import type { NetworkInput } from '../../src/model/network.ts'
import { NODE_NETWORKS } from '../../src/node/store/networks.ts'
import { readWeights } from '../../src/node/weights.ts'
import type { Size } from '../../src/rect.ts'
import { onnxOf } from './onnx.ts'
import type { Inputs } from './program.ts'

const WEIGHTS = 'weights/lite.safetensors'

export async function networkFor(
  size: Size,
): Promise<{ readonly model: Uint8Array; readonly inputs: Inputs }> {
  const { network, parameters, statistics } = await readWeights(WEIGHTS, NODE_NETWORKS)
  const graph = inferenceGraph(network, { batch: 1, ...size })
  const variables = new Map(Object.entries({ parameters, statistics }))
  return { model: onnxOf(graph, variables), inputs: inputsOf(graph, network.classes, size) }
}

/** Waves of light, no told colours, and a class vector that sums to 1. */
function inputsOf(
  graph: ReturnType<typeof inferenceGraph>,
  classes: number,
  { width, height }: Size,
): Inputs {
  const values = networkInputs({
    L: Float32Array.from(
      { length: width * height },
      (_, i) => Math.sin((i % width) / 9) * Math.cos(i / width / 7),
    ),
    features: new Float32Array(classes).fill(1 / classes),
  })
  const inputs: Record<string, Inputs[string]> = {}
  for (const tensor of graph.tensors()) {
    const origin = graph.origin(tensor)
    if (origin.kind !== 'input') continue
    const [batch, rows, columns, channels] = graph.shape(tensor)
    const value = values[origin.name as NetworkInput]
    const data = typeof value === 'function' ? value() : value
    // of one channel, or the same everywhere: the order of the axes makes no difference
    inputs[origin.name] = { shape: [batch!, channels!, rows!, columns!], data: [...data] }
  }
  return inputs
}
