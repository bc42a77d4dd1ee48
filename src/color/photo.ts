/** A photograph in memory, and where it lies in the squares that networks and records hold. */
import type { Rect, Size } from '../rect.ts'
import { grayLevel, lightness } from './lab.ts'

/** Always 8-bit sRGB, upright, three channels. */
export interface Photo {
  width: number
  height: number
  /** [height, width, 3], sRGB levels */
  rgb: Uint8Array
}

/** A picture's lightness, row by row. */
export interface Lightness extends Size {
  /** L* of the rows `first` up to `last`, [last - first, width]. */
  rows(first: number, last: number): Float32Array | Promise<Float32Array>
}

/** That of a picture in memory. */
export interface KnownLightness extends Lightness {
  rows(first: number, last: number): Float32Array
}

export const photoLightness = ({ width, height, rgb }: Photo): KnownLightness => ({
  ...{ width, height },
  rows: (first, last) => lightness(rgb.subarray(3 * width * first, 3 * width * last)),
})

export const BAND_PIXELS = 2 ** 20

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

/** `photo` continued to the right and below by its mirror images, to sides of at least `side` pixels. */
export function mirrored(photo: Photo, side: number): Photo {
  const [width, height] = [Math.max(side, photo.width), Math.max(side, photo.height)]
  if (width === photo.width && height === photo.height) return photo
  const place = (at: number, length: number) => {
    const turn = at % (2 * length)
    return turn < length ? turn : 2 * length - 1 - turn
  }
  const rgb = new Uint8Array(3 * width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = 3 * (place(y, photo.height) * photo.width + place(x, photo.width))
      rgb.set(photo.rgb.subarray(from, from + 3), 3 * (y * width + x))
    }
  }
  return { width, height, rgb }
}

/** What the network sees of a picture: lightness / 50 - 1 of [pixels, 3] sRGB levels; white, and so padding, is +1. */
export function networkLightness(rgb: Uint8Array): Float32Array {
  return lightness(rgb).map((L) => L / 50 - 1)
}

/** What a classifier sees of the same picture: level / 127.5 - 1 of the grey, in sRGB, whose network lightness is `L`. */
export function networkGray(L: Float32Array): Float32Array {
  const gray = new Float32Array(L.length)
  for (let i = 0; i < L.length; i++) gray[i] = grayLevel(50 * (L[i]! + 1)) / 127.5 - 1
  return gray
}

/** The picture's rows in bands of about 2²⁰ pixels, so that what is done with a large one needs little memory. */
export function* bands({ width, height }: { width: number; height: number }) {
  const rows = Math.max(1, Math.floor(BAND_PIXELS / width))
  for (let first = 0; first < height; first += rows) {
    const last = Math.min(first + rows, height)
    yield { first, last, pixels: [first * width, last * width] as const }
  }
}
