import { BUFFER_USAGE, STORAGE_USAGE } from '../device/constants.ts'
import { packHalves, unpackHalves } from '../device/float16.ts'
import { type Gpu, GpuError, type Kernel } from '../device/gpu.ts'
import { packParams } from '../device/shader.ts'
import { type GpuSpan, PassTimes } from '../device/timestamps.ts'
import type { Tensor } from '../kernels/op.ts'
import { formatShape } from '../kernels/op.ts'
import { product } from '../numbers.ts'
import { PARAMS_ALIGNMENT, type Plan, type Step } from './compile.ts'
import { GraphError } from './graph.ts'
import { storageBytes } from './memory.ts'
import type { Place, PlannedTensor } from './places.ts'

/** Named tensors that outlive a run and are shared by several plans: weights, moments, statistics. */
export class Variables {
  readonly #buffers = new Map<string, { buffer: GPUBuffer; length: number }>()
  /** How often any of them was written, from here or by a plan. */
  readonly writes = { count: 0 }

  constructor(private readonly gpu: Gpu) {}

  /** Creates the variable or overwrites it. */
  set(name: string, data: Float32Array): void {
    let entry = this.#buffers.get(name)
    if (entry && entry.length !== data.length) {
      throw new GraphError(`variable ${name} has ${entry.length} elements, not ${data.length}`)
    }
    if (!entry) {
      const buffer = this.gpu.pool.take(storageBytes(data.length), STORAGE_USAGE, `variable ${name}`)
      entry = { buffer, length: data.length }
      this.#buffers.set(name, entry)
    }
    this.gpu.device.queue.writeBuffer(entry.buffer, 0, data as Float32Array<ArrayBuffer>)
    this.writes.count++
  }

  buffer(name: string): GPUBuffer {
    const entry = this.#buffers.get(name)
    if (!entry) throw new GraphError(`variable ${name} has no value yet`)
    return entry.buffer
  }

  async get(name: string): Promise<Float32Array> {
    const data = await this.gpu.read(this.buffer(name))
    return data.subarray(0, this.#buffers.get(name)!.length)
  }

  destroy(): void {
    for (const { buffer } of this.#buffers.values()) this.gpu.pool.give(buffer)
    this.#buffers.clear()
  }
}

/** Where a plan finds its variables. */
export type NamedBuffers = Pick<Variables, 'buffer' | 'writes'>

interface Prepared {
  readonly step: Step
  readonly kernel: Kernel
  readonly bindGroup: GPUBindGroup
}

/** Replays a plan. After `create`, a run makes no GPU object but its command buffer, and submits once. */
export class Executor {
  readonly #slots: GPUBuffer[]
  /** Those that other plans may use, too. */
  readonly #constants = new Map<Tensor, GPUBuffer>()
  #params: GPUBuffer | null = null
  #prepared: Prepared[] = []
  #preparation: Prepared[] = []
  /** `Variables.writes` when the preparation was done. */
  #preparedAt = -1
  #updatesVariables = false
  /** Inputs that have not been uploaded since the last run: others may lie in their memory by now. */
  readonly #missing: Set<string>

  private constructor(
    readonly gpu: Gpu,
    readonly plan: Plan,
    private readonly variables: NamedBuffers,
  ) {
    this.#slots = plan.slotBytes.map((bytes, i) => gpu.pool.take(bytes, STORAGE_USAGE, `slot ${i}`))
    for (const { place, data } of sharedIn(plan))
      this.#constants.set(place.buffer.constant, gpu.constants.take(data, storedAs(place)))
    this.#missing = new Set(plan.inputs.keys())
  }

  static async create(gpu: Gpu, plan: Plan, variables: NamedBuffers): Promise<Executor> {
    const executor = new Executor(gpu, plan, variables)
    try {
      await executor.#prepare()
      return executor
    } catch (error) {
      executor.destroy()
      throw error
    }
  }

  async #prepare(): Promise<void> {
    const { gpu, plan } = this
    const steps = [...plan.preparation, ...plan.steps]
    const kernels = await kernelsOf(gpu, plan)
    const bytes = Math.max(steps.length, 1) * PARAMS_ALIGNMENT
    this.#params = gpu.pool.take(bytes, BUFFER_USAGE.UNIFORM | BUFFER_USAGE.COPY_DST, 'parameter blocks')
    const packed = new Uint8Array(bytes)
    const prepared = steps.map((step, i) => {
      const kernel = kernels[i]!
      const block = packParams(kernel.shader, step.dispatch.params)
      packed.set(block, i * PARAMS_ALIGNMENT)
      const params = block.length
        ? { buffer: this.#params!, offset: i * PARAMS_ALIGNMENT, size: Math.ceil(block.length / 16) * 16 }
        : null
      const label = `${step.node.label} (${step.dispatch.shader})`
      expectWorkgroups(label, step.dispatch.workgroups, gpu.device.limits.maxComputeWorkgroupsPerDimension)
      const bindGroup = gpu.bindGroup(
        kernel,
        label,
        params,
        step.places.map((p) => this.#binding(p)),
      )
      return { step, kernel, bindGroup }
    })
    this.#preparation = prepared.slice(0, plan.preparation.length)
    this.#prepared = prepared.slice(plan.preparation.length)
    this.#updatesVariables = prepared.some(writesVariable)
    gpu.device.queue.writeBuffer(this.#params, 0, packed)
    for (const { place, data } of plan.constants) if (!isShared(place)) this.#write(place, data)
  }

  /** Uploads an input for the next run. */
  upload(name: string, data: Float32Array): void {
    const place = this.plan.inputs.get(name)
    if (!place) throw new GraphError(`the graph has no input ${name}`)
    const length = product(place.shape)
    if (data.length !== length) {
      throw new GraphError(
        `input ${name} is ${formatShape(place.shape)}: needs ${length} values, got ${data.length}`,
      )
    }
    this.#write(place, data)
    this.#missing.delete(name)
  }

  /**
   * Submits the whole plan once and reads back the named outputs, without waiting for them. Throws a `GraphError` when
   * an input has not been uploaded for this run.
   */
  run(read: readonly string[] = []): Promise<Float32Array[]> {
    const outputs = read.map((name) => this.#output(name))
    this.#useInputs()
    const { device } = this.gpu
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    this.encode(pass)
    pass.end()
    const staged = outputs.map((place) => this.#stage(encoder, place))
    device.queue.submit([encoder.finish()])
    return Promise.all(staged.map((staging) => this.#fetch(staging)))
  }

  /** Adds the whole plan to a pass, any number of times: for a plan whose inputs are variables. */
  encode(pass: GPUComputePassEncoder): void {
    this.#encodePreparation(pass)
    for (const prepared of this.#prepared) encode(pass, prepared)
  }

  /** Encodes the preparation if a variable has changed since the last one. A plan that changes variables counts itself here. */
  #encodePreparation(pass: GPUComputePassEncoder): void {
    const { writes } = this.variables
    if (this.#updatesVariables) writes.count++
    if (this.#preparedAt === writes.count) return
    for (const prepared of this.#preparation) encode(pass, prepared)
    this.#preparedAt = writes.count
  }

  /** The same as `run` with every dispatch in a pass of its own, and when each of them ran. Slower: for profiles. */
  async runTimed(read: readonly string[] = []): Promise<{ results: Float32Array[]; spans: GpuSpan[] }> {
    const outputs = read.map((name) => this.#output(name))
    this.#useInputs()
    const times = new PassTimes(this.gpu, this.#prepared.length)
    const encoder = this.gpu.device.createCommandEncoder()
    const preparation = encoder.beginComputePass()
    this.#encodePreparation(preparation)
    preparation.end()
    for (const [i, prepared] of this.#prepared.entries()) {
      const pass = encoder.beginComputePass({ timestampWrites: times.writes(i) })
      encode(pass, prepared)
      pass.end()
    }
    times.resolve(encoder)
    const staged = outputs.map((place) => this.#stage(encoder, place))
    this.gpu.device.queue.submit([encoder.finish()])
    try {
      const results = await Promise.all(staged.map((staging) => this.#fetch(staging)))
      return { results, spans: await times.read() }
    } finally {
      times.destroy()
    }
  }

  /**
   * Runs node by node and looks at every value: throws a `GraphError` that names the first node with a NaN or an
   * infinity. Slow; for `DEBUG=1`. The host does it, because WGSL leaves tests for such values indeterminate.
   * @param isWatched which nodes are looked at, by their labels
   */
  async runChecked(
    read: readonly string[] = [],
    isWatched: (label: string) => boolean = () => true,
  ): Promise<Float32Array[]> {
    this.#useInputs()
    const { device } = this.gpu
    for (const [i, [id, outputs]] of [...this.plan.nodeOutputs].entries()) {
      const encoder = device.createCommandEncoder()
      const pass = encoder.beginComputePass()
      if (i === 0) this.#encodePreparation(pass)
      const mine = this.#prepared.filter(({ step }) => step.node.id === id)
      for (const prepared of mine) encode(pass, prepared)
      pass.end()
      device.queue.submit([encoder.finish()])
      if (mine.length && isWatched(mine[0]!.step.node.label))
        for (const output of outputs) await this.#expectFinite(mine[0]!.step, output)
    }
    return Promise.all(read.map((name) => this.#readPlace(this.#output(name))))
  }

  destroy(): void {
    for (const buffer of this.#slots) this.gpu.pool.give(buffer)
    for (const { place, data } of sharedIn(this.plan)) this.gpu.constants.give(data, storedAs(place))
    if (this.#params) this.gpu.pool.give(this.#params)
  }

  #useInputs(): void {
    const [missing] = this.#missing
    if (missing !== undefined) throw new GraphError(`the input ${missing} was not uploaded for this run`)
    for (const name of this.plan.inputs.keys()) this.#missing.add(name)
  }

  #output(name: string): PlannedTensor {
    const place = this.plan.outputs.get(name)
    if (!place) throw new GraphError(`the graph has no output ${name}`)
    return place
  }

  #buffer(place: Place): GPUBuffer {
    const { buffer } = place
    if ('slot' in buffer) return this.#slots[buffer.slot]!
    return 'variable' in buffer
      ? this.variables.buffer(buffer.variable)
      : this.#constants.get(buffer.constant)!
  }

  #binding(place: Place): GPUBufferBinding {
    return { buffer: this.#buffer(place), offset: place.offsetBytes, size: place.sizeBytes }
  }

  #write(place: PlannedTensor, data: Float32Array): void {
    const stored = place.half ? packHalves(data) : (data as Float32Array<ArrayBuffer>)
    this.gpu.device.queue.writeBuffer(this.#buffer(place), place.offsetBytes, stored)
  }

  #stage(encoder: GPUCommandEncoder, place: PlannedTensor) {
    const usage = BUFFER_USAGE.COPY_DST | BUFFER_USAGE.MAP_READ
    const staging = this.gpu.pool.take(place.sizeBytes, usage, 'readback')
    encoder.copyBufferToBuffer(this.#buffer(place), place.offsetBytes, staging, 0, place.sizeBytes)
    return { staging, elemCount: product(place.shape) }
  }

  async #fetch({ staging, elemCount }: { staging: GPUBuffer; elemCount: number }): Promise<Float32Array> {
    const data = await this.gpu.mapRead(staging)
    this.gpu.pool.give(staging)
    return data.subarray(0, elemCount)
  }

  async #readPlace(place: PlannedTensor): Promise<Float32Array> {
    const stored = await this.gpu.read(this.#buffer(place), place.offsetBytes, place.sizeBytes)
    const data = place.half ? unpackHalves(new Uint16Array(stored.buffer)) : stored
    const elemCount = product(place.shape)
    if (!place.slice) return data.subarray(0, elemCount)
    const { channels, offset } = place.slice
    const C = place.shape.at(-1)!
    return Float32Array.from(
      { length: elemCount },
      (_, i) => data[Math.floor(i / C) * channels + offset + (i % C)]!,
    )
  }

  async #expectFinite({ node }: Step, place: PlannedTensor): Promise<void> {
    const data = await this.#readPlace(place)
    const at = data.findIndex((v) => !Number.isFinite(v))
    if (at < 0) return
    throw new GraphError(
      `layer ${node.label}: ${node.op} (node ${node.id}) is the first to give ${data[at]}, at element ${at} of ${formatShape(place.shape)}`,
    )
  }
}

/** The kernels of a plan's preparation and of its steps: for whoever is to run it later, they are compiled. */
export const kernelsOf = (gpu: Gpu, { preparation, steps }: Plan): Promise<readonly Kernel[]> =>
  Promise.all(
    [...preparation, ...steps].map(({ dispatch: { shader, constants, half } }) =>
      gpu.kernel(shader, constants, half),
    ),
  )

type SharedPlace = PlannedTensor & { readonly buffer: { readonly constant: Tensor } }

const isShared = (place: PlannedTensor): place is SharedPlace => 'constant' in place.buffer

const sharedIn = ({ constants }: Plan) =>
  constants.flatMap(({ place, data }) => (isShared(place) ? [{ place, data }] : []))

const storedAs = ({ sizeBytes, half }: PlannedTensor) => ({ bytes: sizeBytes, half })

/** Uploads those of `values` that the plan has inputs for: networks need different ones. Others are not even made. */
export function uploadNeeded(
  executor: { readonly plan: Pick<Plan, 'inputs'>; upload(name: string, data: Float32Array): void },
  values: Readonly<Record<string, Float32Array | (() => Float32Array)>>,
): void {
  for (const [name, data] of Object.entries(values)) {
    if (executor.plan.inputs.has(name)) executor.upload(name, typeof data === 'function' ? data() : data)
  }
}

/** WebGPU itself would refuse it too, but without saying which kernel it was. */
function expectWorkgroups(label: string, workgroups: readonly number[], limit: number): void {
  if (Math.max(...workgroups) <= limit) return
  throw new GpuError(
    `${label}: ${workgroups.join('×')} workgroups, but the adapter takes ${limit} in a direction`,
  )
}

const writesVariable = ({ kernel, step }: Prepared) =>
  step.places.some(({ buffer }, i) => 'variable' in buffer && kernel.shader.access[i] !== 'read')

function encode(pass: GPUComputePassEncoder, { kernel, bindGroup, step }: Prepared): void {
  pass.setPipeline(kernel.pipeline)
  pass.setBindGroup(0, bindGroup)
  pass.dispatchWorkgroups(...step.dispatch.workgroups)
}
