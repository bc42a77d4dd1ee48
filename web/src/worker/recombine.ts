/** A picture's own lightness and the network's colours, in the look that somebody chose. */
import { applyLines, type ColourLines, type Places } from '../../../src/color/guided.ts'
import { labToSrgb, srgbToLab } from '../../../src/color/lab.ts'
import type { toneAdder } from '../../../src/infer/picture.ts'
import type { Rect, Size } from '../../../src/rect.ts'
import type { Look } from '../look.ts'

/** ab units that the warmest look adds to every colour: towards orange. */
const WARM = [4, 14] as const

/** A part of a picture, at the size at which it is shown. */
export interface View extends Size {
  /** In pixels of the picture. */
  readonly rect: Rect
}

/** Pixels of a view. */
export interface Pixels {
  readonly view: View
  /** [pixels, 3], sRGB levels */
  readonly rgb: Uint8Array
  /** [pixels], 0…100 */
  readonly L: Float32Array
  /** The lightness that colours follow: without the dots of a print. */
  readonly followed: Float32Array
}

/** What the network made of a picture. */
export interface Colouring {
  readonly colours: ColourLines
  /** The part of the picture that has them; its border stays grey. */
  readonly content: Rect
  /** Adds the tone that the picture has. */
  readonly addTone: ReturnType<typeof toneAdder>
}

/** The pixels in colour, as RGBA [pixels, 4]. */
export function recombine(
  { view, rgb, L, followed }: Pixels,
  { colours, content, addTone }: Colouring,
  look: Look,
): Uint8ClampedArray<ArrayBuffer> {
  const ab = applyLines(lookedLines(colours, look), placesIn(colours, content, view), followed)
  clearBorder(ab, content, view)
  if (look.keepTone) addTone(L, ab)
  if (look.strength < 1) mix(ab, rgb, look.strength)
  const painted = labToSrgb(L, ab)
  const out = new Uint8ClampedArray(4 * L.length).fill(255)
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    out[to] = painted[from]!
    out[to + 1] = painted[from + 1]!
    out[to + 2] = painted[from + 2]!
  }
  return out
}

/** The lines of a look: saturation and warmth are the same for all pixels, so cells are enough. */
function lookedLines(colours: ColourLines, { saturation, warmth }: Look): ColourLines {
  const add = [0, 0, warmth * WARM[0], warmth * WARM[1]]
  return { ...colours, lines: colours.lines.map((value, i) => value * saturation + add[i & 3]!) }
}

/** Where the pixels of a view lie among the network's cells, which share the content. */
const placesIn = (cells: Size, content: Rect, { rect, width, height }: View): Places => ({
  rows: placesAlong(centres(rect.y, rect.height, height), content.y, content.height, cells.height),
  columns: placesAlong(centres(rect.x, rect.width, width), content.x, content.width, cells.width),
})

const placesAlong = (pixels: Float64Array, start: number, length: number, cells: number) =>
  pixels.map((pixel) => Math.min(cells - 1, Math.max(0, ((pixel - start) * cells) / length - 0.5)))

/** Of `count` pixels that share the `length` ones of the picture from `from` on, the centres. */
const centres = (from: number, length: number, count: number) =>
  Float64Array.from({ length: count }, (_, i) => from + ((i + 0.5) * length) / count)

/** Outside of the content there are no colours. */
function clearBorder(ab: Float32Array, content: Rect, { rect, width, height }: View): void {
  const isInside = (place: number, start: number, length: number) => place >= start && place < start + length
  const columns = [...centres(rect.x, rect.width, width)].map((x) => isInside(x, content.x, content.width))
  if (columns.every(Boolean) && content.y <= rect.y && content.y + content.height >= rect.y + rect.height)
    return
  for (const [row, y] of centres(rect.y, rect.height, height).entries()) {
    const hasColours = isInside(y, content.y, content.height)
    for (let column = 0; column < width; column++)
      if (!hasColours || !columns[column])
        ab.fill(0, 2 * (row * width + column), 2 * (row * width + column + 1))
  }
}

/** Mixes colours with those that the picture has had. */
function mix(ab: Float32Array, rgb: Uint8Array, strength: number): void {
  const own = srgbToLab(rgb).ab
  for (let i = 0; i < ab.length; i++) ab[i] = strength * ab[i]! + (1 - strength) * own[i]!
}
