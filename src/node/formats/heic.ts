/** HEIC, the phones' format, by a decoder that people install beside this package: its codec is patented. */

import type { Raster } from '../../color/raster.ts'
import { UserError } from '../../errors.ts'
import { concat } from '../../io/image/bytes.ts'
import { profileChunk, withChunks } from '../../io/image/png.ts'
import { Turns } from '../../turns.ts'
import { imageOf } from './pixels.ts'

const DECODER = 'heic-decode'

/** What the decoder gives: 8 bits, red, green, blue and alpha. */
interface Decoded {
  readonly width: number
  readonly height: number
  readonly data: Uint8ClampedArray
}

export type HeicDecoder = (file: { readonly buffer: Uint8Array }) => Promise<Decoded>

/** The decoder; null where it is not installed. */
export async function heicDecoder(): Promise<HeicDecoder | null> {
  try {
    const { default: decode } = (await import(DECODER)) as { default: HeicDecoder }
    return decode
  } catch {
    return null
  }
}

/**
 * The first picture of a HEIC file in the file's own colours. It is upright: the decoder turns it as the file asks, and what EXIF
 * says of that does not count. Throws a UserError where there is no decoder, or it gives up.
 */
export async function decodeHeic(bytes: Uint8Array, name: string, decoder = heicDecoder()): Promise<Raster> {
  const decode = await decoder
  if (!decode) {
    throw new UserError(
      `${name} is a HEIC image, which is read where the package ${DECODER} is installed beside this one ` +
        `("npm install ${DECODER}"): install it, or convert the file to JPEG`,
    )
  }
  const { width, height, data } = await turns.take(() => decodeQuietly(decode, bytes, name))
  const levels = new Uint8Array(3 * width * height)
  for (let i = 0; i < width * height; i++) levels.set(data.subarray(4 * i, 4 * i + 3), 3 * i)
  return { width, height, channels: 3, levels, alpha: null }
}

const turns = new Turns()
/** How what the decoder says on the console begins. */
const COMPLAINT = /^(Could not parse HEIF file|No images found)\s*/

/** What the decoder would say on the console, where results may stand, becomes the reason of the error. */
async function decodeQuietly(decode: HeicDecoder, bytes: Uint8Array, name: string): Promise<Decoded> {
  const { log } = console
  const said: string[] = []
  console.log = (...words: unknown[]) => {
    if (COMPLAINT.test(String(words[0]))) said.push(words.join(' ').replace(COMPLAINT, '').trim())
    else log(...words)
  }
  try {
    return await decode({ buffer: bytes })
  } catch (cause) {
    const why = said[0] || (cause instanceof Error ? cause.message : cause)
    throw new UserError(`${name} cannot be decoded (${why})`, 'input', { cause })
  } finally {
    console.log = log
  }
}

/** A PNG of the pixels, which are in that profile: libvips converts those of a file alone. */
export async function pngIn(raster: Raster, profile: Uint8Array): Promise<Uint8Array> {
  const png = await imageOf(raster).png({ compressionLevel: 0 }).toBuffer()
  return concat(withChunks(png, [profileChunk(profile)]))
}
