/**
 * safetensors: little-endian u64 header length, a JSON header, then the tensors' bytes.
 *
 * Source: the format's own description (huggingface/safetensors, README "Format"): header at most 100 MB and starting
 * with '{', no duplicate names, offsets relative to the end of the header, neither overlapping nor leaving holes.
 */
import { HALF_OVERFLOW, halfBits, halfToFloat } from '../device/float16.ts'
import { UserError } from '../errors.ts'
import { product } from '../numbers.ts'
import { duplicateKey } from './json.ts'
import type { ReadAt } from './read-at.ts'

const MAX_HEADER_BYTES = 100_000_000
const LENGTH_BYTES = 8
const METADATA = '__metadata__'
const SPACE = 0x20

const littleEndian = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Bytes of one element of every type the format has, and how to read element `i` of those that are numbers here. */
const TYPES: Record<string, { bytes: number; get?: (data: DataView, at: number) => number }> = {
  BOOL: { bytes: 1, get: (data, at) => data.getUint8(at) },
  U8: { bytes: 1, get: (data, at) => data.getUint8(at) },
  I8: { bytes: 1, get: (data, at) => data.getInt8(at) },
  F8_E4M3: { bytes: 1 },
  F8_E5M2: { bytes: 1 },
  U16: { bytes: 2, get: (data, at) => data.getUint16(at, true) },
  I16: { bytes: 2, get: (data, at) => data.getInt16(at, true) },
  F16: { bytes: 2, get: (data, at) => halfToFloat(data.getUint16(at, true)) },
  BF16: { bytes: 2 },
  U32: { bytes: 4, get: (data, at) => data.getUint32(at, true) },
  I32: { bytes: 4, get: (data, at) => data.getInt32(at, true) },
  F32: { bytes: 4, get: (data, at) => data.getFloat32(at, true) },
  U64: { bytes: 8, get: (data, at) => Number(data.getBigUint64(at, true)) },
  I64: { bytes: 8, get: (data, at) => Number(data.getBigInt64(at, true)) },
  F64: { bytes: 8, get: (data, at) => data.getFloat64(at, true) },
}

export interface Tensor {
  readonly shape: readonly number[]
  data: Float32Array
}

/** A tensor of a file. */
export interface StoredTensor extends Tensor {
  /** How the file has its values, by the format's name of the type: "F16". */
  readonly dtype: string
}

export interface Safetensors {
  tensors: Map<string, StoredTensor>
  metadata: Record<string, string>
}

interface Entry {
  name: string
  dtype: string
  shape: readonly number[]
  begin: number
  end: number
}

/**
 * Reads all tensors. Every number type comes out as float32, rounded where it has to be (64-bit integers, float64).
 * Nothing is allocated before the header has been checked against the real size.
 * @throws UserError about weights naming file and tensor: truncated or malformed in any way.
 */
export async function parseSafetensors(file: ReadAt): Promise<Safetensors> {
  const { name: path } = file
  const { header, dataStart, dataBytes } = await readHeader(file)
  const metadata = metadataOf(header, path)
  const entries = Object.entries(header).filter(([name]) => name !== METADATA)
  const checked = entries.map(([name, value]) => entryOf(name, value, path))
  checkLayout(checked, dataBytes, path)
  const tensors = new Map<string, StoredTensor>()
  for (const entry of checked) {
    const { name, dtype, shape, begin, end } = entry
    const bytes = await file.read(dataStart + begin, end - begin)
    tensors.set(name, { dtype, shape, data: toFloat32(entry, bytes, path) })
  }
  return { tensors, metadata }
}

/** How a tensor's values are written: as they are, rounded to the nearest float16, or as whole numbers from −128 to 127. */
export type Dtype = 'F32' | 'F16' | 'I8'

export interface SafetensorsOptions {
  readonly metadata?: Readonly<Record<string, string>>
  /** float32 for every tensor unless told otherwise. */
  readonly dtypeOf?: (name: string) => Dtype
}

/**
 * The bytes of a file with these tensors in the map's order, piece by piece.
 * @param path what errors call the file
 * @throws UserError when a value is too large for float16
 */
export function encodeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  { metadata = {}, dtypeOf = () => 'F32' }: SafetensorsOptions = {},
): Iterable<Uint8Array> {
  const header = new Map<string, unknown>()
  if (Object.keys(metadata).length) header.set(METADATA, metadata)
  let at = 0
  for (const [name, { shape, data }] of tensors) {
    if (name === METADATA || product(shape) !== data.length)
      throw new Error(`tensor ${name} has ${data.length} elements, which do not fill its shape [${shape}]`)
    const dtype = dtypeOf(name)
    if (dtype === 'F16' && data.some((value) => Math.abs(value) >= HALF_OVERFLOW))
      throw new UserError(`cannot write ${path}: the tensor ${name} has values beyond float16's 65504`)
    const end = at + data.length * TYPES[dtype]!.bytes
    header.set(name, { dtype, shape, data_offsets: [at, end] })
    at = end
  }
  const values = [...tensors].map(([name, { data }]) => ({ data, dtype: dtypeOf(name) }))
  return pieces(Object.fromEntries(header), values)
}

function* pieces(
  header: object,
  tensors: readonly { data: Float32Array; dtype: Dtype }[],
): Generator<Uint8Array> {
  const json = new TextEncoder().encode(JSON.stringify(header))
  const padded = new Uint8Array(Math.ceil(json.length / 8) * 8).fill(SPACE) // the data then starts at a multiple of 8
  padded.set(json)
  const length = new Uint8Array(LENGTH_BYTES)
  littleEndian(length).setBigUint64(0, BigInt(padded.length), true)
  yield length
  yield padded
  for (const { data, dtype } of tensors) {
    const { buffer, byteOffset, byteLength } = stored(data, dtype)
    yield new Uint8Array(buffer, byteOffset, byteLength)
  }
}

function stored(data: Float32Array, dtype: Dtype) {
  if (dtype === 'F16') return Uint16Array.from(data, halfBits)
  return dtype === 'I8' ? Int8Array.from(data) : data
}

async function readHeader(file: ReadAt) {
  const { name: path, size } = file
  if (size < LENGTH_BYTES)
    throw bad(path, `its ${size} bytes are too few for a safetensors file; it is truncated`)
  const lengthField = await file.read(0, LENGTH_BYTES)
  const length = littleEndian(lengthField).getBigUint64(0, true)
  if (length > MAX_HEADER_BYTES)
    throw bad(
      path,
      `its header would have ${length} bytes, more than the 100 MB allowed; not a safetensors file?`,
    )
  const headerBytes = Number(length)
  if (LENGTH_BYTES + headerBytes > size)
    throw bad(path, `its header should have ${length} bytes, but the file ends before; it is truncated`)
  const text = decode(await file.read(LENGTH_BYTES, headerBytes), path)
  const dataStart = LENGTH_BYTES + headerBytes
  return { header: parseHeader(text, path), dataStart, dataBytes: size - dataStart }
}

function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw bad(path, 'its header is not UTF-8; it is corrupt or not a safetensors file')
  }
}

function parseHeader(text: string, path: string): Record<string, unknown> {
  const notJson = () => bad(path, 'its header is not a JSON object; it is corrupt or not a safetensors file')
  if (!text.startsWith('{')) throw notJson()
  let header: unknown
  try {
    header = JSON.parse(text)
  } catch {
    throw notJson()
  }
  const twice = duplicateKey(text)
  if (twice !== null) throw bad(path, `its header has the name ${JSON.stringify(twice)} twice`)
  return header as Record<string, unknown>
}

function metadataOf(header: Record<string, unknown>, path: string): Record<string, string> {
  const metadata = Object.hasOwn(header, METADATA) ? header[METADATA] : {}
  const fine = isObject(metadata) && Object.values(metadata).every((value) => typeof value === 'string')
  if (!fine) throw bad(path, 'its __metadata__ is not a table of strings')
  return metadata as Record<string, string>
}

function entryOf(name: string, value: unknown, path: string): Entry {
  const wrong = (what: string) => bad(path, `tensor ${JSON.stringify(name)} ${what}`)
  if (!isObject(value)) throw wrong('has no description in the header')
  const { dtype, shape, data_offsets: offsets } = value
  if (typeof dtype !== 'string' || !Object.hasOwn(TYPES, dtype)) throw wrong(`has the unknown type ${dtype}`)
  if (!Array.isArray(shape) || !shape.every(isCount)) throw wrong('has a shape that is not a list of sizes')
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount) || offsets[0]! > offsets[1]!)
    throw wrong('has data_offsets that are not a range of bytes')
  const [begin, end] = offsets as [number, number]
  const needBytes = product(shape) * TYPES[dtype]!.bytes
  if (needBytes !== end - begin)
    throw wrong(
      `needs ${needBytes} bytes for ${dtype} [${shape}], but its data_offsets give it ${end - begin}`,
    )
  return { name, dtype, shape, begin, end }
}

/** The tensors must cover the bytes behind the header exactly: no overlap, no hole, nothing missing or left over. */
function checkLayout(entries: Entry[], dataBytes: number, path: string): void {
  let at = 0
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    const what = begin < at ? 'overlaps the tensor before it' : 'leaves a hole before it'
    if (begin !== at)
      throw bad(path, `tensor ${JSON.stringify(name)} ${what} (byte ${begin}, expected ${at})`)
    if (end > dataBytes)
      throw bad(
        path,
        `tensor ${JSON.stringify(name)} ends ${end - dataBytes} bytes behind the file; it is truncated`,
      )
    at = end
  }
  if (at !== dataBytes) throw bad(path, `${dataBytes - at} bytes at its end belong to no tensor`)
}

function toFloat32({ name, dtype }: Entry, bytes: Uint8Array, path: string): Float32Array {
  if (dtype === 'F32') return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
  const { bytes: elemBytes, get } = TYPES[dtype]!
  if (!get)
    throw bad(path, `tensor ${JSON.stringify(name)} has type ${dtype}, which this program does not read`)
  const view = littleEndian(bytes)
  const data = new Float32Array(bytes.length / elemBytes)
  for (let i = 0; i < data.length; i++) data[i] = get(view, i * elemBytes)
  return data
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function bad(path: string, what: string): UserError {
  return new UserError(`cannot read ${path}: ${what}`, 'weights')
}
