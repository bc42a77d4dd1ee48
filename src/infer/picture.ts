/** Pictures as files have them, in colour: what comes in goes out, of 8 or 16 bits, see-through, toned or with a border. */

import type { SmallAb } from '../color/guided.ts'
import { labToSrgb, srgbToLab } from '../color/lab.ts'
import { forNetwork, type Look } from '../color/look.ts'
import type { Photo } from '../color/photo.ts'
import { isDeep, levelsAt, type Raster, rasterLightness, shown } from '../color/raster.ts'
import type { Hint } from '../io/hints.ts'
import type { Rect, Size } from '../rect.ts'
import { findColours, type Painter, type PaintOptions, type SeenClass } from './colorizer.ts'

export interface PictureOptions extends PaintOptions {
  /** From 1, the new colours alone, to 0, the picture as it was; 1 by default. */
  readonly strength?: number | undefined
  /** Whether a tone such as sepia is added to the colours. */
  readonly keepTone?: boolean | undefined
  /** Of the result's levels; those of the picture by default. */
  readonly bits?: 8 | 16 | undefined
}

/** Of more pixels the network sees a smaller picture. */
export const SEEN_PIXELS = 2 ** 24

/** What the network is shown of a picture: without its border and its tone, and with the contrast that it has lost. */
export const seenOf = (picture: Raster, look: Look): Photo =>
  forNetwork(shown(picture, SEEN_PIXELS, look.content), look)

/**
 * Colours a picture, of which only the lightness counts. The levels of one in colour may be overwritten with the result, so that
 * a large one is in memory only once.
 * @param look what `lookAt` has told of it
 * @throws as `Predictor.predict`
 */
export async function colorizePicture(
  painter: Painter,
  picture: Raster,
  look: Look,
  options: PictureOptions,
): Promise<{ readonly picture: Raster; readonly classes: SeenClass[] }> {
  const {
    saturation = painter.saturation,
    hints = [],
    keepTone = false,
    strength = 1,
    bits = isDeep(picture) ? 16 : 8,
  } = options
  const inside = hints.map((hint) => hintIn(hint, picture, look.content))
  const { colours, classes } = await findColours(painter, seenOf(picture, look), {
    ...options,
    hints: inside,
  })
  const canvas = canvasFor(picture, bits)
  const addTone = keepTone ? toneAdder(look) : () => {}
  const mix = mixer(picture, strength)
  const finish: Finish = (L, ab, at) => {
    addTone(L, ab)
    mix(L, ab, at)
  }
  paintBorder(picture, canvas, look.content, finish)
  await painter.enlarger.enlarge(
    rasterLightness(picture, look.content),
    saturated(colours, saturation * look.structure),
    ({ first, L, colours }) => {
      const { x, y, width } = look.content
      const at = { x, y: y + first, width, height: L.length / width }
      finish(L, colours, at)
      setRows(canvas, at, L, colours)
    },
  )
  return { picture: canvas, classes }
}

const saturated = ({ ab, ...size }: SmallAb, factor: number): SmallAb => ({
  ...size,
  ab: ab.map((value) => value * factor),
})

/** The same place in a part of a picture; one outside of it moves to its edge. */
export function hintIn({ x, y, radius, color }: Hint, { width, height }: Size, part: Rect): Hint {
  const inside = (at: number) => Math.min(1, Math.max(0, at))
  const scale = Math.min(width, height) / Math.min(part.width, part.height)
  return {
    ...{
      x: inside((x * width - part.x) / part.width),
      y: inside((y * height - part.y) / part.height),
      color,
    },
    ...(radius === undefined ? {} : { radius: Math.min(1, radius * scale) }),
  }
}

/** Where the result goes: the picture's own levels where they have that form. */
function canvasFor(picture: Raster, bits: 8 | 16): Raster {
  if (picture.channels === 3 && isDeep(picture) === (bits === 16)) return picture
  const length = 3 * picture.width * picture.height
  const levels = bits === 16 ? new Uint16Array(length) : new Uint8Array(length)
  return { ...picture, channels: 3, levels, alpha: picture.alpha && levelsAt(picture.alpha, bits) }
}

/** Changes the colours of a rectangle before they are written. */
type Finish = (L: Float32Array, ab: Float32Array, at: Rect) => void

/** Mixes the colours with those that the picture has had, of which a strength of 1 leaves nothing. */
function mixer({ levels, channels, width }: Raster, strength: number): Finish {
  if (strength === 1) return () => {}
  return (_, ab, at) => {
    for (let i = 0; i < ab.length; i++) ab[i]! *= strength
    if (channels === 1) return
    for (let row = 0; row < at.height; row++) {
      const start = 3 * ((at.y + row) * width + at.x)
      const own = levelsAt(levels.subarray(start, start + 3 * at.width), 8)
      const before = srgbToLab(own as Uint8Array).ab
      const from = 2 * row * at.width
      for (let i = 0; i < before.length; i++) ab[from + i]! += (1 - strength) * before[i]!
    }
  }
}

/** Adds the tone of each lightness, [pixels], to its colour, [pixels, 2]; of a picture in colour there is none. */
export function toneAdder({ tone, isInColour }: Look): (L: Float32Array, ab: Float32Array) => void {
  if (isInColour) return () => {}
  const tones = Array.from({ length: 101 }, (_, L) => tone(L))
  return (L, ab) => {
    for (let i = 0; i < L.length; i++) {
      const [a, b] = tones[Math.round(L[i]!)]!
      ab[2 * i]! += a
      ab[2 * i + 1]! += b
    }
  }
}

/** All around `content` becomes grey. */
function paintBorder(picture: Raster, canvas: Raster, content: Rect, finish: Finish): void {
  const { x, y, width, height } = content
  const paint = (part: Rect) => {
    if (part.width === 0) return
    const lightness = rasterLightness(picture, part)
    for (let row = 0; row < part.height; row++) {
      const L = lightness.rows(row, row + 1)
      const ab = new Float32Array(2 * L.length)
      const at = { ...part, y: part.y + row, height: 1 }
      finish(L, ab, at)
      setRows(canvas, at, L, ab)
    }
  }
  paint({ x: 0, y: 0, width: picture.width, height: y })
  paint({ x: 0, y: y + height, width: picture.width, height: picture.height - y - height })
  paint({ x: 0, y, width: x, height })
  paint({ x: x + width, y, width: picture.width - x - width, height })
}

/** Writes colours to a rectangle of a picture in colour. */
function setRows({ levels, width }: Raster, at: Rect, L: Float32Array, ab: Float32Array): void {
  for (let row = 0; row < at.height; row++) {
    const [from, to] = [row * at.width, (row + 1) * at.width]
    const start = 3 * ((at.y + row) * width + at.x)
    labToSrgb(
      L.subarray(from, to),
      ab.subarray(2 * from, 2 * to),
      levels.subarray(start, start + 3 * at.width),
    )
  }
}
