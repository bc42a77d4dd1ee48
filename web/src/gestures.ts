/** Fingers and the mouse on the stage. */

export interface Point {
  readonly x: number
  readonly y: number
}

export interface Gestures {
  /** One pointer came and went without moving. */
  onTap(at: Point): void
  /** One pointer moves, by CSS pixels, to a place. */
  onDrag(by: Point, at: Point): void
  /** Two pointers move: their distance changes by a factor, about a place that moves, too. */
  onPinch(factor: number, about: Point, by: Point): void
  onWheel(factor: number, about: Point): void
}

/** A pointer that moves less than this has not moved. */
const STILL = 6

/** Listens on an element; what lies on it and handles pointers itself keeps them. All places are the element's. */
export function listenToGestures(element: HTMLElement, gestures: Gestures): void {
  const pointers = new Map<number, Point>()
  let start: Point | null = null
  const placeOf = ({ clientX, clientY }: MouseEvent): Point => {
    const { left, top } = element.getBoundingClientRect()
    return { x: clientX - left, y: clientY - top }
  }
  element.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return
    element.setPointerCapture(event.pointerId)
    start = pointers.size ? null : placeOf(event)
    pointers.set(event.pointerId, placeOf(event))
  })
  element.addEventListener('pointermove', (event) => {
    const before = pointers.get(event.pointerId)
    if (!before) return
    const now = placeOf(event)
    if (start && distance(start, now) < STILL) return
    start = null
    pointers.set(event.pointerId, now)
    const [other] = [...pointers].flatMap(([id, point]) => (id === event.pointerId ? [] : [point]))
    if (!other) return gestures.onDrag(less(now, before), now)
    const factor = distance(now, other) / Math.max(1, distance(before, other))
    const half = less(now, before)
    gestures.onPinch(factor, middle(now, other), { x: half.x / 2, y: half.y / 2 })
  })
  for (const type of ['pointerup', 'pointercancel'] as const)
    element.addEventListener(type, (event) => {
      if (!pointers.delete(event.pointerId)) return
      if (start && type === 'pointerup') gestures.onTap(start)
      start = null
    })
  element.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault()
      const pixels = event.deltaY * (event.deltaMode ? 25 : 1)
      gestures.onWheel(Math.exp(-0.002 * pixels), placeOf(event))
    },
    { passive: false },
  )
}

const less = (one: Point, other: Point): Point => ({ x: one.x - other.x, y: one.y - other.y })
const middle = (one: Point, other: Point): Point => ({ x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 })
const distance = (one: Point, other: Point) => Math.hypot(one.x - other.x, one.y - other.y)
