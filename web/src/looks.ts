/** The sliders of a look. */
import { byId } from './elements.ts'
import { type Look, USUAL_LOOK } from './look.ts'
import { TEXTS } from './texts.ts'

const SLIDERS = [
  { name: 'saturation', text: TEXTS.percent },
  { name: 'warmth', text: TEXTS.signed },
  { name: 'strength', text: TEXTS.percent },
] as const

export class Looks {
  #look: Look = USUAL_LOOK

  /** @param onChange called with each look that a slider passes through */
  constructor(private readonly onChange: (look: Look) => void) {
    for (const { name } of SLIDERS)
      byId<HTMLInputElement>(name).addEventListener('input', ({ target }) =>
        this.#change({ ...this.#look, [name]: (target as HTMLInputElement).valueAsNumber }),
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
  }

  #change(look: Look): void {
    this.show(look)
    this.onChange(look)
  }
}
