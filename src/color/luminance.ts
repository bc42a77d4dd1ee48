import { LINEAR, levelOf } from './lab.ts'
import type { Photo } from './photo.ts'

/** Rec. 709's shares of red, green and blue in luminance. */
const [RED, GREEN, BLUE] = [0.2126, 0.7152, 0.0722]
/** The sRGB level of linear light i / 255. The last entry repeats the one before it. */
const ENCODED = Uint8Array.from({ length: 257 }, (_, i) => levelOf(Math.min(1, i / 255)))

/**
 * `photo` as classifiers see it, in three equal channels: the sRGB level of luminance Y = 0.2126 R + 0.7152 G + 0.0722 B of
 * linear light. The levels equal those of libvips, which has a table of 256 steps: all records and weights were made with
 * them. `grayOf` is more exact, but differs by 1 in every sixth pixel, and that alone changes MobileNet's probabilities by
 * up to 0.04.
 */
export function luminanceOf({ rgb, width, height }: Photo): Photo {
  const out = new Uint8Array(rgb.length)
  for (let i = 0; i < rgb.length; i += 3) {
    const luminance = RED * LINEAR[rgb[i]!]! + GREEN * LINEAR[rgb[i + 1]!]! + BLUE * LINEAR[rgb[i + 2]!]!
    const step = Math.floor(255 * luminance)
    const [below, above] = [ENCODED[step]!, ENCODED[step + 1]!]
    const level = Math.floor(below + (above - below) * (255 * luminance - step) + 0.5)
    out[i] = level
    out[i + 1] = level
    out[i + 2] = level
  }
  return { width, height, rgb: out }
}
