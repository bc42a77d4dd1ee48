/** The opposite of `readMetadata`: an encoded picture with what is to stand beside its pixels. */
import type { Size } from '../../rect.ts'
import { concat, latin1Bytes } from './bytes.ts'
import { densityFields } from './density.ts'
import { changedExif, exifFields, newExif } from './exif.ts'
import { withGifXmp } from './gif.ts'
import { type History, SOFTWARE } from './history.ts'
import { iccSegments, MARKER, MOST_DATA, withSegments } from './jpeg.ts'
import { type Metadata, PHOTOSHOP_PREFIX, XMP_PREFIX } from './metadata.ts'
import { iptcOf, withoutIptc } from './photoshop.ts'
import { densityChunk, profileChunk, withChunks, xmpChunk } from './png.ts'
import { bytesField, type Field } from './tiff.ts'
import { isCarried, TIFF_TAGS, withPageFields } from './tiff-metadata.ts'
import { withWebpExtras } from './webp.ts'
import { changedXmp, withHistory, withoutRoom } from './xmp.ts'

export interface Beside extends Size {
  readonly metadata: Metadata
  /** The colour profile of the pixels. */
  readonly icc: Uint8Array | null
  readonly isSrgb: boolean
  /** null where nothing is to be said of this program. */
  readonly history: History | null
}

export interface Written {
  /** The file. */
  readonly parts: readonly Uint8Array[]
  /** What this format has no place for, in words. */
  readonly lost: readonly string[]
}

/** Ready to be written. */
interface Prepared extends Size {
  readonly exif: Uint8Array | null
  readonly xmp: string | null
  readonly metadata: Metadata
  readonly icc: Uint8Array | null
  /** The fields of the first page, and of later ones. */
  readonly pages: () => Field[][]
}

export type CarryingFormat = keyof typeof WRITERS

/** `bytes` are an encoded picture without metadata; those of a TIFF are changed themselves. */
export function writeMetadata(bytes: Uint8Array, format: CarryingFormat, beside: Beside): Written {
  return WRITERS[format](bytes, prepared(beside))
}

/** The EXIF block and the XMP that a result has, for formats whose files are put together elsewhere. */
export function exifAndXmp(beside: Beside): { exif: Uint8Array | null; xmp: string | null } {
  const { exif, xmp } = prepared(beside)
  return { exif, xmp }
}

function prepared({ metadata, icc, isSrgb, history, width, height }: Beside): Prepared {
  const software = history ? SOFTWARE : null
  const change = { width, height, software, isSrgb }
  const exif = metadata.exif
    ? changedExif(metadata.exif, change)
    : history
      ? newExif(SOFTWARE, metadata.density)
      : null
  const own = metadata.xmp === null ? null : changedXmp(metadata.xmp, isSrgb)
  const xmp = history ? withHistory(own, history) : own
  const pages = () =>
    [exif, ...metadata.laterExif].map((block) => (block ? exifFields(block).filter(isCarried) : []))
  return { exif, xmp, metadata, icc, width, height, pages }
}

const WRITERS = {
  jpeg(bytes: Uint8Array, { exif, xmp, metadata, icc }: Prepared): Written {
    const { extendedXmp, photoshop, comments, density } = metadata
    const [app1, app13] = [MARKER.app1, MARKER.app13]
    const fits = (prefix: string, data: Uint8Array | null) => data && prefix.length + data.length <= MOST_DATA
    const data = (prefix: string, data: Uint8Array) => concat([latin1Bytes(prefix), data])
    const text = xmp === null ? null : new TextEncoder().encode(withoutRoom(xmp))
    const segments = [
      ...(fits('Exif\0\0', exif) ? [{ marker: app1, data: data('Exif\0\0', exif!) }] : []),
      ...(fits(XMP_PREFIX, text) ? [{ marker: app1, data: data(XMP_PREFIX, text!) }] : []),
      ...extendedXmp.map((data) => ({ marker: app1, data })),
      ...(icc ? iccSegments(icc).map((data) => ({ marker: MARKER.app2, data })) : []),
      ...photoshopParts(photoshop).map((part) => ({ marker: app13, data: data(PHOTOSHOP_PREFIX, part) })),
      ...comments.map((data) => ({ marker: MARKER.comment, data })),
    ]
    const lost = [exif && !fits('Exif\0\0', exif) && 'EXIF', text && !fits(XMP_PREFIX, text) && 'XMP']
    return {
      parts: withSegments(bytes, segments, density),
      lost: lost.filter((one) => typeof one === 'string'),
    }
  },

  png(bytes: Uint8Array, { exif, xmp, metadata, icc }: Prepared): Written {
    const { density, texts } = metadata
    const chunks = [
      ...(icc ? [profileChunk(icc)] : []),
      ...(density ? [densityChunk(density)] : []),
      ...(exif ? [{ name: 'eXIf', data: exif }] : []),
      ...(xmp === null ? [] : [xmpChunk(xmp)]),
      ...texts,
    ]
    return { parts: withChunks(bytes, chunks), lost: lostOf(metadata, ['photoshop', 'comments']) }
  },

  webp(bytes: Uint8Array, { exif, xmp, metadata, icc, ...size }: Prepared): Written {
    const parts = withWebpExtras(bytes, size, { icc, exif, xmp })
    return { parts, lost: lostOf(metadata, ['photoshop', 'comments', 'texts']) }
  },

  tiff(bytes: Uint8Array, { xmp, metadata, icc, pages }: Prepared): Written {
    const { photoshop, density } = metadata
    const [iptc, others] = photoshop ? [iptcOf(photoshop), withoutIptc(photoshop)] : [null, null]
    const profile = icc ? [bytesField(TIFF_TAGS.icc, icc)] : []
    const added: Field[] = [
      ...(xmp === null ? [] : [bytesField(TIFF_TAGS.xmp, new TextEncoder().encode(xmp), 1)]),
      ...(others?.length ? [bytesField(TIFF_TAGS.photoshop, others, 1)] : []),
      ...(iptc ? [bytesField(TIFF_TAGS.iptc, iptc)] : []),
    ]
    const all = pages().map((fields, i) => {
      const hasDensity = fields.some(({ tag }) => tag === TIFF_TAGS.xResolution)
      const resolution = density && !hasDensity ? densityFields(density) : []
      return [...fields, ...resolution, ...profile, ...(i === 0 ? added : [])]
    })
    return { parts: withPageFields(bytes, all), lost: lostOf(metadata, ['comments', 'texts']) }
  },

  gif(bytes: Uint8Array, { xmp, metadata }: Prepared): Written {
    const parts = xmp === null ? [bytes] : withGifXmp(bytes, xmp)
    return { parts, lost: lostOf(metadata, ['exif', 'photoshop', 'comments', 'texts']) }
  },
}

const WORDS = { exif: 'EXIF', photoshop: 'IPTC', comments: 'comments', texts: 'texts' } as const

export const lostOf = (metadata: Metadata, parts: readonly (keyof typeof WORDS)[]): string[] =>
  parts.filter((part) => metadata[part]?.length).map((part) => WORDS[part])

const photoshopParts = (blocks: Uint8Array | null): Uint8Array[] => {
  const most = MOST_DATA - PHOTOSHOP_PREFIX.length
  const count = Math.ceil((blocks?.length ?? 0) / most)
  return Array.from({ length: count }, (_, i) => blocks!.subarray(i * most, (i + 1) * most))
}
