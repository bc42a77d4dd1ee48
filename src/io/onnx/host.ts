/**
 * Operators computed at import, for values that are known then: shapes above all, and weights that are stored packed.
 * Integers wrap and divide as ONNX says; 64-bit ones stay exact.
 */
import { toHalf } from '../../device/float16.ts'
import { denseStrides, repeatedStrides } from '../../kernels/movement/strided.ts'
import { product } from '../../numbers.ts'
import {
  type Attributes,
  axesOf,
  axisOf,
  BadNode,
  type Context,
  integers,
  type Memory,
  Unsupported,
} from './node.ts'
import {
  broadcast,
  flattened,
  ranges,
  reshaped,
  squeezed,
  strided,
  transposeHost,
  unsqueezed,
  walk,
} from './shapes.ts'
import { dtypeOf, type HostTensor, onnxTypeName } from './tensors.ts'

/** Inputs as the node lists them; null where an optional one is left out. */
export type HostInputs = readonly (HostTensor | null)[]
export type HostOp = (inputs: HostInputs, c: Context) => HostTensor[]

/** Every operator that is computed at import when all its inputs are known. */
export const HOST_OPS: Readonly<Record<string, HostOp>> = {
  Identity: (x) => [one(x)],
  Dropout: dropout,
  Constant: (_, c) => [constant(c)],
  ConstantOfShape: (x, c) => [constantOfShape(one(x), c)],
  Shape: (x, { attributes, memory }) => [shapeOf(one(x).shape, attributes, memory)],
  Gather: (x, c) => [gather(two(x), c)],
  Slice: (x, c) => [slice(x, c)],
  Cast: (x, c) => [cast(one(x), c)],
  Concat: (x, c) => [concat(x, c)],
  Reshape: (x, c) => [
    alike(one(x), reshaped(one(x).shape, integers(two(x)[1]), c.attributes.int('allowzero', 0) > 0)),
  ],
  Flatten: (x, c) => [alike(one(x), flattened(one(x).shape, c.attributes.int('axis', 1)))],
  Squeeze: (x, c) => [
    alike(one(x), squeezed(one(x).shape, squeezeAxes(one(x).shape.length, x[1] ?? null, c))),
  ],
  Unsqueeze: (x, c) => [
    alike(one(x), unsqueezed(one(x).shape, unsqueezeAxes(one(x).shape.length, x[1] ?? null, c))),
  ],
  Transpose: (x, c) => [transposeHost(one(x), permOf(one(x).shape.length, c.attributes), c.memory)],
  Expand: (x, c) => [repeat(one(x), broadcast(one(x).shape, integers(two(x)[1])), c.memory)],
  Tile: (x, c) => [tile(two(x), c.memory)],
  Where: (x, c) => [where(x, c.memory)],
  Equal: (x, c) => [equal(two(x), c.memory)],
  Add: (x, c) => [arithmetic('Add', two(x), c.memory)],
  Sub: (x, c) => [arithmetic('Sub', two(x), c.memory)],
  Mul: (x, c) => [arithmetic('Mul', two(x), c.memory)],
  Div: (x, c) => [arithmetic('Div', two(x), c.memory)],
  Neg: (x, c) => [negate(one(x), c.memory)],
  Range: (x, c) => [range(x, c.memory)],
  DequantizeLinear: (x, c) => [dequantize(x, c)],
}

function one(inputs: HostInputs): HostTensor {
  if (!inputs[0]) throw new BadNode('its first input is missing')
  return inputs[0]
}

function two(inputs: HostInputs): [HostTensor, HostTensor] {
  if (!inputs[0] || !inputs[1]) throw new BadNode('needs two inputs')
  return [inputs[0], inputs[1]]
}

/** The same elements in another shape. */
const alike = (x: HostTensor, shape: readonly number[]): HostTensor => ({ ...x, shape })
const repeat = (x: HostTensor, shape: readonly number[], memory: Memory) =>
  strided(x, { shape, strides: repeatedStrides(x.shape, shape) }, memory)

/** Outside of training, Dropout keeps everything. */
function dropout(inputs: HostInputs, { attributes, memory, outputs }: Context): HostTensor[] {
  expectInference(inputs[2] ?? null)
  attributes.ignore('ratio', 'seed')
  const x = one(inputs)
  if (outputs < 2) return [x]
  const mask = memory.make('bool', x.shape)
  ;(mask.data as Uint8Array).fill(1)
  return [x, mask]
}

/** Throws when Dropout's third input asks for training. */
export function expectInference(training: HostTensor | null): void {
  if (training && Number(training.data[0]) !== 0) throw new Unsupported('is in training mode')
}

function constant({ attributes, memory }: Context): HostTensor {
  const tensor = attributes.get('tensor', 'value')
  if (tensor) return tensor
  const list = (values: readonly number[], dtype: 'float32' | 'int64', shape: readonly number[]) => {
    const y = memory.make(dtype, shape)
    values.forEach((value, i) => {
      if (y.data instanceof BigInt64Array) y.data[i] = BigInt(value)
      else y.data[i] = value
    })
    return y
  }
  const [float, int] = [attributes.get('float', 'value_float'), attributes.get('int', 'value_int')]
  if (float !== undefined) return list([float], 'float32', [])
  if (int !== undefined) return list([int], 'int64', [])
  const [floats, ints] = [attributes.get('floats', 'value_floats'), attributes.get('ints', 'value_ints')]
  if (floats) return list(floats, 'float32', [floats.length])
  if (ints) return list(ints, 'int64', [ints.length])
  throw new Unsupported('has neither a dense tensor nor numbers as its value')
}

function constantOfShape(shape: HostTensor, { attributes, memory }: Context): HostTensor {
  const value = attributes.get('tensor', 'value')
  if (value && value.data.length !== 1) throw new BadNode(`its value has ${value.data.length} elements`)
  const y = memory.make(value?.dtype ?? 'float32', integers(shape))
  if (value) (y.data as Float32Array).fill(value.data[0] as number)
  return y
}

/** Shape's result; the part from `start` to `end` since opset 15. */
export function shapeOf(shape: readonly number[], attributes: Attributes, memory: Memory): HostTensor {
  const position = (at: number) => Math.min(Math.max(at < 0 ? at + shape.length : at, 0), shape.length)
  const part = shape.slice(
    position(attributes.int('start', 0)),
    position(attributes.int('end', shape.length)),
  )
  const y = memory.make('int64', [part.length])
  ;(y.data as BigInt64Array).set(part.map(BigInt))
  return y
}

function gather([x, indices]: [HostTensor, HostTensor], { attributes, memory }: Context): HostTensor {
  const axis = axisOf(attributes.int('axis', 0), x.shape.length)
  const size = x.shape[axis]!
  if (indices.dtype !== 'int64' && indices.dtype !== 'int32')
    throw new BadNode(`indices are ${indices.dtype}`)
  const [before, behind] = [x.shape.slice(0, axis), x.shape.slice(axis + 1)]
  const y = memory.make(x.dtype, [...before, ...indices.shape, ...behind])
  const inner = product(behind)
  const rows = Array.from(indices.data as Int32Array, (value) => {
    const at = Number(value) < 0 ? Number(value) + size : Number(value)
    if (at < 0 || at >= size) throw new BadNode(`index ${value} is not among ${size}`)
    return at
  })
  const [from, to] = [x.data as Float32Array, y.data as Float32Array]
  for (let at = 0, outer = 0; at < to.length; outer++) {
    for (const row of rows) {
      const start = (outer * size + row) * inner
      to.set(from.subarray(start, start + inner), at)
      at += inner
    }
  }
  return y
}

/** Slice's ranges: attributes up to opset 9, inputs since. */
export function sliceRanges(shape: readonly number[], inputs: HostInputs, { attributes, opset }: Context) {
  const [starts, ends, axes, steps] =
    opset < 10
      ? ['starts', 'ends', 'axes'].map((name) => attributes.get('ints', name))
      : inputs.slice(1).map((input) => (input ? integers(input) : undefined))
  if (!starts || !ends) throw new BadNode('has no starts or ends')
  const found = axesOf(axes ?? starts.map((_, i) => i), shape.length)
  return ranges(shape, { starts, ends, axes: found, steps: steps ?? starts.map(() => 1) })
}

function slice(inputs: HostInputs, c: Context): HostTensor {
  const x = one(inputs)
  const [shape, strides] = [[...x.shape], denseStrides(x.shape)]
  let offset = 0
  for (const { axis, start, step, size } of sliceRanges(x.shape, inputs, c)) {
    if (size > 0) offset += start * strides[axis]!
    strides[axis]! *= step
    shape[axis] = size
  }
  return strided(x, { shape, strides, offset }, c.memory)
}

function cast(x: HostTensor, { attributes, memory }: Context): HostTensor {
  const code = attributes.int('to', 0)
  attributes.ignore('saturate') // only says something of 8-bit floats
  const dtype = dtypeOf(code)
  if (!dtype) throw new Unsupported(`makes ${onnxTypeName(code)}, which is not computed`)
  if (dtype === x.dtype) return x
  const y = memory.make(dtype, x.shape)
  const isWhole = !dtype.startsWith('float') && dtype !== 'bool'
  for (let i = 0; i < x.data.length; i++) {
    const value = x.data[i]!
    if (dtype === 'bool') y.data[i] = Number(Number(value) !== 0)
    else if (y.data instanceof BigInt64Array) y.data[i] = wholeBig(value)
    else if (isWhole) y.data[i] = Number(BigInt.asIntN(32, wholeBig(value)))
    else y.data[i] = dtype === 'float16' ? toHalf(Number(value)) : Number(value)
  }
  return y
}

/** Rounded towards zero; what no 64-bit integer can be is left open by ONNX and becomes 0. */
const wholeBig = (value: number | bigint) =>
  typeof value === 'bigint' ? value : Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n

function concat(inputs: HostInputs, { attributes, memory }: Context): HostTensor {
  const parts = inputs.filter((x) => x !== null)
  const first = one(parts)
  const axis = axisOf(attributes.int('axis', Number.NaN), first.shape.length)
  for (const { shape, dtype } of parts) {
    const fits =
      shape.length === first.shape.length && shape.every((d, i) => i === axis || d === first.shape[i])
    if (!fits || dtype !== first.dtype) throw new BadNode(`its inputs differ in more than axis ${axis}`)
  }
  const shape = first.shape.map((d, i) =>
    i === axis ? parts.reduce((sum, p) => sum + p.shape[axis]!, 0) : d,
  )
  const y = memory.make(first.dtype, shape)
  const outer = product(shape.slice(0, axis))
  const to = y.data as Float32Array
  for (let o = 0, at = 0; o < outer; o++) {
    for (const { data } of parts) {
      const run = data.length / outer
      to.set((data as Float32Array).subarray(o * run, (o + 1) * run), at)
      at += run
    }
  }
  return y
}

/** The axes of Squeeze: an attribute up to opset 12, an input since; null for all of size 1. */
export function squeezeAxes(
  rank: number,
  input: HostTensor | null,
  { attributes, opset }: Context,
): number[] | null {
  const given = opset < 13 ? attributes.get('ints', 'axes') : input ? integers(input) : undefined
  return given ? axesOf(given, rank) : null
}

/** The axes of Unsqueeze in its result, whose input has `rank`. */
export function unsqueezeAxes(
  rank: number,
  input: HostTensor | null,
  { attributes, opset }: Context,
): number[] {
  const given = opset < 13 ? attributes.get('ints', 'axes') : input ? integers(input) : undefined
  if (!given) throw new BadNode('names no axes')
  return axesOf(given, rank + given.length)
}

/** Transpose's order of the axes; without one they are reversed. */
export function permOf(rank: number, attributes: Attributes): number[] {
  const given = attributes.get('ints', 'perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i)
  if (given.length !== rank) throw new BadNode(`perm [${given.join(', ')}] is not for ${rank} axes`)
  return axesOf(given, rank)
}

/** Every axis is split in two, of which the first only repeats. */
function tile([x, repeats]: [HostTensor, HostTensor], memory: Memory): HostTensor {
  const times = integers(repeats)
  if (times.length !== x.shape.length) throw new BadNode(`${times.length} repeats for ${x.shape.length} axes`)
  const dense = denseStrides(x.shape)
  const shape = x.shape.flatMap((size, i) => [times[i]!, size])
  const split = strided(x, { shape, strides: x.shape.flatMap((_, i) => [0, dense[i]!]) }, memory)
  return alike(
    split,
    x.shape.map((size, i) => size * times[i]!),
  )
}

function where([condition, a, b]: HostInputs, memory: Memory): HostTensor {
  if (!condition || !a || !b) throw new BadNode('needs three inputs')
  if (condition.dtype !== 'bool' || a.dtype !== b.dtype) {
    throw new BadNode(
      `needs bool and two tensors of one type, not ${condition.dtype}, ${a.dtype}, ${b.dtype}`,
    )
  }
  const y = memory.make(a.dtype, broadcast(condition.shape, a.shape, b.shape))
  const strides = [condition, a, b].map(({ shape }) => repeatedStrides(shape, y.shape))
  const [to, then, otherwise] = [y.data, a.data, b.data] as [Float32Array, Float32Array, Float32Array]
  walk(y.shape, strides, (i, at) => {
    to[i] = condition.data[at[0]!] ? then[at[1]!]! : otherwise[at[2]!]!
  })
  return y
}

function equal([a, b]: [HostTensor, HostTensor], memory: Memory): HostTensor {
  if (a.dtype !== b.dtype) throw new BadNode(`compares ${a.dtype} with ${b.dtype}`)
  const y = memory.make('bool', broadcast(a.shape, b.shape))
  walk(y.shape, [repeatedStrides(a.shape, y.shape), repeatedStrides(b.shape, y.shape)], (i, at) => {
    y.data[i] = Number(a.data[at[0]!] === b.data[at[1]!])
  })
  return y
}

type Arithmetic = 'Add' | 'Sub' | 'Mul' | 'Div'

/** Typed arrays round to float32 and wrap integers by themselves when they are written. */
function arithmetic(op: Arithmetic, [a, b]: [HostTensor, HostTensor], memory: Memory): HostTensor {
  if (a.dtype !== b.dtype || a.dtype === 'bool')
    throw new BadNode(`cannot combine ${a.dtype} with ${b.dtype}`)
  const y = memory.make(a.dtype, broadcast(a.shape, b.shape))
  const isWhole = !a.dtype.startsWith('float')
  const [p, q, to] = [a.data, b.data, y.data]
  walk(y.shape, [repeatedStrides(a.shape, y.shape), repeatedStrides(b.shape, y.shape)], (i, at) => {
    const [left, right] = [p[at[0]!]!, q[at[1]!]!]
    if (isWhole && op === 'Div' && Number(right) === 0) throw new BadNode('divides a whole number by zero')
    if (typeof left === 'bigint') to[i] = calculateBig(op, left, right as bigint)
    else to[i] = calculate(op, left, right as number, isWhole)
  })
  return y
}

function calculate(op: Arithmetic, a: number, b: number, isWhole: boolean): number {
  if (op === 'Add') return a + b
  if (op === 'Sub') return a - b
  if (op === 'Mul') return isWhole ? Math.imul(a, b) : a * b
  return isWhole ? Math.trunc(a / b) : a / b
}

function calculateBig(op: Arithmetic, a: bigint, b: bigint): bigint {
  if (op === 'Add') return a + b
  if (op === 'Sub') return a - b
  return op === 'Mul' ? a * b : a / b
}

function negate(x: HostTensor, memory: Memory): HostTensor {
  if (x.dtype === 'bool') throw new BadNode('cannot negate bool')
  const y = memory.make(x.dtype, x.shape)
  // 0 - x would lose the sign of zero
  x.data.forEach((value: number | bigint, i: number) => {
    y.data[i] = -value
  })
  return y
}

function range([start, limit, delta]: HostInputs, memory: Memory): HostTensor {
  if (!start || !limit || !delta) throw new BadNode('needs start, limit and delta')
  const [from, to, step] = [start, limit, delta].map(({ data }) => Number(data[0])) as [
    number,
    number,
    number,
  ]
  const length = Math.max(Math.ceil((to - from) / step), 0)
  if (!Number.isFinite(length)) throw new BadNode(`counts from ${from} to ${to} by ${step}`)
  const y = memory.make(start.dtype, [length])
  for (let i = 0; i < length; i++) {
    if (y.data instanceof BigInt64Array) y.data[i] = BigInt(from + i * step)
    else y.data[i] = from + i * step
  }
  return y
}

/** y = (x − zero point) · scale, with one scale for all or one for each index of `axis`. */
function dequantize([x, scale, zero]: HostInputs, { attributes, memory }: Context): HostTensor {
  if (!x || !scale) throw new BadNode('needs a tensor and a scale')
  if (!['int8', 'uint8', 'int32'].includes(x.dtype)) throw new Unsupported(`does not take ${x.dtype} apart`)
  if (attributes.int('block_size', 0) !== 0) throw new Unsupported('has scales for blocks (block_size)')
  const given = attributes.int('axis', 1)
  const perTensor = scale.data.length === 1 && scale.shape.length < 2
  const axis = perTensor ? 0 : axisOf(given, x.shape.length)
  const length = perTensor ? 1 : x.shape[axis]!
  if (scale.data.length !== length || (zero && zero.data.length !== length)) {
    throw new BadNode(
      `has ${scale.data.length} scales and ${zero?.data.length ?? 'no'} zero points for ${length}`,
    )
  }
  if (zero && zero.dtype !== x.dtype) throw new BadNode(`its zero point is ${zero.dtype}, not ${x.dtype}`)
  const y = memory.make('float32', x.shape)
  const inner = perTensor ? y.data.length : denseStrides(x.shape)[axis]!
  for (let start = 0; start < y.data.length; start += inner) {
    const at = (start / inner) % length
    const [none, step] = [Number(zero?.data[at] ?? 0), Number(scale.data[at])]
    for (let i = start; i < start + inner; i++) y.data[i] = (Number(x.data[i]) - none) * step
  }
  return y
}
