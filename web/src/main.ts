import { byId, make } from './elements.ts'
import { Engine } from './engine.ts'
import { type Look, USUAL_LOOK } from './look.ts'
import { Stage } from './stage.ts'
import { TEXTS } from './texts.ts'

/** Photographs from before colour film, which the page brings. */
const SAMPLES = ['nagasaki-boats', 'dust-bowl-home', 'march-pastoral']
const FORMATS = [
  { type: 'image/jpeg', name: 'JPEG', extension: 'jpg' },
  { type: 'image/png', name: 'PNG', extension: 'png' },
  { type: 'image/webp', name: 'WebP', extension: 'webp' },
] as const
const QUALITY = 0.92

type State = 'starting' | 'ready' | 'working' | 'done' | 'failed'

const say = (state: State, text: string) => {
  document.body.dataset.state = state
  byId('status').textContent = text
}

function report(error: unknown): void {
  const trouble = byId('trouble')
  trouble.hidden = false
  trouble.querySelector('p')!.textContent = (error as Error).message
  say('failed', '')
}

class Page {
  readonly #engine = new Engine()
  readonly #stage = new Stage()
  #look: Look = USUAL_LOOK
  #current: { readonly picture: number; readonly name: string } | null = null
  #started: Promise<unknown> = Promise.resolve()

  start(): void {
    this.#fillSamples()
    this.#listen()
    say('starting', TEXTS.starting)
    this.#started = this.#engine.start('lite', ({ loaded, total }) =>
      say('starting', TEXTS.loading(Math.floor((100 * loaded) / total))),
    )
    this.#started.then(() => this.#current ?? say('ready', TEXTS.ready), report)
  }

  async #show(file: File): Promise<void> {
    try {
      const name = file.name.replace(/\.\w+$/, '')
      say('working', TEXTS.reading(file.name))
      const opened = await this.#engine.open(file)
      if (this.#current) void this.#engine.close(this.#current.picture)
      this.#current = { picture: opened.picture, name }
      await this.#started
      say('working', TEXTS.colouring(file.name))
      const { classes } = await this.#engine.colour(opened.picture, [])
      byId('welcome').hidden = true
      byId('work').hidden = false
      byId('seen').textContent = TEXTS.seen(classes.slice(0, 3).map((seen) => seen.name))
      const { picture } = opened
      this.#stage.show(opened, {
        original: (view) => this.#engine.original(picture, view),
        coloured: (view) => this.#engine.coloured(picture, view, this.#look),
      })
      say('done', TEXTS.done(file.name))
    } catch (error) {
      report(error)
    }
  }

  #fillSamples(): void {
    const list = byId('samples')
    for (const name of SAMPLES) {
      const address = new URL(`samples/gray/${name}.jpg`, document.baseURI).href
      const image = make('img', { src: address, alt: name.replaceAll('-', ' '), loading: 'lazy' })
      const button = make('button', { type: 'button' }, image)
      button.addEventListener('click', async () => {
        const blob = await (await fetch(address)).blob()
        void this.#show(new File([blob], `${name}.jpg`, { type: 'image/jpeg' }))
      })
      list.append(make('li', {}, button))
    }
  }

  #listen(): void {
    for (const id of ['files', 'camera']) {
      const input = byId<HTMLInputElement>(id)
      input.addEventListener('change', () => {
        const [file] = input.files ?? []
        if (file) void this.#show(file)
        input.value = ''
      })
    }
    this.#listenToLook()
    const format = byId<HTMLSelectElement>('format')
    for (const { name, type } of FORMATS) format.append(make('option', { value: type }, name))
    byId('download').addEventListener('click', () => void this.#download(format.value))
  }

  #listenToLook(): void {
    const names = ['saturation', 'warmth', 'strength'] as const
    for (const name of names) {
      const input = byId<HTMLInputElement>(name)
      input.addEventListener('input', () => {
        this.#look = { ...this.#look, [name]: input.valueAsNumber }
        this.#stage.repaint()
      })
    }
    byId('reset').addEventListener('click', () => {
      this.#look = USUAL_LOOK
      for (const name of names) byId<HTMLInputElement>(name).valueAsNumber = USUAL_LOOK[name]
      this.#stage.repaint()
    })
  }

  async #download(type: string): Promise<void> {
    if (!this.#current) return
    try {
      const { picture, name } = this.#current
      const { extension } = FORMATS.find((format) => format.type === type)!
      const blob = await this.#engine.encode(picture, this.#look, { type, quality: QUALITY })
      const link = make('a', {
        href: URL.createObjectURL(blob),
        download: `${TEXTS.fileName(name)}.${extension}`,
      })
      link.click()
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
    } catch (error) {
      report(error)
    }
  }
}

new Page().start()
