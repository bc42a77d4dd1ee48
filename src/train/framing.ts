/** Which part of a picture a training sample shows, how large, and whether mirrored. */
import { contentRect, type Photo } from '../color/photo.ts'
import type { Rect, Size } from '../rect.ts'

/** Four numbers in [0, 1) that decide a sample's augmentation: mirror, scale, left, top. */
export type Draws = readonly [number, number, number, number]

/** crop: the shorter side fills the square; pad: the longer one does, with white around (the report's way) */
export const SAMPLE_FITS = ['crop', 'pad'] as const
export type SampleFit = (typeof SAMPLE_FITS)[number]

/** How a picture is scaled, which window of it is taken, and whether that is mirrored. */
export interface Framing {
  width: number
  height: number
  left: number
  top: number
  mirror: boolean
}

/** With augmentation the shorter side is scaled to between size and this many times size. */
const MAX_SCALE = 1.3

/** A size x size window of the picture scaled to fill it: the centre, or where the draws say. */
export function cropFraming({ width, height }: Size, size: number, draws: Draws | null): Framing {
  const [mirror, zoom, across, down] = draws ?? [1, 0, 0.5, 0.5]
  const shorter = Math.round(size * (1 + (MAX_SCALE - 1) * zoom))
  const scale = shorter / Math.min(width, height)
  const scaled = {
    width: Math.max(shorter, Math.round(width * scale)),
    height: Math.max(shorter, Math.round(height * scale)),
  }
  const left = Math.floor(across * (scaled.width - size + 1))
  const top = Math.floor(down * (scaled.height - size + 1))
  return { ...scaled, left, top, mirror: mirror < 0.5 }
}

/** The whole picture, its longest side scaled to size. */
export function padFraming({ width, height }: Size, size: number): Framing {
  const scaled = contentRect(width, height, size)
  return { width: scaled.width, height: scaled.height, left: 0, top: 0, mirror: false }
}

/** The part of the scaled picture that is taken. */
export function windowOf({ width, height, left, top }: Framing, size: number): Rect {
  return { x: left, y: top, width: Math.min(size, width), height: Math.min(size, height) }
}

/** Mirrors a photograph in place, left and right. */
export function mirrorPhoto({ rgb, width, height }: Photo): void {
  for (let y = 0; y < height; y++) {
    for (let left = 3 * y * width, right = 3 * ((y + 1) * width - 1); left < right; left += 3, right -= 3) {
      for (let c = 0; c < 3; c++) {
        const level = rgb[left + c]!
        rgb[left + c] = rgb[right + c]!
        rgb[right + c] = level
      }
    }
  }
}
