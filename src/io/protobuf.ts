/**
 * Protocol buffer messages by hand: a message is its fields one after the other, each a tag (number and wire type) and a
 * value laid out by that type. Source: protobuf.dev, "Encoding".
 */

/** Wire types: how a field's value is laid out. */
export const [VARINT, FIXED64, BYTES, FIXED32] = [0, 1, 2, 5] as const

/** A field that holds bytes, a string in UTF-8, or a message. */
export function bytesField(number: number, value: Uint8Array | string): Uint8Array {
  const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value
  return concat([tag(number, BYTES), varint(BigInt(bytes.length)), bytes])
}

export const integerField = (number: number, value: number): Uint8Array =>
  concat([tag(number, VARINT), varint(BigInt(value))])

export function floatField(number: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setFloat32(0, value, true)
  return concat([tag(number, FIXED32), bytes])
}

export function doubleField(number: number, value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, value, true)
  return concat([tag(number, FIXED64), bytes])
}

const tag = (number: number, wire: number) => varint(BigInt((number << 3) | wire))

/** Seven bits a byte, the lowest first; negative numbers as 64-bit two's complement. */
export function varint(value: bigint): Uint8Array {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return Uint8Array.from([...bytes, Number(rest)])
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** One field of a message: its number, and its value as laid out by its wire type. */
export type Field = { number: number; wire: number; bytes: Uint8Array; integer: bigint }

/** The messages (or strings) that field `number` of the message `bytes` holds. Throws an Error as `fields`. */
export function messages(bytes: Uint8Array, number: number): Uint8Array[] {
  return [...fields(bytes)].filter((field) => field.number === number).map(bytesOf)
}

export function bytesOf({ wire, bytes }: Field): Uint8Array {
  if (wire !== BYTES) throw new Error('a number where bytes are expected')
  return bytes
}

export interface Reader {
  bytes: Uint8Array
  at: number
}

/** The fields of a message in their order, uncopied. Throws an Error when it is not well-formed. */
export function* fields(bytes: Uint8Array): Generator<Field> {
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

export function readVarint(reader: Reader): bigint {
  let value = 0n
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = reader.bytes[reader.at++]
    if (byte === undefined) throw new Error('a number that is cut off')
    value |= BigInt(byte & 127) << shift
    if (byte < 128) return BigInt.asUintN(64, value)
  }
  throw new Error('a number of more than ten bytes')
}
