/** Segments of JPEG files. Sources: ITU-T T.81, annex B; JFIF 1.02. */
import { bigEndian, concat, latin1, latin1Bytes, startsWith, viewOf } from './bytes.ts'
import type { Density } from './density.ts'

export interface Segment {
  /** The second byte of the marker. */
  readonly marker: number
  /** Without marker and length. */
  readonly data: Uint8Array
  readonly start: number
  readonly end: number
}

export const MARKER = {
  app0: 0xe0,
  app1: 0xe1,
  app2: 0xe2,
  app13: 0xed,
  comment: 0xfe,
  dqt: 0xdb,
  scan: 0xda,
} as const
const [START, END] = [0xd8, 0xd9]
export const MOST_DATA = 0xffff - 2

/** The segments before the first scan; fewer where the file is damaged. */
export function jpegSegments(bytes: Uint8Array): Segment[] {
  const segments: Segment[] = []
  for (let at = 2; at + 4 <= bytes.length; ) {
    if (bytes[at] !== 0xff) break
    const marker = bytes[at + 1]!
    if (marker === 0xff) {
      at++ // a fill byte
      continue
    }
    if (marker === MARKER.scan || marker === START || marker === END) break
    const end = at + 2 + viewOf(bytes).getUint16(at + 2)
    if (end > bytes.length || end < at + 4) break
    segments.push({ marker, data: bytes.subarray(at + 4, end), start: at, end })
    at = end
  }
  return segments
}

/** Data of the segments of one marker that begin with `prefix`, without it. */
export const segmentsWith = (segments: readonly Segment[], marker: number, prefix: string): Uint8Array[] =>
  segments
    .filter((segment) => segment.marker === marker && startsWith(segment.data, prefix))
    .map(({ data }) => data.subarray(prefix.length))

/** The file, in parts, without its own application data and comments, and with others: those of `data` up to `MOST_DATA` bytes each. */
export function withSegments(
  bytes: Uint8Array,
  others: readonly Pick<Segment, 'marker' | 'data'>[],
  density: Density | null,
): Uint8Array[] {
  const isReplaced = ({ marker }: Segment) =>
    marker === MARKER.app1 || marker === MARKER.app2 || marker === MARKER.app13 || marker === MARKER.comment
  const segments = jpegSegments(bytes)
  const rest = segments
    .filter((segment) => !isReplaced(segment))
    .map(({ start, end }) => bytes.subarray(start, end))
  const [jfif, ...tables] = segments[0]?.marker === MARKER.app0 ? rest : [new Uint8Array(0), ...rest]
  return [
    bytes.subarray(0, 2),
    density ? withDensity(jfif!, density) : jfif!,
    ...others.map(({ marker, data }) =>
      concat([Uint8Array.of(0xff, marker), bigEndian(data.length + 2, 2), data]),
    ),
    ...tables,
    bytes.subarray(segments.at(-1)?.end ?? 2),
  ]
}

const JFIF = 'JFIF\0'
const JFIF_UNITS = ['none', 'inch', 'cm'] as const

/** What the JFIF segment says; null where there is none, or it says nothing. */
export function jfifDensity(segments: readonly Segment[]): Density | null {
  const [data] = segmentsWith(segments, MARKER.app0, JFIF)
  if (!data || data.length < 7) return null
  const [x, y] = [viewOf(data).getUint16(3), viewOf(data).getUint16(5)]
  const unit = JFIF_UNITS[data[2]!]
  return unit && x > 0 && y > 0 && (unit !== 'none' || x !== y) ? { x, y, unit } : null
}

/** A JFIF segment with another density. */
function withDensity(segment: Uint8Array, { x, y, unit }: Density): Uint8Array {
  if (!startsWith(segment.subarray(4), JFIF)) return segment
  const changed = new Uint8Array(segment)
  changed[11] = JFIF_UNITS.indexOf(unit)
  viewOf(changed).setUint16(12, Math.min(0xffff, Math.max(1, Math.round(x))))
  viewOf(changed).setUint16(14, Math.min(0xffff, Math.max(1, Math.round(y))))
  return changed
}

const ICC = 'ICC_PROFILE\0'
const ICC_PART = MOST_DATA - ICC.length - 2

/** Data of the APP2 segments of a colour profile. */
export function iccSegments(profile: Uint8Array): Uint8Array[] {
  const count = Math.ceil(profile.length / ICC_PART)
  return Array.from({ length: count }, (_, i) =>
    concat([
      latin1Bytes(ICC),
      Uint8Array.of(i + 1, count),
      profile.subarray(i * ICC_PART, (i + 1) * ICC_PART),
    ]),
  )
}

/** Whether the file has its end marker, which cannot stand inside of compressed data. */
export function isWholeJpeg(bytes: Uint8Array): boolean {
  const from = jpegSegments(bytes).at(-1)?.end ?? 2
  for (let at = bytes.length - 2; at >= from; at--)
    if (bytes[at] === 0xff && bytes[at + 1] === END) return true
  return false
}

export const withEnd = (bytes: Uint8Array) => concat([bytes, Uint8Array.of(0xff, END)])

/** Standard table K.1 of T.81, for luminance at quality 50, in zigzag order. */
const LUMINANCE = [
  16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58,
  51, 61, 60, 57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87, 95, 98, 103, 104, 103,
  62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99,
]

/**
 * The quality with which a file was compressed, 1 to 100 on libjpeg's scale: the lowest whose table for lightness is on average
 * at least as fine as the file's. null where there is no table.
 */
export function jpegQuality(bytes: Uint8Array): number | null {
  const tables = jpegSegments(bytes)
    .filter(({ marker }) => marker === MARKER.dqt)
    .flatMap(tablesOf)
  const table = tables.find(({ id }) => id === 0)
  return table ? qualityOf(table.steps) : null
}

function tablesOf({ data }: Segment): { id: number; steps: number[] }[] {
  const tables: { id: number; steps: number[] }[] = []
  for (let at = 0; at < data.length; ) {
    const [wide, id] = [data[at]! >> 4 ? 2 : 1, data[at]! & 15]
    const values = data.subarray(at + 1, at + 1 + 64 * wide)
    if (values.length === 64 * wide)
      tables.push({
        id,
        steps: Array.from(
          { length: 64 },
          (_, i) => (wide === 2 ? 256 * values[2 * i]! : 0) + values[wide * i + wide - 1]!,
        ),
      })
    at += 1 + 64 * wide
  }
  return tables
}

/** libjpeg multiplies the standard table with 50 / quality up to 50, and with 2 - quality / 50 above. */
function qualityOf(steps: readonly number[]): number {
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b)
  const wanted = sum(steps)
  for (let quality = 1; quality < 100; quality++) {
    const scale = quality < 50 ? 50 / quality : 2 - quality / 50
    if (sum(LUMINANCE.map((step) => Math.min(255, Math.max(1, Math.floor(step * scale + 0.5))))) <= wanted)
      return quality
  }
  return 100
}

export const isJpeg = (bytes: Uint8Array) => latin1(bytes, 0, 3) === '\xff\xd8\xff'
