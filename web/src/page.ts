import { Album, type Entry, entryOf } from './album.ts'
import { Correcting } from './correct.ts'
import { byId, make } from './elements.ts'
import { Engine } from './engine.ts'
import { listenToIntake } from './intake.ts'
import { Looks } from './looks.ts'
import { Networks } from './networks.ts'
import { Saving } from './saving.ts'
import { Stage } from './stage.ts'
import { dismiss, listenToDismissal, report, say } from './status.ts'
import { TEXTS } from './texts.ts'
import { Versions } from './versions.ts'
import { listenToViews, show } from './views.ts'
import type { WorkerError } from './worker/calls.ts'
import type { Opened } from './worker/methods.ts'

/** Pictures that are taken at once: more would not fit the strip, nor anybody's patience. */
const MOST = 500
/** Longest side of the pictures in the strip. */
const SMALL = 96

/** The picture that is shown. */
interface Shown {
  readonly entry: Entry
  readonly opened: Opened
  /** Raised when another picture is to be shown. */
  readonly abort: AbortController
  isColoured: boolean
}

/** Colouring and correcting: what the page is for. */
export class Page {
  readonly #engine = new Engine()
  readonly #stage = new Stage()
  readonly #album = new Album((entry) => void this.#show([entry]))
  readonly #looks = new Looks((look) => {
    this.#shown!.entry.look = look
    this.#stage.repaint(true)
  })
  readonly #versions = new Versions((version) => {
    this.#shown!.entry.version = version
    void this.#recolour()
  })
  readonly #correcting = new Correcting(this.#stage, {
    likely: (place) => this.#engine.likely(this.#shown!.opened.picture, place, this.#shown!.entry.hints.now),
    onChange: () => void this.#recolour(),
    onTrouble: (error) => this.#fail(error),
  })
  readonly #saving = new Saving(this.#engine, this.#album)
  #shown: Shown | null = null
  #asked = 0
  /** Opens the network that could not be opened, where one could not. */
  #again: (() => void) | null = null
  #isColouring = false
  #isStale = false

  start(): void {
    listenToDismissal()
    const choose = (weights: string, file?: Blob) => {
      this.#load(weights, file)
      void this.#recolour()
    }
    const networks = new Networks(this.#engine, choose)
    listenToViews(this.#engine, (weights) => networks.use(TEXTS.trainedWeights, weights))
    listenToIntake((files) => this.#take(files))
    this.#stage.onTrouble = (error) => this.#fail(error)
    this.#load('lite')
  }

  #load(weights: string, file?: Blob): void {
    this.#again = null
    say('starting', TEXTS.starting)
    const starting = this.#engine.start({ weights, file }, ({ loaded, total }) => {
      if (document.body.dataset.state === 'starting')
        say('starting', TEXTS.loading(Math.floor((100 * loaded) / total)))
    })
    starting.then(
      ({ adapter, hasVersions }) => {
        this.#versions.offer(hasVersions)
        byId('adapter').textContent = TEXTS.adapter(adapter)
        byId('no-webgpu').hidden = true
        if (!this.#shown) say('ready', TEXTS.ready)
      },
      (error) => {
        this.#again = () => this.#load(weights, file)
        void this.#cannotStart(error)
      },
    )
  }

  async #cannotStart(error: { readonly trouble?: string; readonly message: string }): Promise<void> {
    say('failed', '')
    if (error.trouble !== 'adapter') return report(error.message)
    const notice = byId('no-webgpu')
    const reason = isSecureContext ? (navigator.gpu ? TEXTS.noAdapter : TEXTS.noWebGpu) : TEXTS.insecure
    notice.textContent = reason
    notice.hidden = false
  }

  #take(files: readonly File[]): void {
    dismiss()
    if (files.length === 0) {
      report(TEXTS.noPicture)
      return
    }
    if (files.length > MOST) report(TEXTS.tooMany(MOST))
    const entries = files.slice(0, MOST).map(entryOf)
    this.#album.add(entries)
    this.#saving.refresh()
    void this.#show(entries)
  }

  /** Shows the first that can be read, and says what is wrong with those before it. */
  async #show(entries: readonly Entry[]): Promise<void> {
    const asked = ++this.#asked
    const isWanted = () => asked === this.#asked
    const troubles: string[] = []
    for (const entry of entries) {
      say('working', TEXTS.reading(entry.file.name))
      try {
        const opened = await this.#engine.open(entry.file)
        if (!isWanted()) return void this.#engine.close(opened.picture)
        this.#put(entry, opened)
        return await this.#recolour()
      } catch (error) {
        if (!isWanted()) return
        const { message, trouble } = error as WorkerError
        troubles.push(TEXTS.trouble(entry.file.name, message))
        report(TEXTS.troubles(troubles))
        if (trouble !== 'input') break // the next file has it, too
      }
    }
    say('failed', '')
  }

  /** Puts a picture in place of the one before it. */
  #put(entry: Entry, opened: Opened): void {
    this.#leave()
    const shown = { entry, opened, abort: new AbortController(), isColoured: false }
    this.#shown = shown
    show('work')
    this.#album.mark(entry)
    this.#looks.show(entry.look)
    this.#versions.show(entry.version)
    this.#looks.offerTone(false)
    this.#saving.show(null)
    byId('seen').textContent = ''
    byId('notes').replaceChildren()
    const { picture } = opened
    this.#stage.show(opened, {
      original: (view) => this.#engine.original(picture, view),
      coloured: async (view) => (shown.isColoured ? this.#engine.coloured(picture, view, entry.look) : null),
    })
    this.#correcting.show(null)
  }

  #leave(): void {
    this.#shown?.abort.abort(new DOMException('another picture is shown', 'AbortError'))
    if (this.#shown) void this.#engine.close(this.#shown.opened.picture).catch(() => {})
    this.#shown = null
  }

  /** Asks the network for the picture's colours; whoever asks meanwhile gets the last hints' colours after these. */
  async #recolour(): Promise<void> {
    this.#isStale = true
    if (this.#isColouring) return
    this.#isColouring = true
    this.#again?.()
    try {
      while (this.#isStale && this.#shown) {
        this.#isStale = false
        await this.#colour(this.#shown)
      }
    } finally {
      this.#isColouring = false
    }
  }

  async #colour(shown: Shown): Promise<void> {
    const { entry, opened, abort } = shown
    try {
      say('working', shown.isColoured ? TEXTS.recolouring : TEXTS.colouring(entry.file.name))
      const { classes, notes, isToned } = await this.#engine.colour(
        opened.picture,
        entry.hints.now,
        entry.version,
        abort.signal,
      )
      if (shown !== this.#shown) return
      byId('seen').textContent = classes.length ? TEXTS.seen(classes.slice(0, 3).map(({ name }) => name)) : ''
      byId('notes').replaceChildren(...notes.map((note) => make('li', {}, note)))
      this.#looks.offerTone(isToned)
      const isFirst = !shown.isColoured
      shown.isColoured = true
      this.#stage.repaint()
      if (isFirst) this.#correcting.show(entry, opened)
      this.#saving.show({ entry, opened })
      this.#album.picture(entry, await this.#engine.coloured(opened.picture, smallView(opened), entry.look))
      // not where more was told meanwhile, whose colours follow
      if (shown === this.#shown && !this.#isStale) say('done', TEXTS.done(entry.file.name))
    } catch (error) {
      if (shown === this.#shown) this.#fail(error, entry)
    }
  }

  #fail(error: unknown, entry?: Entry): void {
    if ((error as Error).name === 'AbortError') return
    const { message } = error as Error
    report(entry ? TEXTS.trouble(entry.file.name, message) : message)
    say('failed', '')
  }
}

/** The whole picture, for the strip. */
function smallView({ width, height }: Opened) {
  const scale = Math.min(1, SMALL / Math.max(width, height))
  const side = (length: number) => Math.max(1, Math.round(length * scale))
  return { rect: { x: 0, y: 0, width, height }, width: side(width), height: side(height) }
}
