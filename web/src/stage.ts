/** The picture on the screen: before on the left and after on the right of a line that can be moved; zoomed and panned. */
import type { Rect, Size } from '../../src/rect.ts'
import { byId } from './elements.ts'
import { TEXTS } from './texts.ts'
import type { View } from './work/recombine.ts'

/** Gives the pixels of a part of the picture. */
export interface Painter {
  original(view: View): Promise<ImageData>
  coloured(view: View): Promise<ImageData>
}

/** Small pictures are enlarged to at most this. */
const MAX_FIT = 3
const MAX_ZOOM = 16
/** More pixels than this are not computed for the screen. */
const MAX_PIXELS = 3e6
/** Keys move the line by these, in percent. */
const [STEP, LEAP] = [2, 10]

/** A canvas, and the part of the picture that it shows. */
interface Layer {
  readonly canvas: HTMLCanvasElement
  rect: Rect | null
}

export class Stage {
  readonly element = byId('stage')
  readonly #before: Layer = { canvas: byId<HTMLCanvasElement>('before'), rect: null }
  readonly #after: Layer = { canvas: byId<HTMLCanvasElement>('after'), rect: null }
  readonly #divider = byId('divider')
  #picture: Size = { width: 1, height: 1 }
  #painter: Painter | null = null
  /** CSS pixels a pixel of the picture, and the picture's place that is in the middle. */
  #scale = 1
  #centre = { x: 0, y: 0 }
  #isFitted = true
  /** Of the stage's width, in percent. */
  #split = 50
  #isPainting = false
  #isStale = { before: false, after: false }
  /** Called when the view has moved. */
  onMove: () => void = () => {}

  constructor() {
    new ResizeObserver(() => (this.#isFitted ? this.fit() : this.#moved())).observe(this.element)
    this.#listenToDivider()
    this.#listenToZoom()
  }

  /** Shows a picture from now on. */
  show(picture: Size, painter: Painter): void {
    this.#picture = picture
    this.#painter = painter
    for (const layer of [this.#before, this.#after]) layer.rect = null
    this.fit()
  }

  /** The picture's colours or its look have changed. */
  repaint(): void {
    this.#isStale.after = true
    void this.#paint()
  }

  fit(): void {
    const { width, height } = this.#picture
    this.#isFitted = true
    this.#scale = Math.min(MAX_FIT, this.element.clientWidth / width, this.element.clientHeight / height)
    this.#centre = { x: width / 2, y: height / 2 }
    this.#moved()
  }

  /** @param about the place on the stage that stays where it is; by default its middle */
  zoom(factor: number, about?: { readonly x: number; readonly y: number }): void {
    const { width, height } = this.#picture
    const smallest = Math.min(1, this.element.clientWidth / width, this.element.clientHeight / height)
    const at = about ?? { x: this.element.clientWidth / 2, y: this.element.clientHeight / 2 }
    const place = this.placeAt(at)
    this.#scale = Math.min(MAX_ZOOM, Math.max(smallest, this.#scale * factor))
    const now = this.placeAt(at)
    this.#centre = { x: this.#centre.x + place.x - now.x, y: this.#centre.y + place.y - now.y }
    this.#isFitted = false
    this.#moved()
  }

  /** By CSS pixels. */
  pan(x: number, y: number): void {
    this.#centre = { x: this.#centre.x - x / this.#scale, y: this.#centre.y - y / this.#scale }
    this.#isFitted = false
    this.#moved()
  }

  /** The picture's place, in its pixels, at a place of the stage. */
  placeAt({ x, y }: { readonly x: number; readonly y: number }): { x: number; y: number } {
    const { clientWidth, clientHeight } = this.element
    return {
      x: this.#centre.x + (x - clientWidth / 2) / this.#scale,
      y: this.#centre.y + (y - clientHeight / 2) / this.#scale,
    }
  }

  /** The stage's place where a place of the picture is. */
  spotOf({ x, y }: { readonly x: number; readonly y: number }): { x: number; y: number } {
    const { clientWidth, clientHeight } = this.element
    return {
      x: clientWidth / 2 + (x - this.#centre.x) * this.#scale,
      y: clientHeight / 2 + (y - this.#centre.y) * this.#scale,
    }
  }

  #moved(): void {
    this.#keepInside()
    this.#place()
    this.#isStale = { before: true, after: true }
    void this.#paint()
    this.onMove()
  }

  #keepInside(): void {
    const { width, height } = this.#picture
    const kept = (centre: number, length: number, room: number) => {
      const half = room / this.#scale / 2
      return length < 2 * half ? length / 2 : Math.min(length - half, Math.max(half, centre))
    }
    this.#centre = {
      x: kept(this.#centre.x, width, this.element.clientWidth),
      y: kept(this.#centre.y, height, this.element.clientHeight),
    }
  }

  /** Puts canvases where what they show belongs, and the line where it is. */
  #place(): void {
    const line = (this.#split / 100) * this.element.clientWidth
    for (const { canvas, rect } of [this.#before, this.#after]) {
      canvas.hidden = rect === null
      if (!rect) continue
      const { x, y } = this.spotOf(rect)
      const width = rect.width * this.#scale
      Object.assign(canvas.style, {
        ...{ left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${rect.height * this.#scale}px` },
        clipPath: canvas.id === 'after' ? `inset(0 0 0 ${Math.min(width, Math.max(0, line - x))}px)` : '',
      })
    }
    this.#divider.style.left = `${this.#split}%`
    const percent = Math.round(this.#split)
    this.#divider.setAttribute('aria-valuenow', String(percent))
    this.#divider.setAttribute('aria-valuetext', TEXTS.dividerValue(percent))
  }

  /** The part of the picture that is seen, in whole pixels, and how many to compute for it. */
  #view(): View {
    const { width, height } = this.#picture
    const from = this.placeAt({ x: 0, y: 0 })
    const to = this.placeAt({ x: this.element.clientWidth, y: this.element.clientHeight })
    const x = Math.max(0, Math.floor(from.x))
    const y = Math.max(0, Math.floor(from.y))
    const rect = {
      ...{ x, y, width: Math.max(1, Math.min(width, Math.ceil(to.x)) - x) },
      height: Math.max(1, Math.min(height, Math.ceil(to.y)) - y),
    }
    const wanted = this.#scale * devicePixelRatio
    const most = Math.sqrt(MAX_PIXELS / (rect.width * rect.height))
    const scale = Math.min(1, wanted, most) // beyond 1 the browser enlarges
    const side = (length: number) => Math.max(1, Math.round(length * scale))
    return { rect, width: side(rect.width), height: side(rect.height) }
  }

  /** Paints what is stale; whatever becomes stale meanwhile is painted after it. */
  async #paint(): Promise<void> {
    if (this.#isPainting) return
    this.#isPainting = true
    try {
      while (this.#painter && (this.#isStale.before || this.#isStale.after)) {
        const stale = this.#isStale
        this.#isStale = { before: false, after: false }
        const [painter, view] = [this.#painter, this.#view()]
        const isCurrent = () => painter === this.#painter
        if (stale.before) put(this.#before, view, await painter.original(view), isCurrent)
        if (stale.after) put(this.#after, view, await painter.coloured(view), isCurrent)
        this.#place()
      }
    } finally {
      this.#isPainting = false
    }
  }

  #listenToDivider(): void {
    const move = (percent: number) => {
      this.#split = Math.min(100, Math.max(0, percent))
      this.#place()
    }
    const divider = this.#divider
    divider.addEventListener('pointerdown', (event) => {
      divider.setPointerCapture(event.pointerId)
      event.stopPropagation()
    })
    divider.addEventListener('pointermove', (event) => {
      if (!divider.hasPointerCapture(event.pointerId)) return
      const { left, width } = this.element.getBoundingClientRect()
      move((100 * (event.clientX - left)) / width)
    })
    divider.addEventListener('keydown', (event) => {
      const steps: Record<string, number> = {
        ...{ ArrowLeft: -STEP, ArrowDown: -STEP, ArrowRight: STEP, ArrowUp: STEP },
        ...{ PageDown: -LEAP, PageUp: LEAP, Home: -100, End: 100 },
      }
      const step = steps[event.key]
      if (step === undefined) return
      event.preventDefault()
      move(this.#split + step)
    })
  }

  #listenToZoom(): void {
    byId('zoom-in').addEventListener('click', () => this.zoom(1.5))
    byId('zoom-out').addEventListener('click', () => this.zoom(1 / 1.5))
    byId('zoom-fit').addEventListener('click', () => this.fit())
    this.element.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault()
        const { left, top } = this.element.getBoundingClientRect()
        const at = { x: event.clientX - left, y: event.clientY - top }
        this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.002)), at)
      },
      { passive: false },
    )
  }
}

function put(layer: Layer, { rect, width, height }: View, pixels: ImageData, isWanted: () => boolean): void {
  if (!isWanted()) return
  Object.assign(layer.canvas, { width, height })
  layer.canvas.getContext('2d')!.putImageData(pixels, 0, 0)
  layer.rect = rect
}
