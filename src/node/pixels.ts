/** Pixels to and from sharp. Only what stays inside of `node` speaks of sharp's types: not all compilers read them. */
import sharp, { type Sharp } from 'sharp'
import type { Photo } from '../color/photo.ts'
import { decodeOrExplain } from './undecodable.ts'

/** As `readPhoto`, of a file's bytes; `edit` may add a resize or crop, which JPEG and WebP then decode at a fraction. */
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

/** `photo` resized or cropped by sharp's own means. */
export async function editPhoto(photo: Photo, edit: (image: Sharp) => Sharp): Promise<Photo> {
  const { data, info } = await edit(sharpOf(photo)).raw().toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, rgb: viewOf(data) }
}

/** A photograph as sharp takes pixels. */
export function sharpOf({ rgb, width, height }: Photo): Sharp {
  return sharp(rgb, { raw: { width, height, channels: 3 }, limitInputPixels: false })
}

function viewOf(data: Buffer): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}
