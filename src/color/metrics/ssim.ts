import type { Photo } from '../photo.ts'

/** Side of the window, and the standard deviation of its Gaussian, in pixels. */
const WINDOW = 11
const SIGMA = 1.5
const C1 = (0.01 * 255) ** 2
const C2 = (0.03 * 255) ** 2

/**
 * Structural similarity of two pictures of one size, −1…1, 1 for equal ones: mean of the SSIM maps of the channels R, G
 * and B, over all windows that lie inside the picture. (L* is the original's, so a map of luminance alone would be 1.)
 * Pictures smaller than the window of 11 pixels have a window of their own size.
 *
 * Source: Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural
 * similarity", IEEE Transactions on Image Processing 13(4), 2004, section III, equation 13.
 */
export function ssim(original: Photo, result: Photo): number {
  const { width, height } = original
  const across = gaussian(Math.min(WINDOW, width))
  const down = gaussian(Math.min(WINDOW, height))
  const values = 3 * (width - across.length + 1)
  // the rows of one window, smoothed across: pictures of any size need no more memory than that
  const rows = Array.from(down, () => new Float64Array(4 * values))
  let sum = 0
  for (let y = 0; y < height; y++) {
    const row = rows.shift()!
    const pixels = [3 * y * width, 3 * (y + 1) * width] as const
    smooth(original.rgb.subarray(...pixels), result.rgb.subarray(...pixels), across, row)
    rows.push(row)
    if (y >= down.length - 1) sum += similarity(rows, down)
  }
  return sum / ((height - down.length + 1) * values)
}

/** Weights of a window of `length` pixels, with a sum of 1. */
function gaussian(length: number): Float64Array {
  const weights = Float64Array.from({ length }, (_, i) =>
    Math.exp(-((i - (length - 1) / 2) ** 2) / (2 * SIGMA ** 2)),
  )
  const sum = weights.reduce((a, b) => a + b)
  return weights.map((weight) => weight / sum)
}

/**
 * Smooths a row of pixels of both pictures across.
 * @param into [windows, channels, 4]: weighted means of x, y, x² + y² and x·y
 */
function smooth(xs: Uint8Array, ys: Uint8Array, weights: Float64Array, into: Float64Array): void {
  for (let i = 0; i < into.length / 4; i++) {
    let meanX = 0
    let meanY = 0
    let squares = 0
    let products = 0
    for (let k = 0, at = i; k < weights.length; k++, at += 3) {
      const x = xs[at]!
      const y = ys[at]!
      const weight = weights[k]!
      meanX += weight * x
      meanY += weight * y
      squares += weight * (x * x + y * y)
      products += weight * (x * y)
    }
    into[4 * i] = meanX
    into[4 * i + 1] = meanY
    into[4 * i + 2] = squares
    into[4 * i + 3] = products
  }
}

/** Smooths down as well, and sums the SSIM of all windows and channels. */
function similarity(rows: readonly Float64Array[], weights: Float64Array): number {
  let sum = 0
  for (let i = 0; i < rows[0]!.length; i += 4) {
    let meanX = 0
    let meanY = 0
    let squares = 0
    let products = 0
    for (let k = 0; k < rows.length; k++) {
      const row = rows[k]!
      const weight = weights[k]!
      meanX += weight * row[i]!
      meanY += weight * row[i + 1]!
      squares += weight * row[i + 2]!
      products += weight * row[i + 3]!
    }
    const product = meanX * meanY
    const meanSquares = meanX * meanX + meanY * meanY
    const structure = (2 * (products - product) + C2) / (squares - meanSquares + C2)
    sum += (structure * (2 * product + C1)) / (meanSquares + C1)
  }
  return sum
}
