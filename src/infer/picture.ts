/** Pictures as files have them, in colour: what comes in goes out, of 8 or 16 bits, see-through, toned or with a border. */

import type { SmallAb } from '../color/guided.ts'
import { grayLevel, labToSrgb, srgbToLab } from '../color/lab.ts'
import { forNetwork, type Look } from '../color/look.ts'
import { bands, type Lightness, type Photo, photoLightness } from '../color/photo.ts'
import {
  isDeep,
  levelsAt,
  type Raster,
  type Rows,
  rasterLightness,
  rowsIn,
  rowsOf,
  shownRows,
} from '../color/raster.ts'
import { descreened, screenPeriod } from '../color/screen.ts'
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

/**
 * What the network is shown of a picture: without its border, its tone and the dots of its print, and with the contrast that it
 * has lost. `screen` is the distance of these dots in pixels of the picture, where it has some.
 */
export async function seenOf(
  picture: Rows,
  look: Look,
): Promise<{ readonly photo: Photo; readonly screen: number | null }> {
  const screen = await screenPeriod(picture, look.content)
  const shown = await shownRows(picture, SEEN_PIXELS, look.content)
  const clean = screen ? await photoWithout(shown, (screen * shown.width) / look.content.width) : shown
  return { photo: forNetwork(clean, look), screen }
}

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
  const canvas = canvasFor(picture, options.bits ?? (isDeep(picture) ? 16 : 8))
  const { classes, paint } = await pictureColours(painter, rowsOf(picture), look, options)
  await paint(rowsOf(picture), look.content, { rows: (first, last) => rowsIn(canvas, first, last) })
  return { picture: canvas, classes }
}

/** Where a result goes, in rows from the first on. */
export interface Canvas {
  /** In colour, for the rows `first` up to `last`; its levels may be those of the picture's rows. */
  rows(first: number, last: number): Raster
  /** Called when they are painted. */
  painted?(rows: Raster): Promise<void>
}

/** Colours that were found for a picture. */
export interface PictureColours {
  readonly classes: SeenClass[]
  /**
   * Paints the picture, or the same at another size.
   * @param content of `picture`, without borders
   */
  paint(picture: Rows, content: Rect, canvas: Canvas): Promise<void>
}

/** Finds the colours of a picture; parameters and errors are those of `colorizePicture`. */
export async function pictureColours(
  painter: Painter,
  picture: Rows,
  look: Look,
  options: PictureOptions,
): Promise<PictureColours> {
  const { saturation = painter.saturation, hints = [], keepTone = false, strength = 1 } = options
  const inside = hints.map((hint) => hintIn(hint, picture, look.content))
  const { photo, screen } = await seenOf(picture, look)
  const { colours, classes } = await findColours(painter, photo, { ...options, hints: inside })
  const addTone = keepTone ? toneAdder(look) : () => {}
  const small = saturated(colours, saturation * look.structure)
  return {
    classes,
    async paint(picture, content, canvas) {
      const finish: Finish = (own, L, ab, at) => {
        addTone(L, ab)
        mix(own, strength, ab, at)
      }
      const painting = { picture, canvas, finish }
      await paintGray(painting, 0, content.y)
      const lightness = contentLightness(picture, content)
      const guide = screen ? descreened(lightness, (screen * content.width) / look.content.width) : lightness
      await painter.enlarger.enlarge(guide, small, ({ first, last, L, colours }) => {
        const at = { ...content, y: content.y + first, height: last - first }
        return paintBand(painting, at, colours, screen ? null : L)
      })
      await paintGray(painting, content.y + content.height, picture.height)
    },
  }
}

/** Without a dot screen of this period in px. */
export async function photoWithout(photo: Photo, period: number): Promise<Photo> {
  const L = await descreened(photoLightness(photo), period).rows(0, photo.height)
  const rgb = new Uint8Array(photo.rgb.length)
  for (const [i, l] of L.entries()) rgb.fill(grayLevel(l), 3 * i, 3 * i + 3)
  return { ...photo, rgb }
}

/** Rows that are painted already have the lightness that they had before. */
const contentLightness = (picture: Rows, { x, y, width, height }: Rect): Lightness => ({
  ...{ width, height },
  async rows(first, last) {
    const own = await picture.rows(y + first, y + last)
    return rasterLightness(own, { x, y: 0, width, height: own.height }).rows(0, own.height)
  },
})

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

/** Changes the colours of a rectangle of some rows before they are written. */
type Finish = (own: Raster, L: Float32Array, ab: Float32Array, at: Rect) => void

/** Mixes the colours with those that the picture has had, of which a strength of 1 leaves nothing. */
function mix({ levels, channels, width }: Raster, strength: number, ab: Float32Array, at: Rect): void {
  if (strength === 1) return
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

interface Painting {
  readonly picture: Rows
  readonly canvas: Canvas
  readonly finish: Finish
}

/** Rows of a border become grey. */
async function paintGray({ picture, canvas, finish }: Painting, from: number, to: number): Promise<void> {
  for (const { first, last } of bands({ width: picture.width, height: to - from })) {
    const own = await picture.rows(from + first, from + last)
    const out = canvas.rows(from + first, from + last)
    setGray(own, out, { x: 0, y: 0, width: own.width, height: own.height }, finish)
    await canvas.painted?.(out)
  }
}

/**
 * Rows of which a part has colours; what is beside it becomes grey.
 * @param known lightness of that part; null where it is to be read
 */
async function paintBand(
  { picture, canvas, finish }: Painting,
  { x, y, width, height }: Rect,
  colours: Float32Array,
  known: Float32Array | null,
): Promise<void> {
  const own = await picture.rows(y, y + height)
  const out = canvas.rows(y, y + height)
  const at = { x, y: 0, width, height }
  setGray(own, out, { ...at, x: 0, width: x }, finish)
  setGray(own, out, { ...at, x: x + width, width: own.width - x - width }, finish)
  const L = known ?? rasterLightness(own, at).rows(0, height)
  finish(own, L, colours, at)
  setRows(out, at, L, colours)
  await canvas.painted?.(out)
}

function setGray(own: Raster, out: Raster, at: Rect, finish: Finish): void {
  if (at.width === 0) return
  const L = rasterLightness(own, at).rows(0, at.height)
  const ab = new Float32Array(2 * L.length)
  finish(own, L, ab, at)
  setRows(out, at, L, ab)
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
