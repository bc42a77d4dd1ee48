/** Which weights colour: those that come with the page, or a file. */
import { byId } from './elements.ts'
import type { Engine } from './engine.ts'
import { TEXTS } from './texts.ts'

/** What the choice of a file is called in the list. */
const FILE = 'file'

export class Networks {
  readonly #select = byId<HTMLSelectElement>('network')
  readonly #input = byId<HTMLInputElement>('weights-file')
  readonly #own = new Option(TEXTS.ownWeights, FILE)
  #chosen = 'lite'
  /** Weights of somebody's own that are in the list. */
  #file: { readonly name: string; readonly weights: Blob } | null = null

  /** @param onChoose called with the weights' name, and with a file of somebody's own */
  constructor(
    engine: Engine,
    private readonly onChoose: (weights: string, file?: Blob) => void,
  ) {
    void this.#fill(engine)
    this.#select.addEventListener('change', () => {
      if (this.#select.value === FILE) {
        this.#select.value = this.#chosen // until there is a file
        this.#input.click()
        return
      }
      this.#chosen = this.#select.value
      if (this.#chosen in TEXTS.networks) this.onChoose(this.#chosen)
      else this.onChoose(this.#file!.name, this.#file!.weights)
    })
    this.#input.addEventListener('change', () => {
      const [file] = this.#input.files ?? []
      this.#input.value = ''
      if (file) this.use(file.name, file)
    })
  }

  /** Colours with a file from now on. */
  use(name: string, weights: Blob): void {
    this.#file = { name, weights }
    this.#select.querySelector('[data-own]')?.remove()
    const option = new Option(name, `own: ${name}`)
    option.dataset.own = ''
    this.#own.before(option)
    option.selected = true
    this.#chosen = option.value
    this.onChoose(name, weights)
  }

  async #fill(engine: Engine): Promise<void> {
    const names = await engine.networks().catch(() => [this.#chosen])
    for (const name of names)
      if (name in TEXTS.networks) this.#select.add(new Option(TEXTS.networks[name], name))
    this.#select.add(this.#own)
    this.#select.value = this.#chosen
  }
}
