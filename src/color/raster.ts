/** A picture's pixels as a file has them: grey or in colour, 8 or 16 bits, perhaps see-through. */
import type { Rect, Size } from '../rect.ts'
import { deepLevelOf, deepTables, grayLightness, type Levels, lightness } from './lab.ts'
import { bands, type KnownLightness, type Photo } from './photo.ts'

export interface Raster extends Size {
  readonly channels: 1 | 3
  /** [height, width, channels], sRGB levels, upright */
  readonly levels: Levels
  /** [height, width] of the same depth, 0 for what is not visible; null where all is. */
  readonly alpha: Levels | null
}

export const isDeep = ({ levels }: Raster): boolean => levels instanceof Uint16Array

export const rasterOf = ({ rgb, width, height }: Photo): Raster => ({
  ...{ width, height, alpha: null },
  ...{ channels: 3, levels: rgb },
})

/** The lightness of a part of a picture. */
export function rasterLightness({ levels, channels, width }: Raster, part: Rect): KnownLightness {
  const row = (y: number) => {
    const start = channels * ((part.y + y) * width + part.x)
    const own = levels.subarray(start, start + channels * part.width)
    return channels === 1 ? grayLightness(own) : lightness(own)
  }
  return {
    ...{ width: part.width, height: part.height },
    rows(first, last) {
      const L = new Float32Array((last - first) * part.width)
      for (let y = first; y < last; y++) L.set(row(y), (y - first) * part.width)
      return L
    },
  }
}

/** A picture that is read in rows, since it need not be in memory as a whole. */
export interface Rows extends Size {
  readonly channels: 1 | 3
  readonly bits: 8 | 16
  /** The rows `first` up to `last`. Throws where they cannot be read. */
  rows(first: number, last: number): Raster | Promise<Raster>
}

/** The rows of a picture in memory, in its own levels. */
export const rowsOf = (raster: Raster): Rows => ({
  ...{ width: raster.width, height: raster.height, channels: raster.channels },
  bits: isDeep(raster) ? 16 : 8,
  rows: (first, last) => rowsIn(raster, first, last),
})

export function rowsIn({ width, channels, levels, alpha }: Raster, first: number, last: number): Raster {
  const part = <T extends Levels>(all: T, each: number) => all.subarray(each * first, each * last) as T
  return {
    ...{ width, height: last - first, channels, levels: part(levels, width * channels) },
    alpha: alpha && part(alpha, width),
  }
}

/** Squares of that many pixels a side are averaged to show a part of a picture. */
interface Cells extends Size {
  /** Pixels of a cell. */
  readonly w: number
  readonly h: number
}

function cellsOf({ width, height }: Size, most: number): Cells {
  const side = Math.ceil(Math.sqrt((width * height) / most))
  const [w, h] = [Math.min(width, side), Math.min(height, side)]
  return { w, h, width: Math.floor(width / w), height: Math.floor(height / h) }
}

/**
 * A picture of 8 bits for eyes: what is not visible is white, and where it had more than `most` pixels, squares of them are
 * averaged, of which those at the right and lower edge may be cut.
 */
export function shown(raster: Raster, most: number, part: Rect = wholeOf(raster)): Photo {
  return shownCells(raster, cellsOf(part, most), part)
}

/** The same of a picture that is read in rows. */
export async function shownRows(picture: Rows, most: number, part: Rect = wholeOf(picture)): Promise<Photo> {
  const { width, height, w, h } = cellsOf(part, most)
  const rgb = new Uint8Array(3 * width * height)
  for (const { first, last } of bands({ width: picture.width * h, height })) {
    const strip = await picture.rows(part.y + h * first, part.y + h * last)
    const rows = shownCells(strip, { width, height: last - first, w, h }, { ...part, y: 0 })
    rgb.set(rows.rgb, 3 * width * first)
  }
  return { width, height, rgb }
}

function shownCells(
  raster: Raster,
  { width, height, w, h }: Cells,
  { x, y: top }: Pick<Rect, 'x' | 'y'>,
): Photo {
  const rgb = new Uint8Array(3 * width * height)
  const divisor = w * h * (isDeep(raster) ? 257 : 1)
  for (let y = 0; y < height; y++) {
    const sums = new Float64Array(3 * width)
    for (let dy = 0; dy < h; dy++) addVisible(sums, w, raster, (top + y * h + dy) * raster.width + x)
    for (let i = 0; i < sums.length; i++) rgb[3 * y * width + i] = Math.round(sums[i]! / divisor)
  }
  return { width, height, rgb }
}

/** Adds each `w` pixels from `start` on, on white, to the three sums of a cell. */
function addVisible(sums: Float64Array, w: number, { levels, alpha, channels }: Raster, start: number): void {
  const white = levels instanceof Uint16Array ? 65535 : 255
  const [green, blue] = channels === 1 ? [0, 0] : [1, 2]
  let pixel = start
  for (let at = 0; at < sums.length; at += 3) {
    for (const end = pixel + w; pixel < end; pixel++) {
      const i = channels * pixel
      const visible = alpha ? alpha[pixel]! / white : 1
      const behind = white * (1 - visible)
      sums[at]! += levels[i]! * visible + behind
      sums[at + 1]! += levels[i + green]! * visible + behind
      sums[at + 2]! += levels[i + blue]! * visible + behind
    }
  }
}

export const wholeOf = ({ width, height }: Size): Rect => ({ x: 0, y: 0, width, height })

/** The same levels of 8 or of 16 bits. */
export function levelsAt(levels: Levels, bits: 8 | 16): Levels {
  if (levels instanceof Uint16Array === (bits === 16)) return levels
  if (bits === 16) return Uint16Array.from(levels, (level) => 257 * level)
  return Uint8Array.from(levels, (level) => Math.round(level / 257))
}

export const rasterAt = (raster: Raster, bits: 8 | 16): Raster => ({
  ...raster,
  levels: levelsAt(raster.levels, bits),
  alpha: raster.alpha && levelsAt(raster.alpha, bits),
})

/** Linear Display P3 → linear sRGB and back: both have the white point D65. Sources: SMPTE EG 432-1, IEC 61966-2-1. */
const P3_TO_SRGB = [
  1.2249401763, -0.2249401763, 0, -0.0420569547, 1.0420569547, 0, -0.0196375546, -0.0786360454, 1.0982736,
]
const SRGB_TO_P3 = [
  0.8224619687, 0.1775380313, 0, 0.0331941989, 0.9668058011, 0, 0.0170826307, 0.0723974407, 0.9105199286,
]

/** Turns 16-bit levels of Display P3 into those of sRGB, or the other way, where they stand; what sRGB does not have is cut off. */
export function changePrimaries(levels: Uint16Array, to: 'srgb' | 'p3'): void {
  const matrix = to === 'srgb' ? P3_TO_SRGB : SRGB_TO_P3
  const { linear } = deepTables()
  for (let i = 0; i < levels.length; i += 3) {
    const [r, g, b] = [linear[levels[i]!]!, linear[levels[i + 1]!]!, linear[levels[i + 2]!]!]
    if (r === g && g === b) continue
    for (let c = 0; c < 3; c++) {
      const light = matrix[3 * c]! * r + matrix[3 * c + 1]! * g + matrix[3 * c + 2]! * b
      levels[i + c] = deepLevelOf(Math.min(1, Math.max(0, light)))
    }
  }
}
