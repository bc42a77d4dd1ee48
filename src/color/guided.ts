/**
 * Enlarges a network's colours so that they end where the lightness does.
 *
 * Source: He, Sun and Tang 2010, "Guided image filtering", eqs. 5 to 8. In a window around each cell, colours are taken for
 * a linear function of lightness, ab = slope · L + offset, by least squares with ε against steep slopes. Slopes and offsets
 * are averaged over the windows that a cell lies in, enlarged bilinearly, and applied to the picture's own lightness.
 */
import { lightness } from './lab.ts'
import { bands, type Photo } from './photo.ts'
import { upsampleAb } from './resample.ts'

/** The network's colours of one picture, at the size at which it paints: [height, width, 2] in ab units. */
export interface SmallAb {
  readonly ab: Float32Array
  readonly width: number
  readonly height: number
}

/** Cells that a window reaches to each side. */
const RADIUS = 1
/** ε, in L*²: about the variance of lightness from which on a window's edges are followed. */
const FLATNESS = 20

/** Rows `first` to `last` of a picture's colours, [rows, width, 2], where `L` is the lightness of these rows. */
export type Enlarge = (L: Float32Array, first: number, last: number) => Float32Array

/** Enlarges `small` to the size of `photo`, of which only the lightness is looked at. */
export function enlarger(small: SmallAb, photo: Photo): Enlarge {
  const { width, height } = small
  const upsample = (ab: Float32Array, first: number, last: number) =>
    upsampleAb({ ab, stride: width, content: { x: 0, y: 0, width, height } }, photo, [first, last])
  // of a picture with fewer pixels than there are cells, no edge lies within a cell
  if (photo.width < width || photo.height < height || width * height === 1)
    return (_, first, last) => upsample(small.ab, first, last)
  const { slope, offset } = linesOf(small, cellLightness(photo, small))
  return (L, first, last) => {
    const ab = upsample(slope, first, last)
    const offsets = upsample(offset, first, last)
    for (let i = 0; i < L.length; i++) {
      ab[2 * i] = ab[2 * i]! * L[i]! + offsets[2 * i]!
      ab[2 * i + 1] = ab[2 * i + 1]! * L[i]! + offsets[2 * i + 1]!
    }
    return ab
  }
}

/** Mean L* of the pixels whose centres lie in each cell, [height, width]. */
function cellLightness(photo: Photo, { width, height }: SmallAb): Float64Array {
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

/** Slope and offset for each cell, [height, width, 2] each. */
function linesOf({ ab, width, height }: SmallAb, L: Float64Array) {
  const average = (values: ArrayLike<number>) => windowMeans(values, width, height)
  const meanL = average(L)
  const variance = average(L.map((l) => l * l)).map((square, i) => square - meanL[i]! ** 2)
  const [slope, offset] = [new Float32Array(ab.length), new Float32Array(ab.length)]
  for (const channel of [0, 1]) {
    const colour = L.map((_, i) => ab[2 * i + channel]!)
    const mean = average(colour)
    const product = average(colour.map((c, i) => c * L[i]!))
    const slopes = product.map((p, i) => (p - mean[i]! * meanL[i]!) / (variance[i]! + FLATNESS))
    const offsets = mean.map((m, i) => m - slopes[i]! * meanL[i]!)
    for (const [values, into] of [
      [average(slopes), slope],
      [average(offsets), offset],
    ] as const)
      for (let i = 0; i < values.length; i++) into[2 * i + channel] = values[i]!
  }
  return { slope, offset }
}

/** The mean over the window around each cell, as much of it as lies in the picture. */
function windowMeans(values: ArrayLike<number>, width: number, height: number): Float64Array {
  const rows = new Float64Array(width * height)
  const means = new Float64Array(width * height)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) rows[y * width + x] = meanAlong(values, y * width, 1, x, width)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) means[y * width + x] = meanAlong(rows, x, width, y, height)
  return means
}

function meanAlong(
  values: ArrayLike<number>,
  start: number,
  step: number,
  at: number,
  length: number,
): number {
  const [from, to] = [Math.max(0, at - RADIUS), Math.min(length - 1, at + RADIUS)]
  let sum = 0
  for (let i = from; i <= to; i++) sum += values[start + i * step]!
  return sum / (to - from + 1)
}
