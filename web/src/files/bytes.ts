/** Reading the small parts of files that the page looks at itself. */

/** Characters of one byte each. */
export const textAt = (bytes: Uint8Array, from: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(from, from + length))

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** A piece of a file: what it is called, and where its content lies. */
export interface Chunk {
  readonly name: string
  readonly from: number
  readonly to: number
}

/** PNG's chunks, as far as the bytes go. */
export function* pngChunks(bytes: Uint8Array): Generator<Chunk> {
  const view = viewOf(bytes)
  for (let at = 8; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at)
    yield { name: textAt(bytes, at + 4, 4), from: at + 8, to: at + 8 + length }
    at += 12 + length
  }
}

/** WebP's chunks, as far as the bytes go. */
export function* riffChunks(bytes: Uint8Array): Generator<Chunk> {
  const view = viewOf(bytes)
  for (let at = 12; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at + 4, true)
    yield { name: textAt(bytes, at, 4), from: at + 8, to: at + 8 + length }
    at += 8 + length + (length & 1)
  }
}

/** JPEG's segments up to the compressed data; each name is the marker's second byte in hexadecimal. */
export function* jpegSegments(bytes: Uint8Array): Generator<Chunk> {
  const view = viewOf(bytes)
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1]!
    if (marker === 0xda || marker === 0xd9) return
    const length = view.getUint16(at + 2)
    yield { name: marker.toString(16), from: at + 4, to: at + 2 + length }
    at += 2 + length
  }
}
