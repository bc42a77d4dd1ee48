/** How bold the network is to be, and which of its versions is shown. */
import { byId } from './elements.ts'
import { USUAL_VERSION, type Version } from './look.ts'
import { TEXTS } from './texts.ts'

/** Versions that can be chosen. */
const COUNT = 8

export class Versions {
  readonly #boldness = byId<HTMLInputElement>('boldness')
  readonly #variant = byId<HTMLSelectElement>('version')

  /** @param onChange called with each version that is chosen, but not with those that a slider passes through */
  constructor(private readonly onChange: (version: Version) => void) {
    for (let variant = 0; variant <= COUNT; variant++)
      this.#variant.add(new Option(TEXTS.versionName(variant), String(variant)))
    this.#boldness.addEventListener('input', () => this.show(this.#chosen))
    for (const input of [this.#boldness, this.#variant])
      input.addEventListener('change', () => this.onChange(this.#chosen))
    byId('reset').addEventListener('click', () => {
      const { boldness, variant } = this.#chosen
      if (boldness === 0 && variant === 0) return
      this.show(USUAL_VERSION)
      this.onChange(USUAL_VERSION)
    })
    this.show(USUAL_VERSION)
  }

  /** Only some networks have versions. */
  offer(hasVersions: boolean): void {
    byId('versions').hidden = !hasVersions
  }

  show({ boldness, variant }: Version): void {
    this.#boldness.valueAsNumber = boldness
    this.#boldness.setAttribute('aria-valuetext', TEXTS.signed(boldness))
    byId('boldness-value').textContent = TEXTS.signed(boldness)
    this.#variant.value = String(variant)
  }

  get #chosen(): Version {
    return { boldness: this.#boldness.valueAsNumber, variant: Number(this.#variant.value) }
  }
}
