/**
 * TFRecord files: records one after the other, each
 *
 *   uint64 length | uint32 masked CRC-32C of the length | data[length] | uint32 masked CRC-32C of the data
 *
 * little-endian. Source: TensorFlow, "TFRecord and tf.train.Example", section "TFRecords format details".
 */
import { UserError } from '../errors.ts'
import type { ReadAt } from './read-at.ts'

const LENGTH_BYTES = 8
const CRC_BYTES = 4
const HEADER_BYTES = LENGTH_BYTES + CRC_BYTES

/** Where a record's data is in its file. */
export interface RecordPlace {
  offset: number
  lengthBytes: number
}

/** Castagnoli's polynomial, bits reversed; TABLES[k][b] is byte b followed by k zero bytes. */
const POLYNOMIAL = 0x82f63b78
const TABLES = crcTables()

/** CRC-32C (RFC 3720, appendix B.4) of `bytes`, four of them at a time. */
export function crc32c(bytes: Uint8Array): number {
  const [t0, t1, t2, t3] = TABLES as [Uint32Array, Uint32Array, Uint32Array, Uint32Array]
  let crc = -1
  let i = 0
  for (; i + 4 <= bytes.length; i += 4) {
    crc ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    crc = t3[crc & 255]! ^ t2[(crc >>> 8) & 255]! ^ t1[(crc >>> 16) & 255]! ^ t0[crc >>> 24]!
  }
  for (; i < bytes.length; i++) crc = t0[(crc ^ bytes[i]!) & 255]! ^ (crc >>> 8)
  return ~crc >>> 0
}

/** The CRC as TFRecord stores it: rotated and shifted, since a CRC of data that holds CRCs is a weak check. */
function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

/** What stands before and behind `data` in the file. */
export function frameOf(data: Uint8Array): { header: Uint8Array; footer: Uint8Array } {
  const header = new Uint8Array(HEADER_BYTES)
  const footer = new Uint8Array(CRC_BYTES)
  viewOf(header).setBigUint64(0, BigInt(data.length), true)
  viewOf(header).setUint32(LENGTH_BYTES, maskedCrc32c(header.subarray(0, LENGTH_BYTES)), true)
  viewOf(footer).setUint32(0, maskedCrc32c(data), true)
  return { header, footer }
}

/**
 * The records of a file in order, one in memory at a time.
 * @throws UserError about weights: unreadable, truncated, corrupt length, corrupt data. A clean end is none of these.
 */
export async function* readRecords(file: ReadAt): AsyncGenerator<Uint8Array, void> {
  let n = 0
  for await (const place of indexRecords(file)) yield await readChecked(file, place, `record ${n++}`)
}

/** Where the records of a file are, in order. Checks all lengths, but reads no data. Throws as readRecords. */
export async function* indexRecords(file: ReadAt): AsyncGenerator<RecordPlace, void> {
  for (let at = 0, n = 0; at < file.size; n++) {
    const place = await placeAt(file, at, n)
    yield place
    at = place.offset + place.lengthBytes + CRC_BYTES
  }
}

/** The data of the record at `place`, checked. Throws as readRecords. */
export function readRecordAt(file: ReadAt, place: RecordPlace): Promise<Uint8Array> {
  return readChecked(file, place, 'the record')
}

/** The place of record `n`, whose header is at `at`. The length is believed only once its CRC has been checked. */
async function placeAt(file: ReadAt, at: number, n: number): Promise<RecordPlace> {
  const truncated = () => bad(file, `it is truncated: it ends inside record ${n}, which begins at byte ${at}`)
  if (at + HEADER_BYTES > file.size) throw truncated()
  const header = await file.read(at, HEADER_BYTES)
  const stored = viewOf(header).getUint32(LENGTH_BYTES, true)
  if (stored !== maskedCrc32c(header.subarray(0, LENGTH_BYTES)))
    throw bad(file, `the length of record ${n} at byte ${at} is corrupt (its CRC does not match)`)
  const lengthBytes = Number(viewOf(header).getBigUint64(0, true))
  const offset = at + HEADER_BYTES
  if (offset + lengthBytes + CRC_BYTES > file.size) throw truncated()
  return { offset, lengthBytes }
}

/** The data of the record at `place`; `which` one that is stands in errors. */
async function readChecked(
  file: ReadAt,
  { offset, lengthBytes }: RecordPlace,
  which: string,
): Promise<Uint8Array> {
  const bytes = await file.read(offset, lengthBytes + CRC_BYTES)
  const data = bytes.subarray(0, lengthBytes)
  if (viewOf(bytes).getUint32(lengthBytes, true) !== maskedCrc32c(data))
    throw bad(
      file,
      `the data of ${which} at byte ${offset - HEADER_BYTES} is corrupt (its CRC does not match)`,
    )
  return data
}

function crcTables(): Uint32Array[] {
  const tables = [new Uint32Array(256)]
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    tables[0]![byte] = crc
  }
  for (let k = 1; k < 4; k++) tables.push(tables[k - 1]!.map((crc) => tables[0]![crc & 255]! ^ (crc >>> 8)))
  return tables
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function bad(file: ReadAt, what: string): UserError {
  return new UserError(`cannot read ${file.name}: ${what}`, 'weights')
}
