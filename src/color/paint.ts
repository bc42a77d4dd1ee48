/** A photograph's lightness and a network's colours make a coloured photograph. */
import { enlarger, type SmallAb } from './guided.ts'
import { labToSrgb, lightness } from './lab.ts'
import { bands, type Photo } from './photo.ts'

/** One colour for a whole picture. */
export const oneColour = (a: number, b: number): SmallAb => ({
  ab: Float32Array.of(a, b),
  width: 1,
  height: 1,
})

/** No colour at all. */
export const GRAY = oneColour(0, 0)

/** `photo` in the network's colours: its own lightness at full resolution, its colours enlarged along it. */
export function paint(photo: Photo, small: SmallAb, saturation: number): Photo {
  const rgb = new Uint8Array(photo.rgb.length)
  const enlarge = enlarger(small, photo)
  for (const { first, last, pixels } of bands(photo)) {
    const [from, to] = [pixels[0] * 3, pixels[1] * 3]
    const L = lightness(photo.rgb.subarray(from, to))
    const ab = enlarge(L, first, last)
    for (let i = 0; i < ab.length; i++) ab[i]! *= saturation
    labToSrgb(L, ab, rgb.subarray(from, to))
  }
  return { ...photo, rgb }
}

/** The photograph's lightness alone: what somebody who wants colours starts from. */
export function grayOf(photo: Photo): Photo {
  return paint(photo, GRAY, 1)
}
