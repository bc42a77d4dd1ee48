/** Chunks of PNG files. Source: Portable Network Graphics (W3C, third edition), sections 5 and 11. */
import { bigEndian, concat, latin1, latin1Bytes, startsWith, viewOf } from './bytes.ts'
import { type Density, fromMetre, perMetre } from './density.ts'

export interface Chunk {
  readonly name: string
  readonly data: Uint8Array
  /** With length, name and checksum, where it stands in a file. */
  readonly whole?: Uint8Array
}

const SIGNATURE = 8

/** The chunks of a file; fewer where it is damaged. */
export function pngChunks(bytes: Uint8Array): Chunk[] {
  const chunks: Chunk[] = []
  for (let at = SIGNATURE; at + 12 <= bytes.length; ) {
    const length = viewOf(bytes).getUint32(at)
    if (at + 12 + length > bytes.length) break
    const whole = bytes.subarray(at, at + 12 + length)
    chunks.push({ name: latin1(whole, 4, 8), data: whole.subarray(8, 8 + length), whole })
    at += 12 + length
  }
  return chunks
}

export const TEXTS: readonly string[] = ['tEXt', 'zTXt', 'iTXt']
const REPLACED = ['pHYs', 'iCCP', 'sRGB', 'gAMA', 'cHRM', 'eXIf', ...TEXTS]

/** The file, in parts, with `others` behind its header, in place of what it says of resolution, profile and texts. */
export function withChunks(bytes: Uint8Array, others: readonly Chunk[]): Uint8Array[] {
  const [header, ...rest] = pngChunks(bytes).filter(({ name }) => !REPLACED.includes(name))
  return [bytes.subarray(0, SIGNATURE), ...[header!, ...others, ...rest].flatMap(written)]
}

function written({ name, data, whole }: Chunk): Uint8Array[] {
  if (whole) return [whole]
  const type = latin1Bytes(name)
  return [bigEndian(data.length, 4), type, data, bigEndian(crc32(type, data), 4)]
}

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1
  return c
})

/** The CRC-32 of the parts together. */
export function crc32(...parts: readonly Uint8Array[]): number {
  let crc = 0xffffffff
  for (const part of parts) for (const byte of part) crc = CRC[(crc ^ byte) & 255]! ^ (crc >>> 8)
  return ~crc >>> 0
}

/** Whether the file has its end, and all its chunks the checksums that they say. */
export function isWholePng(bytes: Uint8Array): boolean {
  const chunks = pngChunks(bytes)
  const isRight = ({ name, data, whole }: Chunk) =>
    viewOf(whole!).getUint32(whole!.length - 4) === crc32(latin1Bytes(name), data)
  return chunks.at(-1)?.name === 'IEND' && chunks.every(isRight)
}

/** What the chunk pHYs says. */
export function chunkDensity(chunks: readonly Chunk[]): Density | null {
  const data = chunks.find(({ name }) => name === 'pHYs')?.data
  if (data?.length !== 9) return null
  const [x, y] = [viewOf(data).getUint32(0), viewOf(data).getUint32(4)]
  if (x === 0 || y === 0) return null
  return data[8] === 1 ? fromMetre(x, y) : { x, y, unit: 'none' }
}

export function densityChunk(density: Density): Chunk {
  const { x, y } = perMetre(density)
  const unit = density.unit === 'none' ? 0 : 1
  return { name: 'pHYs', data: concat([bigEndian(x, 4), bigEndian(y, 4), Uint8Array.of(unit)]) }
}

const XMP = 'XML:com.adobe.xmp\0'

/** Whether a chunk holds XMP: libvips writes it compressed, as another kind of text. */
export const isXmpChunk = ({ name, data }: Chunk) => TEXTS.includes(name) && startsWith(data, XMP)

/** The text of a chunk with XMP; null where it is compressed, or in another place than the specification's. */
export function xmpOfChunk({ name, data }: Chunk): string | null {
  if (name !== 'iTXt' || data[XMP.length] !== 0) return null
  const rest = data.subarray(XMP.length + 2) // behind two bytes about compression
  const language = rest.indexOf(0)
  const keyword = rest.indexOf(0, language + 1)
  return new TextDecoder().decode(rest.subarray(keyword + 1))
}

export const xmpChunk = (text: string): Chunk => ({
  name: 'iTXt',
  data: concat([latin1Bytes(XMP), new Uint8Array(4), new TextEncoder().encode(text)]),
})

/** A colour profile, in blocks of deflate that are not compressed. */
export const profileChunk = (profile: Uint8Array): Chunk => ({
  name: 'iCCP',
  data: concat([latin1Bytes('ICC profile\0\0'), stored(profile)]),
})

const MOST_STORED = 0xffff

/** A zlib stream (RFC 1950) of stored blocks (RFC 1951, 3.2.4). */
function stored(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(0x78, 0x01)]
  for (let at = 0; at < bytes.length; at += MOST_STORED) {
    const part = bytes.subarray(at, at + MOST_STORED)
    const isLast = at + MOST_STORED >= bytes.length
    const length = [part.length & 255, part.length >> 8]
    parts.push(Uint8Array.of(isLast ? 1 : 0, ...length, ...length.map((byte) => byte ^ 255)), part)
  }
  return concat([...parts, bigEndian(adler32(bytes), 4)])
}

function adler32(bytes: Uint8Array): number {
  let [a, b] = [1, 0]
  for (const byte of bytes) {
    a = (a + byte) % 65521
    b = (b + a) % 65521
  }
  return ((b << 16) | a) >>> 0
}
