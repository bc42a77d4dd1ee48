/** Training on the page: losses, held-out pictures, weights for the command line; and nothing of it leaves the page. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { LAUNCHER } from '../program.ts'
import { violations } from './access.ts'
import { BROWSERS } from './browser.ts'
import { Files } from './files.ts'
import { pixelsOf } from './pictures.ts'
import { FOLDER, useBrowser, useSite } from './use.ts'
import { Visit } from './visit.ts'

/** Whether a file of the page was asked for, and nothing told. */
const isOfPage = (asked: string) =>
  asked.startsWith(FOLDER) && existsSync(join(inject('site'), asked.slice(FOLDER.length)))

/** All that a page keeps, of which a part of a file would be one more or a shorter one. Runs in the page. */
async function stored(): Promise<Record<string, number>> {
  const found: Record<string, number> = { 'local storage': localStorage.length }
  for (const name of await caches.keys()) {
    const cache = await caches.open(name)
    for (const request of await cache.keys())
      found[`${name} ${request.url}`] = (await (await cache.match(request))!.arrayBuffer()).byteLength
  }
  for (const { name } of await indexedDB.databases()) found[`database ${name}`] = 1
  for await (const name of (await navigator.storage.getDirectory()).keys()) found[`file ${name}`] = 1
  return found
}

const SETTINGS = { steps: '4', batch: '2', size: '32', validateEvery: '2' }

const files = new Files()
afterAll(() => files.remove())
const site = useSite()

describe.each(BROWSERS)('training in %s', (name) => {
  const opened = useBrowser(name)
  let visit: Visit
  let requests = 0
  /** Before anything was trained. */
  let kept: Record<string, number>
  beforeAll(async () => {
    visit = await Visit.of(opened(), site.url())
    await visit.until('ready')
    await visit.page.evaluate(async () => void (await navigator.serviceWorker.ready))
    kept = await visit.page.evaluate(stored)
    await visit.click('show-train')
    await visit.page.waitForSelector('#train-samples')
    await visit.click('train-samples')
    await visit.waitFor('train-chosen', '32')
    for (const [name, value] of Object.entries(SETTINGS)) await visit.set(`train-${name}`, value)
    requests = site.host().requests.length
    await visit.click('train-start')
    await visit.waitFor('train-text', '4 steps are done')
  })

  it('tells how it goes, and shows pictures that were held out', async () => {
    expect(await visit.isShown('train-curve')).toBe(true)
    expect(await visit.text('train-score')).toMatch(/\d/)
    const rows = () => document.getElementById('train-grid')!.children.length
    expect(await visit.page.evaluate(rows)).toBeGreaterThan(2)
    expect(await violations(visit.page)).toEqual([])
  })

  it('goes on, and can be stopped', async () => {
    await visit.click('train-go-on')
    await visit.waitFor('train-text', '8 steps are done')
    await visit.set('train-steps', '100000')
    await visit.click('train-go-on')
    await visit.waitFor('train-text', '100008')
    await visit.click('train-stop')
    await visit.waitFor('train-text', 'steps are done')
    const steps = Number.parseInt(await visit.text('train-text'), 10)
    expect(steps).toBeGreaterThan(8)
    expect(steps).toBeLessThan(100_000)
  })

  it('keeps what was trained when another training cannot begin, and goes on with it', async () => {
    const steps = Number.parseInt(await visit.text('train-text'), 10)
    await visit.set('train-batch', '200')
    await visit.click('train-start')
    await visit.waitFor('trouble', 'fewer than the 200 of one step')
    await visit.page.waitForSelector('#train-start:not([hidden])')
    for (const id of ['train-go-on', 'train-save', 'train-use'])
      expect(await visit.isShown(id), id).toBe(true)
    await visit.set('train-batch', SETTINGS.batch)
    await visit.set('train-steps', '1')
    await visit.click('train-go-on')
    await visit.waitFor('train-text', `${steps + 1} steps are done`)
  })

  it('gives weights that the command line takes', async () => {
    await visit.click('train-save')
    const weights = files.write(`${name}.safetensors`, await visit.downloaded('trained.safetensors'))
    const [grey, coloured] = [await files.gradient('grey.png', 64, 48), files.path(`${name}.png`)]
    const [node, ...launcher] = LAUNCHER
    const args = ['colorize', grey, '-o', coloured, '--weights', weights, '--classifier', 'none', '--quiet']
    execFileSync(node!, [...launcher, ...args])
    const { width, height } = await pixelsOf(coloured)
    expect([width, height]).toEqual([64, 48])
  })

  it('colours with them, and has asked nobody', async () => {
    await visit.click('train-use')
    await visit.colour(await files.gradient('then.png', 40, 30))
    expect(
      site
        .host()
        .requests.slice(requests)
        .filter((asked) => !isOfPage(asked)),
    ).toEqual([])
    expect(opened().outside.asked).toEqual([])
    expect(visit.errors).toEqual([])
  })

  it('is not left without a question; closed in the middle it leaves nothing behind, and the next visit colours', async () => {
    await visit.click('show-train')
    await visit.set('train-steps', '100000')
    await (await visit.page.$('#train-start'))!.click() // by the mouse: pages may only ask people who have done something
    await visit.waitFor('train-text', 'Step 2 of')
    expect(await visit.asksBeforeLeaving()).toBe(true)
    await visit.close()
    expect(readdirSync(opened().downloads)).toEqual([])
    expect(Object.keys(kept).length).toBeGreaterThan(10)
    const next = await Visit.of(opened(), site.url())
    expect(await next.page.evaluate(stored)).toEqual(kept)
    await next.colour(await files.gradient('next.png', 40, 30))
    expect(next.errors).toEqual([])
  })
})
