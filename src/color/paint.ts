/** A photograph's lightness and a network's colours make a coloured photograph. */
import { labToSrgb, lightness } from './lab.ts'
import { bands, type Photo } from './photo.ts'
import { upsampleAb } from './resample.ts'

/** The network's colours of one picture, at the size at which it paints: [height, width, 2] in ab units. */
export interface SmallAb {
  readonly ab: Float32Array
  readonly width: number
  readonly height: number
}

/** One colour for a whole picture. */
export const oneColour = (a: number, b: number): SmallAb => ({
  ab: Float32Array.of(a, b),
  width: 1,
  height: 1,
})

/** No colour at all. */
export const GRAY = oneColour(0, 0)

/** `photo` in the network's colours: its own lightness at full resolution, colours enlarged bilinearly. */
export function paint(photo: Photo, small: SmallAb, saturation: number): Photo {
  const rgb = new Uint8Array(photo.rgb.length)
  for (const { first, last, pixels } of bands(photo)) {
    const ab = enlarge(small, photo, first, last)
    for (let i = 0; i < ab.length; i++) ab[i]! *= saturation
    const [from, to] = [pixels[0] * 3, pixels[1] * 3]
    labToSrgb(lightness(photo.rgb.subarray(from, to)), ab, rgb.subarray(from, to))
  }
  return { ...photo, rgb }
}

/** The photograph's lightness alone: what somebody who wants colours starts from. */
export function grayOf(photo: Photo): Photo {
  return paint(photo, GRAY, 1)
}

/** Rows `first` to `last` of the network's colours at the size of `photo`: [rows, width, 2]. */
export const enlarge = (
  { ab, width, height }: SmallAb,
  photo: Photo,
  first: number,
  last: number,
): Float32Array =>
  upsampleAb({ ab, stride: width, content: { x: 0, y: 0, width, height } }, photo, [first, last])
