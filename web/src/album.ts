/** The pictures that were chosen, and what is wanted of each. */
import type { Hint } from '../../src/web/index.ts'
import { byId, make } from './elements.ts'
import { History } from './history.ts'
import { type Look, USUAL_LOOK, USUAL_VERSION, type Version } from './look.ts'

export interface Entry {
  readonly file: File
  /** Without its extension. */
  readonly name: string
  readonly hints: History<readonly Hint[]>
  look: Look
  version: Version
}

export const entryOf = (file: File): Entry => ({
  file,
  name: file.name.replace(/\.[^.]+$/, '') || 'picture',
  hints: new History<readonly Hint[]>([]),
  look: USUAL_LOOK,
  version: USUAL_VERSION,
})

/** The strip of pictures below the stage, once there are two. */
export class Album {
  readonly #list = byId('pictures')
  readonly entries: Entry[] = []

  /** @param onChoose called with the picture that is to be shown */
  constructor(private readonly onChoose: (entry: Entry) => void) {}

  add(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.entries.push(entry)
      const button = make('button', { type: 'button', title: entry.file.name }, entry.name)
      button.addEventListener('click', () => this.onChoose(entry))
      this.#list.append(make('li', {}, button))
    }
    this.#list.hidden = this.entries.length < 2
  }

  /** Marks the picture that is shown. */
  mark(entry: Entry): void {
    for (const [i, item] of [...this.#list.children].entries()) {
      const isShown = this.entries[i] === entry
      item.firstElementChild!.setAttribute('aria-current', String(isShown))
      if (isShown && !this.#list.hidden) item.scrollIntoView({ block: 'nearest', inline: 'nearest' })
    }
  }

  /** A small picture in place of the name. */
  picture(entry: Entry, pixels: ImageData): void {
    const button = this.#list.children[this.entries.indexOf(entry)]?.firstElementChild
    if (!button) return
    const canvas = make('canvas', { className: 'small', width: pixels.width, height: pixels.height })
    canvas.getContext('2d')!.putImageData(pixels, 0, 0)
    canvas.setAttribute('role', 'img')
    canvas.setAttribute('aria-label', entry.name)
    button.replaceChildren(canvas)
  }
}
