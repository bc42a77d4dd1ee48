/** Colours at full size held against a photograph's own: over all pixels, and where they are most visible. */
import type { SmallAb } from '../src/color/guided.ts'
import { srgbToLab } from '../src/color/lab.ts'
import type { Photo } from '../src/color/photo.ts'

/** L* a pixel, by Sobel's filter, from which on an edge is strong. */
const STRONG = 10
/** Pixels around a strong edge, to each side. */
const NEAR = 3

/** ab errors, in ab units², as docs/metrics.md defines them. */
export interface EdgeErrors {
  readonly all: number
  /** Over the pixels within 3 pixels of a strong edge of L*; null for a picture without one. */
  readonly near: number | null
}

/** A photograph's colours, and which of its pixels are near a strong edge. */
export interface Truth {
  readonly ab: Float32Array
  readonly isNear: Uint8Array
}

export function truthOf(photo: Photo): Truth {
  const { L, ab } = srgbToLab(photo.rgb)
  const isStrong = strongEdges(L, photo)
  const wide = spread(isStrong, 1, photo.width)
  return { ab, isNear: spread(wide, photo.width, photo.height) }
}

/** A photograph's own colours, averaged over square cells, `side` of them along its shorter side. */
export function ownColours(photo: Photo, side: number): SmallAb {
  const scale = Math.min(1, side / Math.min(photo.width, photo.height))
  const [width, height] = [Math.round(photo.width * scale), Math.round(photo.height * scale)]
  const { ab } = srgbToLab(photo.rgb)
  const sums = new Float64Array(2 * width * height)
  const counts = new Float64Array(width * height)
  for (let i = 0; i < photo.width * photo.height; i++) {
    const column = Math.floor((((i % photo.width) + 0.5) * width) / photo.width)
    const row = Math.floor(((Math.floor(i / photo.width) + 0.5) * height) / photo.height)
    const cell = row * width + column
    counts[cell]!++
    for (const c of [0, 1]) sums[2 * cell + c]! += ab[2 * i + c]!
  }
  return { ab: Float32Array.from(sums, (sum, i) => sum / counts[i >> 1]!), width, height }
}

/** @param ab [height, width, 2] */
export function edgeErrors(truth: Truth, ab: Float32Array): EdgeErrors {
  let [all, near, count] = [0, 0, 0]
  for (let i = 0; i < ab.length; i++) {
    const square = (ab[i]! - truth.ab[i]!) ** 2
    all += square
    if (truth.isNear[i >> 1]) {
      near += square
      count++
    }
  }
  return { all: all / ab.length, near: count ? near / count : null }
}

/** 1 where Sobel's gradient is strong; the border has none. */
function strongEdges(L: Float32Array, { width, height }: Photo): Uint8Array {
  const edges = new Uint8Array(L.length)
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const at = (down: number, across: number) => L[(y + down) * width + x + across]!
      const right = at(-1, 1) + 2 * at(0, 1) + at(1, 1) - at(-1, -1) - 2 * at(0, -1) - at(1, -1)
      const below = at(1, -1) + 2 * at(1, 0) + at(1, 1) - at(-1, -1) - 2 * at(-1, 0) - at(-1, 1)
      if (Math.hypot(right, below) / 8 >= STRONG) edges[y * width + x] = 1
    }
  }
  return edges
}

/** 1 where there is one within NEAR elements along an axis of `length`, whose neighbours stand `step` apart. */
function spread(values: Uint8Array, step: number, length: number): Uint8Array {
  return values.map((_, i) => {
    const at = Math.floor(i / step) % length
    for (let j = Math.max(0, at - NEAR); j <= Math.min(length - 1, at + NEAR); j++)
      if (values[i + (j - at) * step]) return 1
    return 0
  })
}
