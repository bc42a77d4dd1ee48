/**
 * A walk over serialized protobuf before anything is decoded. The decoder trusts lengths, and a hostile file can make it
 * allocate an object for every two bytes. So such files are refused here, where nothing is allocated.
 *
 * Source: protobuf's encoding guide; field numbers from onnx.proto3 (fields that it got later are only skipped).
 */

/** What a field holds: a scalar, bytes or text, or a message. */
type Field = keyof typeof WIRE | MessageName
type MessageName =
  | 'Model'
  | 'Training'
  | 'Function'
  | 'Graph'
  | 'Node'
  | 'Attribute'
  | 'Tensor'
  | 'Sparse'
  | 'Value'
  | 'Type'
  | 'TensorType'
  | 'Element'
  | 'Map'
  | 'Shape'
  | 'Dimension'
  | 'Opset'
  | 'Entry'
  | 'Annotation'
  | 'Segment'

/** How each kind of field is written (the wire type). */
const WIRE = { int64: 0, int32: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

/** What one of each costs in memory once it is decoded, about: 64-bit integers become bigints. */
const COST_BYTES = { int64: 64, int32: 20, fixed32: 20, fixed64: 20, bytes: 100, message: 400 } as const

/** Weights lie in raw_data, which is not copied: what is left of a large model is far below this. */
const MAX_DECODED_BYTES = 2 ** 30
/** Graphs inside attributes nest, and so do types. */
const MAX_DEPTH = 32

const [V, I, F, D, B] = ['int64', 'int32', 'fixed32', 'fixed64', 'bytes'] as const

const MESSAGES: Readonly<Record<MessageName, Readonly<Record<number, Field>>>> = {
  Model: {
    1: V,
    2: B,
    3: B,
    4: B,
    5: V,
    6: B,
    7: 'Graph',
    8: 'Opset',
    14: 'Entry',
    20: 'Training',
    25: 'Function',
  },
  Training: { 1: 'Graph', 2: 'Graph', 3: 'Entry', 4: 'Entry' },
  Function: { 1: B, 4: B, 5: B, 6: B, 7: 'Node', 8: B, 9: 'Opset', 10: B },
  Graph: {
    ...{ 1: 'Node', 2: B, 5: 'Tensor', 10: B, 11: 'Value', 12: 'Value', 13: 'Value' },
    ...{ 14: 'Annotation', 15: 'Sparse' },
  },
  Node: { 1: B, 2: B, 3: B, 4: B, 5: 'Attribute', 6: B, 7: B },
  Attribute: {
    ...{
      1: B,
      2: F,
      3: V,
      4: B,
      5: 'Tensor',
      6: 'Graph',
      7: F,
      8: V,
      9: B,
      10: 'Tensor',
      11: 'Graph',
      13: B,
    },
    ...{ 14: 'Type', 15: 'Type', 20: V, 21: B, 22: 'Sparse', 23: 'Sparse' },
  },
  Tensor: {
    ...{ 1: V, 2: V, 3: 'Segment', 4: F, 5: I, 6: B, 7: V, 8: B, 9: B, 10: D, 11: V, 12: B },
    ...{ 13: 'Entry', 14: V },
  },
  Sparse: { 1: 'Tensor', 2: 'Tensor', 3: V },
  Value: { 1: B, 2: 'Type', 3: B },
  Type: { 1: 'TensorType', 4: 'Element', 5: 'Map', 6: B, 8: 'TensorType', 9: 'Element' },
  TensorType: { 1: V, 2: 'Shape' },
  Element: { 1: 'Type' },
  Map: { 1: V, 2: 'Type' },
  Shape: { 1: 'Dimension' },
  Dimension: { 1: V, 2: B, 3: B },
  Opset: { 1: B, 2: V },
  Entry: { 1: B, 2: B },
  Annotation: { 1: B, 2: 'Entry' },
  Segment: { 1: V, 2: V },
}

/** Repeated numbers, which stand singly or all in one part. */
const PACKED: Partial<Record<MessageName, readonly number[]>> = {
  Attribute: [7, 8],
  Tensor: [1, 4, 5, 7, 10, 11],
  Sparse: [3],
}

export class ScanError extends Error {}

/** Throws a `ScanError` that says in words why `bytes` are no such message. */
export function scan(bytes: Uint8Array, root: 'Model' | 'Tensor'): void {
  new Scanner(bytes).message(root, bytes.length, 0)
}

class Scanner {
  #at = 0
  #decodedBytes = 0

  constructor(private readonly bytes: Uint8Array) {}

  message(name: MessageName, end: number, depth: number): void {
    if (depth > MAX_DEPTH) throw new ScanError(`it is nested more than ${MAX_DEPTH} deep`)
    this.#count('message')
    const fields = MESSAGES[name]
    while (this.#at < end) {
      const tag = this.#length(end)
      const [number, wire] = [Math.floor(tag / 8), tag % 8]
      const field = fields[number] ?? kindWrittenAs(wire)
      const kind = isKind(field) ? field : 'bytes'
      const isPacked = wire === WIRE.bytes && (PACKED[name]?.includes(number) ?? false)
      if (number === 0 || (wire !== WIRE[kind] && !isPacked)) {
        throw new ScanError(`the field before byte ${this.#at} is not of the kind it should be`)
      }
      if (wire !== WIRE.bytes) this.#scalar(kind, end)
      else this.#part(isPacked ? kind : field, end, depth)
    }
  }

  /** Bytes, packed numbers or a message, behind their length. */
  #part(field: Field, end: number, depth: number): void {
    const stop = this.#length(end) + this.#at
    if (stop > end) throw new ScanError(`the part at byte ${this.#at} ends behind the one that holds it`)
    if (!isKind(field)) this.message(field, stop, depth + 1)
    else if (field === 'bytes') this.#count('bytes')
    else while (this.#at < stop) this.#scalar(field, stop)
    this.#at = stop
  }

  #scalar(kind: keyof typeof WIRE, end: number): void {
    this.#count(kind)
    if (kind === 'fixed32' || kind === 'fixed64') this.#at += kind === 'fixed32' ? 4 : 8
    else this.#varint(end)
    if (this.#at > end) throw new ScanError('it ends in the middle of a number')
  }

  #count(what: keyof typeof COST_BYTES): void {
    this.#decodedBytes += COST_BYTES[what]
    if (this.#decodedBytes > MAX_DECODED_BYTES) {
      throw new ScanError('it has more parts, or numbers outside raw_data, than any model')
    }
  }

  /** A tag or a length, both of 32 bits. */
  #length(end: number): number {
    const value = this.#varint(end)
    if (value >= 2 ** 32) throw new ScanError(`the length before byte ${this.#at} is too large`)
    return value
  }

  #varint(end: number): number {
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= end) throw new ScanError('it ends in the middle of a number')
      const byte = this.bytes[this.#at++]!
      value += (byte & 127) * 2 ** shift
      if (byte < 128) return value
    }
    throw new ScanError(`the number before byte ${this.#at} has no end`)
  }
}

const isKind = (field: Field): field is keyof typeof WIRE => Object.hasOwn(WIRE, field)

/** A kind that is written as `wire`. Throws for groups, which ONNX does not have. */
function kindWrittenAs(wire: number): keyof typeof WIRE {
  const kind = (Object.keys(WIRE) as (keyof typeof WIRE)[]).find((kind) => WIRE[kind] === wire)
  if (!kind) throw new ScanError(`a field is of the unknown kind ${wire}`)
  return kind
}
