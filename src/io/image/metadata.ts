/**
 * What image files say beside their pixels: EXIF, XMP, IPTC, resolution, comments and texts. It is carried over as bytes, so
 * that nothing is lost that nobody here knows of; only what would be wrong of the coloured picture is changed.
 */
import { concat, startsWith } from './bytes.ts'
import type { Density } from './density.ts'
import { exifBlock, exifFacts } from './exif.ts'
import { gifXmp } from './gif.ts'
import { isJpeg, jfifDensity, jpegSegments, MARKER, segmentsWith } from './jpeg.ts'
import { withIptc, withoutThumbnails } from './photoshop.ts'
import { type Chunk, chunkDensity, isXmpChunk, pngChunks, TEXTS, xmpOfChunk } from './png.ts'
import { Tiff, tiffOf } from './tiff.ts'
import { keptFields, TIFF_TAGS } from './tiff-metadata.ts'
import { webpChunks } from './webp.ts'

export interface Metadata {
  /** TIFF blocks: of the first page, and of those behind it. */
  readonly exif: Uint8Array | null
  readonly laterExif: readonly Uint8Array[]
  readonly xmp: string | null
  /** JPEG's segments with the rest of a long XMP, which its beginning refers to. */
  readonly extendedXmp: readonly Uint8Array[]
  /** Image resource blocks, with IPTC in them. */
  readonly photoshop: Uint8Array | null
  readonly density: Density | null
  /** Of JPEG. */
  readonly comments: readonly Uint8Array[]
  /** Of PNG: chunks as they stand in the file. */
  readonly texts: readonly Chunk[]
}

export const NO_METADATA: Metadata = {
  ...{ exif: null, laterExif: [], xmp: null, extendedXmp: [] },
  ...{ photoshop: null, density: null, comments: [], texts: [] },
}

const EXTENDED = 'http://ns.adobe.com/xmp/extension/\0'
export const XMP_PREFIX = 'http://ns.adobe.com/xap/1.0/\0'
export const PHOTOSHOP_PREFIX = 'Photoshop 3.0\0'

/**
 * What the file `bytes` says, of JPEG, PNG, WebP, TIFF or GIF; nothing of any other. XMP that is compressed in a PNG is not read.
 * @param exif a TIFF block that was found in a file of another format
 * @returns with what was damaged, and so left out, in words
 */
export function readMetadata(
  bytes: Uint8Array,
  exif: Uint8Array | null = null,
): { metadata: Metadata; damaged: string[] } {
  const damaged: string[] = []
  const attempt = <T>(what: string, read: () => T, otherwise: T): T => {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      damaged.push(what)
      return otherwise
    }
  }
  const read = attempt('metadata', () => readerOf(bytes)(bytes), NO_METADATA)
  const metadata = exif ? { ...read, exif } : read
  const facts = metadata.exif && attempt('EXIF', () => exifFacts(metadata.exif!), null)
  return {
    metadata: {
      ...metadata,
      exif: facts ? metadata.exif : null,
      density: metadata.density ?? facts?.density ?? null,
    },
    damaged,
  }
}

function readerOf(bytes: Uint8Array): (bytes: Uint8Array) => Metadata {
  if (isJpeg(bytes)) return ofJpeg
  if (startsWith(bytes, '\x89PNG')) return ofPng
  if (startsWith(bytes, 'RIFF')) return ofWebp
  if (startsWith(bytes, 'GIF8')) return (bytes) => ({ ...NO_METADATA, xmp: gifXmp(bytes) })
  return startsWith(bytes, 'II*\0') || startsWith(bytes, 'MM\0*') ? ofTiff : () => NO_METADATA
}

const text = (bytes: Uint8Array | undefined) =>
  bytes ? new TextDecoder().decode(bytes).replace(/\0+$/, '') : null

function ofJpeg(bytes: Uint8Array): Metadata {
  const segments = jpegSegments(bytes)
  const photoshop = segmentsWith(segments, MARKER.app13, PHOTOSHOP_PREFIX)
  return {
    ...NO_METADATA,
    exif: segmentsWith(segments, MARKER.app1, 'Exif\0\0')[0] ?? null,
    xmp: text(segmentsWith(segments, MARKER.app1, XMP_PREFIX)[0]),
    extendedXmp: segments
      .filter(({ marker, data }) => marker === MARKER.app1 && startsWith(data, EXTENDED))
      .map(({ data }) => data),
    photoshop: photoshop.length ? withoutThumbnails(concat(photoshop)) : null,
    density: jfifDensity(segments),
    comments: segmentsWith(segments, MARKER.comment, ''),
  }
}

function ofPng(bytes: Uint8Array): Metadata {
  const chunks = pngChunks(bytes)
  return {
    ...NO_METADATA,
    exif: chunks.find(({ name }) => name === 'eXIf')?.data ?? null,
    xmp: chunks.filter(isXmpChunk).map(xmpOfChunk)[0] ?? null,
    density: chunkDensity(chunks),
    texts: chunks.filter((chunk) => TEXTS.includes(chunk.name) && !isXmpChunk(chunk)),
  }
}

function ofWebp(bytes: Uint8Array): Metadata {
  const chunks = webpChunks(bytes)
  const exif = chunks.find(({ name }) => name === 'EXIF')?.data
  return {
    ...NO_METADATA,
    exif: exif ? exifBlock(exif) : null,
    xmp: text(chunks.find(({ name }) => name === 'XMP ')?.data),
  }
}

function ofTiff(bytes: Uint8Array): Metadata {
  const tiff = new Tiff(bytes)
  const [first, ...later] = [...tiff.directories()]
  if (!first) return NO_METADATA
  const value = (wanted: number) => first.fields.find(({ tag }) => tag === wanted)?.value
  const blocks = withoutThumbnails(value(TIFF_TAGS.photoshop) ?? new Uint8Array())
  const iptc = value(TIFF_TAGS.iptc)
  return {
    ...NO_METADATA,
    exif: tiffOf(keptFields(tiff, first), tiff.little),
    laterExif: later.map((directory) => tiffOf(keptFields(tiff, directory), tiff.little)),
    xmp: text(value(TIFF_TAGS.xmp)),
    photoshop: iptc ? withIptc(blocks, iptc) : blocks.length ? blocks : null,
  }
}
