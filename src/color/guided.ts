/**
 * Enlarges a network's colours so that they end where the lightness does.
 *
 * Source: He, Sun and Tang 2010, "Guided image filtering", eqs. 5 to 8. In a window around each cell, colours are taken for
 * a linear function of lightness, ab = slope · L + offset, by least squares with ε against steep slopes. Slopes and offsets
 * are averaged over the windows that a cell lies in, enlarged bilinearly, and applied to the picture's own lightness.
 */
import type { Size } from '../rect.ts'
import { lightness } from './lab.ts'
import { bands, type Photo } from './photo.ts'
import { centresAmong } from './resample.ts'

/** The network's colours of one picture, at the size at which it paints: [height, width, 2] in ab units. */
export interface SmallAb extends Size {
  readonly ab: Float32Array
}

export const GUIDED = {
  /** Cells that a window reaches to each side. */
  radius: 1,
  /** ε, in L*²: about the variance of lightness from which on a window's edges are followed. */
  epsilon: 20,
} as const

/** Rows `first` to `last` of a picture's colours, [rows, width, 2], where `L` is the lightness of these rows. */
export type Enlarge = (L: Float32Array, first: number, last: number) => Float32Array

/** Whether cells are larger than pixels, so that the lightness can say where in a cell an edge lies. */
export const canGuide = (small: Size, photo: Size): boolean =>
  photo.width > small.width && photo.height > small.height && small.width * small.height > 1

/** Lines ab = slope · L + offset, one for each cell. Each cell has slope a, slope b, offset a, offset b: [height, width, 4]. */
export interface ColourLines extends Size {
  readonly lines: Float32Array
}

/** Where among the cells the centres of pixels lie, along both axes: see `centresAmong`. */
export interface Places {
  readonly rows: Float64Array
  readonly columns: Float64Array
}

/** The lines by which `small` is enlarged to the size of `photo`, of which only the lightness is looked at. */
export function linesOf(small: SmallAb, photo: Photo): ColourLines {
  const { width, height, ab } = small
  const lines = new Float32Array(2 * ab.length)
  const { slope, offset } = canGuide(small, photo)
    ? coefficients(small, cellLightness(photo, small))
    : { slope: new Float32Array(ab.length), offset: ab }
  for (let i = 0; i < ab.length; i++) {
    const at = 4 * (i >> 1) + (i & 1)
    lines[at] = slope[i]!
    lines[at + 2] = offset[i]!
  }
  return { width, height, lines }
}

/**
 * Colours of pixels, [rows, columns, 2] in ab units: the lines enlarged bilinearly and applied to the pixels' own lightness.
 * @param L [rows, columns], 0…100
 */
export function applyLines(
  { lines, width, height }: ColourLines,
  { rows, columns }: Places,
  L: Float32Array,
): Float32Array {
  const ab = new Float32Array(2 * L.length)
  const count = columns.length
  const wide = recalled((row: number) =>
    stretched(lines.subarray(4 * width * row, 4 * width * (row + 1)), columns),
  )
  for (const [y, place] of rows.entries()) {
    const first = Math.floor(place)
    const [upper, lower, down] = [wide(first), wide(Math.min(first + 1, height - 1)), place - first]
    for (let x = 0, at = y * count, i = 0; x < count; x++, at++, i += 4) {
      const l = L[at]!
      const slopeA = upper[i]! + down * (lower[i]! - upper[i]!)
      const slopeB = upper[i + 1]! + down * (lower[i + 1]! - upper[i + 1]!)
      const offsetA = upper[i + 2]! + down * (lower[i + 2]! - upper[i + 2]!)
      const offsetB = upper[i + 3]! + down * (lower[i + 3]! - upper[i + 3]!)
      ab[2 * at] = slopeA * l + offsetA
      ab[2 * at + 1] = slopeB * l + offsetB
    }
  }
  return ab
}

/** One row of lines [width, 4] at the places of pixels, [columns, 4]. */
function stretched(row: Float32Array, columns: Float64Array): Float64Array {
  const last = row.length - 4
  const out = new Float64Array(4 * columns.length)
  for (const [x, place] of columns.entries()) {
    const first = Math.floor(place)
    const [left, right, across] = [4 * first, Math.min(4 * (first + 1), last), place - first]
    for (let c = 0; c < 4; c++) out[4 * x + c] = row[left + c]! + across * (row[right + c]! - row[left + c]!)
  }
  return out
}

/** `make`, which is asked for the last two keys again and again. */
function recalled<T>(make: (key: number) => T): (key: number) => T {
  let kept = new Map<number, T>()
  return (key) => {
    const found = kept.get(key) ?? make(key)
    kept = new Map([...[...kept].slice(-1), [key, found]])
    return found
  }
}

/** Enlarges `small` to the size of `photo`, of which only the lightness is looked at. */
export function enlarger(small: SmallAb, photo: Photo): Enlarge {
  const lines = linesOf(small, photo)
  const rows = centresAmong(small.height, photo.height)
  const columns = centresAmong(small.width, photo.width)
  return (L, first, last) => applyLines(lines, { rows: rows.subarray(first, last), columns }, L)
}

/** Mean L* of the pixels whose centres lie in each cell, [height, width]. */
function cellLightness(photo: Photo, { width, height }: Size): Float64Array {
  const sums = new Float64Array(width * height)
  const counts = new Float64Array(width * height)
  const columns = Int32Array.from({ length: photo.width }, (_, x) =>
    Math.floor(((x + 0.5) * width) / photo.width),
  )
  for (const { first, last, pixels } of bands(photo)) {
    const L = lightness(photo.rgb.subarray(3 * pixels[0], 3 * pixels[1]))
    for (let y = first; y < last; y++) {
      const row = width * Math.floor(((y + 0.5) * height) / photo.height)
      const start = (y - first) * photo.width
      for (let x = 0; x < photo.width; x++) {
        const cell = row + columns[x]!
        sums[cell]! += L[start + x]!
        counts[cell]!++
      }
    }
  }
  return sums.map((sum, cell) => sum / counts[cell]!)
}

/** Slope and offset for each cell, [height, width, 2] each, where `L` [height, width] is the cells' lightness. */
function coefficients(small: SmallAb, L: Float64Array) {
  const average = (values: ArrayLike<number>, channels: number) => windowMeans(values, channels, small)
  const meanL = average(L, 1)
  const meanSquare = average(
    L.map((l) => l * l),
    1,
  )
  const mean = average(small.ab, 2)
  const meanProduct = average(
    Float64Array.from(small.ab, (value, i) => value * L[i >> 1]!),
    2,
  )
  const slopes = meanProduct.map((product, i) => {
    const l = meanL[i >> 1]!
    return (product - mean[i]! * l) / (meanSquare[i >> 1]! - l * l + GUIDED.epsilon)
  })
  const offsets = mean.map((value, i) => value - slopes[i]! * meanL[i >> 1]!)
  return { slope: Float32Array.from(average(slopes, 2)), offset: Float32Array.from(average(offsets, 2)) }
}

/** Means of `values` [height, width, channels] over the window around each cell, as much of it as lies in the picture. */
const windowMeans = (values: ArrayLike<number>, channels: number, { width, height }: Size) =>
  meansAlong(meansAlong(values, channels, width), channels * width, height)

/** Means along one axis of `length`, whose neighbours stand `step` apart. */
function meansAlong(values: ArrayLike<number>, step: number, length: number): Float64Array {
  return Float64Array.from({ length: values.length }, (_, i) => {
    const at = Math.floor(i / step) % length
    const from = Math.max(0, at - GUIDED.radius)
    const to = Math.min(length - 1, at + GUIDED.radius)
    let sum = 0
    for (let j = from; j <= to; j++) sum += values[i + (j - at) * step]!
    return sum / (to - from + 1)
  })
}
