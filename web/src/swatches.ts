/** A small panel beside a place of the picture: the colours that it may have, and any other. */
import type { PossibleColour } from '../../src/web/index.ts'
import { byId, make } from './elements.ts'
import type { Point } from './gestures.ts'
import { TEXTS } from './texts.ts'

export interface SwatchesFor {
  /** On the stage, in CSS pixels. */
  readonly at: Point
  /** The colour that is told now; none for a new place. */
  readonly colour: string | undefined
  readonly possible: Promise<readonly PossibleColour[]>
  onChoose(colour: string): void
  onRemove(): void
  /** Called at last, whatever was done. */
  onClose(): void
}

/** Between the place and the panel, in CSS pixels. */
const GAP = 20

export class Swatches {
  readonly #panel = byId('swatches')
  /** Where the place is, unless a dot shows it. */
  readonly #spot = byId('spot')
  readonly #list = byId('swatch-list')
  readonly #free = byId<HTMLInputElement>('free-colour')
  readonly #remove = byId('hint-remove')
  #open: SwatchesFor | null = null

  constructor() {
    this.#panel.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.close()
    })
    this.#panel.addEventListener('pointerdown', (event) => event.stopPropagation())
    this.#free.addEventListener('change', () => this.#choose(this.#free.value))
    byId('swatches-close').addEventListener('click', () => this.close())
    this.#remove.addEventListener('click', () => {
      this.#open?.onRemove()
      this.close()
    })
  }

  get isOpen(): boolean {
    return this.#open !== null
  }

  async show(wanted: SwatchesFor): Promise<void> {
    this.close()
    this.#open = wanted
    this.#list.replaceChildren(make('li', { className: 'soft' }, TEXTS.looking))
    this.#remove.hidden = wanted.colour === undefined
    this.#free.value = wanted.colour ?? '#808080'
    this.#panel.hidden = false
    this.#spot.hidden = wanted.colour !== undefined
    this.#put(wanted.at)
    this.#panel.focus()
    const possible = await wanted.possible.catch(() => [])
    if (this.#open !== wanted) return
    if (wanted.colour === undefined && possible[0]) this.#free.value = possible[0].color
    this.#list.replaceChildren(...possible.map((colour) => this.#swatch(colour)))
    this.#put(wanted.at)
    this.#list.querySelector('button')?.focus()
  }

  close(): void {
    const open = this.#open
    this.#open = null
    this.#panel.hidden = true
    this.#spot.hidden = true
    open?.onClose()
  }

  #choose(colour: string): void {
    this.#open?.onChoose(colour)
    this.close()
  }

  #swatch({ color, probability }: PossibleColour): HTMLLIElement {
    const label = TEXTS.swatch(color, probability)
    const button = make('button', { type: 'button', className: 'swatch', title: label, ariaLabel: label })
    button.style.background = color
    button.addEventListener('click', () => this.#choose(color))
    return make('li', {}, button)
  }

  /** Beside a place, where there is room. */
  #put({ x, y }: Point): void {
    const { clientWidth, clientHeight } = this.#panel.parentElement!
    const { offsetWidth, offsetHeight } = this.#panel
    const left = Math.min(clientWidth - offsetWidth - 8, Math.max(8, x - offsetWidth / 2))
    const below = y + GAP + offsetHeight < clientHeight
    const top = below ? y + GAP : Math.max(8, y - GAP - offsetHeight)
    Object.assign(this.#panel.style, { left: `${left}px`, top: `${top}px` })
    Object.assign(this.#spot.style, { left: `${x}px`, top: `${y}px` })
  }
}
