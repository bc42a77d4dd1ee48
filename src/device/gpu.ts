import { fitsMatrixBlock } from '../kernels/matrix/gemm.ts'
import type { Choices, SubgroupMatrices, Traits } from '../kernels/op.ts'
import { BufferPool } from './buffer-pool.ts'
import { loadShader, pipelineKey, type Shader, type ShaderLoader, specialize } from './shader.ts'

/** Features that are used where the adapter has them; nothing needs them. */
const WANTED_FEATURES: readonly GPUFeatureName[] = ['shader-f16', 'subgroups', 'timestamp-query']

/** Dawn's experiment: an adapter has it where Dawn was started with `allow_unsafe_apis`, and is asked what it can multiply. */
const MATRICES = 'chromium-experimental-subgroup-matrix' as GPUFeatureName
interface MatrixConfig {
  readonly componentType: string
  readonly resultComponentType: string
  readonly M: number
  readonly N: number
  readonly K: number
}

/** A kernel that failed on the device: compilation, validation, or the loss of the device. */
export class GpuError extends Error {
  override readonly name = 'GpuError'
}

export interface Kernel {
  readonly shader: Shader
  readonly pipeline: GPUComputePipeline
  readonly layout: GPUBindGroupLayout
}

/** Passes through what it waits for. */
export type Wait = <T>(work: Promise<T>) => Promise<T>

export interface GpuOptions {
  /** Where shader texts come from; this package's by default. */
  readonly load?: ShaderLoader
  /** How work on the GPU is waited for; a browser needs nothing of its own. */
  readonly wait?: Wait
}

/**
 * One WebGPU device with its pipelines and buffers. The WebGPU entry point is handed in, so this runs in a browser as it does in
 * Node. Errors that WebGPU reports out of band (validation, device loss) are kept and
 * thrown by the next `check`, `read` or `compile`.
 */
export class Gpu {
  readonly pool: BufferPool
  readonly #kernels = new Map<string, Promise<Kernel>>()
  #failure: GpuError | null = null
  #destroyed = false
  /** Pipelines, bind groups and query sets made so far; with `pool.created` what the leak tests count. */
  objectsCreated = 0
  /** What plans for this device take where something else than the operators' first candidates measured faster. */
  choices: Choices = new Map()

  private constructor(
    readonly adapter: GPUAdapter,
    readonly device: GPUDevice,
    private readonly load: ShaderLoader,
    /** Held because Dawn's Node bindings free the instance under the device when it is garbage-collected. */
    readonly entry: GPU,
    private readonly wait: Wait,
  ) {
    this.pool = new BufferPool(device)
    device.addEventListener('uncapturederror', (event) => {
      // Dawn's messages carry the labels of pipeline and bind group, and those carry kernel and layer
      this.#fail(`the GPU refused a command: ${event.error.message}`)
    })
    void device.lost.then(({ reason, message }) => {
      if (!this.#destroyed) this.#fail(`the GPU device was lost (${reason}): ${message}`)
    })
  }

  /**
   * Opens the adapter with its own limits. Returns null when there is no adapter.
   */
  static async open(
    entry: GPU,
    { load = loadShader, wait = (work) => work }: GpuOptions = {},
  ): Promise<Gpu | null> {
    const adapter = await entry.requestAdapter({ powerPreference: 'high-performance' })
    if (!adapter) return null
    const { limits } = adapter
    const device = await adapter.requestDevice({
      requiredFeatures: [...WANTED_FEATURES, MATRICES].filter((feature) => adapter.features.has(feature)),
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
    return new Gpu(adapter, device, load, entry, wait)
  }

  /** What a person would call the adapter: "nvidia-h200", "llvmpipe: Mesa 25.0.7 (LLVM 15.0.6)". */
  get adapterName(): string {
    const { architecture, description, device, vendor } = this.adapter.info
    const model = architecture === 'software' ? description || device : device || description
    return model || vendor || 'unknown adapter'
  }

  /** What the choice of kernels may depend on. */
  get traits(): Traits {
    const { subgroupLanes, isSoftware, matrices, choices } = this
    return { subgroupLanes, isSoftware, matrices, choices }
  }

  /** Lanes of the adapter's subgroups, where all have as many. */
  get subgroupLanes(): number | null {
    const { subgroupMinSize, subgroupMaxSize } = this.adapter.info
    const isFixed = this.has('subgroups') && subgroupMinSize === subgroupMaxSize
    return isFixed ? (subgroupMinSize ?? null) : null
  }

  /** The largest matrices of float16, with sums of float32, that the kernels can be cut into. */
  get matrices(): SubgroupMatrices | null {
    const lanes = this.subgroupLanes
    if (!lanes || !this.has(MATRICES) || !this.has('shader-f16')) return null
    const { subgroupMatrixConfigs = [] } = this.adapter.info as { subgroupMatrixConfigs?: MatrixConfig[] }
    const fitting = subgroupMatrixConfigs
      .filter(
        ({ componentType, resultComponentType }) => componentType === 'f16' && resultComponentType === 'f32',
      )
      .map(({ M, N, K }) => ({ M, N, K, lanes }))
      .filter(fitsMatrixBlock)
    return fitting.reduce<SubgroupMatrices | null>(
      (best, one) => (best && best.M * best.N * best.K >= one.M * one.N * one.K ? best : one),
      null,
    )
  }

  /** Whether a CPU does the work (llvmpipe, SwiftShader, WARP). */
  get isSoftware(): boolean {
    const { architecture, description, device, isFallbackAdapter, vendor } = this.adapter.info
    const words = `${vendor} ${architecture} ${device} ${description}`
    return isFallbackAdapter || /llvmpipe|lavapipe|swiftshader|\bwarp\b|basic render/i.test(words)
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
      kernel = this.#compile(key, specialize(this.load, name, constants, half))
      this.#kernels.set(key, kernel)
    }
    return kernel
  }

  async #compile(key: string, shader: Shader): Promise<Kernel> {
    this.device.pushErrorScope('validation') // the messages below say it better
    const module = this.device.createShaderModule({ code: shader.code, label: key })
    const [{ messages }] = await Promise.all([module.getCompilationInfo(), this.device.popErrorScope()])
    if (messages.length) {
      const lines = messages.map((m) => `${m.type} at line ${m.lineNum}: ${m.message}`)
      throw new GpuError(`kernel ${key} does not compile:\n${lines.join('\n')}`)
    }
    try {
      this.objectsCreated++
      const compute = { module, entryPoint: 'main', constants: shader.overrides }
      const descriptor = { label: key, layout: 'auto', compute } as const
      const pipeline = await this.wait(this.device.createComputePipelineAsync(descriptor))
      return { shader, pipeline, layout: pipeline.getBindGroupLayout(0) }
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
    const staging = this.pool.take(size, GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ, 'readback')
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
      await this.wait(staging.mapAsync(GPUMapMode.READ))
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
    await this.wait(this.device.queue.onSubmittedWorkDone())
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
