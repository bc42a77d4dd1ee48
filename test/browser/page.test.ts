/** The page, worked as people work it: from a photograph to a file on the disk. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { BROWSERS } from './browser.ts'
import { Files } from './files.ts'
import { pixelsOf, spread, worstDifference } from './pictures.ts'
import { FOLDER, useBrowser, useSite } from './use.ts'
import { Visit } from './visit.ts'

const { sample, plain, bold } = inject('reference')
const saved = (extension: string) => sample.replace('.jpg', `-coloured.${extension}`)
/** Of 255: what decoders of JPEG and compilers of shaders make of it differs by as much. */
const TOLERANCE = 2
/** Milliseconds for which something is looked at again and again. */
const POLLED = { timeout: 60_000, interval: 100 }
/** What is sent first, without weights, compressed. */
const FIRST_LOAD_BYTES = 150_000

const files = new Files()
afterAll(() => files.remove())
const site = useSite()

describe('the page at first', () => {
  const opened = useBrowser('chromium')

  it('is small', async () => {
    const before = site.host().requests.length
    // which would fetch at leisure what is not needed yet
    const withoutWorker = () => {
      navigator.serviceWorker.register = () => Promise.reject(new Error('not here'))
    }
    const visit = await Visit.of(opened(), site.url(), withoutWorker)
    await visit.until('ready')
    const asked = site.host().requests.slice(before)
    const code = asked
      .map((path) => path.slice(FOLDER.length) || 'index.html')
      .filter((name) => /\.(html|js|css|svg|webmanifest)$/.test(name))
    const sizeOf = (name: string) => gzipSync(readFileSync(join(inject('site'), name))).length
    expect(code.length).toBeGreaterThan(3)
    expect(code.reduce((sum, name) => sum + sizeOf(name), 0)).toBeLessThan(FIRST_LOAD_BYTES)
  })
})

/** Of a page or its worker: whether it gets anything from elsewhere. */
const reached = () =>
  fetch('http://example.org/').then(
    () => 'reached',
    () => 'refused',
  )

describe("the page's worker", () => {
  const opened = useBrowser('chromium') // Firefox lets nobody into workers

  it.each(['the first', 'the second'])('may connect to nothing but its own files on %s visit', async () => {
    const visit = await Visit.of(opened(), site.url())
    await visit.until('ready')
    const [worker] = visit.page.workers()
    expect(await worker!.evaluate(reached)).toBe('refused')
    expect(opened().outside.asked).toEqual([])
    // which gives the worker to the page the next time
    await visit.page.evaluate(async () => void (await navigator.serviceWorker.ready))
    await visit.close()
  })
})

describe.each(BROWSERS)('the page in %s', (name) => {
  const opened = useBrowser(name)
  let visit: Visit
  beforeAll(async () => {
    visit = await Visit.of(opened(), site.url())
    await visit.trySample(sample)
  })

  it('saves a sample in the colours that the command line gives', async () => {
    const reference = await pixelsOf(plain)
    const { width, height, rgb } = await pixelsOf(await visit.download('image/png', saved('png')))
    expect([width, height]).toEqual([reference.width, reference.height])
    expect(worstDifference(rgb, reference.rgb)).toBeLessThanOrEqual(TOLERANCE)
  })

  it('lets one choose strength, saturation and warmth without asking the network again', async () => {
    const colours = async () => (await pixelsOf(await visit.download('image/png', saved('png')))).rgb
    const usual = await colours()
    await visit.set('saturation', '0')
    expect(spread(await colours())).toBe(0)
    expect(await visit.state()).toBe('done')
    await visit.click('reset')
    expect(worstDifference(await colours(), usual)).toBe(0)
    await visit.set('warmth', '1')
    const warm = await colours()
    const blueness = (rgb: Uint8Array) =>
      rgb.reduce((sum, level, i) => (i % 3 === 2 ? sum + level - rgb[i - 2]! : sum), 0)
    expect(blueness(warm)).toBeLessThan(blueness(usual))
    await visit.click('reset')
  })

  it('is as bold as it is asked to be, as the command line is, and shows other versions', async () => {
    const colours = async () => (await pixelsOf(await visit.download('image/png', saved('png')))).rgb
    const ask = async (id: string, value: string) => {
      await visit.set(id, value)
      await visit.recoloured()
      return colours()
    }
    const usual = await colours()
    const bolder = await ask('boldness', '0.6')
    expect(worstDifference(bolder, (await pixelsOf(bold)).rgb)).toBeLessThanOrEqual(TOLERANCE)
    expect(worstDifference(bolder, usual)).toBeGreaterThan(2 * TOLERANCE)
    const another = await ask('version', '2')
    expect(worstDifference(another, bolder)).toBeGreaterThan(2 * TOLERANCE)
    await visit.click('reset')
    await visit.recoloured()
    expect(worstDifference(await colours(), usual)).toBe(0)
  })

  // Firefox lets no script paste files
  const ways = name === 'chromium' ? (['drop', 'paste'] as const) : (['drop'] as const)
  it.each(ways)('takes a picture by %s', async (way) => {
    await visit.give(way, await files.gradient(`by-${way}.png`, 40, 30))
    await visit.coloured(`by-${way}.png`)
  })

  it('says that there was no picture in what was dropped', async () => {
    await visit.give('drop')
    expect(await visit.trouble()).toContain('no picture')
    await visit.trySample(sample)
    expect(await visit.trouble()).toBeNull()
  })

  it('keeps what the original says beside its pixels', async () => {
    await visit.colour(await files.described('told.jpg', 'Aunt Ida, 1938'))
    const { exif } = await sharp(await visit.download('image/jpeg', 'told-coloured.jpg')).metadata()
    expect(exif!.toString('latin1')).toContain('Aunt Ida, 1938')
  })

  it('colours with weights of somebody’s own, as strongly as they say, and with them again after others', async () => {
    const isGrey = async () =>
      spread((await pixelsOf(await visit.download('image/png', saved('png')))).rgb) === 0
    await visit.trySample(sample)
    await (await visit.page.$('#weights-file'))!.uploadFile(files.weights('pale.safetensors', 0))
    await visit.until('done')
    expect(await isGrey()).toBe(true)
    for (const [network, grey] of [
      ['lite', false],
      ['own: pale.safetensors', true],
    ] as const) {
      await visit.set('network', network)
      expect(await visit.state()).not.toBe('done')
      await visit.until('done')
      expect(await isGrey()).toBe(grey)
    }
  })

  it('offers versions only of networks that have any, and colours without them where one was chosen before', async () => {
    await visit.trySample(sample)
    await visit.set('version', '2')
    expect(await visit.state()).not.toBe('done')
    await visit.until('done')
    expect(await visit.isShown('versions')).toBe(true)
    const file = await files.plainWeights('plain.safetensors')
    await (await visit.page.$('#weights-file'))!.uploadFile(file)
    await visit.page.waitForSelector('#versions[hidden]') // the network is there
    await visit.until('done')
    expect(await visit.trouble()).toBeNull()
    await visit.set('network', 'lite')
    await visit.until('done')
    expect(await visit.isShown('versions')).toBe(true)
  })

  it('moves its line by keys', async () => {
    const value = () =>
      visit.page.evaluate(() => document.getElementById('divider')!.getAttribute('aria-valuenow'))
    await visit.page.evaluate(() => document.getElementById('divider')!.focus())
    const before = Number(await value())
    await visit.page.keyboard.press('ArrowRight')
    expect(Number(await value())).toBeGreaterThan(before)
    await visit.page.keyboard.press('Home')
    expect(await value()).toBe('0')
  })

  it('zooms by its buttons', async () => {
    const area = () =>
      visit.page.evaluate(() => {
        const { width, height } = document.getElementById('before')!.getBoundingClientRect()
        return width * height
      })
    const press = async (id: string) => (await visit.page.$(`#${id}`))!.click() // by the mouse, which the stage listens to, too
    await visit.trySample(sample)
    const fitted = await area()
    for (const back of ['zoom-out', 'zoom-fit']) {
      await press('zoom-in')
      await expect.poll(area, POLLED).toBeGreaterThan(1.1 * fitted)
      await press(back)
      await expect.poll(area, POLLED).toBeCloseTo(fitted, -1)
    }
    expect(await visit.isShown('swatches')).toBe(false)
  })

  it('asks for nothing once it has its files, and for nothing elsewhere', async () => {
    const before = site.host().requests.length
    await visit.colour(await files.gradient('private.png', 48, 40))
    await visit.download('image/jpeg', 'private-coloured.jpg')
    expect(site.host().requests.slice(before)).toEqual([])
    expect(opened().outside.asked).toEqual([])
    expect(visit.errors).toEqual([])
  })

  it('forbids itself any connection but to its own files', async () => {
    expect(await visit.page.evaluate(reached)).toBe('refused')
    expect(opened().outside.asked).toEqual([])
  })
})
