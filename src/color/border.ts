/** Finds the border of a print or the frame of a film around a picture. */
import type { Rect, Size } from '../rect.ts'
import { lightness } from './lab.ts'
import type { Photo } from './photo.ts'

/** A line of a border is this dark or this light, but for a few of its pixels, and its pixels are about as light as each other. */
const [DARK, LIGHT] = [12, 82]
const [SPREAD, MOST_OTHERS] = [6, 0.03]
/** At its end, most pixels change by that much within some lines. */
const [STEP, MOST_STEPS, STEP_LINES] = [5, 0.6, 3]
/** Less than that share of a side is no picture any more; smaller pictures have no border. */
const [LEAST_CONTENT, LEAST_SIDE] = [0.4, 64]

/** A line of L* along a side, the outermost first. */
type Line = (n: number) => Float32Array

/**
 * The part of a picture that its border leaves, in pixels of its full size.
 * @param small the picture, perhaps at a smaller size
 */
export function contentOf(small: Photo, full: Size): Rect {
  const { width, height } = small
  if (Math.min(width, height) < LEAST_SIDE) return { x: 0, y: 0, width: full.width, height: full.height }
  const L = lightness(small.rgb)
  const row: Line = (y) => L.subarray(y * width, (y + 1) * width)
  const top = borderOf(row, height)
  const bottom = borderOf((n) => row(height - 1 - n), height)
  const inside = height - top - bottom
  // the border's own rows would change the lines of the other sides
  const column: Line = (x) => Float32Array.from({ length: inside }, (_, y) => L[(top + y) * width + x]!)
  const left = borderOf(column, width)
  const right = borderOf((n) => column(width - 1 - n), width)
  const [x, across] = [full.width / width, full.height / height]
  const [fromX, fromY] = [Math.floor(left * x), Math.floor(top * across)]
  const [toX, toY] = [full.width - Math.floor(right * x), full.height - Math.floor(bottom * across)]
  return { x: fromX, y: fromY, width: toX - fromX, height: toY - fromY }
}

/** How many lines from a side on are border. */
function borderOf(line: Line, count: number): number {
  const most = Math.floor((count * (1 - LEAST_CONTENT)) / 2)
  let lines = 0
  while (lines < most && isBorder(line(lines))) lines++
  if (lines === 0 || lines === most) return 0
  const [last, inside] = [line(lines - 1), line(Math.min(count - 1, lines - 1 + STEP_LINES))]
  const steps = last.reduce((sum, l, i) => sum + +(Math.abs(l - inside[i]!) > STEP), 0)
  return steps > MOST_STEPS * last.length ? lines : 0
}

function isBorder(line: Float32Array): boolean {
  const middle = line.toSorted()[line.length >> 1]!
  if (middle > DARK && middle < LIGHT) return false
  const others = line.reduce((sum, l) => sum + +(Math.abs(l - middle) > SPREAD), 0)
  return others <= MOST_OTHERS * line.length
}
