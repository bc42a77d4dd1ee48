import { enlarger, type SmallAb } from '../guided.ts'
import { srgbToLab } from '../lab.ts'
import { bands, type Photo } from '../photo.ts'

/**
 * Mean of (a − a′)² and (b − b′)² over a picture's pixels at full resolution, in ab units²: the loss's measure, on what
 * the network says before anything is done to it.
 */
export function abError(photo: Photo, small: SmallAb): number {
  const enlarge = enlarger(small, photo)
  let sum = 0
  for (const { first, last, pixels } of bands(photo)) {
    const { L, ab: truth } = srgbToLab(photo.rgb.subarray(pixels[0] * 3, pixels[1] * 3))
    const ab = enlarge(L, first, last)
    for (let i = 0; i < ab.length; i++) sum += (ab[i]! - truth[i]!) ** 2
  }
  return sum / (photo.width * photo.height * 2)
}
