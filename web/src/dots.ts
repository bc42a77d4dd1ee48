/** The colours that a person has told, as dots on the picture. */
import type { Size } from '../../src/rect.ts'
import type { Hint } from '../../src/web/index.ts'
import { byId, make } from './elements.ts'
import type { Stage } from './stage.ts'
import { TEXTS } from './texts.ts'

/** Called for what is done to a dot, by the hint's index. */
export interface DotActions {
  onOpen(index: number): void
  onMove(index: number, place: { readonly x: number; readonly y: number }): void
  onRemove(index: number): void
}

/** A pointer that moves less than this many CSS pixels has only clicked. */
const STILL = 4
/** What arrow keys move a dot by, as a fraction of the picture's sides. */
const STEP = 0.01
const ARROWS: Readonly<Record<string, readonly [x: number, y: number]>> = {
  ...{ ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] },
}

export class Dots {
  readonly #layer = byId('dots')
  #hints: readonly Hint[] = []
  #picture: Size = { width: 1, height: 1 }

  constructor(
    private readonly stage: Stage,
    private readonly actions: DotActions,
  ) {}

  show(hints: readonly Hint[], picture: Size): void {
    this.#hints = hints
    this.#picture = picture
    const dots = [...this.#layer.children] as HTMLElement[]
    for (const dot of dots.slice(hints.length)) dot.remove()
    while (this.#layer.children.length < hints.length)
      this.#layer.append(this.#dot(this.#layer.children.length))
    this.place()
  }

  /** Where the hints are on the stage now. */
  place(): void {
    for (const [i, hint] of this.#hints.entries())
      this.#place(this.#layer.children[i] as HTMLElement, i, hint)
  }

  focus(index: number): void {
    ;(this.#layer.children[index] as HTMLElement | undefined)?.focus()
  }

  #place(dot: HTMLElement, index: number, { x, y, color }: Hint): void {
    const spot = this.stage.spotOf({ x: x * this.#picture.width, y: y * this.#picture.height })
    Object.assign(dot.style, { left: `${spot.x}px`, top: `${spot.y}px`, background: color })
    dot.setAttribute('aria-label', TEXTS.dot(index + 1, color, x, y))
  }

  #dot(index: number): HTMLElement {
    const dot = make('button', { type: 'button', className: 'dot' })
    this.#listenToPointer(dot, index)
    dot.addEventListener('keydown', (event) => {
      const step = ARROWS[event.key]
      const { x, y } = this.#hints[index]!
      if (step) this.actions.onMove(index, inside({ x: x + step[0], y: y + step[1] }))
      else if (event.key === 'Delete' || event.key === 'Backspace') this.actions.onRemove(index)
      else return
      event.preventDefault()
    })
    // by the keyboard; the pointer is listened to above
    dot.addEventListener('click', ({ detail }) => {
      if (detail === 0) this.actions.onOpen(index)
    })
    return dot
  }

  #listenToPointer(dot: HTMLElement, index: number): void {
    let from: { readonly x: number; readonly y: number } | null = null
    let moved: { readonly x: number; readonly y: number } | null = null
    dot.addEventListener('pointerdown', (event) => {
      event.stopPropagation()
      dot.setPointerCapture(event.pointerId)
      from = { x: event.clientX, y: event.clientY }
      moved = null
    })
    dot.addEventListener('pointermove', ({ clientX, clientY }) => {
      if (!from || (!moved && Math.hypot(clientX - from.x, clientY - from.y) < STILL)) return
      moved = this.#placeUnder(clientX, clientY)
      this.#place(dot, index, { ...this.#hints[index]!, ...moved })
    })
    dot.addEventListener('pointerup', () => {
      if (from && moved) this.actions.onMove(index, moved)
      else if (from) this.actions.onOpen(index)
      from = null
    })
    dot.addEventListener('pointercancel', () => {
      from = null
      this.place()
    })
  }

  #placeUnder(clientX: number, clientY: number): { readonly x: number; readonly y: number } {
    const { left, top } = this.stage.element.getBoundingClientRect()
    const { x, y } = this.stage.placeAt({ x: clientX - left, y: clientY - top })
    return inside({ x: x / this.#picture.width, y: y / this.#picture.height })
  }
}

const inside = ({ x, y }: { readonly x: number; readonly y: number }) => ({
  x: Math.min(1, Math.max(0, x)),
  y: Math.min(1, Math.max(0, y)),
})
