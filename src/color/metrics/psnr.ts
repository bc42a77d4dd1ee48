import type { Photo } from '../photo.ts'

/**
 * Peak signal-to-noise ratio over the three sRGB channels of two pictures of one size, in dB: 10 log₁₀(255² / MSE).
 * For equal pictures it would be infinite; they count as if one level of one channel of one pixel differed by 1.
 */
export function psnr(original: Photo, result: Photo): number {
  let sum = 0
  for (let i = 0; i < original.rgb.length; i++) sum += (original.rgb[i]! - result.rgb[i]!) ** 2
  return 10 * Math.log10((255 ** 2 * original.rgb.length) / Math.max(1, sum))
}
