/**
 * Tensors that are read out of their own order: repeated along axes (numpy's broadcasting) or with axes swapped. A kernel
 * walks the output and `shaders/lib/strided.wgsl` finds the element of an operand by one stride for each axis.
 */

import { type GradBuilder, ShapeError, type Spec, type Tensor } from '../op.ts'

/** Axes that a kernel can walk, after neighbours that are walked evenly have been merged. */
export const MAX_AXES = 6

export interface Walk {
  readonly sizes: readonly number[]
  /** For each operand, elements from one index of each axis to the next; 0 along which it is repeated. */
  readonly strides: readonly (readonly number[])[]
}

/** Distance of neighbours along each axis of a dense tensor. */
export function denseStrides(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1)
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!
  return strides
}

/** Strides of a dense tensor that is repeated to `shape`, numpy's way: aligned at the last axis. */
export function repeatedStrides(from: readonly number[], shape: readonly number[]): number[] {
  const missing = shape.length - from.length
  const dense = denseStrides(from)
  return shape.map((_, axis) => (axis < missing || from[axis - missing] === 1 ? 0 : dense[axis - missing]!))
}

/**
 * The same walk in as few axes as possible: without axes of size 1, neighbours that no operand tells apart merged.
 * Throws a `ShapeError` when kernels cannot walk what is left.
 */
export function mergeAxes(op: string, { sizes, strides }: Walk, inputs: readonly Spec[]): Walk {
  const merged = { sizes: [] as number[], strides: strides.map((): number[] => []) }
  sizes.forEach((size, axis) => {
    if (size === 1) return
    const even = strides.every((s, i) => merged.strides[i]!.at(-1) === s[axis]! * size)
    if (merged.sizes.length && even) merged.sizes.push(merged.sizes.pop()! * size)
    else merged.sizes.push(size)
    strides.forEach((s, i) => {
      if (even) merged.strides[i]!.pop()
      merged.strides[i]!.push(s[axis]!)
    })
  })
  if (merged.sizes.length > MAX_AXES) throw new ShapeError(op, `needs more than ${MAX_AXES} axes`, inputs)
  return merged.sizes.length ? merged : { sizes: [1], strides: strides.map(() => [0]) }
}

/**
 * Parameters `size0…5`, and `<name>0…5` for each operand, of a walk: the last axis is number 5, unused ones have size 1.
 * The constant AXES says how many are used.
 */
export function walkParams(walk: Walk, names: readonly string[]) {
  const count = walk.sizes.length
  const params: Record<string, number> = {}
  const put = (name: string, values: readonly number[], unused: number) => {
    const all = [...Array<number>(MAX_AXES - count).fill(unused), ...values]
    all.forEach((value, axis) => {
      params[`${name}${axis}`] = value
    })
  }
  put('size', walk.sizes, 1)
  for (const [i, name] of names.entries()) put(name, walk.strides[i]!, 0)
  return { params, constants: { AXES: count } }
}

/** The shape that numpy broadcasts both to. Throws a `ShapeError` where there is none. */
export function broadcastShapes(
  op: string,
  a: readonly number[],
  b: readonly number[],
  inputs: readonly Spec[],
): number[] {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, axis) => {
    const [x, y] = [a[axis - rank + a.length] ?? 1, b[axis - rank + b.length] ?? 1]
    if (x !== y && x !== 1 && y !== 1) throw new ShapeError(op, `${x} and ${y} do not broadcast`, inputs)
    return Math.max(x, y)
  })
}

/** The transpose of broadcasting: `grad` summed over the axes along which a tensor of `shape` was repeated. */
export function sumTo(b: GradBuilder, grad: Tensor, shape: readonly number[]): Tensor {
  const from = b.shape(grad)
  const missing = from.length - shape.length
  const axes = from.flatMap((size, axis) => (size !== (shape[axis - missing] ?? 1) ? [axis] : []))
  const summed = axes.length ? b.op('reduce', [grad], { kind: 'sum', axes, keepDims: true }) : grad
  return missing ? b.op('view', [summed], { offset: 0, shape }) : summed
}
