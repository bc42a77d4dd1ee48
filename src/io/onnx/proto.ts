/**
 * The messages of ONNX files that are read here, decoded and encoded by onnx-proto. No other module imports it: its
 * types need those of protobufjs and long, which users of this package would have to install. It is plain JavaScript, and the page
 * bundles it.
 *
 * Source of names and numbers: onnx.proto3.
 */
import proto from 'onnx-proto'
import { readVarint } from '../protobuf.ts'

const { onnx } = proto

/** A bigint; where the file has none, what protobufjs has for 0. `toBigInt` and `toNumber` read both. */
export type Int64 = unknown

type Maybe<T> = { [K in keyof T]?: T[K] | null }

export type ModelProto = Maybe<{
  irVersion: Int64
  opsetImport: Maybe<{ domain: string; version: Int64 }>[]
  producerName: string
  producerVersion: string
  graph: GraphProto
}>

export type GraphProto = Maybe<{
  node: NodeProto[]
  initializer: TensorProto[]
  sparseInitializer: unknown[]
  input: ValueInfoProto[]
  output: ValueInfoProto[]
}>

export type NodeProto = Maybe<{
  name: string
  domain: string
  opType: string
  input: string[]
  output: string[]
  attribute: AttributeProto[]
}>

export type AttributeProto = Maybe<{
  name: string
  /** One of ATTRIBUTE_TYPES, or a later one. */
  type: number
  i: Int64
  f: number
  s: Uint8Array
  t: TensorProto
  ints: Int64[]
  floats: number[]
  strings: Uint8Array[]
}>

export type TensorProto = Maybe<{
  name: string
  dims: Int64[]
  /** One of DATA_TYPE_NAMES, or a later one. */
  dataType: number
  segment: unknown
  rawData: Uint8Array
  floatData: number[]
  doubleData: number[]
  int32Data: number[]
  int64Data: Int64[]
  /** EXTERNAL: the elements are in another file, of which `externalData` says which and where. */
  dataLocation: number
  externalData: Maybe<{ key: string; value: string }>[]
}>

export type ValueInfoProto = Maybe<{
  name: string
  type: Maybe<{
    tensorType: Maybe<{
      elemType: number
      shape: Maybe<{ dim: Maybe<{ dimValue: Int64; dimParam: string }>[] }>
    }>
  }>
}>

/** AttributeProto.AttributeType, as far as it is read. */
export const ATTRIBUTE_TYPES = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  floats: 6,
  ints: 7,
  strings: 8,
} as const
/** TensorProto.DataType: what ONNX calls a type of elements. */
export const DATA_TYPE_NAMES: Readonly<Record<number, string>> = onnx.TensorProto.DataType
/** TensorProto.DataLocation */
export const EXTERNAL = 1

/** As much of protobufjs's Reader as is needed. */
interface Reader {
  buf: Uint8Array
  pos: number
}

/**
 * protobufjs makes Long objects of 64-bit integers in Node, but in browsers numbers, which lose digits. Many models write
 * 2^63 - 1 for "to the end", which would become 2^63 and then negative. Here they become bigints everywhere.
 */
class ExactReader extends readerClass() {
  int64(): bigint {
    const cursor = { bytes: this.buf, at: this.pos }
    const value = readVarint(cursor)
    this.pos = cursor.at
    return BigInt.asIntN(64, value)
  }
}

/**
 * The Reader that onnx-proto's decoders accept. They want an instance of their own copy of protobufjs, which npm may
 * install where we cannot import it; but decodeDelimited makes one and hands it on to `decode`.
 */
function readerClass(): new (bytes: Uint8Array) => Reader {
  let found: unknown
  const listener = { decode: (reader: Reader) => (found = reader.constructor) }
  onnx.ModelProto.decodeDelimited.call(listener, Uint8Array.of(0))
  return found as new (
    bytes: Uint8Array,
  ) => Reader
}

type ItsReader = Parameters<typeof onnx.ModelProto.decode>[0]
const readerOf = (bytes: Uint8Array) => new ExactReader(bytes) as unknown as ItsReader

/** Throws an Error when `bytes` is no such message. Check it with `scan` before: this believes all lengths. */
export const decodeModel = (bytes: Uint8Array): ModelProto => onnx.ModelProto.decode(readerOf(bytes))

/** Throws as `decodeModel`. */
export const decodeTensor = (bytes: Uint8Array): TensorProto => onnx.TensorProto.decode(readerOf(bytes))

/** The bytes of a TensorProto with its elements in raw_data. */
export function encodeTensorProto(tensor: {
  name: string
  dataType: number
  dims: number[]
  rawData: Uint8Array
}): Uint8Array {
  return onnx.TensorProto.encode(tensor).finish()
}

export const toBigInt = (value: Int64): bigint => (typeof value === 'bigint' ? value : 0n)

/** May lose low digits. */
export const toNumber = (value: Int64): number => Number(toBigInt(value))
