import { srgbToLab } from '../lab.ts'
import { bands, type Photo } from '../photo.ts'

/** Chroma below which a colour counts as neutral, in ab units. */
const NEUTRAL = 4
/** Share of a picture that is neutral, below which what is painted there says too little. */
const LEAST_SHARE = 0.01

/** How the colours of a picture as it is painted compare with the original's. */
export interface PaintedColours {
  /** Mean of (a − a′)² and (b − b′)² over the pixels, in ab units². */
  readonly paintedAbMse: number
  /** Mean over the pixels of the painted chroma √(a′² + b′²), in ab units: 0 for a grey picture. */
  readonly chroma: number
  /** The same of the original. */
  readonly chromaTruth: number
  /** The painted chroma's mean over the pixels whose own is below 4; none where less than 1% are so. */
  readonly neutralChroma?: number
  /** The original's own over the same pixels. */
  readonly neutralChromaTruth?: number
}

/** Compares two pictures of one size. */
export function paintedColours(original: Photo, painted: Photo): PaintedColours {
  const sums = { error: 0, chroma: 0, truth: 0 }
  const neutral = { chroma: 0, truth: 0, pixels: 0 }
  for (const { pixels } of bands(original)) {
    const [from, to] = [3 * pixels[0], 3 * pixels[1]]
    const truth = srgbToLab(original.rgb.subarray(from, to)).ab
    const { ab } = srgbToLab(painted.rgb.subarray(from, to))
    for (let i = 0; i < ab.length; i += 2) {
      const [a, b, trueA, trueB] = [ab[i]!, ab[i + 1]!, truth[i]!, truth[i + 1]!]
      const [chroma, trueChroma] = [Math.sqrt(a * a + b * b), Math.sqrt(trueA * trueA + trueB * trueB)]
      sums.error += (a - trueA) ** 2 + (b - trueB) ** 2
      sums.chroma += chroma
      sums.truth += trueChroma
      if (trueChroma < NEUTRAL) {
        neutral.chroma += chroma
        neutral.truth += trueChroma
        neutral.pixels++
      }
    }
  }
  const count = original.width * original.height
  return {
    paintedAbMse: sums.error / (2 * count),
    chroma: sums.chroma / count,
    chromaTruth: sums.truth / count,
    ...(neutral.pixels < LEAST_SHARE * count ? {} : neutralMeans(neutral)),
  }
}

const neutralMeans = ({ chroma, truth, pixels }: { chroma: number; truth: number; pixels: number }) => ({
  neutralChroma: chroma / pixels,
  neutralChromaTruth: truth / pixels,
})
