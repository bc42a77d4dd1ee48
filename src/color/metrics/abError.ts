import { enlarger, type SmallAb } from '../guided.ts'
import { srgbToLab } from '../lab.ts'
import { bands, type Photo } from '../photo.ts'

/** What is wrong with a network's colours as it says them, before anything is done to them. */
export interface AbErrors {
  /** Mean of (a − a′)² and (b − b′)² over the pixels, in ab units²: the loss's measure. */
  readonly abMse: number
  /** The part of it that comes from other hues, not from a weaker or stronger chroma: 0…1. */
  readonly hueShare: number
  /** The same mean over the pixels of `near` alone; none where there are no such pixels. */
  readonly edgeAbMse?: number
}

/**
 * Compares a network's colours with a picture's own at full resolution.
 *
 * With chroma C = √(a² + b²) the squared error of a pixel is ΔC² + ΔH², where ΔC = C − C′ and
 * ΔH² = 2 (C C′ − a a′ − b b′) = 4 C C′ sin²(Δh / 2). Source: CIE 15:2004, section 8.2.1.
 * @param near [height, width], 1 for the pixels near edges
 */
export function abErrors(photo: Photo, small: SmallAb, near?: Uint8Array): AbErrors {
  const enlarge = enlarger(small, photo)
  let [sum, hueSum, edgeSum, edgePixels] = [0, 0, 0, 0]
  for (const { first, last, pixels } of bands(photo)) {
    const { L, ab: truth } = srgbToLab(photo.rgb.subarray(pixels[0] * 3, pixels[1] * 3))
    const ab = enlarge(L, first, last)
    for (let i = 0, j = 0; i < L.length; i++, j += 2) {
      const [a, b, trueA, trueB] = [ab[j]!, ab[j + 1]!, truth[j]!, truth[j + 1]!]
      const error = (a - trueA) ** 2 + (b - trueB) ** 2
      sum += error
      hueSum += 2 * (Math.sqrt((a * a + b * b) * (trueA * trueA + trueB * trueB)) - a * trueA - b * trueB)
      if (near?.[pixels[0] + i]) {
        edgeSum += error
        edgePixels++
      }
    }
  }
  return {
    abMse: sum / (photo.width * photo.height * 2),
    hueShare: sum === 0 ? 0 : hueSum / sum,
    ...(edgePixels ? { edgeAbMse: edgeSum / (edgePixels * 2) } : {}),
  }
}

/** The ab error alone. */
export const abError = (photo: Photo, small: SmallAb): number => abErrors(photo, small).abMse
