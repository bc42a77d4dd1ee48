/** Chunks of WebP files. Source: WebP Container Specification. */
import { latin1, latin1Bytes, viewOf } from './bytes.ts'

export interface RiffChunk {
  readonly name: string
  readonly data: Uint8Array
}

const HEADER = 12
/** Flags of VP8X, and the lossless format's bit for transparency. */
const FLAGS = { xmp: 4, exif: 8, alpha: 16, icc: 32 } as const
const LOSSLESS_ALPHA = 0x10000000

/** The chunks of a file; fewer where it is damaged. */
export function webpChunks(bytes: Uint8Array): RiffChunk[] {
  const chunks: RiffChunk[] = []
  for (let at = HEADER; at + 8 <= bytes.length; ) {
    const length = viewOf(bytes).getUint32(at + 4, true)
    if (at + 8 + length > bytes.length) break
    chunks.push({ name: latin1(bytes, at, at + 4), data: bytes.subarray(at + 8, at + 8 + length) })
    at += 8 + length + (length & 1)
  }
  return chunks
}

/** Whether the file is as long as it says. */
export const isWholeWebp = (bytes: Uint8Array): boolean =>
  bytes.length >= HEADER && bytes.length >= 8 + viewOf(bytes).getUint32(4, true)

/** Bytes before the picture of a frame. */
const FRAME_HEADER = 16

/** Whether the picture, or the first frame, is compressed without loss. */
export function isLosslessWebp(bytes: Uint8Array): boolean {
  return webpChunks(bytes).some(({ name, data }) => {
    if (name !== 'ANMF') return name === 'VP8L'
    return latin1(data, FRAME_HEADER, FRAME_HEADER + 4) === 'VP8L'
  })
}

export interface WebpExtras {
  readonly icc: Uint8Array | null
  readonly exif: Uint8Array | null
  readonly xmp: string | null
}

/** The file, in parts, which has this size, with other metadata. */
export function withWebpExtras(
  bytes: Uint8Array,
  { width, height }: { readonly width: number; readonly height: number },
  { icc, exif, xmp }: WebpExtras,
): Uint8Array[] {
  const chunks = webpChunks(bytes)
  const pictures = chunks.filter(({ name }) => !['VP8X', 'ICCP', 'EXIF', 'XMP '].includes(name))
  const known = chunks.find(({ name }) => name === 'VP8X')?.data
  const header = known ? new Uint8Array(known) : headerOf(pictures, width, height)
  header[0]! &= ~(FLAGS.icc | FLAGS.exif | FLAGS.xmp)
  header[0]! |= (icc ? FLAGS.icc : 0) | (exif ? FLAGS.exif : 0) | (xmp ? FLAGS.xmp : 0)
  return riff([
    { name: 'VP8X', data: header },
    ...(icc ? [{ name: 'ICCP', data: icc }] : []),
    ...pictures,
    ...(exif ? [{ name: 'EXIF', data: exif }] : []),
    ...(xmp ? [{ name: 'XMP ', data: new TextEncoder().encode(xmp) }] : []),
  ])
}

function headerOf(pictures: readonly RiffChunk[], width: number, height: number): Uint8Array {
  const header = new Uint8Array(10)
  const lossless = pictures.find(({ name }) => name === 'VP8L')?.data
  if (lossless && viewOf(lossless).getUint32(1, true) & LOSSLESS_ALPHA) header[0] = FLAGS.alpha
  const view = viewOf(header)
  view.setUint16(4, (width - 1) & 0xffff, true)
  view.setUint8(6, (width - 1) >> 16)
  view.setUint16(7, (height - 1) & 0xffff, true)
  view.setUint8(9, (height - 1) >> 16)
  return header
}

function riff(chunks: readonly RiffChunk[]): Uint8Array[] {
  const body = chunks.flatMap(({ name, data }) => [
    ...[latin1Bytes(name), little(data.length), data],
    new Uint8Array(data.length & 1),
  ])
  const length = body.reduce((sum, part) => sum + part.length, 0)
  return [latin1Bytes('RIFF'), little(length + 4), latin1Bytes('WEBP'), ...body]
}

function little(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  viewOf(bytes).setUint32(0, value, true)
  return bytes
}
