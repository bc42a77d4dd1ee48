/** Photographs in and out, through sharp. A photograph here is always 8-bit sRGB, upright, three channels. */
import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import sharp, { type Sharp } from 'sharp'
import { lightness } from '../color/lab.ts'
import { EXIT, UserError } from '../errors.ts'
import { writeFileAtomic } from './files.ts'
import { fileTrouble } from './trouble.ts'
import { decodeOrExplain } from './undecodable.ts'

export interface Photo {
  width: number
  height: number
  /** [height, width, 3], sRGB levels */
  rgb: Uint8Array
}

export interface Rect {
  x: number
  y: number
  width: number
  height: number
}

export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'tiff'

const FORMATS: Record<string, ImageFormat> = {
  '.jpg': 'jpeg',
  '.jpeg': 'jpeg',
  '.png': 'png',
  '.webp': 'webp',
  '.tif': 'tiff',
  '.tiff': 'tiff',
}

const BAND_PIXELS = 2 ** 20

/** File name endings that a folder is searched for. */
export const PHOTO_EXTENSIONS: readonly string[] = [...Object.keys(FORMATS), '.gif', '.avif']

/**
 * Reads a photograph: EXIF orientation applied, transparency put on white, grey, CMYK, 16-bit and other colour
 * profiles converted to sRGB. `name` is what errors call it.
 * @throws UserError: unreadable, empty, not an image, truncated or damaged, more than 268 megapixels.
 */
export async function readPhoto(source: string | Uint8Array, name = nameOf(source)): Promise<Photo> {
  const bytes = typeof source === 'string' ? await readPhotoFile(source) : source
  return decodePhoto(bytes, name)
}

/** The same, of a file's bytes; `edit` may add a resize or crop, which JPEG and WebP then decode at a fraction. */
export async function decodePhoto(
  bytes: Uint8Array,
  name: string,
  edit = (image: Sharp) => image,
): Promise<Photo> {
  return decodeOrExplain(bytes, name, async () => {
    const image = edit(sharp(bytes, { failOn: 'error' }).autoOrient())
    const flat = image.flatten({ background: '#ffffff' }).toColourspace('srgb')
    const { data, info } = await flat.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true })
    if (info.channels !== 3) throw new Error(`sharp gave ${info.channels} channels instead of 3`)
    return { width: info.width, height: info.height, rgb: viewOf(data) }
  })
}

/** Width and height of an image as it is shown, upright, from its header alone. Throws as readPhoto. */
export async function photoSize(bytes: Uint8Array, name: string): Promise<{ width: number; height: number }> {
  return decodeOrExplain(bytes, name, async () => (await sharp(bytes).metadata()).autoOrient)
}

export async function readPhotoFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    throw fileTrouble('read', path, error)
  }
}

/** The format that a file name's ending asks for. Throws UserError (exit code 2) when it asks for none. */
export function imageFormat(path: string): ImageFormat {
  const format = FORMATS[extname(path).toLowerCase()]
  if (format) return format
  throw new UserError(
    `cannot write ${path}: its name must end in ${Object.keys(FORMATS).join(', ')}`,
    EXIT.usage,
  )
}

/** The bytes of an image file. JPEG keeps the colour at full resolution (4:4:4); TIFF is lossless. */
export async function encode(photo: Photo, format: ImageFormat): Promise<Uint8Array> {
  const image = raw(photo)
  try {
    if (format === 'jpeg') return await image.jpeg({ quality: 92, chromaSubsampling: '4:4:4' }).toBuffer()
    if (format === 'webp') return await image.webp({ quality: 92, smartSubsample: true }).toBuffer()
    if (format === 'tiff') return await image.tiff({ compression: 'lzw', predictor: 'horizontal' }).toBuffer()
    return await image.png().toBuffer()
  } catch (error) {
    const size = `${photo.width}x${photo.height}`
    const why = error instanceof Error ? error.message : String(error)
    throw new UserError(`cannot write ${size} pixels as ${format}: ${why}`, EXIT.someInputFailed, {
      cause: error,
    })
  }
}

/** Writes a photograph in the format of its ending; `path` is the old file or the whole new one. */
export async function writeImage(path: string, photo: Photo): Promise<void> {
  const bytes = await encode(photo, imageFormat(path))
  try {
    await writeFileAtomic(path, bytes)
  } catch (error) {
    throw fileTrouble('write', path, error)
  }
}

/** `photo` at another size, by Lanczos 3 when it shrinks and bicubic when it grows. */
export async function resize(photo: Photo, width: number, height: number): Promise<Photo> {
  if (photo.width === width && photo.height === height) return photo
  return editPhoto(photo, (image) => image.resize(width, height, { fit: 'fill', kernel: 'lanczos3' }))
}

/** `photo` resized or cropped by sharp's own means. */
export async function editPhoto(photo: Photo, edit: (image: Sharp) => Sharp): Promise<Photo> {
  const { data, info } = await edit(raw(photo)).raw().toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, rgb: viewOf(data) }
}

/** Where a width x height picture comes to lie in a size x size square: longest side = size, centred. */
export function contentRect(width: number, height: number, size: number): Rect {
  const scale = size / Math.max(width, height)
  const w = Math.max(1, Math.round(width * scale))
  const h = Math.max(1, Math.round(height * scale))
  return { x: (size - w) >> 1, y: (size - h) >> 1, width: w, height: h }
}

/** A size x size white square with `photo` at `at`, which has the photo's size. */
export function padToSquare(photo: Photo, size: number, at: Rect): Photo {
  const rgb = new Uint8Array(size * size * 3).fill(255)
  for (let y = 0; y < photo.height; y++) {
    const row = photo.rgb.subarray(3 * y * photo.width, 3 * (y + 1) * photo.width)
    rgb.set(row, 3 * ((at.y + y) * size + at.x))
  }
  return { width: size, height: size, rgb }
}

/** What the network sees of a picture: lightness / 50 - 1 of [pixels, 3] sRGB levels; white, and so padding, is +1. */
export function networkLightness(rgb: Uint8Array): Float32Array {
  return lightness(rgb).map((L) => L / 50 - 1)
}

/**
 * Bilinear upsampling of the network's colours to a picture's size, pixel centres aligned.
 * @param ab [*, stride, 2], of which `content` is the picture; what lies outside (padding) does not bleed in
 * @param rows which rows of the picture are wanted, so that a large one can be done in bands
 * @returns [rows, width, 2]
 */
export function upsampleAb(
  ab: Float32Array,
  stride: number,
  content: Rect,
  { width, height }: { width: number; height: number },
  rows: [number, number] = [0, height],
): Float32Array {
  const columns = taps(content.x, content.width, width)
  const lines = taps(content.y, content.height, height)
  const out = new Float32Array((rows[1] - rows[0]) * width * 2)
  let at = 0
  for (let y = rows[0]; y < rows[1]; y++) {
    const upper = 2 * stride * lines.first[y]!
    const lower = 2 * stride * lines.second[y]!
    const down = lines.share[y]!
    for (let x = 0; x < width; x++) {
      const left = 2 * columns.first[x]!
      const right = 2 * columns.second[x]!
      const across = columns.share[x]!
      for (let c = 0; c < 2; c++) {
        const top = ab[upper + left + c]! + across * (ab[upper + right + c]! - ab[upper + left + c]!)
        const bottom = ab[lower + left + c]! + across * (ab[lower + right + c]! - ab[lower + left + c]!)
        out[at++] = top + down * (bottom - top)
      }
    }
  }
  return out
}

/** For each of `count` target positions, the two source positions around its centre and the second one's share. */
function taps(start: number, length: number, count: number) {
  const first = new Int32Array(count)
  const second = new Int32Array(count)
  const share = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    const centre = Math.min(length - 1, Math.max(0, ((i + 0.5) * length) / count - 0.5))
    const below = Math.floor(centre)
    first[i] = start + below
    second[i] = start + Math.min(below + 1, length - 1)
    share[i] = centre - below
  }
  return { first, second, share }
}

/** The picture's rows in bands of about 2²⁰ pixels, so that what is done with a large one needs little memory. */
export function* bands({ width, height }: { width: number; height: number }) {
  const rows = Math.max(1, Math.floor(BAND_PIXELS / width))
  for (let first = 0; first < height; first += rows) {
    const last = Math.min(first + rows, height)
    yield { first, last, pixels: [first * width, last * width] as const }
  }
}

function raw({ rgb, width, height }: Photo): Sharp {
  return sharp(rgb, { raw: { width, height, channels: 3 }, limitInputPixels: false })
}

function viewOf(data: Buffer): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

function nameOf(source: string | Uint8Array): string {
  return typeof source === 'string' ? source : 'the input'
}
