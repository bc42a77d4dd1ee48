/** The lightness that colours follow. */
import { type Photo, photoLightness } from '../../../src/color/photo.ts'
import { descreened, screenReach } from '../../../src/color/screen.ts'
import type { Rect } from '../../../src/rect.ts'
import type { View } from './recombine.ts'

/** A print with a dot screen. */
export interface Print {
  /** Distance of its dots, in pixels of the picture. */
  readonly screen: number
  /** The part of the picture that has them, and colours. */
  readonly content: Rect
}

/**
 * The lightness of a view without the dots of a print, [pixels].
 * @param L its own lightness, which is kept outside of the content
 * @param draw gives a part of the picture: more than the view, since dots around it count
 */
export async function withoutDots(
  { view, L }: { readonly view: View; readonly L: Float32Array },
  { screen, content }: Print,
  draw: (view: View) => Photo,
): Promise<Float32Array> {
  const scale = view.width / view.rect.width
  const period = screen * scale
  const part = around(view.rect, screenReach(period) / scale, content)
  if (part.width <= 0 || part.height <= 0) return L
  const scaled = (length: number) => Math.max(1, Math.round(length * scale))
  const plain = descreened(
    photoLightness(draw({ rect: part, width: scaled(part.width), height: scaled(part.height) })),
    period,
  )
  // where the part's first pixel is in the view
  const [left, top] = [Math.round((part.x - view.rect.x) * scale), Math.round((part.y - view.rect.y) * scale)]
  const [first, last] = [Math.max(0, -top), Math.min(plain.height, view.height - top)]
  const rows = await plain.rows(first, Math.max(first, last))
  const followed = L.slice()
  for (let row = first; row < last; row++) {
    const [from, to] = [Math.max(0, -left), Math.min(plain.width, view.width - left)]
    const start = (row - first) * plain.width
    followed.set(
      rows.subarray(start + from, start + Math.max(from, to)),
      (top + row) * view.width + left + from,
    )
  }
  return followed
}

/** A rectangle with a margin, as far as that lies inside. */
function around({ x, y, width, height }: Rect, margin: number, inside: Rect): Rect {
  const [left, top] = [Math.max(inside.x, x - margin), Math.max(inside.y, y - margin)]
  const right = Math.min(inside.x + inside.width, x + width + margin)
  const bottom = Math.min(inside.y + inside.height, y + height + margin)
  return { x: left, y: top, width: right - left, height: bottom - top }
}
