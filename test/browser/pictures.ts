/** Pictures in files, and how far two of them are apart. */
import sharp from 'sharp'

export interface Pixels {
  readonly width: number
  readonly height: number
  /** R, G and B, row by row. */
  readonly rgb: Uint8Array
}

/**
 * Levels in sRGB.
 * @param file a path, or the bytes of a file
 * @param ignoreIcc gives levels as they stand in the file, whatever its profile says of them
 */
export async function pixelsOf(file: string | Uint8Array, ignoreIcc = false): Promise<Pixels> {
  const { data, info } = await sharp(file, { ignoreIcc })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, rgb: data }
}

/** The largest difference of any two levels of 0 to 255; infinite for pictures of other sizes. */
export function worstDifference(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  return a.reduce((worst, level, i) => Math.max(worst, Math.abs(level - b[i]!)), 0)
}
