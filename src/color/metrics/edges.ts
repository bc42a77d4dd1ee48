import { lightness } from '../lab.ts'
import type { Photo } from '../photo.ts'

/** L* per pixel. A sharp step between two plain regions has it on both sides when it is 20 L* high. */
const STRONG = 10
/** How far, in rows and in columns, a pixel may lie from an edge and still be near it. */
const REACH = 3

/**
 * [height, width], 1 for pixels within 3 rows and 3 columns of a strong edge: a pixel whose L* has a gradient of at least
 * 10 per pixel.
 */
export function nearEdges(photo: Photo): Uint8Array {
  const near = strongEdges(photo)
  const { width, height } = photo
  for (let y = 0; y < height; y++) spread(near, y * width, 1, width)
  for (let x = 0; x < width; x++) spread(near, x, width, height)
  return near
}

/**
 * The gradient is measured by 3 × 3 pixels with the weights 3, 10, 3 across its direction. Pixels at the edge of the
 * picture are repeated outside.
 *
 * Source: Scharr, "Optimale Operatoren in der digitalen Bildverarbeitung", doctoral thesis, Heidelberg 2000.
 */
function strongEdges({ rgb, width, height }: Photo): Uint8Array {
  const strong = new Uint8Array(width * height)
  const rowOf = (y: number) => {
    const at = 3 * width * Math.min(height - 1, y)
    return lightness(rgb.subarray(at, at + 3 * width))
  }
  let [above, here, below] = [rowOf(0), rowOf(0), rowOf(1)]
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [left, right] = [Math.max(0, x - 1), Math.min(width - 1, x + 1)]
      const across = smoothed(above[right]!, here[right]!, below[right]!)
      const down = smoothed(below[left]!, below[x]!, below[right]!)
      const slopeX = (across - smoothed(above[left]!, here[left]!, below[left]!)) / 2
      const slopeY = (down - smoothed(above[left]!, above[x]!, above[right]!)) / 2
      if (slopeX ** 2 + slopeY ** 2 >= STRONG ** 2) strong[y * width + x] = 1
    }
    ;[above, here, below] = [here, below, rowOf(y + 2)]
  }
  return strong
}

const smoothed = (a: number, b: number, c: number) => (3 * a + 10 * b + 3 * c) / 16

/** Marks what lies within reach of a mark on a line of `length` pixels that are `step` apart. */
function spread(marks: Uint8Array, start: number, step: number, length: number): void {
  spreadOn(marks, start, step, length)
  spreadOn(marks, start + (length - 1) * step, -step, length)
}

/** In the line's direction only. */
function spreadOn(marks: Uint8Array, start: number, step: number, length: number): void {
  let left = 0
  for (let i = 0, at = start; i < length; i++, at += step) {
    if (marks[at]) left = REACH
    else if (left > 0) {
      marks[at] = 1
      left--
    }
  }
}
