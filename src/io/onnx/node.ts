/** What the operators' entries, on the host and in the graph, see of the node they are for. */
import type { AttributeKind, AttributeValues, OnnxNode } from './model.ts'
import { byteLengthOf, type DataType, elemsOf, type HostTensor, makeData, quote } from './tensors.ts'

/** A node that is valid ONNX, but asks for what this program does not have. */
export class Unsupported extends Error {}

/** A node that makes no sense: shapes that don't fit, a missing input. */
export class BadNode extends Error {}

/** A node that needs something at import that is only known when the graph runs. */
export class NotKnown extends Error {}

/** The attributes of one node, by kind. Those that nobody has asked for are `unused`: their meaning would be lost. */
export class Attributes {
  readonly #used = new Set<string>()

  constructor(private readonly node: OnnxNode) {}

  get<K extends AttributeKind>(kind: K, name: string): AttributeValues[K] | undefined {
    this.#used.add(name)
    const attribute = this.node.attributes.get(name)
    if (attribute === undefined) return undefined
    if (attribute.kind !== kind) throw new BadNode(`its attribute ${name} is ${attribute.kind}, not ${kind}`)
    return attribute.value as AttributeValues[K]
  }

  int(name: string, otherwise: number): number {
    return this.get('int', name) ?? otherwise
  }

  float(name: string, otherwise: number): number {
    return this.get('float', name) ?? otherwise
  }

  /** One of `choices`, the first when the attribute is not there. */
  choice<T extends string>(name: string, choices: readonly [T, ...T[]]): T {
    const value = this.get('string', name) ?? choices[0]
    if (choices.includes(value as T)) return value as T
    throw new Unsupported(
      `its attribute ${name} is ${quote(value)}; of these there are ${choices.join(', ')}`,
    )
  }

  /** Marks attributes that change nothing here. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#used.add(name)
  }

  unused(): string[] {
    return [...this.node.attributes.keys()].filter((name) => !this.#used.has(name))
  }
}

/** Bounds what all folding of one model may allocate. */
export class Memory {
  constructor(private leftBytes: number) {}

  /** A new tensor of zeros. */
  make(dtype: DataType, shape: readonly number[]): HostTensor {
    const elems = elemsOf(shape)
    if (elems === null) throw new BadNode(`[${shape.join('×')}] is not a shape, or too large a one`)
    this.leftBytes -= byteLengthOf(dtype, elems)
    if (this.leftBytes < 0) {
      throw new BadNode(
        `a constant ${dtype} [${shape.join('×')}] is more than this model may take of the memory`,
      )
    }
    return { dtype, shape, data: makeData(dtype, elems) }
  }
}

/** `axis` of a tensor of `rank` axes, counted from the end when negative. */
export function axisOf(axis: number, rank: number): number {
  if (Number.isInteger(axis) && axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis
  throw new BadNode(`there is no axis ${axis} among ${rank}`)
}

export function axesOf(axes: readonly number[], rank: number): number[] {
  const found = axes.map((axis) => axisOf(axis, rank))
  if (new Set(found).size < found.length) throw new BadNode(`an axis is twice among ${axes.join(', ')}`)
  return found
}

/** The numbers of a tensor that holds sizes, axes or the like. */
export function integers(tensor: HostTensor): number[] {
  if (tensor.dtype !== 'int64' && tensor.dtype !== 'int32') {
    throw new BadNode(`needs whole numbers, but got ${tensor.dtype}`)
  }
  if (tensor.data.length > 64) throw new BadNode(`has a list of ${tensor.data.length} axes or sizes`)
  return Array.from(tensor.data as Int32Array, Number)
}

/** What an operator's entry gets besides the inputs. */
export interface Context {
  readonly attributes: Attributes
  readonly opset: number
  readonly memory: Memory
  /** Number of outputs that the graph gives names to. */
  readonly outputs: number
}
