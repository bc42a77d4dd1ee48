/** Copies on the host that only move elements, and the shape rules that operators on the host and in the graph share. */
import { denseStrides } from '../../kernels/movement/strided.ts'
import { product } from '../../numbers.ts'
import { BadNode, type Memory } from './node.ts'
import type { HostTensor } from './tensors.ts'

/** Visits the elements of a row-major `shape` in order; `at` holds a place in each of the operands. */
export function walk(
  shape: readonly number[],
  strides: readonly (readonly number[])[],
  visit: (to: number, at: readonly number[]) => void,
): void {
  const total = product(shape)
  const index = shape.map(() => 0)
  const at = strides.map(() => 0)
  for (let to = 0; to < total; to++) {
    visit(to, at)
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const back = ++index[axis]! === shape[axis]
      for (let k = 0; k < at.length; k++) at[k]! += strides[k]![axis]! * (back ? 1 - shape[axis]! : 1)
      if (!back) break
      index[axis] = 0
    }
  }
}

/** A way through a tensor's elements: those at offset + Σ i·strides, for i in `shape`. */
interface Path {
  readonly shape: readonly number[]
  readonly strides: readonly number[]
  readonly offset?: number
}

/** y[i] = x[offset + Σ i·strides], as `shape`. */
export function strided(x: HostTensor, { shape, strides, offset = 0 }: Path, memory: Memory): HostTensor {
  const y = memory.make(x.dtype, shape)
  // one type for all kinds of data: what is read is written, and never calculated with
  const [from, to] = [x.data as Float32Array, y.data as Float32Array]
  const [count, step] = [shape.at(-1) ?? 1, strides.at(-1) ?? 0]
  walk(shape.slice(0, -1), [strides.slice(0, -1)], (row, at) => {
    const start = offset + at[0]!
    for (let i = 0; i < count; i++) to[row * count + i] = from[start + i * step]!
  })
  return y
}

export function transposeHost(x: HostTensor, perm: readonly number[], memory: Memory): HostTensor {
  const dense = denseStrides(x.shape)
  const shape = perm.map((axis) => x.shape[axis]!)
  return strided(x, { shape, strides: perm.map((axis) => dense[axis]!) }, memory)
}

/** The shape that shapes broadcast to (numpy's rule). */
export function broadcast(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map(({ length }) => length))
  return Array.from({ length: rank }, (_, i) => {
    const sizes = shapes.map((shape) => shape[i - rank + shape.length] ?? 1)
    const size = sizes.find((d) => d !== 1) ?? 1
    if (sizes.every((d) => d === 1 || d === size)) return size
    throw new BadNode(`${shapes.map((s) => `[${s.join('×')}]`).join(' and ')} do not broadcast`)
  })
}

/** The shape that Reshape asks for: 0 keeps a size (unless `allowZero`), one −1 takes what is left. */
export function reshaped(from: readonly number[], to: readonly number[], allowZero: boolean): number[] {
  const elems = product(from)
  const sizes = to.map((size, i) => {
    if (size !== 0 || allowZero) return size
    if (from[i] === undefined) throw new BadNode(`size ${i} is to be kept, but there is none`)
    return from[i]
  })
  const known = product(sizes.filter((size) => size !== -1))
  const shape = sizes.map((size) => (size === -1 ? elems / known : size))
  const holes = sizes.filter((size) => size === -1).length
  const fits = shape.every((d) => Number.isInteger(d) && d >= 0) && product(shape) === elems
  if (holes > 1 || !fits) throw new BadNode(`[${from.join('×')}] cannot become [${to.join(', ')}]`)
  return shape
}

/** Axes that Squeeze takes away: those named, or all of size 1. */
export function squeezed(shape: readonly number[], axes: readonly number[] | null): number[] {
  const gone = axes ?? shape.flatMap((size, axis) => (size === 1 ? [axis] : []))
  const thick = gone.find((axis) => shape[axis] !== 1)
  if (thick !== undefined) throw new BadNode(`axis ${thick} of [${shape.join('×')}] is not 1`)
  return shape.filter((_, axis) => !gone.includes(axis))
}

/** `axes` are those of the result. */
export function unsqueezed(shape: readonly number[], axes: readonly number[]): number[] {
  const rest = [...shape]
  const rank = shape.length + axes.length
  return Array.from({ length: rank }, (_, i) => (axes.includes(i) ? 1 : rest.shift()!))
}

/** [outer, inner] for Flatten at `axis` (0 … rank). */
export function flattened(shape: readonly number[], axis: number): [number, number] {
  const at = axis < 0 ? axis + shape.length : axis
  if (!Number.isInteger(at) || at < 0 || at > shape.length) throw new BadNode(`there is no axis ${axis}`)
  return [product(shape.slice(0, at)), product(shape.slice(at))]
}

export interface Range {
  readonly axis: number
  readonly start: number
  readonly step: number
  readonly size: number
}

/** Slice's ranges with all its conventions: negative positions count from the end, all are clamped to the axis. */
export function ranges(
  shape: readonly number[],
  { starts, ends, axes, steps }: Readonly<Record<'starts' | 'ends' | 'axes' | 'steps', readonly number[]>>,
): Range[] {
  if (ends.length !== starts.length || axes.length !== starts.length || steps.length !== starts.length) {
    throw new BadNode(
      `${starts.length} starts, ${ends.length} ends, ${axes.length} axes, ${steps.length} steps`,
    )
  }
  return axes.map((axis, i) => {
    const [length, step] = [shape[axis]!, steps[i]!]
    if (step === 0) throw new BadNode('a step is 0')
    // walking backwards, a range may end in front of the first element
    const [low, high] = step > 0 ? [0, length] : [-1, length - 1]
    const clamp = (at: number) => Math.min(Math.max(at < 0 ? at + length : at, low), high)
    const [start, end] = [clamp(starts[i]!), clamp(ends[i]!)]
    return { axis, start, step, size: Math.max(0, Math.ceil((end - start) / step)) }
  })
}
