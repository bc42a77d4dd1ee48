/** Photographs in and out, by what browsers have for it. */
import type { Photo } from '../color/photo.ts'
import { UserError } from '../errors.ts'
import type { Size } from '../rect.ts'

export type ImageInput = Blob | ImageBitmap | ImageData

/** Whether a class of browsers is here and `value` is one of its objects: not every surrounding has each of them. */
const isA = (name: 'Blob' | 'ImageBitmap' | 'ImageData', value: unknown): boolean =>
  typeof globalThis[name] === 'function' && value instanceof globalThis[name]

/** Whether `value` is an image, although perhaps of a kind that `photoOf` does not read. */
export const isImage = (value: unknown): value is ImageInput =>
  isA('Blob', value) || isA('ImageBitmap', value) || isA('ImageData', value)

/** Throws a TypeError unless `value` is an image that `photoOf` reads. */
export function expectImage(call: string, value: unknown): asserts value is ImageInput {
  if (isA('Blob', value) || isA('ImageBitmap', value)) return
  if (!isA('ImageData', value)) throw new TypeError(`${call} takes a Blob, an ImageBitmap or ImageData`)
  const { colorSpace = 'srgb', data } = value as ImageData // Firefox knows no other and does not say it
  if (colorSpace !== 'srgb' || !(data instanceof Uint8ClampedArray))
    throw new TypeError(`${call} takes ImageData of 8 bits in sRGB`)
}

/**
 * The photograph in a file, a bitmap or pixels: upright, transparency put on white.
 * @throws UserError when the browser cannot decode the file, or has no memory for its pixels
 */
export async function photoOf(input: ImageInput): Promise<Photo> {
  if (isA('ImageData', input)) return onWhite(input as ImageData)
  if (isA('ImageBitmap', input)) return drawn(input as ImageBitmap)
  const bitmap = await createImageBitmap(input).catch((cause: Error) => {
    const name = (input as Partial<File>).name ?? 'the input'
    throw new UserError(`${name} is not an image that this browser can decode`, 'input', { cause })
  })
  try {
    return drawn(bitmap)
  } finally {
    bitmap.close()
  }
}

export function imageDataOf({ rgb, width, height }: Photo): ImageData {
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255)
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    rgba[to] = rgb[from]!
    rgba[to + 1] = rgb[from + 1]!
    rgba[to + 2] = rgb[from + 2]!
  }
  return new ImageData(rgba, width, height)
}

function drawn(bitmap: ImageBitmap): Photo {
  return onCanvas(bitmap, (context) => {
    context.drawImage(bitmap, 0, 0)
    return onWhite(context.getImageData(0, 0, bitmap.width, bitmap.height))
  })
}

/**
 * What is drawn on a canvas of this size.
 * @throws UserError when the browser has none so large
 */
export function onCanvas<T>(
  { width, height }: Size,
  draw: (context: OffscreenCanvasRenderingContext2D, canvas: OffscreenCanvas) => T,
): T {
  try {
    const canvas = new OffscreenCanvas(width, height)
    return draw(canvas.getContext('2d', { willReadFrequently: true })!, canvas)
  } catch (cause) {
    throw new UserError(
      `this browser has no canvas for ${width}×${height} pixels: ${(cause as Error).message}`,
      'input',
      { cause },
    )
  }
}

/** What is seen of the pixels in front of white. */
export function onWhite({ data, width, height }: ImageData): Photo {
  const rgb = new Uint8Array(width * height * 3)
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    const alpha = data[from + 3]! / 255
    for (let c = 0; c < 3; c++) rgb[to + c] = Math.round(255 + alpha * (data[from + c]! - 255))
  }
  return { width, height, rgb }
}
