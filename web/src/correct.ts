/** Telling colours: places that are clicked, dots on the picture, undo and redo, and files of them. */
import type { Size } from '../../src/rect.ts'
import type { Hint, PossibleColour } from '../../src/web/index.ts'
import type { Entry } from './album.ts'
import { Dots } from './dots.ts'
import { byId } from './elements.ts'
import { save } from './files/save.ts'
import type { Stage } from './stage.ts'
import { Swatches } from './swatches.ts'
import { TEXTS } from './texts.ts'

/** How far around its place a colour is told, as a fraction of the shorter side. */
const RADIUS = 0.03

export interface CorrectActions {
  /** What a place may be, by fractions of the picture's sides. */
  likely(place: { readonly x: number; readonly y: number }): Promise<readonly PossibleColour[]>
  /** The hints have changed. */
  onChange(): void
  onTrouble(error: unknown): void
}

export class Correcting {
  readonly #swatches = new Swatches()
  readonly #dots: Dots
  #entry: Entry | null = null
  #size: Size = { width: 1, height: 1 }

  constructor(
    private readonly stage: Stage,
    private readonly actions: CorrectActions,
  ) {
    this.#dots = new Dots(stage, {
      onOpen: (index) => this.#openHint(index),
      onMove: (index, place) => {
        this.#do((hints) => hints.with(index, { ...hints[index]!, ...place }))
        this.#dots.focus(index)
      },
      onRemove: (index) => this.#remove(index),
    })
    stage.onTap = ({ x, y }) => this.#openPlace({ x: x / this.#size.width, y: y / this.#size.height })
    stage.onMove = () => {
      this.#swatches.close()
      this.#dots.place()
    }
    this.#listen()
  }

  /** The picture that colours are told of from now on; null for none. */
  show(entry: Entry | null, size: Size = this.#size): void {
    this.#swatches.close()
    this.#entry = entry
    this.#size = size
    this.#refresh()
  }

  #refresh(): void {
    const { now = [], canUndo = false, canRedo = false } = this.#entry?.hints ?? {}
    this.#dots.show(now, this.#size)
    byId<HTMLButtonElement>('undo').disabled = !canUndo
    byId<HTMLButtonElement>('redo').disabled = !canRedo
    byId<HTMLButtonElement>('hints-save').disabled = now.length === 0
  }

  #do(change: (hints: readonly Hint[]) => readonly Hint[]): void {
    const { hints } = this.#entry!
    hints.do(change(hints.now))
    this.#changed()
  }

  #changed(): void {
    this.#refresh()
    this.actions.onChange()
  }

  #openPlace(place: { readonly x: number; readonly y: number }): void {
    if (!this.#entry) return
    if (this.#swatches.isOpen) {
      this.#swatches.close() // a click beside it
      return
    }
    let told: number | null = null
    const at = this.#spotOf(place)
    void this.#swatches.show({
      ...{ at, colour: undefined, possible: this.actions.likely(place), onRemove: () => {} },
      onChoose: (color) => {
        told = this.#entry!.hints.now.length
        this.#do((hints) => [...hints, { ...place, color, radius: RADIUS }])
      },
      onClose: () => (told === null ? this.stage.element.focus() : this.#dots.focus(told)),
    })
  }

  #openHint(index: number): void {
    const hint = this.#entry!.hints.now[index]!
    void this.#swatches.show({
      ...{ at: this.#spotOf(hint), colour: hint.color, possible: this.actions.likely(hint) },
      onChoose: (color) => this.#do((hints) => hints.with(index, { ...hints[index]!, color })),
      onRemove: () => this.#remove(index),
      onClose: () => this.#dots.focus(Math.min(index, this.#entry!.hints.now.length - 1)),
    })
  }

  #remove(index: number): void {
    this.#swatches.close() // its dot may be the one, or get another number
    this.#do((hints) => hints.toSpliced(index, 1))
    if (this.#entry!.hints.now.length) this.#dots.focus(0)
    else this.stage.element.focus()
  }

  #spotOf({ x, y }: { readonly x: number; readonly y: number }) {
    return this.stage.spotOf({ x: x * this.#size.width, y: y * this.#size.height })
  }

  #listen(): void {
    byId('undo').addEventListener('click', () => this.#step('undo'))
    byId('redo').addEventListener('click', () => this.#step('redo'))
    addEventListener('keydown', (event) => {
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 'z') return
      if (event.target instanceof Element && event.target.matches(':read-write')) return // a field undoes its own text
      event.preventDefault()
      this.#step(event.shiftKey ? 'redo' : 'undo')
    })
    byId('add-hint').addEventListener('click', () => {
      const { clientWidth, clientHeight } = this.stage.element
      const { x, y } = this.stage.placeAt({ x: clientWidth / 2, y: clientHeight / 2 })
      this.#openPlace({ x: x / this.#size.width, y: y / this.#size.height })
    })
    byId('hints-save').addEventListener('click', () => void this.#save())
    const load = byId<HTMLInputElement>('hints-load')
    load.addEventListener('change', () => {
      const [file] = load.files ?? []
      if (file) void this.#load(file)
      load.value = ''
    })
  }

  #step(direction: 'undo' | 'redo'): void {
    const hints = this.#entry?.hints
    if (!hints || !(direction === 'undo' ? hints.canUndo : hints.canRedo)) return
    this.#swatches.close()
    hints[direction]()
    this.#changed()
  }

  async #save(): Promise<void> {
    const { hints, name } = this.#entry!
    const { formatHints } = await import('../../src/io/hints.ts')
    const file = new Blob([formatHints(hints.now, this.#size)], { type: 'application/json' })
    save(file, TEXTS.hintsFile(name))
  }

  async #load(file: File): Promise<void> {
    const entry = this.#entry
    if (!entry) return
    try {
      const { parseHints, hintsFor } = await import('../../src/io/hints.ts')
      const text = await file.text()
      if (this.#entry !== entry) return // they were for the picture that was shown
      const hints = hintsFor(parseHints(text, file.name), entry.name, this.#size)
      this.#swatches.close()
      this.#do(() => hints)
    } catch (error) {
      this.actions.onTrouble(error)
    }
  }
}
