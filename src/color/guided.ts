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
import { upsampleAb } from './resample.ts'

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

/** Enlarges `small` to the size of `photo`, of which only the lightness is looked at. */
export function enlarger(small: SmallAb, photo: Photo): Enlarge {
  const { width, height } = small
  const upsample = (ab: Float32Array, first: number, last: number) =>
    upsampleAb({ ab, stride: width, content: { x: 0, y: 0, width, height } }, photo, [first, last])
  if (!canGuide(small, photo)) return (_, first, last) => upsample(small.ab, first, last)
  const { slope, offset } = coefficients(small, cellLightness(photo, small))
  return (L, first, last) => {
    const ab = upsample(slope, first, last)
    const offsets = upsample(offset, first, last)
    return ab.map((slope, i) => slope * L[i >> 1]! + offsets[i]!)
  }
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
