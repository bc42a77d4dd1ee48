/**
 * tf.train.Example, TensorFlow's record of named features, in protocol buffer encoding by hand.
 *
 *   Example  { Features features = 1 }          Feature   { oneof { BytesList bytes_list = 1;
 *   Features { map<string, Feature> feature = 1 }                   FloatList float_list = 2; Int64List int64_list = 3 } }
 *   …List    { repeated … value = 1 }           a map's entry is { key = 1; value = 2 }
 *
 * Sources: tensorflow/core/example/{example,feature}.proto; protobuf.dev, "Encoding".
 */

export type Feature =
  | { kind: 'bytes'; values: Uint8Array[] }
  | { kind: 'float'; values: Float32Array }
  | { kind: 'int64'; values: bigint[] }

export type Example = Map<string, Feature>

const LISTS = ['bytes', 'float', 'int64'] as const
/** Wire types: how a field's value is laid out. */
const [VARINT, FIXED64, BYTES, FIXED32] = [0, 1, 2, 5]

/** The bytes of an Example, features in the map's order, numbers packed as TensorFlow writes them. */
export function encodeExample(example: Example): Uint8Array {
  const entries = [...example].map(([name, feature]) => {
    const list = field(LISTS.indexOf(feature.kind) + 1, listOf(feature))
    return field(1, concat([field(1, new TextEncoder().encode(name)), field(2, list)]))
  })
  return field(1, concat(entries))
}

function listOf(feature: Feature): Uint8Array {
  if (feature.kind === 'bytes') return concat(feature.values.map((value) => field(1, value)))
  if (feature.kind === 'int64') return field(1, concat(feature.values.map(varint)))
  const { buffer, byteOffset, byteLength } = feature.values
  return field(1, new Uint8Array(buffer, byteOffset, byteLength))
}

function field(number: number, bytes: Uint8Array): Uint8Array {
  return concat([varint(BigInt((number << 3) | BYTES)), varint(BigInt(bytes.length)), bytes])
}

/** Seven bits a byte, the lowest first; negative numbers as 64-bit two's complement. */
function varint(value: bigint): Uint8Array {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return Uint8Array.from([...bytes, Number(rest)])
}

function concat(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** One field of a message: its number, and its value as laid out by its wire type. */
type Field = { number: number; wire: number; bytes: Uint8Array; integer: bigint }

/**
 * Reads an Example. Numbers may be packed or not, unknown fields are passed over, the last of equal names counts.
 * Bytes and packed floats are not copied where alignment permits.
 * @throws Error when `bytes` is not a well-formed Example
 */
export function decodeExample(bytes: Uint8Array): Example {
  const example: Example = new Map()
  for (const features of messages(bytes, 1)) {
    for (const entry of messages(features, 1)) {
      const name = messages(entry, 1).at(-1) ?? new Uint8Array()
      const feature = featureOf(messages(entry, 2).at(-1) ?? new Uint8Array())
      if (feature) example.set(new TextDecoder('utf-8', { fatal: true }).decode(name), feature)
    }
  }
  return example
}

/** The list that a Feature holds; null when it holds none. */
function featureOf(bytes: Uint8Array): Feature | null {
  const list = [...fields(bytes)].filter(({ number }) => number >= 1 && number <= 3).at(-1)
  if (!list) return null
  if (list.wire !== BYTES) throw new Error('a feature that is no list')
  const kind = LISTS[list.number - 1]!
  const values = [...fields(list.bytes)].filter(({ number }) => number === 1)
  if (kind === 'bytes') return { kind, values: values.map(bytesOf) }
  if (kind === 'float') return { kind, values: floatsOf(values) }
  return { kind, values: values.flatMap(integersOf) }
}

function floatsOf(values: Field[]): Float32Array {
  if (values.some(({ wire }) => wire !== BYTES && wire !== FIXED32))
    throw new Error('a float of the wrong wire type')
  if (values.some(({ bytes }) => bytes.length % 4)) throw new Error('packed floats that end inside a number')
  const all = values.length === 1 ? values[0]!.bytes : concat(values.map(({ bytes }) => bytes))
  return new Float32Array(all.buffer.slice(all.byteOffset, all.byteOffset + all.length))
}

function integersOf({ wire, integer, bytes }: Field): bigint[] {
  if (wire === VARINT) return [BigInt.asIntN(64, integer)]
  if (wire !== BYTES) throw new Error('an integer of the wrong wire type')
  const reader = { bytes, at: 0 }
  const integers: bigint[] = []
  while (reader.at < bytes.length) integers.push(BigInt.asIntN(64, readVarint(reader)))
  return integers
}

/** The messages (or strings) that field `number` of the message `bytes` holds. */
function messages(bytes: Uint8Array, number: number): Uint8Array[] {
  return [...fields(bytes)].filter((field) => field.number === number).map(bytesOf)
}

function bytesOf({ wire, bytes }: Field): Uint8Array {
  if (wire !== BYTES) throw new Error('a number where bytes are expected')
  return bytes
}

interface Reader {
  bytes: Uint8Array
  at: number
}

function* fields(bytes: Uint8Array): Generator<Field> {
  const reader = { bytes, at: 0 }
  while (reader.at < bytes.length) {
    const tag = readVarint(reader)
    const [number, wire] = [Number(tag >> 3n), Number(tag & 7n)]
    if (number === 0) throw new Error('a field without a number')
    if (wire === VARINT) yield { number, wire, bytes: new Uint8Array(), integer: readVarint(reader) }
    else yield { number, wire, bytes: take(reader, lengthOf(wire, reader)), integer: 0n }
  }
}

function lengthOf(wire: number, reader: Reader): number {
  if (wire === BYTES) return Number(readVarint(reader))
  if (wire === FIXED32) return 4
  if (wire === FIXED64) return 8
  throw new Error(`a field of wire type ${wire}`)
}

function take(reader: Reader, length: number): Uint8Array {
  const { bytes, at } = reader
  if (at + length > bytes.length) throw new Error('a field that is longer than its message')
  reader.at = at + length
  return bytes.subarray(at, at + length)
}

function readVarint(reader: Reader): bigint {
  let value = 0n
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = reader.bytes[reader.at++]
    if (byte === undefined) throw new Error('a number that is cut off')
    value |= BigInt(byte & 127) << shift
    if (byte < 128) return BigInt.asUintN(64, value)
  }
  throw new Error('a number of more than ten bytes')
}
