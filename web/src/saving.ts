/** The picture as a file, or all pictures as a ZIP. */
import type { Album, Entry } from './album.ts'
import { byId } from './elements.ts'
import type { Engine } from './engine.ts'
import { extensionOf, FORMATS, QUALITY, save } from './files/save.ts'
import { report } from './status.ts'
import { TEXTS } from './texts.ts'
import type { Format, Opened } from './worker/methods.ts'

export class Saving {
  readonly #format = byId<HTMLSelectElement>('format')
  readonly #download = byId<HTMLButtonElement>('download')
  readonly #all = byId<HTMLButtonElement>('download-all')
  #shown: { readonly entry: Entry; readonly opened: Opened } | null = null
  #batch: AbortController | null = null

  constructor(
    private readonly engine: Engine,
    private readonly album: Album,
  ) {
    for (const { name, type } of FORMATS) this.#format.add(new Option(name, type))
    this.#download.addEventListener('click', () => void this.#one())
    this.#all.addEventListener('click', () => void this.#many())
    byId('batch-cancel').addEventListener('click', () =>
      this.#batch?.abort(new DOMException('cancelled', 'AbortError')),
    )
    addEventListener('beforeunload', (event) => {
      if (this.#batch) event.preventDefault()
    })
  }

  /** The coloured picture that can be saved; null for none. */
  show(shown: { readonly entry: Entry; readonly opened: Opened } | null): void {
    this.#shown = shown
    this.#download.disabled = shown === null
  }

  /** There are other pictures in the album. */
  refresh(): void {
    this.#all.hidden = this.#batch !== null || this.album.entries.length < 2
  }

  get #wanted(): Format {
    return { type: this.#format.value, quality: QUALITY }
  }

  async #one(): Promise<void> {
    if (!this.#shown) return
    const { entry, opened } = this.#shown
    this.#download.disabled = true
    try {
      const file = await this.engine.encode(opened.picture, entry.look, this.#wanted)
      if (file.type !== this.#format.value) report(TEXTS.noWebp)
      save(file, `${TEXTS.fileName(entry.name)}.${extensionOf(file.type)}`)
    } catch (error) {
      report(TEXTS.trouble(entry.file.name, (error as Error).message))
    } finally {
      this.#download.disabled = this.#shown === null
    }
  }

  async #many(): Promise<void> {
    const [box, text, cancel] = [byId('batch'), byId('batch-text'), byId('batch-cancel')]
    this.#batch = new AbortController()
    box.hidden = cancel.hidden = false
    this.#all.hidden = true
    try {
      const { colourAll } = await import('./batch.ts')
      const { zip, count, failures } = await colourAll(this.engine, this.album.entries, {
        format: this.#wanted,
        signal: this.#batch.signal,
        onProgress: ({ done, all, secondsLeft }) => {
          const left = Number.isFinite(secondsLeft) ? TEXTS.duration(secondsLeft) : ''
          text.textContent = TEXTS.batchProgress(done, all, left)
          byId<HTMLProgressElement>('batch-progress').value = done / all
        },
      })
      if (failures.length) report(TEXTS.batchFailed(failures))
      text.textContent = TEXTS.batchDone(count, this.album.entries.length)
      byId<HTMLProgressElement>('batch-progress').value = 1
      if (count) save(zip, TEXTS.zipName)
    } catch (error) {
      box.hidden = true
      if ((error as Error).name !== 'AbortError') report((error as Error).message)
    } finally {
      this.#batch = null
      cancel.hidden = true
      this.refresh()
    }
  }
}
