/** The operators that know what an image is: convolution, pooling, normalisation, resizing. */
import type { Resampling, ResizeAttrs } from '../../kernels/movement/resize.ts'
import { positions } from '../../kernels/movement/resize.ts'
import { product } from '../../numbers.ts'
import { type Attributes, axesOf, BadNode, integers, Unsupported } from './node.ts'
import {
  type Builder,
  type DeviceContext,
  type DeviceTensor,
  first,
  type Inputs,
  isHost,
  known,
  present,
  storedShape,
  type Value,
} from './values.ts'

type Pair = readonly [number, number]

/** Strides, paddings and the like are counted in 32 bits on the GPU; no image is that large. */
const MAX_STEP = 2 ** 24

/** x as an image; one of 3 axes, a line, becomes an image of one row. */
function image(x: Value, builder: Builder): Value {
  const [N, C, L] = x.shape
  if (x.shape.length === 4) return x
  if (x.shape.length !== 3)
    throw new Unsupported(`takes images (4 axes) and lines (3), not [${x.shape.join('×')}]`)
  const shape = [N!, C!, 1, L!]
  return isHost(x) ? { ...x, shape } : builder.reshape(x, shape)
}

/** The result of an image operator in the number of axes that x had. */
function like(x: Value, tensor: DeviceTensor['tensor'], builder: Builder): DeviceTensor {
  const [N, H, W, C] = builder.graph.shape(tensor) as [number, number, number, number]
  const y = builder.device(tensor, [N, C, H, W], 'nhwc')
  return x.shape.length === 3 ? builder.reshape(y, [N, C, W]) : y
}

/** A list of one or two attributes as [vertical, horizontal]; a line has only the latter. */
function pair(attributes: Attributes, name: string, spatial: number, otherwise: number | Pair): Pair {
  const list = attributes.get('ints', name)
  if (!list) return typeof otherwise === 'number' ? [otherwise, otherwise] : otherwise
  if (list.length !== spatial || list.some((value) => value < 1 || value > MAX_STEP)) {
    throw new BadNode(`its attribute ${name} is [${list.join(', ')}], not ${spatial} positive numbers`)
  }
  return spatial === 1 ? [1, list[0]!] : [list[0]!, list[1]!]
}

interface Window {
  readonly kernel: Pair
  readonly stride: Pair
  readonly dilation: Pair
}

/** Padding as [top, left, bottom, right], by `pads` or `auto_pad`; the odd pixel goes where the mode's name says. */
function padding(attributes: Attributes, x: Value, { kernel, stride, dilation }: Window, spatial: number) {
  const mode = attributes.choice('auto_pad', ['NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID'])
  const pads = attributes.get('ints', 'pads')
  if (mode === 'VALID') return [0, 0, 0, 0] as const
  if (mode !== 'NOTSET') {
    const sides = (axis: 0 | 1): Pair => {
      const [size, extent] = [x.shape[axis + 2]!, (kernel[axis] - 1) * dilation[axis] + 1]
      const total = Math.max((Math.ceil(size / stride[axis]) - 1) * stride[axis] + extent - size, 0)
      const [less, more] = [Math.floor(total / 2), Math.ceil(total / 2)]
      return mode === 'SAME_UPPER' ? [less, more] : [more, less]
    }
    const [[top, bottom], [left, right]] = [sides(0), sides(1)]
    return [top, left, bottom, right] as const
  }
  const list = pads ?? Array<number>(2 * spatial).fill(0)
  if (list.length !== 2 * spatial || list.some((value) => value < 0 || value > MAX_STEP)) {
    throw new BadNode(`its attribute pads is [${list.join(', ')}], not ${2 * spatial} sizes`)
  }
  return spatial === 1 ? ([0, list[0]!, 0, list[1]!] as const) : (list as [number, number, number, number])
}

/** x ∗ W + B: W is [K, C/group, R, S] in ONNX and [R, S, C/group, K] here. */
export function conv(inputs: Inputs, { attributes, builder }: DeviceContext): DeviceTensor {
  const [line, weight, bias] = [first(inputs), image(present(inputs, 1), builder), inputs[2] ?? null]
  const x = image(line, builder)
  const spatial = line.shape.length - 2
  const size: Pair = [weight.shape[2]!, weight.shape[3]!]
  const kernel = pair(attributes, 'kernel_shape', spatial, size)
  if (kernel.join() !== size.join())
    throw new BadNode(`its kernel_shape [${kernel}] is not that of the weight [${size}]`)
  const stride = pair(attributes, 'strides', spatial, 1)
  const dilation = pair(attributes, 'dilations', spatial, 1)
  const groups = attributes.int('group', 1)
  if (groups < 1) throw new BadNode(`has ${groups} groups`)
  const turn = [2, 3, 1, 0]
  const w = isHost(weight) ? builder.constant(weight, turn) : builder.permute(builder.rows(weight), turn)
  const operands = [builder.nhwc(x), w, ...(bias ? [builder.rows(bias)] : [])]
  const pads = padding(attributes, x, { kernel, stride, dilation }, spatial)
  const attrs = { stride, dilation, padding: pads, groups, activation: 'none' } as const
  return like(line, builder.graph.op('conv2d', operands, attrs), builder)
}

export function pool(
  kind: 'max' | 'average',
  inputs: Inputs,
  { attributes, builder }: DeviceContext,
): DeviceTensor {
  const line = first(inputs)
  const x = image(line, builder)
  const spatial = line.shape.length - 2
  if (!attributes.get('ints', 'kernel_shape')) throw new BadNode('has no kernel_shape')
  const kernel = pair(attributes, 'kernel_shape', spatial, 1)
  const stride = pair(attributes, 'strides', spatial, 1)
  const dilation = pair(attributes, 'dilations', spatial, 1)
  const isAutomatic =
    attributes.choice('auto_pad', ['NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID']) !== 'NOTSET'
  if (kind === 'max') attributes.ignore('storage_order') // only says something of the indices
  const attrs = {
    kind,
    ...{ kernel, stride, dilation },
    padding: padding(attributes, x, { kernel, stride, dilation }, spatial),
    ceilMode: attributes.int('ceil_mode', 0) !== 0 && !isAutomatic,
    countIncludePad: kind === 'average' && attributes.int('count_include_pad', 0) !== 0,
  }
  return like(line, builder.graph.op('pool2d', [builder.nhwc(x)], attrs), builder)
}

export function globalPool(kind: 'max' | 'mean', inputs: Inputs, { builder }: DeviceContext): DeviceTensor {
  const x = first(inputs)
  if (x.shape.length < 3) throw new BadNode(`[${x.shape.join('×')}] has nothing to pool over`)
  const layout = isHost(x) ? 'rows' : x.layout
  const axes = layout === 'nhwc' ? [1, 2] : x.shape.slice(2).map((_, i) => i + 2)
  const y = builder.graph.op('reduce', [builder.stored(x, layout)], { kind, axes, keepDims: true })
  return builder.device(y, [...x.shape.slice(0, 2), ...x.shape.slice(2).map(() => 1)], layout)
}

/** With the statistics that the model carries. */
export function batchNormalization(inputs: Inputs, { attributes, builder }: DeviceContext): DeviceTensor {
  const x = first(inputs)
  if (attributes.int('training_mode', 0) !== 0) throw new Unsupported('is in training mode')
  if (attributes.int('spatial', 1) !== 1) throw new Unsupported('has statistics for every pixel (spatial 0)')
  attributes.ignore('momentum')
  const epsilon = attributes.float('epsilon', 1e-5)
  const [N, C, ...rest] = x.shape
  if (C === undefined) throw new BadNode(`[${x.shape.join('×')}] has no channels`)
  const pixels = product(rest)
  const isImage = x.shape.length === 4
  const shape = isImage ? x.shape : [N!, C, 1, pixels]
  const seen = isImage ? x : isHost(x) ? { ...x, shape } : builder.reshape(x, shape)
  const statistics = [1, 2, 3, 4].map((index) => builder.rows(present(inputs, index)))
  const y = builder.graph.op('batchNorm', [builder.nhwc(seen), ...statistics], { epsilon })
  const image = builder.device(y, shape, 'nhwc')
  return isImage ? image : builder.reshape(image, x.shape)
}

/** Attributes up to opset 10; since then inputs, of which the axes came with opset 18. */
export function pad(inputs: Inputs, { attributes, opset, builder }: DeviceContext): DeviceTensor {
  const x = first(inputs)
  const rank = x.shape.length
  const mode = attributes.choice('mode', ['constant', 'reflect', 'edge', 'wrap'])
  const [amounts, fill, some] = [known(inputs, 1), known(inputs, 2), known(inputs, 3)]
  const given = opset < 11 ? attributes.get('ints', 'pads') : amounts ? integers(amounts) : undefined
  const value = opset < 11 ? attributes.float('value', 0) : Number(fill?.data[0] ?? 0)
  const axes = some ? axesOf(integers(some), rank) : x.shape.map((_, axis) => axis)
  if (given?.length !== 2 * axes.length)
    throw new BadNode(`has ${given?.length ?? 'no'} pads for ${axes.length} axes`)
  const side = (start: number) => {
    const all = x.shape.map((_, axis) => (axes.includes(axis) ? given[start + axes.indexOf(axis)]! : 0))
    return storedShape(all, layout)
  }
  const layout = isHost(x) ? 'rows' : x.layout
  const pads = [...side(0), ...side(axes.length)]
  const y = builder.graph.op('pad', [builder.stored(x, layout)], { pads, mode, value })
  const stored = builder.graph.shape(y)
  const [N, H, W, C] = stored as [number, number, number, number]
  return builder.device(y, layout === 'nhwc' ? [N, C, H, W] : stored, layout)
}

const COORDINATES = [
  ...['half_pixel', 'half_pixel_symmetric', 'pytorch_half_pixel', 'tf_half_pixel_for_nn'],
  ...['align_corners', 'asymmetric'],
] as [Resampling['coordinates'], ...Resampling['coordinates'][]]

const MODES = ['nearest', 'linear'] as [Target['mode'], ...Target['mode'][]]

/** Nearest neighbours or linear. Up to opset 10 it is what Upsample was. */
export function resize(inputs: Inputs, c: DeviceContext): DeviceTensor {
  const { attributes, opset } = c
  if (opset < 11) return upsample(inputs, c)
  const mode = attributes.choice('mode', MODES)
  attributes.ignore('cubic_coeff_a', 'exclude_outside', 'extrapolation_value')
  if (attributes.int('antialias', 0) !== 0) throw new Unsupported('smooths (antialias)')
  attributes.choice('keep_aspect_ratio_policy', ['stretch'])
  const coordinates = attributes.choice('coordinate_transformation_mode', COORDINATES)
  const rounding = attributes.choice('nearest_mode', [
    'round_prefer_floor',
    'round_prefer_ceil',
    'floor',
    'ceil',
  ])
  const rank = first(inputs).shape.length
  const axes = axesOf(attributes.get('ints', 'axes') ?? first(inputs).shape.map((_, axis) => axis), rank)
  const [scales, sizes] = [known(inputs, 2), known(inputs, 3)]
  return resample(inputs, c, axes, {
    ...{ mode, coordinates, rounding },
    scales: scales?.data.length ? Array.from(scales.data, Number) : null,
    sizes: sizes?.data.length ? integers(sizes) : null,
  })
}

export function upsample(inputs: Inputs, c: DeviceContext): DeviceTensor {
  const { attributes, opset } = c
  const mode = attributes.choice('mode', MODES)
  const listed = known(inputs, 1)
  const scales =
    opset < 9 ? attributes.get('floats', 'scales') : listed ? Array.from(listed.data, Number) : null
  const axes = first(inputs).shape.map((_, axis) => axis)
  return resample(inputs, c, axes, {
    mode,
    coordinates: 'asymmetric',
    rounding: null,
    scales: scales ?? null,
    sizes: null,
  })
}

interface Target {
  readonly mode: ResizeAttrs['mode']
  readonly coordinates: Resampling['coordinates']
  /** Null up to opset 10, which rounded down to enlarge and up to shrink. */
  readonly rounding: Resampling['rounding'] | null
  readonly scales: readonly number[] | null
  readonly sizes: readonly number[] | null
}

function resample(
  inputs: Inputs,
  { builder }: DeviceContext,
  axes: readonly number[],
  target: Target,
): DeviceTensor {
  const line = first(inputs)
  const x = image(line, builder)
  const given = target.sizes ?? target.scales
  if (given?.length !== axes.length || given.some((value) => !(value > 0 && value < 2 ** 31))) {
    throw new BadNode(`its scales or sizes are [${given?.join(', ') ?? ''}] for ${axes.length} axes`)
  }
  const along = (axis: number): Resampling => {
    const [from, at] = [line.shape[axis]!, axes.indexOf(axis)]
    const asked = at < 0 ? 1 : (target.scales?.[at] ?? target.sizes![at]! / from)
    // the product in float32, as ONNX Runtime computes it
    const to = target.sizes?.[at] ?? Math.floor(Math.fround(from * Math.fround(asked)))
    const rounding = target.rounding ?? (asked < 1 ? 'ceil' : 'floor')
    return { coordinates: target.coordinates, rounding, from, to, scale: asked }
  }
  const all = line.shape.map((_, axis) => along(axis))
  if (all.slice(0, 2).some(({ from, to, scale }) => from !== to || scale !== 1))
    throw new Unsupported('resizes samples or channels')
  const rows = all.length === 4 ? all[2]! : { ...all[1]!, from: 1, to: 1 }
  const tables = [rows, all.at(-1)!].map((how) => {
    if (how.to < 1) throw new BadNode(`leaves nothing of ${how.from} elements`)
    builder.memory.make('float32', [how.to]) // the table's own memory, counted
    return builder.graph.constant(positions(target.mode, how), [how.to])
  })
  return like(line, builder.graph.op('resize', [builder.nhwc(x), ...tables], { mode: target.mode }), builder)
}
