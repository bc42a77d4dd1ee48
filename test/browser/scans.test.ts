/** Pictures as scanners and cameras make them: toned, faded, with a border, of 16 bits, in colours other than sRGB. */
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { BROWSERS } from './browser.ts'
import { Files } from './files.ts'
import { pixelsOf, spread, worstDifference } from './pictures.ts'
import { useBrowser, useSite } from './use.ts'
import { Visit } from './visit.ts'

const { scan, scanned, halftone, halftoned } = inject('reference')
/** Of 255: see page.test.ts. */
const TOLERANCE = 2
/** Of 255: levels of 8 bits in Display P3 are that much too coarse for strong colours in sRGB, and somewhat more. */
const CONVERTED = 6

const files = new Files()
afterAll(() => files.remove())
const site = useSite()

describe.each(BROWSERS)('the page in %s', (name) => {
  const opened = useBrowser(name)
  let visit: Visit
  beforeAll(async () => {
    visit = await Visit.of(opened(), site.url())
  })

  it('colours a brown, faded print with a border as the command line does, in more than one band', async () => {
    await visit.colour(scan)
    const reference = await pixelsOf(scanned)
    const { width, height, rgb } = await pixelsOf(await visit.download('image/png', 'scan-coloured.png'))
    expect([width, height]).toEqual([reference.width, reference.height])
    expect(worstDifference(rgb, reference.rgb)).toBeLessThanOrEqual(TOLERANCE)
    expect(visit.errors).toEqual([])
  })

  it('keeps the tone of the print where that is wanted', async () => {
    const cornerOf = async (file: string | Uint8Array) => (await pixelsOf(file)).rgb.subarray(0, 3)
    const corner = async () => cornerOf(await visit.download('image/png', 'scan-coloured.png'))
    const paper = await cornerOf(scan)
    const grey = await corner()
    expect(spread(grey)).toBe(0)
    expect(await visit.isShown('keep-tone')).toBe(true)
    await visit.click('keep-tone')
    // the tone of what is printed, which is nearly that of the paper
    expect(worstDifference(await corner(), paper)).toBeLessThan(0.5 * worstDifference(grey, paper))
  })

  it('lets colours follow no dots of a print, as the command line does', async () => {
    await visit.colour(halftone)
    const { rgb } = await pixelsOf(await visit.download('image/png', 'halftone-coloured.png'))
    expect(worstDifference(rgb, (await pixelsOf(halftoned)).rgb)).toBeLessThanOrEqual(TOLERANCE)
  })

  it('shows the colours that a profile means', async () => {
    const path = await files.displayP3('macaw.png')
    const [meant, untold] = [await pixelsOf(path), await pixelsOf(path, true)]
    expect(worstDifference(untold.rgb, meant.rgb)).toBeGreaterThan(4 * CONVERTED)
    await visit.colour(path)
    await visit.set('strength', '0') // the picture's own colours
    const shown = await pixelsOf(await visit.download('image/png', 'macaw-coloured.png'))
    expect(worstDifference(shown.rgb, meant.rgb)).toBeLessThanOrEqual(CONVERTED)
  })

  it('says that of 16 bits a channel it keeps 8', async () => {
    await visit.colour(await files.deep('deep.png', 48, 36))
    expect(await visit.text('notes')).toContain('16 bits a channel; the result has 8')
    expect(await visit.isShown('keep-tone')).toBe(false)
    const { depth } = await sharp(await visit.download('image/png', 'deep-coloured.png')).metadata()
    expect(depth).toBe('uchar')
  })
})
