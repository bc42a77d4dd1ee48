/** Tensors as ONNX files hold them: TensorProto and its eight number types. */
import { halfToFloat } from '../../device/float16.ts'
import { UserError } from '../../errors.ts'
import {
  DATA_TYPE_NAMES,
  EXTERNAL,
  encodeTensorProto,
  type TensorProto,
  toBigInt,
  toNumber,
} from './proto.ts'

/** Number types that are read; float16 is held as float32, which has all its values. */
export type DataType = 'float32' | 'uint8' | 'int8' | 'int32' | 'int64' | 'bool' | 'float16' | 'float64'
export type Data = Float32Array | Float64Array | Int8Array | Uint8Array | Int32Array | BigInt64Array

/** A tensor in the host's memory. bool is held as 0 and 1. */
export interface HostTensor {
  readonly dtype: DataType
  readonly shape: readonly number[]
  readonly data: Data
}

/** Reads the `needBytes` bytes of a tensor that are in a file beside the model. */
export type ExternalData = (tensor: TensorProto, where: string, needBytes: number) => Promise<Uint8Array>

interface TypeInfo {
  /** TensorProto.DataType */
  readonly code: number
  /** Bytes of one element in raw_data. */
  readonly bytes: number
  readonly make: (length: number) => Data
  /** The field that holds the elements when raw_data does not. */
  readonly field: 'floatData' | 'doubleData' | 'int32Data' | 'int64Data'
}

const TYPES: Readonly<Record<DataType, TypeInfo>> = {
  float32: { code: 1, bytes: 4, make: (n) => new Float32Array(n), field: 'floatData' },
  uint8: { code: 2, bytes: 1, make: (n) => new Uint8Array(n), field: 'int32Data' },
  int8: { code: 3, bytes: 1, make: (n) => new Int8Array(n), field: 'int32Data' },
  int32: { code: 6, bytes: 4, make: (n) => new Int32Array(n), field: 'int32Data' },
  int64: { code: 7, bytes: 8, make: (n) => new BigInt64Array(n), field: 'int64Data' },
  bool: { code: 9, bytes: 1, make: (n) => new Uint8Array(n), field: 'int32Data' },
  float16: { code: 10, bytes: 2, make: (n) => new Float32Array(n), field: 'int32Data' },
  float64: { code: 11, bytes: 8, make: (n) => new Float64Array(n), field: 'doubleData' },
}

export const DATA_TYPES = Object.keys(TYPES) as DataType[]

/** No shader counts further than to the double of this, and no model has as many axes. */
const MAX_ELEMS = 2 ** 31
const MAX_AXES = 32

/** A tensor of a type that is valid ONNX, but not read here. Its trouble is 'weights'. */
export class UnreadableType extends UserError {
  constructor(
    where: string,
    readonly type: string,
  ) {
    super(`${where} has the type ${type}, which is not read (${DATA_TYPES.join(', ')} are)`, 'weights')
  }
}

/** A name from a file as it may stand in a sentence: quoted, without control characters, not endless. */
export const quote = (name: string) => JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name)

export const makeData = (dtype: DataType, length: number): Data => TYPES[dtype].make(length)
export const byteLengthOf = (dtype: DataType, length: number) => makeData(dtype, 0).BYTES_PER_ELEMENT * length

/** TensorProto.DataType → our name, or null for one that is not read. */
export const dtypeOf = (code: number | null | undefined): DataType | null =>
  DATA_TYPES.find((name) => TYPES[name].code === code) ?? null

/** What ONNX calls a type that may not be read: "BFLOAT16", "type 23". */
export const onnxTypeName = (code: number | null | undefined) => DATA_TYPE_NAMES[code ?? 0] ?? `type ${code}`

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

/**
 * Reads one tensor. `where` names it in errors: `model.onnx: initializer "w"`. Without `external`, data in other files is
 * refused.
 * @throws UserError about weights: a type that is not read, a shape that the bytes don't fill, data that may not be read
 */
export async function readTensor(
  tensor: TensorProto,
  where: string,
  external: ExternalData | null,
): Promise<HostTensor> {
  const dtype = dtypeOf(tensor.dataType)
  if (!dtype) throw new UnreadableType(where, onnxTypeName(tensor.dataType))
  const shape = (tensor.dims ?? []).map(toNumber)
  const elems = elemsOf(shape)
  if (elems === null)
    throw bad(where, `has the shape [${shape.slice(0, MAX_AXES).join('×')}], which is none or too large`)
  if (tensor.segment) throw bad(where, 'is a segment of a larger one, which is not read')
  let raw = tensor.rawData?.length ? tensor.rawData : null
  if (tensor.dataLocation === EXTERNAL) {
    if (!external) throw bad(where, 'has its data in another file, which is not read here')
    raw = await external(tensor, where, elems * TYPES[dtype].bytes)
  }
  const wanted = { where, dtype, shape, elems }
  const data = raw ? fromRaw(wanted, raw) : fromField(wanted, tensor)
  return { dtype, shape, data }
}

/** What a tensor says of itself, which its data has to fit. */
interface Wanted {
  readonly where: string
  readonly dtype: DataType
  readonly shape: readonly number[]
  readonly elems: number
}

function fromRaw(wanted: Wanted, raw: Uint8Array): Data {
  const { dtype, elems } = wanted
  const needBytes = elems * TYPES[dtype].bytes
  if (raw.length !== needBytes) throw misfit(wanted, `${needBytes} bytes`, raw.length)
  if (dtype === 'float16') return halves(raw, elems)
  // elements start anywhere in the file, but typed arrays only at multiples of their size: a view where it happens to fit
  const empty = makeData(dtype, 0)
  const View = empty.constructor as new (buffer: ArrayBufferLike, offset: number, length: number) => Data
  const aligned = raw.byteOffset % empty.BYTES_PER_ELEMENT === 0 ? raw : new Uint8Array(raw)
  return new View(aligned.buffer, aligned.byteOffset, elems)
}

function fromField(wanted: Wanted, tensor: TensorProto): Data {
  const { dtype, elems } = wanted
  const { field } = TYPES[dtype]
  const values: readonly unknown[] = tensor[field] ?? []
  if (values.length !== elems) throw misfit(wanted, `${elems} values`, values.length)
  const data = makeData(dtype, elems)
  if (data instanceof BigInt64Array) for (let i = 0; i < elems; i++) data[i] = toBigInt(values[i])
  else if (dtype === 'float16') for (let i = 0; i < elems; i++) data[i] = halfToFloat(values[i] as number)
  else for (let i = 0; i < elems; i++) data[i] = values[i] as number
  return data
}

const misfit = ({ where, dtype, shape }: Wanted, need: string, found: number) =>
  bad(where, `is ${dtype} [${shape.join('×')}] and needs ${need}, but has ${found}`)

function halves(raw: Uint8Array, elems: number): Float32Array {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
  const data = new Float32Array(elems)
  for (let i = 0; i < elems; i++) data[i] = halfToFloat(view.getUint16(i * 2, true))
  return data
}

const bad = (where: string, what: string) => new UserError(`${where} ${what}`, 'weights')

/** A tensor as the bytes of a TensorProto, its elements in raw_data. float16 is written as float32. */
export function encodeTensor(name: string, { dtype, shape, data }: HostTensor): Uint8Array {
  const { code } = TYPES[dtype === 'float16' ? 'float32' : dtype]
  const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return encodeTensorProto({ name, dataType: code, dims: [...shape], rawData })
}
