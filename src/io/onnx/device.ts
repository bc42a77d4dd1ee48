/** ONNX's operators as nodes of our graph. Images, tensors of 4 axes, stay NHWC wherever an operator allows it. */
import type { AttrsOf, OpName, Tensor } from '../../kernels/op.ts'
import { batchNormalization, conv, globalPool, pad, pool, resize, upsample } from './device-image.ts'
import { expectInference, permOf, shapeOf, sliceRanges, squeezeAxes, unsqueezeAxes } from './host.ts'
import { axesOf, axisOf, BadNode, integers, NotKnown } from './node.ts'
import { broadcast, flattened, reshaped, squeezed, unsqueezed } from './shapes.ts'
import {
  type Builder,
  type DeviceContext,
  type DeviceTensor,
  first,
  type Inputs,
  isHost,
  known,
  type Layout,
  present,
  storedAxis,
  TO_NHWC,
  type Value,
} from './values.ts'

export type DeviceOp = (inputs: Inputs, c: DeviceContext) => Value[]

/** Every operator that the GPU computes. Those that only move shapes about cost nothing there. */
export const DEVICE_OPS: Readonly<Record<string, DeviceOp>> = {
  Conv: (x, c) => [conv(x, c)],
  BatchNormalization: (x, c) => [batchNormalization(x, c)],
  MaxPool: (x, c) => [pool('max', x, c)],
  AveragePool: (x, c) => [pool('average', x, c)],
  GlobalMaxPool: (x, c) => [globalPool('max', x, c)],
  GlobalAveragePool: (x, c) => [globalPool('mean', x, c)],
  Pad: (x, c) => [pad(x, c)],
  Resize: (x, c) => [resize(x, c)],
  Upsample: (x, c) => [upsample(x, c)],
  Relu: (x, c) => [unary('relu', x, {}, c)],
  LeakyRelu: (x, c) => [unary('leakyRelu', x, { alpha: c.attributes.float('alpha', 0.01) }, c)],
  Sigmoid: (x, c) => [unary('sigmoid', x, {}, c)],
  Tanh: (x, c) => [unary('tanh', x, {}, c)],
  Neg: (x, c) => [unary('scale', x, { factor: -1 }, c)],
  Clip: (x, c) => [unary('clip', x, clipBounds(x, c), c)],
  Softmax: (x, c) => [softmax(x, c)],
  Add: (x, c) => [binary('add', x, c)],
  Sub: (x, c) => [binary('sub', x, c)],
  Mul: (x, c) => [binary('mul', x, c)],
  Div: (x, c) => [binary('div', x, c)],
  Gemm: (x, c) => [gemm(x, c)],
  MatMul: (x, c) => [matmul(x, c)],
  ReduceMean: (x, c) => [reduceMean(x, c)],
  Concat: (x, c) => [concat(x, c)],
  Expand: (x, c) => [expand(x, c)],
  Slice: (x, c) => [slice(x, c)],
  Transpose: (x, c) => [transpose(x, c)],
  Reshape: (x, c) => [reshape(x, c)],
  Flatten: (x, c) => [reshapeTo(x, flattened(first(x).shape, c.attributes.int('axis', 1)), c)],
  Squeeze: (x, c) => [
    reshapeTo(x, squeezed(first(x).shape, squeezeAxes(first(x).shape.length, known(x, 1), c)), c),
  ],
  Unsqueeze: (x, c) => [
    reshapeTo(x, unsqueezed(first(x).shape, unsqueezeAxes(first(x).shape.length, known(x, 1), c)), c),
  ],
  Identity: (x) => [first(x)],
  Dropout: dropout,
  Cast: (x, c) => [cast(x, c)],
  Shape: (x, c) => [shapeOf(first(x).shape, c.attributes, c.memory)],
}

const layoutOf = (value: Value): Layout => (isHost(value) ? 'rows' : value.layout)

/** An operator on every element by itself: the layout stays. */
function unary<N extends OpName>(
  op: N,
  inputs: Inputs,
  attrs: AttrsOf<N>,
  { builder }: DeviceContext,
): DeviceTensor {
  const x = first(inputs)
  const layout = layoutOf(x)
  return builder.device(builder.graph.op(op, [builder.stored(x, layout)], attrs), x.shape, layout)
}

/** Clip's bounds: attributes up to opset 10, inputs since. */
function clipBounds(inputs: Inputs, { attributes, opset }: DeviceContext) {
  const bound = (name: string, index: number) => {
    if (opset < 11) return attributes.get('float', name)
    const input = known(inputs, index)
    if (input && input.data.length !== 1) throw new BadNode(`its ${name} has ${input.data.length} elements`)
    return input ? Number(input.data[0]) : undefined
  }
  return {
    min: bound('min', 1) ?? Number.NEGATIVE_INFINITY,
    max: bound('max', 2) ?? Number.POSITIVE_INFINITY,
  }
}

function binary(kind: AttrsOf<'binary'>['kind'], inputs: Inputs, { builder }: DeviceContext): DeviceTensor {
  const [a, b] = [first(inputs), present(inputs, 1)]
  const shape = broadcast(a.shape, b.shape)
  const layout = shape.length === 4 && [a, b].some((x) => layoutOf(x) === 'nhwc') ? 'nhwc' : 'rows'
  const operands = [a, b].map((x) => builder.stored(layout === 'nhwc' ? asImage(x, builder) : x, layout))
  return builder.device(builder.graph.op('binary', operands, { kind }), shape, layout)
}

/** Repeated along the axes that ones are longer in: a product that changes nothing. Images are made, not rows. */
function expand(inputs: Inputs, c: DeviceContext): DeviceTensor {
  const [x, asked] = [first(inputs), known(inputs, 1)]
  if (!asked) throw new BadNode('has no shape')
  const shape = broadcast(x.shape, integers(asked))
  const own = [...Array<number>(shape.length - x.shape.length).fill(1), ...x.shape]
  const ones = c.memory.make(
    'float32',
    shape.map((size, axis) => (own[axis] === 1 ? size : 1)),
  )
  ;(ones.data as Float32Array).fill(1)
  const { builder } = c
  if (shape.length !== 4) return binary('mul', [x, ones], c)
  const image = asImage(x, builder)
  return binary('mul', [builder.device(builder.nhwc(image), image.shape, 'nhwc'), ones], c)
}

/** A value of at most 4 axes as one of 4, as broadcasting would see it. */
function asImage(value: Value, builder: Builder): Value {
  if (value.shape.length === 4) return value
  const shape = [...Array<number>(4 - value.shape.length).fill(1), ...value.shape]
  return isHost(value) ? { ...value, shape } : builder.reshape(value, shape)
}

/** Along one axis since opset 13; over all axes from `axis` on before. */
function softmax(inputs: Inputs, { attributes, opset, builder }: DeviceContext): DeviceTensor {
  const x = first(inputs)
  const rank = x.shape.length
  const along = attributes.int('axis', opset < 13 ? 1 : -1)
  if (opset < 13) {
    const matrix = builder.view(builder.rows(x), flattened(x.shape, along))
    return builder.device(builder.view(builder.graph.op('softmax', [matrix], {}), x.shape), x.shape, 'rows')
  }
  const axis = axisOf(along, rank)
  const layout = rank === 4 && axis === 1 ? 'nhwc' : 'rows'
  const perm = x.shape.map((_, i) => i).filter((i) => i !== axis)
  if (layout === 'nhwc' || axis === rank - 1) {
    return builder.device(builder.graph.op('softmax', [builder.stored(x, layout)], {}), x.shape, layout)
  }
  const there = [...perm, axis]
  const back = there.map((_, i) => there.indexOf(i))
  const y = builder.graph.op('softmax', [builder.permute(builder.rows(x), there)], {})
  return builder.device(builder.permute(y, back), x.shape, 'rows')
}

/** y = alpha · A′ · B′ + beta · C */
function gemm(inputs: Inputs, { attributes, builder }: DeviceContext): DeviceTensor {
  const { graph } = builder
  const matrix = (index: number, turned: boolean): Tensor => {
    const x = present(inputs, index)
    if (x.shape.length !== 2) throw new BadNode(`input ${index} is [${x.shape.join('×')}], not a matrix`)
    if (!turned) return builder.rows(x)
    return isHost(x) ? builder.constant(x, [1, 0]) : builder.permute(builder.rows(x), [1, 0])
  }
  const [a, b] = [matrix(0, attributes.int('transA', 0) !== 0), matrix(1, attributes.int('transB', 0) !== 0)]
  const [alpha, beta] = [attributes.float('alpha', 1), attributes.float('beta', 1)]
  const scaled = (x: Tensor, factor: number) => (factor === 1 ? x : graph.op('scale', [x], { factor }))
  const c = inputs[2] ?? null
  const isBias = c?.shape.length === 1 && c.shape[0] === graph.shape(b)[1] && alpha === 1 && beta === 1
  let y = scaled(graph.op('matmul', isBias ? [a, b, builder.rows(c)] : [a, b], {}), alpha)
  if (c && !isBias) y = graph.op('binary', [y, scaled(builder.rows(c), beta)], { kind: 'add' })
  return builder.device(y, graph.shape(y), 'rows')
}

/** numpy's rule: a vector on the left is a row, on the right a column, and its axis of size 1 goes again. */
function matmul(inputs: Inputs, { builder }: DeviceContext): DeviceTensor {
  const [a, b] = [first(inputs), present(inputs, 1)]
  if (a.shape.length === 0 || b.shape.length === 0) throw new BadNode('does not take scalars')
  const left = a.shape.length === 1 ? builder.reshape(a, [1, a.shape[0]!]).tensor : builder.rows(a)
  const right = b.shape.length === 1 ? builder.reshape(b, [b.shape[0]!, 1]).tensor : builder.rows(b)
  const y = builder.graph.op('matmul', [left, right], {})
  const rank = builder.graph.shape(y).length
  const gone = [...(a.shape.length === 1 ? [rank - 2] : []), ...(b.shape.length === 1 ? [rank - 1] : [])]
  const shape = squeezed(builder.graph.shape(y), gone)
  return builder.device(builder.view(y, shape), shape, 'rows')
}

/** Its axes are an attribute up to opset 17, an input since. */
function reduceMean(inputs: Inputs, { attributes, opset, builder }: DeviceContext): DeviceTensor {
  const x = first(inputs)
  const listed = known(inputs, 1)
  const given = opset < 18 ? attributes.get('ints', 'axes') : listed ? integers(listed) : undefined
  const nothing = opset >= 18 && attributes.int('noop_with_empty_axes', 0) !== 0
  const all = x.shape.map((_, i) => i)
  const axes = given?.length ? axesOf(given, x.shape.length) : nothing ? [] : all
  const keepDims = attributes.int('keepdims', 1) !== 0
  const layout = keepDims ? layoutOf(x) : 'rows'
  const stored = axes.map((axis) => storedAxis(axis, layout))
  const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
  const shape = keepDims ? kept : kept.filter((_, axis) => !axes.includes(axis))
  const y = builder.graph.op('reduce', [builder.stored(x, layout)], { kind: 'mean', axes: stored, keepDims })
  return builder.device(y, shape, layout)
}

function concat(inputs: Inputs, { attributes, builder }: DeviceContext): DeviceTensor {
  const values = inputs.filter((x) => x !== null)
  const { shape } = first(values)
  const axis = axisOf(attributes.int('axis', Number.NaN), shape.length)
  const layout = values.some((x) => layoutOf(x) === 'nhwc') ? 'nhwc' : 'rows'
  const parts = values.map((x) => builder.stored(x, layout))
  const size = values.reduce((sum, x) => sum + (x.shape[axis] ?? 0), 0)
  const y =
    parts.length === 1 ? parts[0]! : builder.graph.op('concat', parts, { axis: storedAxis(axis, layout) })
  return builder.device(y, shape.with(axis, size), layout)
}

function slice(inputs: Inputs, c: DeviceContext): DeviceTensor {
  const { builder } = c
  const x = first(inputs)
  const layout = layoutOf(x)
  let [tensor, shape] = [builder.stored(x, layout), x.shape]
  const lists = [null, ...inputs.slice(1).map((_, i) => known(inputs, i + 1))]
  for (const { axis, start, step, size } of sliceRanges(x.shape, lists, c)) {
    if (step !== 1) throw new NotKnown(`takes steps of ${step}, which is done with constants only`)
    if (size === 0) throw new NotKnown(`leaves nothing of axis ${axis}, which only a constant can be`)
    if (size !== shape[axis]) {
      tensor = builder.graph.op('slice', [tensor], { axis: storedAxis(axis, layout), start, size })
    }
    shape = shape.with(axis, size)
  }
  return builder.device(tensor, shape, layout)
}

/** Transposes into that of the two layouts which moves fewer elements. */
function transpose(inputs: Inputs, { attributes, builder }: DeviceContext): DeviceTensor {
  const x = first(inputs)
  const layout = layoutOf(x)
  const perm = permOf(x.shape.length, attributes)
  const shape = perm.map((axis) => x.shape[axis]!)
  const tensor = builder.stored(x, layout)
  const order = perm.map((axis) => storedAxis(axis, layout))
  const channelsLast = TO_NHWC.map((axis) => order[axis]!)
  const isStill = channelsLast.every((axis, i) => axis === i)
  if (x.shape.length === 4 && isStill) return builder.device(tensor, shape, 'nhwc')
  return builder.device(builder.permute(tensor, order), shape, 'rows')
}

function reshape(inputs: Inputs, c: DeviceContext): DeviceTensor {
  const shape = known(inputs, 1)
  if (!shape) throw new BadNode('has no shape')
  const allowZero = c.attributes.int('allowzero', 0) !== 0
  return reshapeTo(inputs, reshaped(first(inputs).shape, integers(shape), allowZero), c)
}

const reshapeTo = (inputs: Inputs, shape: readonly number[], { builder }: DeviceContext) =>
  builder.reshape(first(inputs), shape)

/** Outside of training, Dropout keeps everything. */
function dropout(inputs: Inputs, { attributes, memory, outputs }: DeviceContext): Value[] {
  expectInference(known(inputs, 2))
  attributes.ignore('ratio', 'seed')
  const x = first(inputs)
  if (outputs < 2) return [x]
  const mask = memory.make('bool', x.shape)
  ;(mask.data as Uint8Array).fill(1)
  return [x, mask]
}

/** All that is computed is float32, which stands for float16 as well. */
function cast(inputs: Inputs, { attributes }: DeviceContext): Value {
  attributes.ignore('saturate')
  const code = attributes.int('to', 0)
  if (code === 1 || code === 10) return first(inputs)
  throw new NotKnown('only makes float32 of what is computed; of constants it makes other types too')
}
