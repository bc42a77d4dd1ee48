import { readFileSync } from 'node:fs'
import { BUFFER_USAGE } from '../src/device/constants.ts'
import type { Gpu } from '../src/device/gpu.ts'
import { loadShader, type Params, packParams, type ShaderLoader } from '../src/device/shader.ts'
import type { Repeatable } from '../src/device/timer.ts'
import type { Dispatch } from '../src/kernels/op.ts'

/** Bytes of a binding; `memory` is the first binding that lies in the same memory, itself unless it shares. */
export interface Binding {
  readonly bytes: number
  readonly memory: number
}

const OWN = /^bench\/(\w+)$/

/** The package's shaders, and those of this folder under `bench/`. */
export const loadBenchShader: ShaderLoader = (path) => {
  const own = OWN.exec(path)
  return own ? readFileSync(new URL(`shaders/${own[1]}.wgsl`, import.meta.url), 'utf8') : loadShader(path)
}

/** Prepares a dispatch with buffers of its own, hands it to `use` and gives its memory back. `bindings` are bindings 1, 2, … */
export async function run<T>(
  gpu: Gpu,
  { shader, constants, params, workgroups }: Omit<Dispatch, 'bindings'>,
  bindings: readonly Binding[],
  use: (work: Repeatable, setParams: (params: Params) => void) => Promise<T>,
): Promise<T> {
  const kernel = await gpu.kernel(shader, constants)
  const buffers = bindings.map(({ bytes, memory }, i) =>
    memory === i ? filled(gpu, bytes, `${shader} ${i + 1}`) : null,
  )
  const block = gpu.pool.take(256, BUFFER_USAGE.UNIFORM | BUFFER_USAGE.COPY_DST, `${shader} parameters`)
  const setParams = (values: Params) => {
    const packed = packParams(kernel.shader, values)
    if (packed.length) gpu.device.queue.writeBuffer(block, 0, packed as Uint8Array<ArrayBuffer>)
  }
  setParams(params)
  const storage = bindings.map(({ memory }) => ({ buffer: buffers[memory]! }))
  const parameters = kernel.shader.fields.length ? { buffer: block } : null
  const bindGroup = gpu.bindGroup(kernel, shader, parameters, storage)
  const encode = (pass: GPUComputePassEncoder) => {
    pass.setPipeline(kernel.pipeline)
    pass.setBindGroup(0, bindGroup)
    pass.dispatchWorkgroups(...workgroups)
  }
  try {
    return await use({ encode }, setParams)
  } finally {
    for (const buffer of [...buffers, block]) if (buffer) gpu.pool.give(buffer)
    gpu.pool.trim()
  }
}

/** Ordinary numbers in 0.1…1: zeros and denormals would be faster or slower than what a training sees. */
const NOISE = Float32Array.from({ length: 2 ** 16 }, (_, i) => 0.1 + 0.9 * ((i * 0.6180339887) % 1))

function filled(gpu: Gpu, bytes: number, label: string): GPUBuffer {
  const buffer = gpu.pool.take(bytes, BUFFER_USAGE.STORAGE | BUFFER_USAGE.COPY_DST, label)
  for (let at = 0; at < bytes; at += NOISE.byteLength) {
    const elems = Math.min(NOISE.length, (bytes - at) / 4)
    gpu.device.queue.writeBuffer(buffer, at, NOISE, 0, elems)
  }
  return buffer
}
