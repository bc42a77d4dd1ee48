import type { Photo } from '../photo.ts'

/**
 * How colourful a picture is: 0 for a grey one, about 15 slightly, 45 averagely, 82 highly colourful.
 * σ + 0.3 μ of the opponent channels R − G and (R + G)/2 − B, in sRGB levels.
 *
 * Source: Hasler and Süsstrunk, "Measuring colourfulness in natural images", SPIE Human Vision and Electronic Imaging
 * 2003, the metric M⁽³⁾ for sRGB.
 */
export function colorfulness({ rgb }: Photo): number {
  // whole numbers: the sums are exact
  let [redGreen, yellowBlue, redGreenSquares, yellowBlueSquares] = [0, 0, 0, 0]
  for (let i = 0; i < rgb.length; i += 3) {
    const rg = rgb[i]! - rgb[i + 1]!
    const yb = rgb[i]! + rgb[i + 1]! - 2 * rgb[i + 2]! // twice (R + G)/2 − B
    redGreen += rg
    yellowBlue += yb
    redGreenSquares += rg * rg
    yellowBlueSquares += yb * yb
  }
  const pixels = rgb.length / 3
  const [meanRg, meanYb] = [redGreen / pixels, yellowBlue / 2 / pixels]
  const variance = redGreenSquares / pixels - meanRg ** 2 + (yellowBlueSquares / 4 / pixels - meanYb ** 2)
  return Math.sqrt(Math.max(0, variance)) + 0.3 * Math.hypot(meanRg, meanYb)
}
