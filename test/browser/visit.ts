/** The built page in a browser, worked as people work it. web/README.md lists the elements. */
import { existsSync, readFileSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'puppeteer-core'
import type { Opened } from './browser.ts'

/** Software adapters share the cores with whatever else runs. */
const PATIENCE_MS = 900_000
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

  /** Opens the page; `prepare` runs before its scripts. */
  static async of({ browser, downloads }: Opened, url: string, prepare?: () => void): Promise<Visit> {
    const page = await browser.newPage()
    page.setDefaultTimeout(PATIENCE_MS)
    if (prepare) await page.evaluateOnNewDocument(prepare)
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
    if (!states.includes(state)) throw new Error(`the page says: ${await this.trouble()}`)
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

  /** Waits until a picture that was just chosen has its colours. */
  async coloured(): Promise<void> {
    await this.until('working')
    await this.until('done')
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
    await this.coloured()
  }

  text(id: string): Promise<string> {
    return this.page.evaluate((id) => document.getElementById(id)!.textContent!, id)
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

  close(): Promise<void> {
    return this.page.close()
  }
}
