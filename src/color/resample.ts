/** Photographs at other sizes, and the network's colours at the size of a photograph. */
import type { Rect } from '../rect.ts'
import type { Photo } from './photo.ts'

/**
 * Gives `photo`, or its part `from`, another size. What needs one takes it as an option: in Node libvips resizes, and
 * elsewhere `resize` below.
 */
export type Resize = (photo: Photo, width: number, height: number, from?: Rect) => Photo | Promise<Photo>

/** [outer, length, inner] levels; the axis in the middle is resized. */
interface Axis {
  readonly outer: number
  readonly length: number
  readonly inner: number
}

/** New level j is the mean of the `each` levels from position `first[j]` on, weighted with `weights[j]`. */
interface Taps {
  /** [count]; positions outside the axis mean its first or last level */
  readonly first: Int32Array
  /** [count, each]; each row adds up to 1 */
  readonly weights: Float64Array
  readonly each: number
  /** What is added to a mean before it is rounded down. */
  readonly rounding: number
}

/** The slow filter shrinks by less than twice this factor; means of whole pixels do the rest before it. */
const FILTER_SHRINKS = 2
const LOBES = 3
/** Filters stand at multiples of 1/64 of an old pixel, and their weights are multiples of 1/4096. */
const [PLACES, WEIGHTS] = [64, 4096]

/**
 * `photo`, or its part `from`, at another size. An axis shrinks by Lanczos' filter with three lobes, after a mean of whole
 * pixels where it shrinks to a quarter or less, and grows by a cubic spline. Pixels at the edge are repeated outside.
 *
 * The levels are those of libvips (vips_resize with the kernel lanczos3), so that a picture gets the same colours
 * everywhere. That is why weights are fixed-point numbers, and why growing is not centred: new pixel j shows position
 * j · length / count - 1/2 instead of (j + 1/2) · length / count - 1/2, and when only one axis grows the other one is moved
 * by half a pixel as well.
 *
 * Sources: Turkowski, "Filters for common resampling tasks", Graphics Gems I, 1990; Keys, "Cubic convolution interpolation
 * for digital image processing", IEEE Transactions on Acoustics, Speech, and Signal Processing 29(6), 1981, a = -1/2.
 */
export function resize(photo: Photo, width: number, height: number, from?: Rect): Photo {
  const part = from ? crop(photo, from) : photo
  const [w, h] = [Math.min(width, part.width), Math.min(height, part.height)] // axes that shrink come first
  const low = shrink(part.rgb, { outer: 1, length: part.height, inner: 3 * part.width }, h)
  const small = shrink(low, { outer: h, length: part.width, inner: 3 }, w)
  if (w === width && h === height) return { width, height, rgb: small }
  const wide = new Int16Array(h * width * 3)
  weigh(small, { outer: h, length: w, inner: 3 }, cubicTaps(w, width), wide)
  const rgb = new Uint8ClampedArray(height * width * 3)
  weigh(wide, { outer: 1, length: h, inner: 3 * width }, cubicTaps(h, height), rgb)
  return { width, height, rgb: new Uint8Array(rgb.buffer) }
}

function crop(photo: Photo, { x, y, width, height }: Rect): Photo {
  if (width === photo.width && height === photo.height) return photo
  const rgb = new Uint8Array(width * height * 3)
  for (let row = 0; row < height; row++) {
    const start = 3 * ((y + row) * photo.width + x)
    rgb.set(photo.rgb.subarray(start, start + 3 * width), 3 * row * width)
  }
  return { width, height, rgb }
}

/** [outer, count, inner] levels, where count is at most the axis' length. */
function shrink(levels: Uint8Array, axis: Axis, count: number): Uint8Array {
  const { outer, length, inner } = axis
  if (count === length) return levels
  const box = Math.max(1, Math.floor(length / count / FILTER_SHRINKS))
  const shorter = { ...axis, length: Math.ceil(length / box) }
  const boxed = new Uint8ClampedArray(box > 1 ? outer * shorter.length * inner : 0)
  if (box > 1) weigh(levels, axis, boxTaps(shorter.length, box), boxed)
  const out = new Uint8ClampedArray(outer * count * inner)
  weigh(
    box > 1 ? new Uint8Array(boxed.buffer) : levels,
    shorter,
    lanczosTaps(length / box / count, count),
    out,
  )
  return new Uint8Array(out.buffer)
}

/** Writes the weighted means of the levels to `out` [outer, count, inner]. */
function weigh(
  levels: Uint8Array | Int16Array,
  { outer, length, inner }: Axis,
  { first, weights, each, rounding }: Taps,
  out: Uint8ClampedArray | Int16Array,
): void {
  const count = first.length
  const sums = new Float64Array(inner)
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < count; j++) {
      sums.fill(rounding)
      for (let k = 0; k < each; k++) {
        const weight = weights[j * each + k]!
        const position = Math.min(length - 1, Math.max(0, first[j]! + k))
        const start = (o * length + position) * inner
        for (let i = 0; i < inner; i++) sums[i]! += weight * levels[start + i]!
      }
      const to = (o * count + j) * inner
      for (let i = 0; i < inner; i++) out[to + i] = Math.floor(sums[i]!)
    }
  }
}

/** Means of `box` levels each, in fixed point of 24 bits. */
function boxTaps(count: number, box: number): Taps {
  const first = Int32Array.from({ length: count }, (_, j) => j * box)
  const weight = Math.floor(2 ** 24 / box) / 2 ** 24
  return {
    first,
    weights: new Float64Array(count * box).fill(weight),
    each: box,
    rounding: weight * (box >> 1),
  }
}

/** @param scale old pixels a new one, above 1 */
function lanczosTaps(scale: number, count: number): Taps {
  const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x))
  const kernel = (x: number) => (Math.abs(x) < LOBES ? sinc(x) * sinc(x / LOBES) : 0)
  const centres = Float64Array.from({ length: count }, (_, j) => (j + 0.5) * scale - 0.5)
  return kernelTaps(centres, LOBES * scale, (distance) => kernel(distance / scale))
}

function cubicTaps(length: number, count: number): Taps {
  const centres = Float64Array.from({ length: count }, (_, j) => (j * length) / count - 0.5)
  return kernelTaps(centres, 2, (distance) => {
    const x = Math.abs(distance)
    if (x < 1) return 1 + x * x * (1.5 * x - 2.5)
    return x < 2 ? 2 - x * (4 - x * (2.5 - 0.5 * x)) : 0
  })
}

/** Weights by a kernel of the distance to a new pixel's centre, which is zero beyond `reach`; both in old pixels. */
function kernelTaps(wanted: Float64Array, reach: number, kernel: (distance: number) => number): Taps {
  const centres = wanted.map((centre) => Math.round(PLACES * centre) / PLACES)
  const each = Math.floor(2 * reach) + 1
  const first = Int32Array.from(centres, (centre) => Math.ceil(centre - reach))
  const weights = new Float64Array(centres.length * each)
  for (const [j, centre] of centres.entries()) {
    const own = weights.subarray(j * each, (j + 1) * each)
    for (let k = 0; k < each; k++) own[k] = kernel(first[j]! + k - centre)
    const sum = own.reduce((a, b) => a + b)
    for (let k = 0; k < each; k++) own[k] = Math.trunc((WEIGHTS * own[k]!) / sum) / WEIGHTS
  }
  return { first, weights, each, rounding: 0.5 }
}

/** Colours that the network gave, with the padding around them. */
interface Padded {
  /** [*, stride, 2] */
  readonly ab: Float32Array
  readonly stride: number
  /** Where the picture is. */
  readonly content: Rect
}

/**
 * Bilinear upsampling of the network's colours to a picture's size, pixel centres aligned. What lies outside the
 * content does not bleed in.
 * @param rows which rows of the picture are wanted, so that a large one can be done in bands
 * @returns [rows, width, 2]
 */
export function upsampleAb(
  { ab, stride, content }: Padded,
  { width, height }: { width: number; height: number },
  rows: [number, number] = [0, height],
): Float32Array {
  const columns = bilinear(content.x, content.width, width)
  const lines = bilinear(content.y, content.height, height)
  const out = new Float32Array((rows[1] - rows[0]) * width * 2)
  let at = 0
  for (let y = rows[0]; y < rows[1]; y++) {
    const upper = 2 * stride * lines.first[y]!
    const lower = 2 * stride * lines.second[y]!
    const down = lines.share[y]!
    for (let x = 0; x < width; x++) {
      const left = 2 * columns.first[x]!
      const right = 2 * columns.second[x]!
      const across = columns.share[x]!
      for (let c = 0; c < 2; c++) {
        const top = ab[upper + left + c]! + across * (ab[upper + right + c]! - ab[upper + left + c]!)
        const bottom = ab[lower + left + c]! + across * (ab[lower + right + c]! - ab[lower + left + c]!)
        out[at++] = top + down * (bottom - top)
      }
    }
  }
  return out
}

/** Where the centres of `count` pixels lie among `length` larger ones, whose own centres are 0, 1 …; not beyond these. */
export const centresAmong = (length: number, count: number): Float64Array =>
  Float64Array.from({ length: count }, (_, i) =>
    Math.min(length - 1, Math.max(0, ((i + 0.5) * length) / count - 0.5)),
  )

/** For each of `count` target positions, the two source positions around its centre and the second one's share. */
function bilinear(start: number, length: number, count: number) {
  const first = new Int32Array(count)
  const second = new Int32Array(count)
  const share = new Float64Array(count)
  for (const [i, centre] of centresAmong(length, count).entries()) {
    const below = Math.floor(centre)
    first[i] = start + below
    second[i] = start + Math.min(below + 1, length - 1)
    share[i] = centre - below
  }
  return { first, second, share }
}
