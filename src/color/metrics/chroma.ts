import { srgbToLab } from '../lab.ts'
import { bands, type Photo } from '../photo.ts'

/** Mean over a picture's pixels of the chroma √(a² + b²), in ab units: 0 for a grey one. */
export function meanChroma(photo: Photo): number {
  let sum = 0
  for (const { pixels } of bands(photo)) {
    const { ab } = srgbToLab(photo.rgb.subarray(3 * pixels[0], 3 * pixels[1]))
    for (let i = 0; i < ab.length; i += 2) sum += Math.sqrt(ab[i]! ** 2 + ab[i + 1]! ** 2)
  }
  return sum / (photo.width * photo.height)
}
