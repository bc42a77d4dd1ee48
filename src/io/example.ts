/**
 * tf.train.Example, TensorFlow's record of named features, in protocol buffer encoding by hand.
 *
 *   Example  { Features features = 1 }          Feature   { oneof { BytesList bytes_list = 1;
 *   Features { map<string, Feature> feature = 1 }                   FloatList float_list = 2; Int64List int64_list = 3 } }
 *   …List    { repeated … value = 1 }           a map's entry is { key = 1; value = 2 }
 *
 * Source: tensorflow/core/example/{example,feature}.proto.
 */
import {
  BYTES,
  bytesField,
  bytesOf,
  concat,
  FIXED32,
  type Field,
  fields,
  messages,
  readVarint,
  VARINT,
  varint,
} from './protobuf.ts'

export type Feature =
  | { kind: 'bytes'; values: Uint8Array[] }
  | { kind: 'float'; values: Float32Array }
  | { kind: 'int64'; values: bigint[] }

export type Example = Map<string, Feature>

const LISTS = ['bytes', 'float', 'int64'] as const

/** The bytes of an Example, features in the map's order, numbers packed as TensorFlow writes them. */
export function encodeExample(example: Example): Uint8Array {
  const entries = [...example].map(([name, feature]) => {
    const list = bytesField(LISTS.indexOf(feature.kind) + 1, listOf(feature))
    return bytesField(1, concat([bytesField(1, name), bytesField(2, list)]))
  })
  return bytesField(1, concat(entries))
}

function listOf(feature: Feature): Uint8Array {
  if (feature.kind === 'bytes') return concat(feature.values.map((value) => bytesField(1, value)))
  if (feature.kind === 'int64') return bytesField(1, concat(feature.values.map(varint)))
  const { buffer, byteOffset, byteLength } = feature.values
  return bytesField(1, new Uint8Array(buffer, byteOffset, byteLength))
}

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
