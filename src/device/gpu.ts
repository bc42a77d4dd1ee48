import {
  adapterName,
  isSoftware,
  MATRICES_FEATURE,
  needsUnrolling,
  subgroupLanes,
  subgroupMatrices,
} from './adapter.ts'
import { BufferPool } from './buffer-pool.ts'
import { BUFFER_USAGE, MAP_MODE } from './constants.ts'
import { loadShader, pipelineKey, type Shader, type ShaderLoader, specialize } from './shader.ts'
import { SharedConstants } from './shared-constants.ts'
import type { Choices, Traits } from './traits.ts'
import { unrolled } from './unroll.ts'

/** Features that are used where the adapter has them; nothing needs them. */
const WANTED_FEATURES: readonly GPUFeatureName[] = ['shader-f16', 'subgroups', 'timestamp-query']

/** A kernel that failed on the device: compilation, validation, or the loss of the device. */
export class GpuError extends Error {
  override readonly name = 'GpuError'
}

export interface Kernel {
  readonly shader: Shader
  readonly pipeline: GPUComputePipeline
  readonly layout: GPUBindGroupLayout
  /** What the WGSL compiler warned of or remarked. */
  readonly messages: readonly string[]
}

/** Passes through what it waits for. */
export type Wait = <T>(work: Promise<T>) => Promise<T>

export interface GpuOptions {
  /** Where shader texts come from; this package's by default. */
  readonly load?: ShaderLoader
  /** How work on the GPU is waited for; a browser needs nothing of its own. */
  readonly wait?: Wait
  /** What plans for this adapter take where something else than the operators' first candidates measured faster; nothing by default. */
  readonly choices?: (adapter: GPUAdapter) => Choices
}

/**
 * One WebGPU device with its pipelines and buffers. The WebGPU entry point is handed in, so this runs in a browser as it does in
 * Node. Errors that WebGPU reports out of band (validation, device loss) are kept and
 * thrown by the next `check`, `read` or `kernel`.
 */
export class Gpu {
  readonly pool: BufferPool
  readonly constants: SharedConstants
  /** What the choice of kernels may depend on. */
  readonly traits: Required<Traits>
  readonly #load: ShaderLoader
  readonly #wait: Wait
  readonly #kernels = new Map<string, Promise<Kernel>>()
  #failure: GpuError | null = null
  #destroyed = false
  /** Pipelines, bind groups and query sets made so far; with `pool.created` what the leak tests count. */
  objectsCreated = 0

  private constructor(
    /** Held because Dawn's Node bindings free the instance under the device when it is garbage-collected. */
    readonly entry: GPU,
    readonly adapter: GPUAdapter,
    readonly device: GPUDevice,
    { load = loadShader, wait = (work) => work, choices = () => new Map() }: GpuOptions,
  ) {
    this.#load = load
    this.#wait = wait
    this.traits = {
      subgroupLanes: subgroupLanes(adapter),
      isSoftware: isSoftware(adapter.info),
      matrices: subgroupMatrices(adapter),
      choices: choices(adapter),
    }
    this.pool = new BufferPool(device)
    this.constants = new SharedConstants(device, this.pool)
    device.addEventListener('uncapturederror', (event) => {
      // Dawn's messages carry the labels of pipeline and bind group, and those carry kernel and layer
      this.#fail(`the GPU refused a command: ${event.error.message}`)
    })
    void device.lost.then(({ reason, message }) => {
      if (!this.#destroyed) this.#fail(`the GPU device was lost (${reason}): ${message}`)
    })
  }

  /**
   * Opens the adapter with its own limits. Returns null when there is no adapter. Throws what `choices` throws.
   */
  static async open(entry: GPU, options: GpuOptions = {}): Promise<Gpu | null> {
    const adapter = await entry.requestAdapter({ powerPreference: 'high-performance' })
    if (!adapter) return null
    const { limits } = adapter
    const device = await adapter.requestDevice({
      requiredFeatures: [...WANTED_FEATURES, MATRICES_FEATURE].filter((feature) =>
        adapter.features.has(feature),
      ),
      requiredLimits: {
        maxBufferSize: limits.maxBufferSize,
        maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
        maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
        maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
        maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
        maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
        maxComputeWorkgroupSizeY: limits.maxComputeWorkgroupSizeY,
      },
    })
    return new Gpu(entry, adapter, device, options)
  }

  /** What a person would call the adapter: "nvidia-h200", "llvmpipe: Mesa 25.0.7 (LLVM 15.0.6)". */
  get adapterName(): string {
    return adapterName(this.adapter.info)
  }

  has(feature: GPUFeatureName): boolean {
    return this.device.features.has(feature)
  }

  /** The pipeline of a dispatch, compiled once. Throws a `GpuError` that names the kernel. */
  kernel(
    name: string,
    constants: Readonly<Record<string, number>> = {},
    half: readonly number[] = [],
  ): Promise<Kernel> {
    const key = pipelineKey(name, constants, half)
    let kernel = this.#kernels.get(key)
    if (!kernel) {
      kernel = this.#compile(key, specialize(this.#load, name, constants, half))
      this.#kernels.set(key, kernel)
    }
    return kernel
  }

  async #compile(key: string, shader: Shader): Promise<Kernel> {
    this.device.pushErrorScope('validation') // the messages below say it better
    const code = needsUnrolling(this.adapter.info) ? unrolled(shader.code) : shader.code
    const module = this.device.createShaderModule({ code, label: key })
    const [info] = await Promise.all([module.getCompilationInfo(), this.device.popErrorScope()])
    const messages = info.messages.map((m) => `${m.type} at line ${m.lineNum}: ${m.message}`)
    if (info.messages.some(({ type }) => type === 'error'))
      throw new GpuError(`kernel ${key} does not compile:\n${messages.join('\n')}`)
    try {
      this.objectsCreated++
      const compute = { module, entryPoint: 'main', constants: shader.overrides }
      const descriptor = { label: key, layout: 'auto', compute } as const
      const pipeline = await this.#wait(this.device.createComputePipelineAsync(descriptor))
      return { shader, pipeline, layout: pipeline.getBindGroupLayout(0), messages }
    } catch (cause) {
      throw new GpuError(`kernel ${key}: ${(cause as Error).message}`, { cause })
    }
  }

  /** A bind group: the parameter block (when the shader has one) at binding 0, then `storage` in order. */
  bindGroup(
    kernel: Kernel,
    label: string,
    params: GPUBufferBinding | null,
    storage: GPUBufferBinding[],
  ): GPUBindGroup {
    if (storage.length !== kernel.shader.access.length) {
      const { name, access } = kernel.shader
      throw new GpuError(
        `${label}: kernel ${name} has ${access.length} storage bindings, got ${storage.length}`,
      )
    }
    this.objectsCreated++
    const entries = storage.map((resource, i) => ({ binding: i + 1, resource }))
    if (params) entries.unshift({ binding: 0, resource: params })
    return this.device.createBindGroup({ label, layout: kernel.layout, entries })
  }

  /** Copies `size` bytes of `source` to the host. */
  async read(source: GPUBuffer, offset = 0, size = source.size - offset): Promise<Float32Array> {
    const staging = this.pool.take(size, BUFFER_USAGE.COPY_DST | BUFFER_USAGE.MAP_READ, 'readback')
    const encoder = this.device.createCommandEncoder({ label: 'readback' })
    encoder.copyBufferToBuffer(source, offset, staging, 0, size)
    this.device.queue.submit([encoder.finish()])
    try {
      return await this.mapRead(staging)
    } finally {
      this.pool.give(staging)
    }
  }

  /** Maps a MAP_READ buffer, copies it out and unmaps it. Throws what went wrong on the device before. */
  async mapRead(staging: GPUBuffer): Promise<Float32Array> {
    try {
      await this.#wait(staging.mapAsync(MAP_MODE.READ))
    } catch (cause) {
      this.check()
      throw new GpuError(`reading back from the GPU failed: ${(cause as Error).message}`, { cause })
    }
    const copy = new Float32Array(staging.getMappedRange().slice(0))
    staging.unmap()
    this.check()
    return copy
  }

  /** Waits until the device has done all that was submitted. */
  async idle(): Promise<void> {
    await this.#wait(this.device.queue.onSubmittedWorkDone())
    this.check()
  }

  /** Throws the first failure that the device reported. */
  check(): void {
    if (this.#failure) throw this.#failure
  }

  destroy(): void {
    this.#destroyed = true
    this.device.destroy()
  }

  #fail(message: string): void {
    this.#failure ??= new GpuError(message)
  }
}
