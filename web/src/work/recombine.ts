/** A picture's own lightness and the network's colours, in the look that somebody chose. */
import { applyLines, type ColourLines, type Places } from '../../../src/color/guided.ts'
import { labToSrgb } from '../../../src/color/lab.ts'
import type { Rect, Size } from '../../../src/rect.ts'
import type { Look } from '../look.ts'

/** ab units that the warmest look adds to every colour: towards orange. */
const WARM = [4, 14] as const

/** A part of a picture, at the size at which it is shown. */
export interface View extends Size {
  /** In pixels of the picture. */
  readonly rect: Rect
}

/** Pixels of a picture, or of a part of it at some size. */
export interface Pixels {
  /** [pixels, 3], sRGB levels */
  readonly rgb: Uint8Array
  /** [pixels], 0…100 */
  readonly L: Float32Array
  /** Where among the network's cells they lie. */
  readonly places: Places
}

/** Where the pixels of a view lie among the network's cells. */
export const placesOf = (cells: Size, picture: Size, { rect, width, height }: View): Places => ({
  rows: centres({ from: rect.y, length: rect.height, count: height }, picture.height, cells.height),
  columns: centres({ from: rect.x, length: rect.width, count: width }, picture.width, cells.width),
})

/** The same along one axis: `count` pixels that share the `length` ones of the picture from `from` on. */
const centres = (
  { from, length, count }: { readonly from: number; readonly length: number; readonly count: number },
  all: number,
  cells: number,
) =>
  Float64Array.from({ length: count }, (_, i) => {
    const place = ((from + ((i + 0.5) * length) / count) * cells) / all - 0.5
    return Math.min(cells - 1, Math.max(0, place))
  })

/** The lines of a look: saturation and warmth are the same for all pixels, so cells are enough. */
export function lookedLines(colours: ColourLines, { saturation, warmth }: Look): ColourLines {
  const add = [0, 0, warmth * WARM[0], warmth * WARM[1]]
  return { ...colours, lines: colours.lines.map((value, i) => value * saturation + add[i & 3]!) }
}

/** The pixels in colour, as RGBA [pixels, 4]. */
export function recombine(
  { rgb, L, places }: Pixels,
  colours: ColourLines,
  look: Look,
): Uint8ClampedArray<ArrayBuffer> {
  const painted = labToSrgb(L, applyLines(lookedLines(colours, look), places, L))
  const out = new Uint8ClampedArray(4 * L.length).fill(255)
  const { strength } = look
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    for (let c = 0; c < 3; c++) {
      const own = rgb[from + c]!
      out[to + c] = own + strength * (painted[from + c]! - own)
    }
  }
  return out
}
