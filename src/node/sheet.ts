/** Contact sheets: the pictures of the report's figure 6, grey | ours | original, one row a photograph. */

import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import sharp, { type OverlayOptions } from 'sharp'
import type { Photo } from '../color/photo.ts'
import { UserError } from '../errors.ts'
import { PROGRAM } from '../io/image/history.ts'
import { fitText, svgText } from './strokes.ts'

export interface SheetRow {
  readonly gray: Photo
  readonly ours: Photo
  /** The same in the colours of other networks. */
  readonly others?: readonly Photo[]
  /** The colours that were there; where no row has any, the sheet has no column for them. */
  readonly original?: Photo
  /** A line under the row, such as the file's name; cut where it is too long. */
  readonly caption?: string
}

export const SHEET_FORMATS = ['png', 'webp'] as const
type SheetFormat = (typeof SHEET_FORMATS)[number]

/** The format that the ending of a file's name asks for; undefined when it is another. */
export const sheetFormat = (file: string): SheetFormat | undefined =>
  SHEET_FORMATS.find((format) => extname(file).toLowerCase() === `.${format}`)

export interface SheetOptions {
  /** What it is for: the ending says the format. A PNG by default. */
  readonly file?: string | undefined
  /** Longest side of a picture in px. */
  readonly cell?: number
  /** What stands above the columns of `ours` and `others`. */
  readonly names?: readonly string[]
}

/** In the field Software, by which a sheet is known again. */
const MARK = `${PROGRAM} contact sheet`
const WRITING = { png: {}, webp: { quality: 92, smartSubsample: true } }
/** Longest side of a WebP in px. */
const MOST_WEBP = 16383
const CELL = 160
/** Higher than a screen, and about as high as wide where there are many. */
const ROWS_A_BLOCK = 16
const MARGIN = 8
const HEADING = 10
const CAPTION = 8

/**
 * An image file of all rows on white: columns of one width, every picture whole and scaled to a longest side of `cell`, rows as
 * high as their highest picture; many rows in several blocks side by side. Throws a `RangeError` without rows, and as `expectFits`.
 */
export async function contactSheet(
  rows: readonly SheetRow[],
  { file = 'sheet.png', cell = CELL, names = ['ours'] }: SheetOptions = {},
): Promise<Buffer> {
  if (!rows.length) throw new RangeError('a contact sheet needs at least one row')
  const columns = ['grey', ...names, ...(rows.some(({ original }) => original) ? ['original'] : [])]
  expectFits(file, rows.length, columns.length, cell)
  const { blockRows, blockWidth, width } = laidOut(rows.length, columns.length, cell)
  const blocks: Block[] = []
  for (let at = 0; at < rows.length; at += blockRows) {
    const left = MARGIN + blocks.length * (blockWidth + MARGIN)
    blocks.push(blockOf(rows.slice(at, at + blockRows), columns, cell, left))
  }
  const height = Math.max(...blocks.map((block) => block.height))
  const letters = blocks.flatMap((block) => block.letters).join('')
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${letters}</svg>`
  const pictures = await Promise.all(blocks.flatMap((block) => block.pictures))
  const format = sheetFormat(file) ?? 'png'
  const paper = { width, height, channels: 3, background: '#ffffff' } as const
  return sharp({ create: paper, limitInputPixels: false })
    .composite([...pictures, { input: Buffer.from(svg) }])
    .removeAlpha()
    .withExif({ IFD0: { Software: MARK } })
    .toFormat(format, WRITING[format])
    .toBuffer()
}

/** Whether the file says that it is a contact sheet of this program. */
export async function isSheet(file: string): Promise<boolean> {
  try {
    const { exif } = await sharp(await readFile(file), { limitInputPixels: false }).metadata()
    return exif?.includes(MARK) ?? false
  } catch {
    return false
  }
}

/** Throws a `UserError` where a sheet of so many rows and columns is wider than the format of `file` takes. */
export function expectFits(file: string, rows: number, columns: number, cell = CELL): void {
  const { width } = laidOut(rows, columns, cell)
  if (sheetFormat(file) !== 'webp' || width <= MOST_WEBP) return
  throw new UserError(
    `${file} would be ${width} px wide, and WebP ends at ${MOST_WEBP}: name a .png`,
    'usage',
  )
}

/** How many rows a block has, how wide it is, and how wide all of them are. */
function laidOut(rows: number, columns: number, cell: number) {
  const blockRows = Math.ceil(rows / Math.ceil(rows / ROWS_A_BLOCK))
  const blockWidth = columns * (cell + MARGIN)
  const width = MARGIN + Math.ceil(rows / blockRows) * (blockWidth + MARGIN) - MARGIN
  return { blockRows, blockWidth, width }
}

interface Block {
  readonly pictures: readonly Promise<OverlayOptions>[]
  /** SVG */
  readonly letters: readonly string[]
  readonly height: number
}

/** Rows one below the other under the names of their columns. */
function blockOf(rows: readonly SheetRow[], columns: readonly string[], cell: number, start: number): Block {
  const left = (column: number) => start + column * (cell + MARGIN)
  const letters = columns.map((name, i) =>
    svgText(fitText(name, HEADING, cell), left(i) + cell / 2, MARGIN + HEADING, {
      size: HEADING,
      anchor: 'middle',
    }),
  )
  const pictures: Promise<OverlayOptions>[] = []
  let top = HEADING + 2 * MARGIN
  for (const { gray, ours, others = [], original, caption } of rows) {
    const shown = [gray, ours, ...others, ...(original ? [original] : [])]
    const height = Math.max(...shown.map((picture) => fitted(picture, cell).height))
    shown.forEach((picture, i) => {
      pictures.push(overlay(picture, cell, { left: left(i), top, height }))
    })
    top += height + MARGIN
    if (caption === undefined) continue
    const line = fitText(caption, CAPTION, left(columns.length) - MARGIN - start)
    letters.push(svgText(line, start, top + CAPTION, { size: CAPTION, color: '#555555' }))
    top += CAPTION + 2 * MARGIN
  }
  return { pictures, letters, height: top }
}

/** Collects rows for a contact sheet at the size that they have on it, so that any number of large pictures may come. */
export class Sheet {
  readonly #rows = new Map<number, SheetRow>()
  /** Rows that are there or being made. */
  #begun = 0

  /** @param most rows; of those that come later nothing is kept */
  constructor(private readonly most: number) {}

  get length(): number {
    return this.#rows.size
  }

  /** @param place by which the rows are sorted: they may come in any order */
  async add({ gray, ours, others = [], original, caption }: SheetRow, place: number): Promise<void> {
    if (this.#begun === this.most) return
    this.#begun++ // at once: calls overlap
    this.#rows.set(place, {
      gray: await shrunk(gray),
      ours: await shrunk(ours),
      others: await Promise.all(others.map(shrunk)),
      ...(original ? { original: await shrunk(original) } : {}),
      ...(caption === undefined ? {} : { caption }),
    })
  }

  /** See `contactSheet`. */
  draw(options: SheetOptions): Promise<Buffer> {
    const inOrder = [...this.#rows].sort(([a], [b]) => a - b)
    return contactSheet(
      inOrder.map(([, row]) => row),
      options,
    )
  }
}

async function shrunk(photo: Photo): Promise<Photo> {
  const { width, height } = fitted(photo, CELL)
  return { width, height, rgb: await scaled(photo, width, height) }
}

function scaled({ rgb, width, height }: Photo, toWidth: number, toHeight: number): Promise<Buffer> {
  return sharp(rgb, { raw: { width, height, channels: 3 }, limitInputPixels: false })
    .resize(toWidth, toHeight, { fit: 'fill' })
    .raw()
    .toBuffer()
}

function fitted({ width, height }: Photo, cell: number): { width: number; height: number } {
  const scale = cell / Math.max(width, height)
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}

/** The picture at its size on the sheet, in the middle of its cell. */
async function overlay(
  photo: Photo,
  cell: number,
  place: { left: number; top: number; height: number },
): Promise<OverlayOptions> {
  const { width, height } = fitted(photo, cell)
  return {
    input: await scaled(photo, width, height),
    raw: { width, height, channels: 3 },
    left: place.left + ((cell - width) >> 1),
    top: place.top + ((place.height - height) >> 1),
  }
}
