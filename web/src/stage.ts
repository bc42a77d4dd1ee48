/** The picture on the screen: before on the left and after on the right of a line that can be moved; zoomed and panned. */
import type { Rect, Size } from '../../src/rect.ts'
import { byId } from './elements.ts'
import { listenToGestures, type Point } from './gestures.ts'
import { TEXTS } from './texts.ts'
import type { View } from './worker/recombine.ts'

/** Gives the pixels of a part of the picture. */
export interface Painter {
  original(view: View): Promise<ImageData>
  /** Null as long as it has no colours. */
  coloured(view: View): Promise<ImageData | null>
}

/** Small pictures are enlarged to at most this. */
const MAX_FIT = 3
const MAX_ZOOM = 16
/** More pixels than this are not computed for the screen. */
const MAX_PIXELS = 3e6
/** Milliseconds above which a view is painted coarsely while it changes, and after which it is painted finely again. */
const [SLOW, REST] = [50, 250]
/** What a key or a button zooms by, and by how many CSS pixels a key pans. */
const [ZOOM, PAN] = [1.5, 60]
/** By how many percent keys move the line. */
const STEPS: Readonly<Record<string, number>> = {
  ...{ ArrowLeft: -2, ArrowDown: -2, ArrowRight: 2, ArrowUp: 2 },
  ...{ PageDown: -10, PageUp: 10, Home: -100, End: 100 },
}

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
  /** Milliseconds that the last whole view took. */
  #paintTime = 0
  #isCoarse = false
  #later = 0
  /** Called when the view has moved. */
  onMove: () => void = () => {}
  /** Called for a place of the picture, in its pixels, that was clicked. */
  onTap: (place: Point) => void = () => {}
  /** Called when a part of the picture cannot be painted. */
  onTrouble: (error: unknown) => void = () => {}

  constructor() {
    new ResizeObserver(() => {
      if (this.element.clientWidth === 0) return // something else is shown
      if (this.#isFitted) this.fit()
      else this.#moved()
    }).observe(this.element)
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

  /**
   * The picture's colours or its look have changed.
   * @param isPassing whether it changes on and on, as under a slider: where that is slow, fewer pixels are painted at first
   */
  repaint(isPassing = false): void {
    clearTimeout(this.#later)
    this.#isCoarse = isPassing && this.#paintTime > SLOW
    if (this.#isCoarse) this.#later = setTimeout(() => this.repaint(), REST)
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
  zoom(factor: number, about?: Point): void {
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
  placeAt({ x, y }: Point): Point {
    const { clientWidth, clientHeight } = this.element
    return {
      x: this.#centre.x + (x - clientWidth / 2) / this.#scale,
      y: this.#centre.y + (y - clientHeight / 2) / this.#scale,
    }
  }

  /** The stage's place where a place of the picture is. */
  spotOf({ x, y }: Point): Point {
    const { clientWidth, clientHeight } = this.element
    return {
      x: clientWidth / 2 + (x - this.#centre.x) * this.#scale,
      y: clientHeight / 2 + (y - this.#centre.y) * this.#scale,
    }
  }

  #moved(): void {
    this.#keepInside()
    this.#place()
    this.#isCoarse = false
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
    this.#divider.hidden = this.#after.rect === null
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
    const scale = Math.min(1, wanted, most) * (this.#isCoarse ? 0.5 : 1) // beyond 1 the browser enlarges
    const side = (length: number) => Math.max(1, Math.round(length * scale))
    return { rect, width: side(rect.width), height: side(rect.height) }
  }

  /** Paints what is stale; whatever becomes stale meanwhile is painted after it. */
  async #paint(): Promise<void> {
    if (this.#isPainting) return
    this.#isPainting = true
    while (this.#painter && (this.#isStale.before || this.#isStale.after)) {
      const stale = this.#isStale
      this.#isStale = { before: false, after: false }
      await this.#paintWith(this.#painter, stale)
    }
    this.#isPainting = false
  }

  async #paintWith(
    painter: Painter,
    stale: { readonly before: boolean; readonly after: boolean },
  ): Promise<void> {
    const view = this.#view()
    const isCurrent = () => painter === this.#painter // else another picture is shown by now
    try {
      if (stale.before) put(this.#before, view, await painter.original(view), isCurrent)
      const begun = performance.now()
      if (stale.after) put(this.#after, view, await painter.coloured(view), isCurrent)
      if (stale.after && !this.#isCoarse) this.#paintTime = performance.now() - begun
      this.#place()
    } catch (error) {
      if (isCurrent()) this.onTrouble(error)
    }
  }

  #moveLine(x: number): void {
    this.#split = Math.min(100, Math.max(0, (100 * x) / this.element.clientWidth))
    this.#place()
  }

  #listenToDivider(): void {
    const divider = this.#divider
    divider.addEventListener('pointerdown', (event) => {
      divider.setPointerCapture(event.pointerId)
      event.stopPropagation()
    })
    divider.addEventListener('pointermove', (event) => {
      if (divider.hasPointerCapture(event.pointerId))
        this.#moveLine(event.clientX - this.element.getBoundingClientRect().left)
    })
    divider.addEventListener('keydown', (event) => {
      const step = STEPS[event.key]
      if (step === undefined) return
      event.preventDefault()
      this.#moveLine(((this.#split + step) / 100) * this.element.clientWidth)
    })
  }

  #listenToZoom(): void {
    byId('zoom-in').addEventListener('click', () => this.zoom(ZOOM))
    byId('zoom-out').addEventListener('click', () => this.zoom(1 / ZOOM))
    byId('zoom-fit').addEventListener('click', () => this.fit())
    // else the stage captures the pointer, and the buttons are never clicked
    byId('zoom').addEventListener('pointerdown', (event) => event.stopPropagation())
    this.element.addEventListener('keydown', (event) => {
      if (event.target !== this.element) return
      const key = KEYS[event.key]
      if (!key) return
      event.preventDefault()
      key(this)
    })
    listenToGestures(this.element, {
      onTap: (at) => {
        const place = this.placeAt(at)
        if (this.#isInside(place)) this.onTap(place)
      },
      // a picture that is seen whole need not be moved, so the line is
      onDrag: (by, at) => (this.#isFitted ? this.#moveLine(at.x) : this.pan(by.x, by.y)),
      onPinch: (factor, about, by) => {
        this.zoom(factor, about)
        this.pan(by.x, by.y)
      },
      onWheel: (factor, about) => this.zoom(factor, about),
    })
  }

  #isInside({ x, y }: Point): boolean {
    return x >= 0 && y >= 0 && x < this.#picture.width && y < this.#picture.height
  }
}

/** What keys do while the stage itself has the focus. */
const KEYS: Readonly<Record<string, (stage: Stage) => void>> = {
  '+': (stage) => stage.zoom(ZOOM),
  '-': (stage) => stage.zoom(1 / ZOOM),
  0: (stage) => stage.fit(),
  ArrowLeft: (stage) => stage.pan(PAN, 0),
  ArrowRight: (stage) => stage.pan(-PAN, 0),
  ArrowUp: (stage) => stage.pan(0, PAN),
  ArrowDown: (stage) => stage.pan(0, -PAN),
}

function put(
  layer: Layer,
  { rect, width, height }: View,
  pixels: ImageData | null,
  isWanted: () => boolean,
): void {
  if (!pixels || !isWanted()) return
  Object.assign(layer.canvas, { width, height })
  layer.canvas.getContext('2d')!.putImageData(pixels, 0, 0)
  layer.rect = rect
}
