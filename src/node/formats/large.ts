/** TIFF files that are too large to be decoded at once, coloured in parts of their rows. */
import { lookAt, PREVIEW_PIXELS } from '../../color/look.ts'
import { grayOf } from '../../color/paint.ts'
import { type Raster, type Rows, rasterOf, rowsIn, rowsOf, shownRows } from '../../color/raster.ts'
import { UserError } from '../../errors.ts'
import type { Painter } from '../../infer/colorizer.ts'
import { pictureColours } from '../../infer/picture.ts'
import { concat } from '../../io/image/bytes.ts'
import { MOST_PIXEL_BYTES } from '../../io/image/tiff.ts'
import { rgbTiff, TiffStrips } from '../../io/image/tiff-strips.ts'
import { writeMetadata } from '../../io/image/write-metadata.ts'
import type { Rect, Size } from '../../rect.ts'
import { gathered, type Pieces } from '../files.ts'
import { photoSize } from '../image.ts'
import { decodeOrExplain } from '../undecodable.ts'
import { type ColouredFile, colorizeFile, type FileOptions, historyFor, type LeftOut } from './colorize.ts'
import { formatOfBytes } from './kinds.ts'
import { decodePage } from './page.ts'
import { srgbProfile } from './profile.ts'
import { type OpenPicture, openPicture } from './read.ts'

/** What sharp decodes at once. */
const MOST_PIXELS = 0x3fff ** 2
/** What is decoded at once here. */
const PART_PIXELS = 2 ** 24

/** A coloured file that is made while it is written. */
export interface LargeFile extends Omit<ColouredFile, 'parts'> {
  readonly parts: Pieces
}

/** Colours an image file: by `colorizeLarge` where it is so large a TIFF, else by `colorizeFile`. */
export async function colorizeAny(
  painter: Painter,
  bytes: Uint8Array,
  name: string,
  options: FileOptions,
): Promise<ColouredFile | LargeFile | LeftOut> {
  const colorize = (await isLargeTiff(bytes, name)) ? colorizeLarge : colorizeFile
  return colorize(painter, bytes, name, options)
}

/** The same with the whole result in memory. */
export async function colorizeInMemory(
  painter: Painter,
  bytes: Uint8Array,
  name: string,
  options: FileOptions,
): Promise<ColouredFile | LeftOut> {
  const coloured = await colorizeAny(painter, bytes, name, options)
  if ('skipped' in coloured) return coloured
  const { parts } = coloured
  return { ...coloured, parts: typeof parts === 'function' ? await gathered(parts) : parts }
}

/** Whether a file is for `colorizeLarge`. Throws a UserError where it is no image. */
export async function isLargeTiff(bytes: Uint8Array, name: string): Promise<boolean> {
  if (formatOfBytes(bytes) !== 'tiff') return false
  const { width, height } = await photoSize(bytes, name)
  return width * height > MOST_PIXELS
}

/**
 * Colours the first page of a TIFF file. Its result is a TIFF without compression and transparency.
 * @param name what errors call it
 * @throws UserError: cannot be read in parts, or cannot be written so
 */
export async function colorizeLarge(
  painter: Painter,
  bytes: Uint8Array,
  name: string,
  options: FileOptions,
): Promise<LargeFile | LeftOut> {
  const source = await openPicture(bytes, name, options)
  const rows = await rowsOfTiff(bytes, source)
  const bits = options.bits ?? rows.bits
  expectWritable(name, rows, bits, options)
  const preview = await shownRows(rows, PREVIEW_PIXELS)
  const look = lookAt(preview, rows)
  if (look.isInColour && !options.recolor) return { skipped: 'in colour' }
  const { classes, paint } = await pictureColours(painter, rows, look, options)
  const small = rasterOf({ ...preview, rgb: preview.rgb.slice() })
  await paint(rowsOf(small), scaled(look.content, rows, small), {
    rows: (first, last) => rowsIn(small, first, last),
  })
  const { width, height } = rows
  const lost =
    source.pages > 1
      ? [`${name}: of ${source.pages} pages only the first is coloured, as it is so large`]
      : []
  return {
    ...{ format: 'tiff', width, height, classes, remarks: [...source.remarks, ...lost] },
    ...{ before: grayOf(preview), after: { ...preview, rgb: small.levels as Uint8Array } },
    parts: await partsOf(source, rows, bits, options, (take) =>
      paint(rows, look.content, { rows: (first, last) => newRows(width, last - first, bits), painted: take }),
    ),
  }
}

const newRows = (width: number, height: number, bits: 8 | 16): Raster => {
  const levels = new (bits === 16 ? Uint16Array : Uint8Array)(3 * width * height)
  return { width, height, channels: 3, levels, alpha: null }
}

function expectWritable(
  name: string,
  { width, height }: Size,
  bits: 8 | 16,
  { format = 'tiff', keepProfile }: FileOptions,
) {
  const sentence = (what: string, mend: string[] = []) => {
    const megapixels = Math.round((width * height) / 1e6)
    return new UserError(`${name} has ${megapixels} megapixels, and ${what}`, 'input', { mend })
  }
  if (format !== 'tiff') throw sentence('so large a picture is only written as TIFF', ['format'])
  if (keepProfile) throw sentence('so large a picture is only written in sRGB', ['keep-profile'])
  if ((3 * width * height * bits) / 8 > MOST_PIXEL_BYTES)
    throw sentence(`with ${bits} bits is too large for a TIFF`, ['bits'])
}

/**
 * The rows of a TIFF file, of which those that were decoded last are kept.
 * @param pixels that are decoded at once
 * @throws UserError where they cannot be read in parts
 */
export async function rowsOfTiff(
  bytes: Uint8Array,
  { ignoreIcc, name }: Pick<OpenPicture, 'ignoreIcc' | 'name'>,
  pixels = PART_PIXELS,
): Promise<Rows> {
  const strips = TiffStrips.open(bytes)
  if (!strips || strips.step * strips.width > MOST_PIXELS)
    throw new UserError(
      `${name} is too large: more than 268 megapixels are only read from TIFF files in strips or tiles, upright and without BigTIFF`,
    )
  const { width, height, step } = strips
  const each = step * Math.max(1, Math.floor(pixels / width / step))
  const decode = async (n: number) => {
    const part = strips.part(n * each, Math.min(height, (n + 1) * each))
    return decodeOrExplain(part, name, () => decodePage(part, { page: 0, ignoreIcc, failOn: 'error' }))
  }
  let last = { n: 0, raster: decode(0) }
  const { channels, levels } = await last.raster
  const part = (n: number) => {
    if (n !== last.n) last = { n, raster: decode(n) }
    return last.raster
  }
  const bits = levels instanceof Uint16Array ? 16 : 8
  return {
    ...{ width, height, channels, bits },
    async rows(first, end) {
      const found: Raster[] = []
      for (let y = first; y < end; ) {
        const n = Math.floor(y / each)
        const to = Math.min(end, (n + 1) * each)
        found.push(rowsIn(await part(n), y - n * each, to - n * each))
        y = to
      }
      return found.length === 1 ? found[0]! : joined(found)
    },
  }
}

/** Rows one below the other. */
function joined(parts: readonly Raster[]): Raster {
  const [{ width, channels, levels: first, alpha: hasAlpha }] = parts as [Raster]
  const height = parts.reduce((sum, part) => sum + part.height, 0)
  const empty = (length: number) => new (first.constructor as Uint8ArrayConstructor)(length)
  const levels = empty(channels * width * height)
  const alpha = hasAlpha && empty(width * height)
  let y = 0
  for (const part of parts) {
    levels.set(part.levels, channels * width * y)
    if (part.alpha) alpha?.set(part.alpha, width * y)
    y += part.height
  }
  return { width, height, channels, levels, alpha }
}

const scaled = ({ x, y, width, height }: Rect, from: Size, to: Size): Rect => {
  const [across, down] = [to.width / from.width, to.height / from.height]
  const [left, top] = [Math.round(x * across), Math.round(y * down)]
  return {
    ...{ x: left, y: top, width: Math.round((x + width) * across) - left },
    height: Math.round((y + height) * down) - top,
  }
}

/** Gives the file piece by piece: what stands before its pixels, and these as they are painted. */
async function partsOf(
  { metadata }: OpenPicture,
  size: Size,
  bits: 8 | 16,
  { making }: FileOptions,
  paint: (painted: (rows: Raster) => Promise<void>) => Promise<void>,
): Promise<Pieces> {
  const { head, finish } = rgbTiff(size, bits)
  const { width, height } = size
  const history = historyFor(metadata, making)
  const beside = { metadata, icc: await srgbProfile(), width, height, isSrgb: true, history }
  const before = finish(concat(writeMetadata(head, 'tiff', beside).parts))
  return async (write) => {
    await write(before)
    await paint(({ levels }) => write(new Uint8Array(levels.buffer, levels.byteOffset, levels.byteLength)))
  }
}
