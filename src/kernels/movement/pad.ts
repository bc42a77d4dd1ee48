import { product } from '../../numbers.ts'
import {
  ceilDiv,
  elems,
  expectRanks,
  type GradBuilder,
  grid,
  input,
  type Op,
  output,
  ShapeError,
  type Spec,
  type Tensor,
} from '../op.ts'
import { MAX_AXES } from './strided.ts'

const MODES = ['constant', 'edge', 'reflect', 'wrap'] as const

export interface PadAttrs {
  /** Elements put before the first one of each axis, then those behind the last ones. Negative: taken away. */
  readonly pads: readonly number[]
  /** What is put there: `value`, the nearest element, x mirrored at its border, or x over again. */
  readonly mode: (typeof MODES)[number]
  /** For the mode `constant`. */
  readonly value: number
}

/** y = x made longer, or shorter, at both ends of each axis; at most 6 axes. */
export const pad: Op<PadAttrs> = {
  name: 'pad',
  half: 'all',

  infer(inputs, { pads }) {
    expectRanks('pad', inputs, [null])
    const { shape } = inputs[0]!
    const rank = shape.length
    if (pads.length !== 2 * rank || rank > MAX_AXES) {
      throw new ShapeError(
        'pad',
        `${pads.length} pads for ${rank} axes, of which there may be ${MAX_AXES}`,
        inputs,
      )
    }
    const padded = shape.map((size, axis) => size + pads[axis]! + pads[axis + rank]!)
    if (padded.some((size) => size < 1)) throw new ShapeError('pad', `nothing is left of [${padded}]`, inputs)
    return [{ shape: padded }]
  },

  kernels([x], [y], { pads, mode, value }) {
    const rank = x!.shape.length
    const fields = (name: string, values: readonly number[], unused: number) =>
      Object.fromEntries(
        Array.from({ length: MAX_AXES }, (_, i) => [`${name}${i}`, values[i - MAX_AXES + rank] ?? unused]),
      )
    const params = {
      elems: elems(y!),
      ...fields('size', y!.shape, 1),
      ...fields('x', x!.shape, 1),
      ...fields('before', pads.slice(0, rank), 0),
      value,
    }
    const constants = { MODE: MODES.indexOf(mode), AXES: Math.max(rank, 1) }
    const bindings = [input(0), output(0)]
    return [{ shader: 'pad', constants, params, bindings, workgroups: grid(ceilDiv(elems(y!), 64)) }]
  },

  grad(b, attrs) {
    const { pads, mode } = attrs
    const dy = b.outputGrads[0]!
    if (mode === 'constant') return [b.op('pad', [dy], { pads: pads.map((n) => -n), mode, value: 0 })]
    const shape = b.shape(b.inputs[0]!)
    return [shape.reduce<Tensor>((grad, _, axis) => foldAxis(b, grad, axis, attrs), dy)]
  },

  reference([x], [spec], attrs) {
    let y = x!
    let shape = spec!.shape
    for (const axis of shape.keys()) {
      y = padAxis(y, { shape }, axis, attrs)
      shape = shape.map((d, i) => (i === axis ? d + attrs.pads[i]! + attrs.pads[i + shape.length]! : d))
    }
    return [y]
  },
}

/**
 * The gradient along one axis, whose padding repeats elements of x: their gradients add up. Along one axis a pad is a resize
 * by nearest neighbours of images [size, 1].
 */
function foldAxis(b: GradBuilder, dy: Tensor, axis: number, { pads, mode }: PadAttrs): Tensor {
  const shape = b.shape(dy)
  const [length, size] = [shape[axis]!, b.shape(b.inputs[0]!)[axis]!]
  const before = pads[axis]!
  if (length === size && before === 0) return dy
  const image = [elems({ shape: shape.slice(0, axis) }), length, 1, elems({ shape: shape.slice(axis + 1) })]
  const rows = Float32Array.from({ length }, (_, i) => sourceIndex(i - before, size, mode)!)
  const operands = [
    b.op('view', [dy], { offset: 0, shape: image }),
    b.constant(rows, [length]),
    b.constant(new Float32Array(1), [1]),
  ]
  const folded = b.op('resizeGrad', operands, { mode: 'nearest', size: [size, 1] })
  return b.op('view', [folded], { offset: 0, shape: shape.with(axis, size) })
}

/** One axis made longer, row by row: what the modes mean, step by step. */
function padAxis(x: Float64Array, { shape }: Spec, axis: number, attrs: PadAttrs): Float64Array {
  const size = shape[axis]!
  const inner = product(shape.slice(axis + 1))
  const y: number[] = []
  for (let outer = 0; outer < x.length; outer += size * inner) {
    for (let i = -attrs.pads[axis]!; i < size + attrs.pads[axis + shape.length]!; i++) {
      const j = sourceIndex(i, size, attrs.mode)
      for (let k = 0; k < inner; k++) y.push(j === null ? attrs.value : x[outer + j * inner + k]!)
    }
  }
  return Float64Array.from(y)
}

/** The index of the element of x that stands at index i of an axis of `size`; null where there is none. */
function sourceIndex(i: number, size: number, mode: PadAttrs['mode']): number | null {
  if (mode === 'constant') return i >= 0 && i < size ? i : null
  if (mode === 'edge') return Math.min(Math.max(i, 0), size - 1)
  let at = i
  // there and back again, one border after the other
  while (at < 0 || at >= size) {
    if (mode === 'wrap') at += at < 0 ? size : -size
    else if (size === 1) at = 0
    else at = at < 0 ? -at : 2 * (size - 1) - at
  }
  return at
}
