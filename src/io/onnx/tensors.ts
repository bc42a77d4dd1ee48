/** Tensors as ONNX files hold them: TensorProto, its eight number types, and data in files beside the model. */
import { constants } from 'node:fs'
import { type FileHandle, open, realpath } from 'node:fs/promises'
import { isAbsolute, join, relative, sep } from 'node:path'
import proto from 'onnx-proto'
import { halfToFloat } from '../../device/float16.ts'
import { EXIT, UserError } from '../../errors.ts'
import { fileTrouble } from '../../node/trouble.ts'

const { onnx } = proto
export type TensorProto = proto.onnx.ITensorProto

/** Number types that are read; float16 is held as float32, which has all its values. */
export type DataType = keyof typeof TYPES
export type Data = Float32Array | Float64Array | Int8Array | Uint8Array | Int32Array | BigInt64Array

/** A tensor in the host's memory. bool is held as 0 and 1. */
export interface HostTensor {
  readonly dtype: DataType
  readonly shape: readonly number[]
  readonly data: Data
}

interface TypeInfo {
  /** TensorProto.DataType */
  readonly code: number
  /** Bytes of one element in raw_data. */
  readonly bytes: number
  readonly make: (length: number) => Data
  /** The field that holds the elements when raw_data does not. */
  readonly field: 'floatData' | 'doubleData' | 'int32Data' | 'int64Data'
}

const TYPES = {
  float32: { code: 1, bytes: 4, make: (n) => new Float32Array(n), field: 'floatData' },
  uint8: { code: 2, bytes: 1, make: (n) => new Uint8Array(n), field: 'int32Data' },
  int8: { code: 3, bytes: 1, make: (n) => new Int8Array(n), field: 'int32Data' },
  int32: { code: 6, bytes: 4, make: (n) => new Int32Array(n), field: 'int32Data' },
  int64: { code: 7, bytes: 8, make: (n) => new BigInt64Array(n), field: 'int64Data' },
  bool: { code: 9, bytes: 1, make: (n) => new Uint8Array(n), field: 'int32Data' },
  float16: { code: 10, bytes: 2, make: (n) => new Float32Array(n), field: 'int32Data' },
  float64: { code: 11, bytes: 8, make: (n) => new Float64Array(n), field: 'doubleData' },
} as const satisfies Record<string, TypeInfo>

export const DATA_TYPES = Object.keys(TYPES) as DataType[]

/** No shader counts further than to the double of this, and no model has as many axes. */
const MAX_ELEMS = 2 ** 31
const MAX_AXES = 32

/** Where external data may lie (null: nowhere), and how much of it may still be read. */
export interface Beside {
  readonly folder: string | null
  roomBytes: number
}

/** A tensor of a type that is valid ONNX, but not read here. Exit code 4. */
export class UnreadableType extends UserError {
  constructor(
    where: string,
    readonly type: string,
  ) {
    super(
      `${where} has the type ${type}, which is not read (${DATA_TYPES.join(', ')} are)`,
      EXIT.badWeightsOrRecords,
    )
  }
}

/** A name from a file as it may stand in a sentence: quoted, without control characters, not endless. */
export const quote = (name: string) => JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name)

export const makeData = (dtype: DataType, length: number): Data => TYPES[dtype].make(length)
export const bytesOf = (dtype: DataType, length: number) => makeData(dtype, 0).BYTES_PER_ELEMENT * length

/** TensorProto.DataType → our name, or null for one that is not read. */
export const dtypeOf = (code: number | null | undefined): DataType | null =>
  DATA_TYPES.find((name) => TYPES[name].code === code) ?? null

/** What ONNX calls a type that may not be read: "BFLOAT16", "type 23". */
export const onnxTypeName = (code: number | null | undefined) =>
  onnx.TensorProto.DataType[code ?? 0] ?? `type ${code}`

/** Number of elements of a shape, or null when it is not one that a computer can hold. */
export function elemsOf(shape: readonly number[]): number | null {
  if (shape.length > MAX_AXES) return null
  let product = 1
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) return null
    product *= size
  }
  return product <= MAX_ELEMS ? product : null
}

/** A 64-bit integer as the decoder gives it (an object of two halves) as a number; it may lose low digits. */
export const toNumber = (value: unknown): number => Number(toBigInt(value))

function toBigInt(value: unknown): bigint {
  if (value === null || value === undefined) return 0n
  if (typeof value === 'number') return BigInt(value)
  const { low, high } = value as { low: number; high: number }
  return (BigInt(high) << 32n) | BigInt(low >>> 0)
}

/**
 * Reads one tensor. `where` names it in errors: `model.onnx: initializer "w"`.
 * @throws UserError (exit code 4): a type that is not read, a shape that the bytes don't fill, data outside the folder
 */
export async function readTensor(tensor: TensorProto, where: string, beside: Beside): Promise<HostTensor> {
  const dtype = dtypeOf(tensor.dataType)
  if (!dtype) throw new UnreadableType(where, onnxTypeName(tensor.dataType))
  const shape = (tensor.dims ?? []).map(toNumber)
  const elems = elemsOf(shape)
  if (elems === null)
    throw bad(where, `has the shape [${shape.slice(0, MAX_AXES).join('×')}], which is none or too large`)
  if (tensor.segment) throw bad(where, 'is a segment of a larger one, which is not read')
  const isExternal = tensor.dataLocation === onnx.TensorProto.DataLocation.EXTERNAL
  const raw = isExternal
    ? await readExternal(tensor, where, beside, elems * TYPES[dtype].bytes)
    : tensor.rawData?.length
      ? tensor.rawData
      : null
  const data = raw ? fromRaw(dtype, shape, elems, raw, where) : fromField(tensor, dtype, shape, elems, where)
  return { dtype, shape, data }
}

function fromRaw(dtype: DataType, shape: number[], elems: number, raw: Uint8Array, where: string): Data {
  const needBytes = elems * TYPES[dtype].bytes
  if (raw.length !== needBytes) throw misfit(where, dtype, shape, `${needBytes} bytes`, raw.length)
  if (dtype === 'float16') return halves(raw, elems)
  // elements start anywhere in the file, but typed arrays only at multiples of their size: a view where it happens to fit
  const empty = makeData(dtype, 0)
  const View = empty.constructor as new (buffer: ArrayBufferLike, offset: number, length: number) => Data
  const aligned = raw.byteOffset % empty.BYTES_PER_ELEMENT === 0 ? raw : new Uint8Array(raw)
  return new View(aligned.buffer, aligned.byteOffset, elems)
}

function fromField(
  tensor: TensorProto,
  dtype: DataType,
  shape: number[],
  elems: number,
  where: string,
): Data {
  const { field } = TYPES[dtype]
  const values: readonly unknown[] = tensor[field] ?? []
  if (values.length !== elems) throw misfit(where, dtype, shape, `${elems} values`, values.length)
  const data = makeData(dtype, elems)
  if (data instanceof BigInt64Array) for (let i = 0; i < elems; i++) data[i] = toBigInt(values[i])
  else if (dtype === 'float16') for (let i = 0; i < elems; i++) data[i] = halfToFloat(values[i] as number)
  else for (let i = 0; i < elems; i++) data[i] = values[i] as number
  return data
}

const misfit = (where: string, dtype: DataType, shape: readonly number[], need: string, found: number) =>
  bad(where, `is ${dtype} [${shape.join('×')}] and needs ${need}, but has ${found}`)

function halves(raw: Uint8Array, elems: number): Float32Array {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
  const data = new Float32Array(elems)
  for (let i = 0; i < elems; i++) data[i] = halfToFloat(view.getUint16(i * 2, true))
  return data
}

/** Keys of external data, as the specification lists them. An unknown one might mean something to somebody else. */
const EXTERNAL_KEYS = ['location', 'offset', 'length', 'checksum']

/**
 * The bytes of a tensor in a file of its own. That file must lie in the model's folder, links followed, or any model
 * could have any file of the machine read (CVE-2022-25882, 2024-27318, 2024-5187).
 */
async function readExternal(
  tensor: TensorProto,
  where: string,
  beside: Beside,
  needBytes: number,
): Promise<Uint8Array> {
  const wrong = (what: string) => bad(where, `${what} in its external data`)
  const entries = new Map<string, string>()
  for (const { key, value } of tensor.externalData ?? []) {
    if (!key || !EXTERNAL_KEYS.includes(key)) throw wrong(`has the unknown key ${quote(key ?? '')}`)
    if (entries.has(key)) throw wrong(`has the key ${quote(key)} twice`)
    entries.set(key, value ?? '')
  }
  const number = (key: string) => {
    const text = entries.get(key)
    if (text !== undefined && !/^\d{1,15}$/.test(text)) throw wrong(`has the ${key} ${quote(text)}`)
    return text === undefined ? null : Number(text)
  }
  const [offset, length] = [number('offset') ?? 0, number('length')]
  if (length !== null && length !== needBytes) {
    throw wrong(`needs ${needBytes} bytes, but has the length ${length}`)
  }
  if (needBytes > beside.roomBytes) throw bad(where, 'makes the model larger than the 2 GiB that are read')
  beside.roomBytes -= needBytes
  const path = await insideFolder(entries.get('location') ?? '', where, beside.folder)
  return readRange(path, offset, needBytes, where)
}

/** The real path of `location`. Throws unless it lies below `folder`, with all links followed. */
async function insideFolder(location: string, where: string, folder: string | null): Promise<string> {
  const odd = /[\\\0]/.test(location) || isAbsolute(location) || /^[a-z]:/i.test(location)
  if (location === '' || odd || location.split('/').some((part) => part === '..')) {
    throw bad(where, `has its data at ${quote(location)}; it may only lie in the model's own folder`)
  }
  if (folder === null) throw bad(where, 'has its data in another file, which is not read here')
  const named = join(folder, location)
  try {
    const real = await realpath(named)
    const inside = relative(await realpath(folder), real)
    if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
      throw bad(where, `has its data at ${quote(location)}, a link that leaves the model's own folder`)
    }
    return real
  } catch (error) {
    throw fileTrouble('read', named, error, EXIT.badWeightsOrRecords)
  }
}

async function readRange(path: string, offset: number, length: number, where: string): Promise<Uint8Array> {
  let file: FileHandle | undefined
  try {
    // the path has no link in it: one that was put there since is refused; and a pipe must not keep us waiting
    file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
    const stat = await file.stat()
    if (!stat.isFile()) throw bad(where, `has its data at ${path}, which is not a file`)
    if (offset + length > stat.size) {
      throw bad(where, `needs bytes ${offset} to ${offset + length} of ${path}, which has ${stat.size}`)
    }
    const bytes = new Uint8Array(length)
    for (let done = 0; done < length; ) {
      const { bytesRead } = await file.read(bytes, done, Math.min(length - done, 2 ** 30), offset + done)
      if (bytesRead === 0) throw bad(where, `has its data at ${path}, which became shorter meanwhile`)
      done += bytesRead
    }
    return bytes
  } catch (error) {
    throw fileTrouble('read', path, error, EXIT.badWeightsOrRecords)
  } finally {
    await file?.close()
  }
}

const bad = (where: string, what: string) => new UserError(`${where} ${what}`, EXIT.badWeightsOrRecords)

/** A tensor as the bytes of a TensorProto, its elements in raw_data. float16 is written as float32. */
export function encodeTensor(name: string, { dtype, shape, data }: HostTensor): Uint8Array {
  const { code } = TYPES[dtype === 'float16' ? 'float32' : dtype]
  const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return onnx.TensorProto.encode({ name, dataType: code, dims: [...shape], rawData }).finish()
}
