/** What an original says beside its pixels (date, place, camera, words), taken over as the command line does. */
import { readMetadata } from '../../../src/io/image/metadata.ts'
import { type CarryingFormat, writeMetadata } from '../../../src/io/image/write-metadata.ts'
import type { Size } from '../../../src/rect.ts'

/** @param file an encoded picture of this size in sRGB, without metadata */
export async function withMetadata(file: Blob, original: Blob, size: Size): Promise<Blob> {
  const { metadata } = readMetadata(new Uint8Array(await original.arrayBuffer()))
  const format = file.type.replace('image/', '') as CarryingFormat
  const beside = { ...{ metadata, icc: null, isSrgb: true, history: null }, ...size }
  const { parts } = writeMetadata(new Uint8Array(await file.arrayBuffer()), format, beside)
  return new Blob(parts as Uint8Array<ArrayBuffer>[], { type: file.type })
}
