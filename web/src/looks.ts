/** The sliders of a look, and whether a tone is kept. */
import { byId } from './elements.ts'
import { type Look, USUAL_LOOK } from './look.ts'
import { TEXTS } from './texts.ts'

const SLIDERS = [
  { name: 'saturation', text: TEXTS.percent },
  { name: 'warmth', text: TEXTS.signed },
  { name: 'strength', text: TEXTS.percent },
] as const

export class Looks {
  readonly #keepTone = byId<HTMLInputElement>('keep-tone')
  #look: Look = USUAL_LOOK

  /** @param onChange called with each look that is chosen, and that a slider passes through */
  constructor(private readonly onChange: (look: Look) => void) {
    for (const { name } of SLIDERS)
      byId<HTMLInputElement>(name).addEventListener('input', ({ target }) =>
        this.#change({ ...this.#look, [name]: (target as HTMLInputElement).valueAsNumber }),
      )
    this.#keepTone.addEventListener('change', () =>
      this.#change({ ...this.#look, keepTone: this.#keepTone.checked }),
    )
    byId('reset').addEventListener('click', () => this.#change(USUAL_LOOK))
    this.show(USUAL_LOOK)
  }

  show(look: Look): void {
    this.#look = look
    for (const { name, text } of SLIDERS) {
      const input = byId<HTMLInputElement>(name)
      input.valueAsNumber = look[name]
      input.setAttribute('aria-valuetext', text(look[name]))
      byId(`${name}-value`).textContent = text(look[name])
    }
    this.#keepTone.checked = look.keepTone
  }

  /** Whether the picture has a tone that may be kept. */
  offerTone(isToned: boolean): void {
    byId('tone').hidden = !isToned
  }

  #change(look: Look): void {
    this.show(look)
    this.onChange(look)
  }
}
