/** Photographs in and out, and at other sizes, through sharp. */
import { readFile } from 'node:fs/promises'
import sharp from 'sharp'
import type { Photo } from '../color/photo.ts'
import { shown } from '../color/raster.ts'
import { UserError } from '../errors.ts'
import type { Rect, Size } from '../rect.ts'
import { writeFileAtomic } from './files.ts'
import { decodeHeic } from './formats/heic.ts'
import { formatOfBytes, formatOfEnding, isHeic, WRITTEN_ENDINGS } from './formats/kinds.ts'
import { openPicture } from './formats/read.ts'
import { decodePhoto, editPhoto, sharpOf } from './pixels.ts'
import { fileTrouble } from './trouble.ts'
import { decodeOrExplain } from './undecodable.ts'

export const IMAGE_FORMATS = ['jpeg', 'png', 'webp', 'tiff'] as const
export type ImageFormat = (typeof IMAGE_FORMATS)[number]

/**
 * Reads a photograph: EXIF orientation applied, transparency put on white, grey, CMYK, 16-bit and other colour
 * profiles converted to sRGB. `name` is what errors call it.
 * @throws UserError: unreadable, empty, not an image, truncated or damaged, more than 268 megapixels, HEIC without a decoder.
 */
export async function readPhoto(source: string | Uint8Array, name = nameOf(source)): Promise<Photo> {
  const bytes = typeof source === 'string' ? await readPhotoFile(source) : source
  if (!isHeic(bytes)) return decodePhoto(bytes, name)
  const picture = await (await openPicture(bytes, name)).page(0)
  return shown(picture, picture.width * picture.height)
}

/** Width and height of an image as it is shown, upright, from its header alone where that can be read. Throws as readPhoto. */
export async function photoSize(bytes: Uint8Array, name: string): Promise<Size> {
  const sizeOf = async () => (await sharp(bytes, { limitInputPixels: false }).metadata()).autoOrient
  return isHeic(bytes) ? sizeOf().catch(() => decodeHeic(bytes, name)) : decodeOrExplain(bytes, name, sizeOf)
}

export async function readPhotoFile(path: string, name = path): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    throw fileTrouble('read', name, error)
  }
}

/** The format that a file name's ending asks for. Throws UserError (trouble 'usage') when it asks for none. */
function imageFormat(path: string): ImageFormat {
  const ofName = (name: string) => IMAGE_FORMATS.find((format) => format === formatOfEnding(name))
  const format = ofName(path)
  if (format) return format
  const endings = WRITTEN_ENDINGS.filter((ending) => ofName(`name${ending}`))
  throw new UserError(`cannot write ${path}: its name must end in ${endings.join(', ')}`, 'usage')
}

/** The format that a file's first bytes tell, where it can be written, else PNG. */
export function outputFormat(bytes: Uint8Array): ImageFormat {
  const own = formatOfBytes(bytes)
  return IMAGE_FORMATS.find((format) => format === own) ?? 'png'
}

/**
 * The bytes of an image file. JPEG keeps the colour at full resolution (4:4:4); TIFF is lossless. `name` is what errors call it.
 * @throws UserError when the format cannot have that size
 */
export async function encode(photo: Photo, format: ImageFormat, name = 'the image'): Promise<Uint8Array> {
  const image = sharpOf(photo)
  try {
    if (format === 'jpeg') return await image.jpeg({ quality: 92, chromaSubsampling: '4:4:4' }).toBuffer()
    if (format === 'webp') return await image.webp({ quality: 92, smartSubsample: true }).toBuffer()
    if (format === 'tiff') return await image.tiff({ compression: 'lzw', predictor: 'horizontal' }).toBuffer()
    return await image.png().toBuffer()
  } catch (error) {
    const size = `${photo.width}x${photo.height}`
    const why = error instanceof Error ? error.message : String(error)
    throw new UserError(`${name}: cannot write ${size} pixels as ${format}: ${why}`, 'input', {
      cause: error,
    })
  }
}

/** Writes a photograph in the format of its ending; `path` is the old file or the whole new one. */
export async function writeImage(path: string, photo: Photo): Promise<void> {
  const bytes = await encode(photo, imageFormat(path), path)
  try {
    await writeFileAtomic(path, bytes)
  } catch (error) {
    throw fileTrouble('write', path, error)
  }
}

/** A `Resize` by libvips: an axis shrinks by Lanczos' filter with three lobes and grows by a cubic spline. */
export async function sharpResize(photo: Photo, width: number, height: number, from?: Rect): Promise<Photo> {
  const part = from ?? { x: 0, y: 0, width: photo.width, height: photo.height }
  const isWhole = part.width === photo.width && part.height === photo.height
  if (isWhole && photo.width === width && photo.height === height) return photo
  const region = { left: part.x, top: part.y, width: part.width, height: part.height }
  return editPhoto(photo, (image) =>
    (isWhole ? image : image.extract(region)).resize(width, height, { fit: 'fill', kernel: 'lanczos3' }),
  )
}

/** `photo` with a longest side of at most `side` pixels. */
export async function shrunkTo(photo: Photo, side: number): Promise<Photo> {
  const scale = Math.min(1, side / Math.max(photo.width, photo.height))
  const scaled = (length: number) => Math.max(1, Math.round(scale * length))
  return sharpResize(photo, scaled(photo.width), scaled(photo.height))
}

function nameOf(source: string | Uint8Array): string {
  return typeof source === 'string' ? source : 'the input'
}
