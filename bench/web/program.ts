/** The benchmark's part in the browser: `window.bench`. */
import { Gpu } from '../../src/device/gpu.ts'
import { Executor, uploadNeeded, Variables } from '../../src/graph/execute.ts'
import { networkInputs } from '../../src/infer/inputs.ts'
import { colouringPlan } from '../../src/infer/plans.ts'
import { parseModel } from '../../src/io/onnx/model.ts'
import { trunkOf } from '../../src/io/onnx/trunk.ts'
import { readAtOf } from '../../src/io/read-at.ts'
import { parseWeights } from '../../src/io/weights.ts'
import { networksOn } from '../../src/model/registry.ts'
import type { Size } from '../../src/rect.ts'
import { recombine } from '../../web/src/worker/recombine.ts'

/** What is asked of ONNX Runtime, which the page fetches as it is. */
interface OnnxRuntime {
  readonly env: { readonly wasm: { wasmPaths?: string }; readonly versions: { readonly web: string } }
  readonly Tensor: new (type: 'float32', data: Float32Array, shape: readonly number[]) => OnnxTensor
  readonly InferenceSession: {
    create(model: Uint8Array, options: { executionProviders: readonly string[] }): Promise<OnnxSession>
  }
}
interface OnnxTensor {
  readonly data: Float32Array
}
interface OnnxSession {
  run(feeds: Readonly<Record<string, OnnxTensor>>): Promise<Readonly<Record<string, OnnxTensor>>>
}

/** An input of the network: its values, and its shape in ONNX. */
export interface NetworkTensor {
  readonly shape: readonly number[]
  readonly data: readonly number[]
}
export type Inputs = Readonly<Record<string, NetworkTensor>>

export interface Timed {
  readonly milliseconds: number
  /** a* and b*, [height, width, 2] */
  readonly ab: readonly number[]
}

type Runner = () => Promise<Float32Array>
const runners = new Map<'ours' | 'peer', Runner>()
const fetchBytes = async (url: string) => new Uint8Array(await (await fetch(url)).arrayBuffer())

const bench = {
  /** Prepares the network here. @returns what the adapter is called */
  async openOurs(size: Size, inputs: Inputs): Promise<string> {
    const gpu = (await Gpu.open(navigator.gpu))!
    const executor = await executorOf(gpu, size)
    const values = networkInputs({
      L: Float32Array.from(inputs.L!.data),
      features: Float32Array.from(inputs.features!.data),
    })
    runners.set('ours', async () => {
      uploadNeeded(executor, values)
      return (await executor.run(['ab']))[0]!
    })
    return gpu.adapterName
  },

  /** Prepares the same network in ONNX Runtime. @returns its version */
  async openPeer(inputs: Inputs): Promise<string> {
    const address = '/ort/ort.webgpu.min.mjs'
    const ort: OnnxRuntime = await import(address)
    ort.env.wasm.wasmPaths = '/ort/'
    const options = { executionProviders: ['webgpu'] }
    const session = await ort.InferenceSession.create(await fetchBytes('/network.onnx'), options)
    const feeds = Object.fromEntries(
      Object.entries(inputs).map(([name, { shape, data }]) => [
        name,
        new ort.Tensor('float32', Float32Array.from(data), shape),
      ]),
    )
    runners.set('peer', async () => channelsLast((await session.run(feeds)).ab!.data))
    return ort.env.versions.web
  },

  /** Colours once, from arrays to arrays. */
  async run(who: 'ours' | 'peer'): Promise<Timed> {
    const started = performance.now()
    const ab = await runners.get(who)!()
    return { milliseconds: performance.now() - started, ab: [...ab] }
  },

  /** @returns milliseconds for so many megapixels, which need no pass of the network */
  recombine(megapixels: number): number {
    const [width, height] = [1000, 1000 * megapixels]
    const L = Float32Array.from({ length: width * height }, (_, i) => (100 * (i % width)) / width)
    const rgb = Uint8Array.from({ length: 3 * L.length }, (_, i) => 2.55 * L[Math.floor(i / 3)]!)
    const cells = { width: 40, height: 40 }
    const lines = Float32Array.from({ length: 4 * cells.width * cells.height }, (_, i) => (i % 7) / 7)
    const content = { x: 0, y: 0, width, height }
    const pixels = { view: { rect: content, width, height }, rgb, L, followed: L }
    const look = { saturation: 1.2, warmth: 0.1, strength: 0.9, keepTone: false }
    const started = performance.now()
    recombine(pixels, { colours: { ...cells, lines }, content, addTone: () => {} }, look)
    return performance.now() - started
  },
}

async function executorOf(gpu: Gpu, size: Size): Promise<Executor> {
  const trunk = await fetchBytes('/weights/mobilenet_v1.onnx')
  const networks = networksOn(async (name) =>
    trunkOf({ ...name, model: await parseModel(trunk, { name: name.name }) }),
  )
  const file = readAtOf(await fetchBytes('/weights/lite.safetensors'), 'the weights')
  const { network, parameters, statistics } = await parseWeights(file, networks)
  const variables = new Variables(gpu)
  variables.set('parameters', parameters)
  variables.set('statistics', statistics)
  return Executor.create(gpu, colouringPlan(gpu, network, size, null), variables)
}

/** [2, pixels] as [pixels, 2]. */
const channelsLast = (data: Float32Array) =>
  data.map((_, i) => data[(i % 2) * (data.length / 2) + Math.floor(i / 2)]!)

declare global {
  interface Window {
    bench: typeof bench
  }
}
window.bench = bench
