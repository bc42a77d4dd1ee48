/** Somebody at the page, who knows it by what it shows only: by texts and labels, with a mouse. */
import type { Visit } from './visit.ts'

const POLL = { polling: 100 }

export class Person {
  /** How often the mouse was pressed. */
  actions = 0

  constructor(private readonly visit: Visit) {}

  /** Waits until a text is on the screen. */
  async sees(text: string): Promise<void> {
    const isSeen = (text: string) =>
      [...document.querySelectorAll<HTMLElement>('body *')].some(
        (element) =>
          element.checkVisibility({ opacityProperty: true }) &&
          [...element.childNodes].some((node) => node instanceof Text && node.data.includes(text)),
      )
    await this.visit.page.waitForFunction(isSeen, POLL, text)
  }

  /** Waits until a button can be pressed and nothing goes on. */
  async waitsFor(label: string): Promise<void> {
    const isReady = (pattern: string) => {
      const status = document.querySelector('[role="status"]')!
      return (
        !status.checkVisibility({ opacityProperty: true }) &&
        [...document.querySelectorAll('button')].some(
          (button) => new RegExp(pattern).test(button.textContent!) && !button.disabled,
        )
      )
    }
    await this.visit.page.waitForFunction(isReady, POLL, `^${label}$`)
  }

  presses(label: string): Promise<string> {
    return this.pressesOneOf(new RegExp(`^${label}$`))
  }

  /** Presses the last button with such a label, and returns its label. */
  async pressesOneOf(label: RegExp): Promise<string> {
    const found = await this.visit.page.waitForFunction(lastButton, POLL, label.source)
    const { name, x, y } = (await found.jsonValue())!
    await this.#press(x, y)
    return name
  }

  /** Presses a place of the picture, given by fractions of its sides. */
  async pressesPicture(place: { readonly x: number; readonly y: number }): Promise<void> {
    this.actions++
    await this.visit.clickPicture(place)
  }

  /** Waits for a file among the downloads. */
  finds(name: string): Promise<Buffer> {
    return this.visit.downloaded(name)
  }

  async #press(x: number, y: number): Promise<void> {
    this.actions++
    await this.visit.page.mouse.click(x, y)
  }
}

/** Of what can be pressed and is on the screen, the last one with such a name: where it is. */
function lastButton(pattern: string): { name: string; x: number; y: number } | null {
  const nameOf = (button: Element) =>
    button.ariaLabel || button.querySelector('img')?.alt || button.textContent!.trim()
  const button = [...document.querySelectorAll('button, a, label')].findLast(
    (button) => button.checkVisibility() && new RegExp(pattern).test(nameOf(button)),
  )
  if (!button || (button as HTMLButtonElement).disabled) return null
  button.scrollIntoView({ block: 'nearest' })
  const { left, top, width, height } = button.getBoundingClientRect()
  return { name: nameOf(button), x: left + width / 2, y: top + height / 2 }
}
