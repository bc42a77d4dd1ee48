/** Image files in, coloured image files out: what the command line and the library have in common. */
import { lookAt, previewOf } from '../../color/look.ts'
import { grayOf } from '../../color/paint.ts'
import type { Photo } from '../../color/photo.ts'
import type { Raster } from '../../color/raster.ts'
import type { Painter, SeenClass } from '../../infer/colorizer.ts'
import { colorizePicture, type PictureOptions } from '../../infer/picture.ts'
import { exifFacts } from '../../io/image/exif.ts'
import { type History, newHistory } from '../../io/image/history.ts'
import type { Metadata } from '../../io/image/metadata.ts'
import { bitsOf } from './encode.ts'
import type { OutputFormat } from './kinds.ts'
import { type OpenOptions, openPicture } from './read.ts'
import { hasAllPages, PictureWriter, type Writing } from './write.ts'

/** What is said in a result of how it was made. */
export interface Making {
  /** Which weights: their name, or what else tells them from others. */
  readonly weights: string
  readonly settings: History['settings']
}

export interface FileOptions
  extends PictureOptions,
    OpenOptions,
    Pick<Writing, 'quality' | 'bits' | 'keepProfile'> {
  /** The format of the file itself by default, or PNG where that cannot be written. */
  readonly format?: OutputFormat | undefined
  /** Whether a picture in colour is coloured, too; otherwise it is left out. */
  readonly recolor?: boolean | undefined
  /** null says nothing of this program. */
  readonly making: Making | null
}

export interface ColouredFile {
  /** The file, in parts. */
  readonly parts: readonly Uint8Array[]
  readonly format: OutputFormat
  /** Of the first page, as it is shown. */
  readonly width: number
  readonly height: number
  /** What the classifier saw on the first page that was coloured, the likeliest five; empty without a classifier. */
  readonly classes: SeenClass[]
  /** What was not as it should be, or is lost, in sentences. */
  readonly remarks: readonly string[]
  /** That page as it was and as it is, at a size for eyes. */
  readonly before: Photo
  readonly after: Photo
}

export interface LeftOut {
  /** Why there is nothing to be done. */
  readonly skipped: 'in colour'
}

/**
 * Colours an image file with all of its pages or frames. Pages in colour stay as they are; where all are, the file is left out.
 * @param name what errors call it
 * @throws UserError: cannot be read, or cannot be written in that format
 */
export async function colorizeFile(
  painter: Painter,
  bytes: Uint8Array,
  name: string,
  options: FileOptions,
): Promise<ColouredFile | LeftOut> {
  const source = await openPicture(bytes, name, options)
  const format = options.format ?? source.format
  const bits = bitsOf(source, format, options.bits)
  const history = historyFor(source.metadata, options.making)
  const writer = new PictureWriter(source, { ...options, format, history })
  const count = hasAllPages(source, format) ? source.pages : 1
  let first: Omit<Page, 'picture'> | null = null
  for (let i = 0; i < count; i++) {
    const { picture, ...page } = await colorizePage(painter, await source.page(i), { ...options, bits })
    if (page.isColoured) first ??= page
    await writer.add(picture)
  }
  if (!first) return { skipped: 'in colour' }
  const { parts, lost } = await writer.finish()
  const remarks = [
    ...source.remarks,
    ...lost.map((what) => `${name}: ${what} has no place in a ${format.toUpperCase()}`),
  ]
  if (count < source.pages)
    remarks.push(`${name}: of ${source.pages} pages only the first has a place in a ${format.toUpperCase()}`)
  return { parts, format, ...first, remarks }
}

/** What is said of how a result was made; null where nothing is. */
export function historyFor({ exif }: Metadata, making: Making | null): History | null {
  const software = exif ? exifFacts(exif).software : null
  return making && newHistory({ ...making, ...(software === null ? {} : { softwareBefore: software }) })
}

interface Page {
  readonly picture: Raster
  readonly isColoured: boolean
  readonly width: number
  readonly height: number
  readonly classes: SeenClass[]
  readonly before: Photo
  readonly after: Photo
}

async function colorizePage(painter: Painter, raster: Raster, options: FileOptions): Promise<Page> {
  const { width, height } = raster
  const before = previewOf(raster)
  const look = lookAt(before, raster)
  if (look.isInColour && !options.recolor)
    return { picture: raster, isColoured: false, width, height, classes: [], before, after: before }
  const { picture, classes } = await colorizePicture(painter, raster, look, options)
  return {
    ...{ picture, isColoured: true, width, height, classes },
    before: grayOf(before),
    after: previewOf(picture),
  }
}
