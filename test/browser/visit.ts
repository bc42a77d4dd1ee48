/** The built page in a browser, worked as people work it. web/README.md lists the elements. */
import { existsSync, readFileSync, unlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'puppeteer-core'
import type { Opened } from './browser.ts'

/** Software adapters share the cores with whatever else runs. */
const PATIENCE_MS = 300_000
const POLL_MS = 100

type State = 'starting' | 'ready' | 'working' | 'done' | 'failed'

export class Visit {
  /** What the page's scripts threw and nobody caught. */
  readonly errors: string[] = []

  private constructor(
    readonly page: Page,
    private readonly downloads: string,
  ) {
    page.on('pageerror', (error) => this.errors.push(String(error)))
  }

  /** Opens the page; what is in `prepare` runs before its scripts. */
  static async of({ browser, downloads }: Opened, url: string, ...prepare: (() => void)[]): Promise<Visit> {
    const page = await browser.newPage()
    page.setDefaultTimeout(PATIENCE_MS)
    for (const run of prepare) await page.evaluateOnNewDocument(run)
    const visit = new Visit(page, downloads)
    await page.goto(url)
    return visit
  }

  state(): Promise<State> {
    return this.page.evaluate(() => document.body.dataset.state as State)
  }

  /** Waits for one of these states. Throws the page's own sentence when it fails instead. */
  async until(...states: State[]): Promise<void> {
    const isThere = (...wanted: string[]) => [...wanted, 'failed'].includes(document.body.dataset.state!)
    await this.page.waitForFunction(isThere, { polling: POLL_MS }, ...states)
    const state = await this.state()
    if (!states.includes(state)) throw new Error((await this.trouble()) ?? (await this.text('no-webgpu')))
  }

  /** The sentence of the last trouble; null when there is none. */
  trouble(): Promise<string | null> {
    return this.page.evaluate(() => {
      const element = document.getElementById('trouble')!
      return element.hidden ? null : element.querySelector('p')!.textContent
    })
  }

  async choose(...paths: string[]): Promise<void> {
    await (await this.page.$('#files'))!.uploadFile(...paths)
  }

  /** Chooses a picture and waits for its colours. Throws the page's own sentence when there are none. */
  async colour(path: string): Promise<void> {
    await this.choose(path)
    await this.coloured(basename(path))
  }

  /** Drops a file on the page, or pastes it; none at all without a path. */
  give(way: 'drop' | 'paste', path?: string): Promise<void> {
    const give = (way: string, name: string | null, base64: string) => {
      const files = new DataTransfer()
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
      if (name !== null) files.items.add(new File([bytes], name, { type: 'image/png' }))
      document.body.dispatchEvent(
        way === 'drop'
          ? new DragEvent(way, { dataTransfer: files, bubbles: true, cancelable: true })
          : new ClipboardEvent(way, { clipboardData: files, bubbles: true }),
      )
    }
    const base64 = path === undefined ? '' : readFileSync(path).toString('base64')
    return this.page.evaluate(give, way, path === undefined ? null : basename(path), base64)
  }

  async trySample(name: string): Promise<void> {
    const choose = (name: string) => {
      const images = [...document.querySelectorAll<HTMLImageElement>('#samples img')]
      images
        .find(({ src }) => src.endsWith(`/${name}`))!
        .closest('button')!
        .click()
    }
    await this.page.evaluate(choose, name)
    await this.coloured(name)
  }

  /** Waits until the file of this name has its colours, or trouble. */
  async coloured(name: string): Promise<void> {
    const isSettled = (name: string) => {
      const { state } = document.body.dataset
      const [status, trouble] = ['status', 'trouble'].map((id) => document.getElementById(id)!)
      if (state === 'done') return status!.textContent!.includes(name)
      return state === 'failed' && trouble!.textContent!.includes(name)
    }
    await this.page.waitForFunction(isSettled, { polling: POLL_MS }, name).catch(async (cause) => {
      const said = [await this.state(), await this.text('status'), await this.trouble(), ...this.errors]
      throw new Error(`${name} is not settled; the page says: ${said.filter(Boolean).join('; ')}`, { cause })
    })
    if ((await this.state()) === 'failed') throw new Error((await this.trouble())!)
  }

  text(id: string): Promise<string> {
    return this.page.evaluate((id) => document.getElementById(id)!.textContent!, id)
  }

  /** Waits until the picture has the colours that follow what was just told. */
  async recoloured(): Promise<void> {
    await this.until('done')
  }

  /** Clicks a place of the picture, given by fractions of its sides. */
  async clickPicture({ x, y }: { readonly x: number; readonly y: number }): Promise<void> {
    const spot = (x: number, y: number) => {
      const { left, top, width, height } = document.getElementById('before')!.getBoundingClientRect()
      return [left + x * width, top + y * height] as const
    }
    await this.page.mouse.click(...(await this.page.evaluate(spot, x, y)))
  }

  /** Waits until an element says this. */
  async waitFor(id: string, text: string): Promise<void> {
    const says = (id: string, text: string) => document.getElementById(id)!.textContent!.includes(text)
    await this.page.waitForFunction(says, { polling: POLL_MS }, id, text)
  }

  isDisabled(id: string): Promise<boolean> {
    return this.page.evaluate((id) => (document.getElementById(id) as HTMLButtonElement).disabled, id)
  }

  isShown(id: string): Promise<boolean> {
    return this.page.evaluate((id) => document.getElementById(id)!.checkVisibility(), id)
  }

  click(id: string): Promise<void> {
    return this.page.evaluate((id) => document.getElementById(id)!.click(), id)
  }

  /** Moves a slider or chooses of a list. */
  set(id: string, value: string): Promise<void> {
    const change = (id: string, value: string) => {
      const input = document.getElementById(id) as HTMLInputElement
      input.value = value
      for (const type of ['input', 'change']) input.dispatchEvent(new Event(type, { bubbles: true }))
    }
    return this.page.evaluate(change, id, value)
  }

  /** Saves the picture in this format. */
  async download(type: string, name: string): Promise<Buffer> {
    await this.set('format', type)
    await this.click('download')
    return this.downloaded(name)
  }

  /** Waits for a file that the page lets one download. */
  async downloaded(name: string): Promise<Buffer> {
    const path = join(this.downloads, name)
    const isThere = () => existsSync(path) && !['.part', '.crdownload'].some((end) => existsSync(path + end))
    for (const end = Date.now() + PATIENCE_MS; !isThere() || !readFileSync(path).length; await sleep(POLL_MS))
      if (Date.now() > end) throw new Error(`there is no download ${name}`)
    const bytes = readFileSync(path)
    unlinkSync(path)
    return bytes
  }

  /** Closes the page as people do; where it asks whether that is meant, it stays. */
  async asksBeforeLeaving(): Promise<boolean> {
    const asked = new Promise<boolean>((resolve) => {
      this.page.once('dialog', (dialog) => {
        void dialog.dismiss().then(() => resolve(dialog.type() === 'beforeunload'))
      })
      this.page.once('close', () => resolve(false))
    })
    void this.page.close({ runBeforeUnload: true })
    return asked
  }

  close(): Promise<void> {
    return this.page.close()
  }
}
