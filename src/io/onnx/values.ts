/** Values of an ONNX graph while it is imported, and how they change between ONNX's layout and ours. */
import type { Derivations } from '../../graph/derivations.ts'
import type { Graph } from '../../graph/graph.ts'
import type { Tensor } from '../../kernels/op.ts'
import { BadNode, type Context, type Memory, NotKnown, Unsupported } from './node.ts'
import { transposeHost } from './shapes.ts'
import { elemsOf, type HostTensor } from './tensors.ts'

/**
 * How the elements of a tensor lie: `rows` in the order of its shape, `nhwc` with the channels, axis 1 of 4, behind the
 * others. Shapes in this folder are always those that ONNX speaks of.
 */
export type Layout = 'rows' | 'nhwc'

/** A value that the GPU computes. */
export interface DeviceTensor {
  readonly tensor: Tensor
  readonly shape: readonly number[]
  readonly layout: Layout
}

/** Known at import, or computed by the graph. */
export type Value = HostTensor | DeviceTensor
export const isHost = (value: Value): value is HostTensor => 'data' in value

/** Where each axis of `nhwc` stands in ONNX's shape, and the inverse. */
export const TO_NHWC = [0, 2, 3, 1] as const
export const FROM_NHWC = [0, 3, 1, 2] as const

export const storedShape = (shape: readonly number[], layout: Layout): number[] =>
  layout === 'nhwc' ? TO_NHWC.map((axis) => shape[axis]!) : [...shape]

/** Position of ONNX's `axis` in the stored shape. */
export const storedAxis = (axis: number, layout: Layout) => (layout === 'nhwc' ? FROM_NHWC[axis]! : axis)

/** `data` of an ONNX `shape` in row-major order as it is stored, or the other way round with `back`. */
export function relayout(
  data: Float32Array,
  shape: readonly number[],
  layout: Layout,
  back = false,
): Float32Array {
  if (layout === 'rows') return data
  const [N, C, H, W] = shape as [number, number, number, number]
  const pixels = H * W
  const result = new Float32Array(data.length)
  for (let n = 0; n < N; n++) {
    for (let c = 0; c < C; c++) {
      for (let i = 0; i < pixels; i++) {
        const [there, here] = [(n * C + c) * pixels + i, (n * pixels + i) * C + c]
        if (back) result[there] = data[here]!
        else result[here] = data[there]!
      }
    }
  }
  return result
}

/** What a constant of the graph is in the model. */
export interface Weight {
  readonly name: string
  /** Axis i of the constant is axis perm[i] of the model's value. */
  readonly perm: readonly number[]
}

/** Adds nodes to the graph, and moves values between layouts where an operator needs another one. */
export class Builder {
  /** Constants of the graph that hold a value of the model that has a name. */
  readonly weights = new Map<Tensor, Weight>()
  /** Constants that the graph has already, by their data and by order of axes and shape. */
  readonly #constants = new Map<object, Map<string, Tensor>>()
  readonly #names = new Map<object, string>()

  constructor(
    readonly graph: Graph,
    readonly memory: Memory,
    private readonly derivations: Derivations,
  ) {}

  /** A new value. Throws when it is larger than anything can count. */
  device(tensor: Tensor, shape: readonly number[], layout: Layout): DeviceTensor {
    if (elemsOf(shape) === null) throw new BadNode(`its result [${shape.join('×')}] is too large`)
    return { tensor, shape, layout }
  }

  /** Notes what the model calls a value that is known at import; the same data in other shapes keeps its first name. */
  name(host: HostTensor, name: string): void {
    if (!this.#names.has(host.data)) this.#names.set(host.data, name)
  }

  /** The value in row-major order. */
  rows(value: Value): Tensor {
    if (isHost(value)) return this.constant(value)
    if (value.layout === 'rows') return value.tensor
    return this.permute(value.tensor, FROM_NHWC)
  }

  /** A value of 4 axes with the channels last. */
  nhwc(value: Value): Tensor {
    if (value.shape.length !== 4) throw new Unsupported(`takes 4 axes, not [${value.shape.join('×')}]`)
    if (isHost(value)) return this.constant(value, TO_NHWC)
    if (value.layout === 'nhwc') return value.tensor
    return this.permute(value.tensor, TO_NHWC)
  }

  stored(value: Value, layout: Layout): Tensor {
    return layout === 'nhwc' ? this.nhwc(value) : this.rows(value)
  }

  /** A host value in the graph, its axes in the order of `perm`. */
  constant(host: HostTensor, perm?: readonly number[]): Tensor {
    if (host.dtype !== 'float32' && host.dtype !== 'float16') {
      throw new Unsupported(`cannot compute with ${host.dtype} on the GPU, which has float32 only`)
    }
    const key = `${host.shape} ${perm}`
    const known = this.#constants.get(host.data) ?? new Map<string, Tensor>()
    this.#constants.set(host.data, known)
    let tensor = known.get(key)
    if (tensor === undefined) {
      const turn = () => transposeHost(host, perm!, this.memory)
      const turned = perm && !isFree(host.shape, perm) ? this.derivations.of([host.data], key, turn) : host
      const shape = perm?.map((axis) => host.shape[axis]!) ?? host.shape
      tensor = this.graph.constant(turned.data as Float32Array, shape)
      known.set(key, tensor)
      const name = this.#names.get(host.data)
      if (name !== undefined) this.weights.set(tensor, { name, perm: perm ?? shape.map((_, axis) => axis) })
    }
    return tensor
  }

  /** Transposes; when only axes of size 1 move, the memory stays as it is. */
  permute(x: Tensor, perm: readonly number[]): Tensor {
    const shape = this.graph.shape(x)
    if (perm.every((axis, i) => axis === i)) return x
    if (isFree(shape, perm))
      return this.view(
        x,
        perm.map((axis) => shape[axis]!),
      )
    return this.graph.op('transpose', [x], { perm })
  }

  view(x: Tensor, shape: readonly number[]): Tensor {
    const now = this.graph.shape(x)
    if (now.length === shape.length && now.every((d, i) => d === shape[i])) return x
    return this.graph.op('view', [x], { offset: 0, shape })
  }

  /** A value in another shape of as many elements, row-major. */
  reshape(value: Value, shape: readonly number[]): DeviceTensor {
    return this.device(this.view(this.rows(value), shape), shape, 'rows')
  }
}

/** Whether a transposition moves nothing: the axes that are longer than 1 keep their order. */
function isFree(shape: readonly number[], perm: readonly number[]): boolean {
  const moved = perm.filter((axis) => shape[axis] !== 1)
  return moved.every((axis, i) => i === 0 || axis > moved[i - 1]!)
}

export interface DeviceContext extends Context {
  readonly builder: Builder
}

/** Inputs as the node lists them; null where an optional one is left out. */
export type Inputs = readonly (Value | null)[]

export function first(inputs: Inputs): Value {
  return present(inputs, 0)
}

export function present(inputs: Inputs, index: number): Value {
  const value = inputs[index]
  if (!value) throw new BadNode(`input ${index} is missing`)
  return value
}

/** Input `index` as a value known at import, or null when it is left out. */
export function known(inputs: Inputs, index: number): HostTensor | null {
  const value = inputs[index]
  if (!value) return null
  if (!isHost(value)) throw new NotKnown(`needs input ${index} as a constant, but it is computed`)
  return value
}
