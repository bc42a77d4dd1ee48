/** The EXIF of a photograph (date, place, camera), taken over into what is made of it. */
import { type Chunk, jpegSegments, pngChunks, riffChunks, textAt, viewOf } from './bytes.ts'
import { kindOf } from './kind.ts'

type Bytes = Uint8Array<ArrayBuffer>

const MARK = 'Exif\0\0'
const ORIENTATION = 0x112
/** What fits one segment of a JPEG file, beside its length and the mark. */
const MOST_IN_JPEG = 65_535 - 2 - MARK.length
/** The bit of a WebP header that says that there is EXIF. */
const WEBP_EXIF = 0x08

/** The EXIF of a JPEG, PNG or WebP file, as a TIFF; null where there is none. */
export function exifOf(file: Uint8Array): Uint8Array | null {
  const found = exifChunk(file)
  if (!found) return null
  const from = textAt(file, found.from, MARK.length) === MARK ? found.from + MARK.length : found.from
  const exif = file.subarray(from, found.to)
  return ['II*\0', 'MM\0*'].includes(textAt(exif, 0, 4)) ? exif : null
}

function exifChunk(file: Uint8Array): Chunk | undefined {
  const { kind } = kindOf(file)
  if (kind === 'png') return [...pngChunks(file)].find(({ name }) => name === 'eXIf')
  if (kind === 'webp') return [...riffChunks(file)].find(({ name }) => name === 'EXIF')
  if (kind !== 'jpeg') return undefined
  return [...jpegSegments(file)].find(
    ({ name, from }) => name === 'e1' && textAt(file, from, MARK.length) === MARK,
  )
}

/**
 * For a picture whose pixels stand upright: with that orientation, and without the small picture of how the original looked.
 * What cannot be read stays as it is.
 */
export function uprightExif(exif: Uint8Array): Bytes {
  const copy = Uint8Array.from(exif)
  const view = viewOf(copy)
  const isLittle = textAt(copy, 0, 2) === 'II'
  const directory = view.getUint32(4, isLittle)
  if (directory + 2 > copy.length) return copy
  const next = directory + 2 + 12 * view.getUint16(directory, isLittle)
  if (next + 4 > copy.length) return copy
  for (let entry = directory + 2; entry < next; entry += 12)
    if (view.getUint16(entry, isLittle) === ORIENTATION) view.setUint16(entry + 8, 1, isLittle)
  view.setUint32(next, 0, isLittle)
  return copy
}

/** A JPEG, PNG or WebP file, as a canvas writes them, with EXIF. A file that has no room for it stays as it is. */
export function withExif(
  file: Bytes,
  exif: Bytes,
  size: { readonly width: number; readonly height: number },
): Blob {
  const { kind } = kindOf(file)
  const type = `image/${kind}`
  if (kind === 'jpeg' && exif.length <= MOST_IN_JPEG) return new Blob(jpegWith(file, exif), { type })
  if (kind === 'png') return new Blob(pngWith(file, exif), { type })
  if (kind === 'webp') return new Blob(webpWith(file, exif, size), { type })
  return new Blob([file], { type })
}

/** Behind JFIF's own segment, which comes first. */
function jpegWith(file: Bytes, exif: Bytes): Bytes[] {
  const jfif = [...jpegSegments(file)].find(({ name }) => name === 'e0')
  const at = jfif?.to ?? 2
  const head = bytesOf(0xff, 0xe1, ...big16(2 + MARK.length + exif.length))
  return [file.subarray(0, at), head, charactersOf(MARK), exif, file.subarray(at)]
}

/** Behind the header, which is 33 bytes. */
function pngWith(file: Bytes, exif: Bytes): Bytes[] {
  const content = joined(charactersOf('eXIf'), exif)
  const [length, sum] = [bytesOf(...big32(exif.length)), bytesOf(...big32(crc32(content)))]
  return [file.subarray(0, 33), length, content, sum, file.subarray(33)]
}

/** At the end, where the extended header says that it is. */
function webpWith(
  file: Bytes,
  exif: Bytes,
  { width, height }: { readonly width: number; readonly height: number },
): Bytes[] {
  const chunks = [...riffChunks(file)]
  const extended = chunks.find(({ name }) => name === 'VP8X')
  const isLossless = chunks.some(({ name }) => name === 'VP8L')
  const flags = WEBP_EXIF | (extended ? file[extended.from]! : isLossless ? 0x10 : 0)
  const header = bytesOf(flags, 0, 0, 0, ...little24(width - 1), ...little24(height - 1))
  const others = chunks.filter(({ name }) => name !== 'VP8X')
  const body = joined(
    ...riffChunk('VP8X', header),
    ...others.flatMap(({ name, from, to }) => riffChunk(name, file.subarray(from, to))),
    ...riffChunk('EXIF', exif),
  )
  return [charactersOf('RIFF'), bytesOf(...little32(4 + body.length)), charactersOf('WEBP'), body]
}

const riffChunk = (name: string, content: Bytes): Bytes[] => [
  charactersOf(name),
  bytesOf(...little32(content.length)),
  content,
  new Uint8Array(content.length & 1),
]

const bytesOf = (...values: number[]): Bytes => Uint8Array.from(values)
const charactersOf = (text: string): Bytes => Uint8Array.from(text, (character) => character.charCodeAt(0))
const little24 = (value: number) => [value & 255, (value >> 8) & 255, (value >> 16) & 255]
const little32 = (value: number) => [...little24(value), value >>> 24]
const big32 = (value: number) => little32(value).reverse()
const big16 = (value: number) => [value >> 8, value & 255]

function joined(...parts: Bytes[]): Bytes {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** The check sum of PNG's chunks. */
function crc32(bytes: Uint8Array): number {
  let sum = ~0
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0)
  }
  return ~sum >>> 0
}
