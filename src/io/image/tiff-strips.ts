/** TIFF files too large for memory, by parts of their rows: each part is a small TIFF file of its own, and so is decoded as any. */
import type { Size } from '../../rect.ts'
import { viewOf } from './bytes.ts'
import { type Directory, type Field, shortField, Tiff, tiffOf } from './tiff.ts'
import { isCarried, TIFF_TAGS } from './tiff-metadata.ts'

const TAG = {
  ...{
    width: 256,
    height: 257,
    bits: 258,
    compression: 259,
    photometric: 262,
    orientation: 274,
    samples: 277,
  },
  ...{ stripOffsets: 273, rowsPerStrip: 278, stripCounts: 279, planar: 284 },
  ...{ tileWidth: 322, tileHeight: 323, tileOffsets: 324, tileCounts: 325, subDirectories: 330 },
} as const
const [SHORT, LONG, UNCOMPRESSED, RGB] = [3, 4, 1, 2]

/** Where the bytes of the pixels stand. */
interface Pieces {
  readonly tags: readonly [offsets: number, counts: number]
  readonly offsets: readonly number[]
  readonly counts: readonly number[]
  /** Pieces side by side: one strip, or the tiles of a row. */
  readonly across: number
  /** Rows of each. */
  readonly rows: number
}

export class TiffStrips implements Size {
  private constructor(
    private readonly tiff: Tiff,
    private readonly fields: readonly Field[],
    readonly width: number,
    readonly height: number,
    private readonly pieces: Pieces,
  ) {}

  /**
   * The first page of a TIFF file; null where it cannot be read in parts: it is damaged, lies on its side, has its channels one
   * after the other, or is compressed in one piece.
   */
  static open(bytes: Uint8Array): TiffStrips | null {
    try {
      const tiff = new Tiff(bytes)
      const [page] = tiff.directories()
      if (!page) return null
      const number = (tag: number, usual = 1) => tiff.number(page, tag) ?? usual
      const [width, height] = [number(TAG.width, 0), number(TAG.height, 0)]
      if (!width || !height || number(TAG.planar) !== 1 || number(TAG.orientation) !== 1) return null
      const pieces = tilesOf(tiff, page, { width, height }) ?? stripsOf(tiff, page, { width, height })
      if (!pieces || pieces.offsets.some((at, i) => at + pieces.counts[i]! > bytes.length)) return null
      const dropped: readonly number[] = [
        ...Object.values(TIFF_TAGS).filter((tag) => tag !== TIFF_TAGS.icc),
        TAG.subDirectories,
      ]
      const fields = page.fields.filter((field) => !isCarried(field) && !dropped.includes(field.tag))
      return new TiffStrips(tiff, fields, width, height, pieces)
    } catch (error) {
      if (error instanceof RangeError) return null
      throw error
    }
  }

  /** Rows that only come together. */
  get step(): number {
    return this.pieces.rows
  }

  /** The rows `first` up to `last`, both multiples of `step` or the end, as a TIFF file of their own. */
  part(first: number, last: number): Uint8Array {
    const { tags, across, rows, offsets, counts } = this.pieces
    const [from, to] = [across * Math.floor(first / rows), across * Math.ceil(last / rows)]
    const own = counts.slice(from, to)
    const { little } = this.tiff
    const replaced: Field[] = [
      numbersField(TAG.height, [last - first], little),
      numbersField(
        tags[0],
        own.map(() => 0),
        little,
      ),
      numbersField(tags[1], own, little),
      ...(tags[0] === TAG.stripOffsets ? [numbersField(TAG.rowsPerStrip, [rows], little)] : []),
    ]
    const others = this.fields.filter(({ tag }) => !replaced.some((field) => field.tag === tag))
    const head = placed(tiffOf([...others, ...replaced], little), tags[0], own)
    const file = new Uint8Array(head.length + own.reduce((a, b) => a + b, 0))
    file.set(head)
    let at = head.length
    for (const [i, count] of own.entries()) {
      const start = offsets[from + i]!
      file.set(this.tiff.bytes.subarray(start, start + count), at)
      at += count
    }
    return file
  }
}

function tilesOf(tiff: Tiff, page: Directory, { width, height }: Size): Pieces | null {
  const [across, rows] = [tiff.number(page, TAG.tileWidth), tiff.number(page, TAG.tileHeight)]
  const tags = [TAG.tileOffsets, TAG.tileCounts] as const
  const pieces = listed(tiff, page, tags)
  if (!across || !rows || !pieces) return null
  const columns = Math.ceil(width / across)
  if (pieces.offsets.length !== columns * Math.ceil(height / rows)) return null
  return { ...pieces, tags, across: columns, rows }
}

/** Strips; what is not compressed and in one piece is cut by its rows. */
function stripsOf(tiff: Tiff, page: Directory, { width, height }: Size): Pieces | null {
  const tags = [TAG.stripOffsets, TAG.stripCounts] as const
  const pieces = listed(tiff, page, tags)
  if (!pieces) return null
  const rows = Math.min(height, tiff.number(page, TAG.rowsPerStrip) ?? height)
  if (pieces.offsets.length !== Math.ceil(height / rows)) return null
  return rowByRow(tiff, page, { width, height }, pieces) ?? { ...pieces, tags, across: 1, rows }
}

/** One strip of pixels that are not compressed, cut by its rows. */
function rowByRow(
  tiff: Tiff,
  page: Directory,
  { width, height }: Size,
  { offsets: [start], counts }: Pick<Pieces, 'offsets' | 'counts'>,
): Pieces | null {
  const bits = page.fields.find(({ tag }) => tag === TAG.bits)
  const [depth] = bits ? numbersOf(bits, tiff.little) : [1]
  const samples = tiff.number(page, TAG.samples) ?? 1
  const rowBytes = Math.ceil((width * samples * depth!) / 8)
  const isPlain = (tiff.number(page, TAG.compression) ?? UNCOMPRESSED) === UNCOMPRESSED
  if (!isPlain || counts.length > 1 || counts[0] !== rowBytes * height) return null
  const offsets = Array.from({ length: height }, (_, y) => start! + rowBytes * y)
  const tags = [TAG.stripOffsets, TAG.stripCounts] as const
  return { tags, offsets, counts: offsets.map(() => rowBytes), across: 1, rows: 1 }
}

function listed(tiff: Tiff, page: Directory, [offsets, counts]: Pieces['tags']) {
  const field = (wanted: number) => page.fields.find(({ tag }) => tag === wanted)
  const [at, lengths] = [field(offsets), field(counts)]
  if (!at || !lengths || at.count !== lengths.count) return null
  return { offsets: numbersOf(at, tiff.little), counts: numbersOf(lengths, tiff.little) }
}

function numbersOf({ type, count, value }: Field, little: boolean): number[] {
  const view = viewOf(value)
  return Array.from({ length: count }, (_, i) =>
    type === SHORT ? view.getUint16(2 * i, little) : view.getUint32(4 * i, little),
  )
}

function numbersField(tag: number, numbers: readonly number[], little: boolean): Field {
  const value = new Uint8Array(4 * numbers.length)
  for (const [i, number] of numbers.entries()) viewOf(value).setUint32(4 * i, number, little)
  return { tag, type: LONG, count: numbers.length, value }
}

/** Puts the offsets of pieces of `counts` bytes, which are to follow one after the other, into the head of a file. */
function placed(head: Uint8Array, tag: number, counts: readonly number[]): Uint8Array {
  const tiff = new Tiff(head)
  const [page] = tiff.directories()
  const { value } = page!.fields.find((field) => field.tag === tag)!
  let at = head.length
  for (const [i, count] of counts.entries()) {
    viewOf(value).setUint32(4 * i, at, tiff.little)
    at += count
  }
  return head
}

/** A strip of a new file holds about that many bytes. */
const STRIP_BYTES = 2 ** 22

/** A TIFF file in colour whose pixels, little-endian and not compressed, are to follow: its directory, and what completes it. */
export function rgbTiff(
  { width, height }: Size,
  bits: 8 | 16,
): { head: Uint8Array; finish(whole: Uint8Array): Uint8Array } {
  const rowBytes = (3 * width * bits) / 8
  const rows = Math.min(height, Math.max(1, Math.floor(STRIP_BYTES / rowBytes)))
  const counts = Array.from(
    { length: Math.ceil(height / rows) },
    (_, i) => rowBytes * Math.min(rows, height - rows * i),
  )
  const depths = new Uint8Array(6)
  for (const i of [0, 1, 2]) viewOf(depths).setUint16(2 * i, bits, true)
  const head = tiffOf([
    ...[numbersField(TAG.width, [width], true), numbersField(TAG.height, [height], true)],
    { tag: TAG.bits, type: SHORT, count: 3, value: depths },
    ...[shortField(TAG.compression, UNCOMPRESSED, true), shortField(TAG.photometric, RGB, true)],
    ...[
      shortField(TAG.samples, 3, true),
      shortField(TAG.planar, 1, true),
      numbersField(TAG.rowsPerStrip, [rows], true),
    ],
    ...[
      numbersField(
        TAG.stripOffsets,
        counts.map(() => 0),
        true,
      ),
      numbersField(TAG.stripCounts, counts, true),
    ],
  ])
  return { head, finish: (whole) => placed(whole, TAG.stripOffsets, counts) }
}
