import { BUFFER_USAGE } from '../src/device/constants.ts'
import { halfBits, unpackHalves } from '../src/device/float16.ts'
import { type Gpu, GpuError } from '../src/device/gpu.ts'
import { packParams } from '../src/device/shader.ts'
import { type Dispatch, elems, type Ref, type Slice, type Spec } from '../src/kernels/op.ts'
import { dispatchesOf, float64, isHalfInput, outputSpecs, type Row } from './harness.ts'
import { type Comparison, compare, reductionLength } from './tolerance.ts'

/**
 * Runs the kernels of one row outside of any plan, each tensor in a buffer of its own between two guards:
 *
 *     | guard | data in whole vec4s, the rest of the last one poisoned | guard |
 *
 * Bindings reach from the data over the guard behind it, so that what lies beyond a tensor is not hidden by WebGPU's
 * own bounds checks. Outputs and scratch start poisoned: a kernel that reads what nobody wrote, or leaves something
 * unwritten, shows. A guard is as long as what one workgroup of an elementwise kernel writes.
 */
const GUARD_ELEMS = 256

/** What lies where nothing may be read: one value spreads through sums, the other gets past a maximum. */
interface Poison {
  readonly value: number
  /** A number's bits that no kernel computes. */
  readonly guardBits: number
}
const POISONS: readonly Poison[] = [
  { value: Number.NaN, guardBits: 0x7fc0_dead },
  { value: -1e30, guardBits: 0xdead_beef },
]

interface Guarded {
  readonly label: string
  readonly buffer: GPUBuffer
  /** Bits of all elements, guards included. */
  readonly before: Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>
  readonly elemCount: number
  readonly half: boolean
}

export interface Launch {
  readonly outputs: Float32Array[]
  /** What a kernel touched that is none of its business, in words. */
  readonly damage: string[]
}

export async function launch(gpu: Gpu, row: Row, poison: Poison): Promise<Launch> {
  const outputs = outputSpecs(row)
  const dispatches = dispatchesOf(row)
  const inputs = row.inputs.map((data, i) =>
    guarded(gpu, `input ${i}`, data.length, poison, isHalfInput(row, i), data),
  )
  const results = outputs.map((spec, i) => {
    const operand = row.op.inPlace?.[i] ?? null
    return guarded(
      gpu,
      `output ${i}`,
      i === 0 ? wideElems(row, spec) : elems(spec),
      poison,
      i === 0 && row.half?.output,
      operand === null ? undefined : row.inputs[operand],
    )
  })
  const scratch = scratchOf(gpu, dispatches, poison)
  const find = (ref: Ref) => {
    if (ref.from === 'scratch') return { item: scratch.get(ref.index)!, elemCount: ref.elems }
    const item = (ref.from === 'input' ? inputs : results)[ref.index]!
    if (ref.from === 'input' && row.op.inPlace?.includes(ref.index))
      throw new GpuError(`input ${ref.index} is bound twice`)
    return { item, elemCount: item.elemCount }
  }
  const blocks = await submit(gpu, dispatches, find)
  const fixed = await Promise.all([...inputs].map((item) => damageOf(gpu, item, true)))
  const written = await Promise.all(
    [...results, ...scratch.values()].map((item) => damageOf(gpu, item, false)),
  )
  const data = await Promise.all(results.map((item) => valuesOf(gpu, item)))
  if (row.slice) {
    const { inside, outside } = cutSlice(data[0]!, outputs[0]!, row.slice)
    data[0] = inside
    const [untouched] = floats(Float32Array.of(poison.value), row.half?.output ?? false)
    if (outside.some((value) => !Object.is(value, untouched))) fixed.push(['output 0: other channels'])
  }
  for (const { buffer } of [...inputs, ...results, ...scratch.values()]) gpu.pool.give(buffer)
  for (const block of blocks) gpu.pool.give(block)
  return { outputs: data, damage: [...fixed, ...written].flat() }
}

/** Elements of the tensor that output 0 is a slice of, or its own. */
const wideElems = ({ slice }: Row, spec: Spec) =>
  slice ? (elems(spec) / spec.shape.at(-1)!) * slice.channels : elems(spec)

/** What a kernel was to write into its slice of each row, and what it was to leave alone. */
function cutSlice(wide: Float32Array, { shape }: Spec, { channels, offset }: Slice) {
  const isInside = (_: number, i: number) => i % channels >= offset && i % channels < offset + shape.at(-1)!
  return { inside: wide.filter(isInside), outside: wide.filter((value, i) => !isInside(value, i)) }
}

const wholeVectors = (elemCount: number) => Math.ceil(elemCount / 4) * 4

function guarded(
  gpu: Gpu,
  label: string,
  elemCount: number,
  poison: Poison,
  half = false,
  data?: Float32Array,
): Guarded {
  const total = wholeVectors(elemCount) + 2 * GUARD_ELEMS
  const before = bitsIn(new Float32Array(total).fill(poison.value), half)
  // another number in each kind of buffer: a kernel that mixes two of them must not get the old one back
  const guardBits = poison.guardBits ^ (label.charCodeAt(0) << (half ? 8 : 16))
  before.fill(guardBits, 0, GUARD_ELEMS)
  before.fill(guardBits, total - GUARD_ELEMS)
  if (data) before.set(bitsIn(data, half), GUARD_ELEMS)
  const usage = BUFFER_USAGE.STORAGE | BUFFER_USAGE.COPY_SRC | BUFFER_USAGE.COPY_DST
  const buffer = gpu.pool.take(before.byteLength, usage, label)
  gpu.device.queue.writeBuffer(buffer, 0, before)
  return { label, buffer, before, elemCount, half }
}

const bitsIn = (data: Float32Array, half: boolean) =>
  half ? Uint16Array.from(data, halfBits) : new Uint32Array(data.slice().buffer)

/** The numbers as they come back from memory. */
const floats = (data: Float32Array, half: boolean) =>
  half ? unpackHalves(Uint16Array.from(data, halfBits)) : data

async function valuesOf(gpu: Gpu, { buffer, elemCount, half }: Guarded): Promise<Float32Array> {
  const bytes = half ? 2 : 4
  const size = wholeVectors(elemCount) * bytes
  const data = await gpu.read(buffer, GUARD_ELEMS * bytes, size)
  return (half ? unpackHalves(new Uint16Array(data.buffer)) : data).subarray(0, elemCount)
}

function scratchOf(gpu: Gpu, dispatches: readonly Dispatch[], poison: Poison): Map<number, Guarded> {
  const sizes = new Map<number, number>()
  for (const ref of dispatches.flatMap((d) => d.bindings)) {
    if (ref.from === 'scratch') sizes.set(ref.index, Math.max(ref.elems, sizes.get(ref.index) ?? 0))
  }
  return new Map([...sizes].map(([index, size]) => [index, guarded(gpu, `scratch ${index}`, size, poison)]))
}

function binding({ item, elemCount }: { item: Guarded; elemCount: number }): GPUBufferBinding {
  const { BYTES_PER_ELEMENT } = item.before
  const size = (wholeVectors(elemCount) + GUARD_ELEMS) * BYTES_PER_ELEMENT
  return { buffer: item.buffer, offset: GUARD_ELEMS * BYTES_PER_ELEMENT, size }
}

/** Submits the dispatches once; returns their parameter blocks, to be given back when all is read. */
async function submit(
  gpu: Gpu,
  dispatches: readonly Dispatch[],
  find: (ref: Ref) => { item: Guarded; elemCount: number },
): Promise<GPUBuffer[]> {
  const blocks: GPUBuffer[] = []
  const encoder = gpu.device.createCommandEncoder()
  const pass = encoder.beginComputePass()
  for (const { shader, constants, params, bindings, workgroups } of dispatches) {
    const bound = bindings.map(find)
    const half = bound.flatMap(({ item }, i) => (item.half ? [i] : []))
    const kernel = await gpu.kernel(shader, constants, half)
    const packed = packParams(kernel.shader, params)
    let block: GPUBuffer | null = null
    if (packed.length) {
      const size = Math.ceil(packed.length / 16) * 16
      block = gpu.pool.take(size, BUFFER_USAGE.UNIFORM | BUFFER_USAGE.COPY_DST, `${shader} parameters`)
      gpu.device.queue.writeBuffer(block, 0, packed as Uint8Array<ArrayBuffer>)
      blocks.push(block)
    }
    pass.setPipeline(kernel.pipeline)
    pass.setBindGroup(0, gpu.bindGroup(kernel, shader, block && { buffer: block }, bound.map(binding)))
    pass.dispatchWorkgroups(...workgroups)
  }
  pass.end()
  gpu.device.queue.submit([encoder.finish()])
  return blocks
}

/** Compares the guards, and for inputs also what is between them, bit by bit with what was there before. */
async function damageOf(
  gpu: Gpu,
  { label, buffer, before, elemCount }: Guarded,
  dataToo: boolean,
): Promise<string[]> {
  const { buffer: bytes } = await gpu.read(buffer)
  const now = before instanceof Uint16Array ? new Uint16Array(bytes) : new Uint32Array(bytes)
  const end = GUARD_ELEMS + wholeVectors(elemCount)
  const at = now.findIndex((bits, i) => bits !== before[i] && (dataToo || i < GUARD_ELEMS || i >= end))
  return at < 0 ? [] : [`${label}: element ${at - GUARD_ELEMS} of ${elemCount} was overwritten`]
}

export interface Verdict {
  /** One for each output. */
  readonly comparisons: Comparison[]
  /** In words, all that is wrong; empty when the kernels are right. */
  readonly problems: string[]
}

/** Holds the kernels of one row against the reference: values, determinism, nothing else touched. */
export async function verify(gpu: Gpu, row: Row): Promise<Verdict> {
  const want = row.op.reference(row.inputs.map(float64), row.specs, row.attrs)
  const runs: Launch[] = []
  for (const poison of POISONS) runs.push(await launch(gpu, row, poison))
  const K = reductionLength(row.name, row.specs, row.attrs)
  const comparisons = want.map((expected, i) =>
    compare(runs[0]!.outputs[i]!, expected, K, i === 0 && row.half?.output),
  )
  const problems = runs.flatMap(({ damage }) => damage)
  for (const { share, worst } of comparisons) if (!(share <= 1)) problems.push(worst)
  const [first, second] = runs.map(({ outputs }) => outputs.map(bitsOf).join())
  if (first !== second) problems.push('the same input gave different bits')
  return { comparisons, problems }
}

const bitsOf = (data: Float32Array) => new Uint32Array(data.slice().buffer)
