/** The library in browsers, held against the same on Dawn: colours, hints and training. */
import type { Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { Hint } from '../../src/io/hints.ts'
import { BROWSERS } from './browser.ts'
import { bundle } from './build.ts'
import { Host } from './host.ts'
import { pixelsOf, worstDifference } from './pictures.ts'
import type { Coloured } from './programs/engine.ts'
import { useBrowser } from './use.ts'

const { sample, hint, plain, hinted, losses } = inject('reference')
/** Of 255: what decoders of JPEG and compilers of shaders make of it differs by as much. */
const TOLERANCE = 2
/** Of the loss. */
const LOSS_TOLERANCE = 1e-4

let host: Host
beforeAll(async () => {
  host = await Host.start({
    '/': { body: '<!doctype html><title>engine</title><script type="module" src="/engine.js"></script>' },
    '/engine.js': { body: await bundle(new URL('programs/engine.ts', import.meta.url)) },
    '/weights/': { folder: 'weights' },
    '/samples/': { folder: 'samples/gray' },
  })
})
afterAll(() => host?.stop())

const rgbOf = ({ rgba }: Coloured) => Buffer.from(rgba, 'base64').filter((_, i) => i % 4 !== 3)

describe.each(BROWSERS)('the library in %s', (name) => {
  const opened = useBrowser(name)
  let page: Page
  let coloured: readonly Coloured[]
  beforeAll(async () => {
    page = await opened().browser.newPage()
    await page.goto(host.url)
    await page.waitForFunction(() => 'engine' in window)
    const colour = (url: string, told: Hint) => window.engine.colorize(url, [[], [told]])
    coloured = await page.evaluate(colour, `/samples/${sample}`, hint)
  })

  it('gives a sample the colours that the command line gives', async () => {
    const reference = await pixelsOf(plain)
    const { width, height } = coloured[0]!
    expect([width, height]).toEqual([reference.width, reference.height])
    expect(worstDifference(rgbOf(coloured[0]!), reference.rgb)).toBeLessThanOrEqual(TOLERANCE)
  })

  it('follows a hint as the command line does, and leaves alone what is far away', async () => {
    const [untold, told] = coloured.map(rgbOf)
    expect(worstDifference(told!, (await pixelsOf(hinted)).rgb)).toBeLessThanOrEqual(TOLERANCE)
    const { width } = coloured[0]!
    const within = (isMeant: (distance: number) => boolean) => (_: number, i: number) =>
      isMeant(Math.abs((Math.floor(i / 3) % width) / width - hint.x))
    const [near, far] = [within((distance) => distance < 0.05), within((distance) => distance > 0.5)]
    expect(worstDifference(told!.filter(near), untold!.filter(near))).toBeGreaterThan(20)
    expect(worstDifference(told!.filter(far), untold!.filter(far))).toBeLessThanOrEqual(TOLERANCE)
  })

  it("takes ten training steps with Dawn's losses", async () => {
    const got = await page.evaluate(() => window.engine.train())
    expect(got).toHaveLength(10)
    const errors = got.map((loss, step) => Math.abs(loss / losses[step]! - 1))
    expect(Math.max(...errors), `${got} instead of ${losses}`).toBeLessThanOrEqual(LOSS_TOLERANCE)
    expect(new Set(got).size).toBe(10)
  })

  it('asks for nothing but the files of its own address', () => {
    expect(opened().outside.asked).toEqual([])
    expect(new Set(host.requests.filter((path) => path !== '/favicon.ico'))).toEqual(
      new Set([
        ...['/', '/engine.js', `/samples/${sample}`, '/weights/manifest.json', '/weights/lite.safetensors'],
        ...['/weights/mobilenet_v1.onnx', '/weights/classes.txt'],
      ]),
    )
  })
})
