/** Colours that are told on the page, and what else may change. */
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { parseHints } from '../../src/io/hints.ts'
import { violations } from './access.ts'
import { BROWSERS } from './browser.ts'
import { pixelsOf, worstDifference } from './pictures.ts'
import { useBrowser, useSite } from './use.ts'
import { Visit } from './visit.ts'

const { sample, hint, hints, hinted } = inject('reference')
const stem = sample.replace('.jpg', '')
const TOLERANCE = 2

const site = useSite()

describe.each(BROWSERS)('correcting in %s', (name) => {
  const opened = useBrowser(name)
  let visit: Visit
  const colours = async () => (await pixelsOf(await visit.download('image/png', `${stem}-coloured.png`))).rgb
  const dots = () => visit.page.evaluate(() => document.getElementById('dots')!.children.length)
  beforeAll(async () => {
    visit = await Visit.of(opened(), site.url())
    await visit.trySample(sample)
  })

  it('takes a file of hints as the command line does', async () => {
    const untold = await colours()
    await (await visit.page.$('#hints-load'))!.uploadFile(hints)
    await visit.page.waitForSelector('#dots button')
    await visit.recoloured()
    expect(worstDifference(await colours(), (await pixelsOf(hinted)).rgb)).toBeLessThanOrEqual(TOLERANCE)
    await visit.click('undo')
    await visit.recoloured()
    expect(worstDifference(await colours(), untold)).toBe(0)
  })

  it('offers colours of a place that is clicked, and paints the one that is chosen', async () => {
    const untold = await colours()
    await visit.clickPicture(hint)
    await visit.page.waitForSelector('#swatch-list button')
    expect(await violations(visit.page)).toEqual([])
    const offered = await visit.page.evaluate(() => document.querySelectorAll('#swatch-list button').length)
    expect(offered).toBeGreaterThan(3)
    await visit.set('free-colour', hint.color)
    await visit.recoloured()
    expect(await dots()).toBe(1)
    const told = await colours()
    const { width } = await pixelsOf(hinted)
    const isFar = (_: number, i: number) => Math.abs((Math.floor(i / 3) % width) / width - hint.x) > 0.5
    expect(worstDifference(told, untold)).toBeGreaterThan(20)
    expect(worstDifference(told.filter(isFar), untold.filter(isFar))).toBeLessThanOrEqual(TOLERANCE)
  })

  it('saves what was told as a file that the command line takes', async () => {
    await visit.click('hints-save')
    const text = (await visit.downloaded(`${stem}.hints.json`)).toString()
    const { hints } = parseHints(text, 'the file')
    expect(hints).toHaveLength(1)
    expect(hints[0]).toMatchObject({ color: hint.color })
    expect(hints[0]!.x).toBeCloseTo(hint.x, 1)
    expect(hints[0]!.y).toBeCloseTo(hint.y, 1)
  })

  it('undoes and does again', async () => {
    const told = await colours()
    await visit.click('undo')
    await visit.recoloured()
    expect(await dots()).toBe(0)
    expect(worstDifference(await colours(), told)).toBeGreaterThan(20)
    expect(await visit.isDisabled('undo')).toBe(true)
    await visit.click('redo')
    await visit.recoloured()
    expect(await dots()).toBe(1)
    expect(worstDifference(await colours(), told)).toBe(0)
    expect(visit.errors).toEqual([])
  })

  it('undoes by keys, but for those that are pressed in a field of text', async () => {
    const undo = async (html: string) => {
      await visit.page.evaluate((html) => {
        document.body.insertAdjacentHTML('beforeend', html)
        ;(document.body.lastElementChild as HTMLElement).focus()
      }, html)
      await visit.page.keyboard.down('Control')
      await visit.page.keyboard.press('z')
      await visit.page.keyboard.up('Control')
      await visit.page.evaluate(() => document.body.lastElementChild!.remove())
      return dots()
    }
    expect(await undo('<input type="number">')).toBe(1)
    expect(await undo('<textarea></textarea>')).toBe(1)
    expect(await undo('<input type="range">')).toBe(0)
    await visit.click('redo')
    expect(await undo('<button></button>')).toBe(0)
    await visit.click('redo')
    await visit.recoloured()
    expect(await dots()).toBe(1)
  })

  it('moves and removes a dot by keys', async () => {
    const told = await colours()
    await visit.page.evaluate(() => (document.querySelector('#dots button') as HTMLElement).focus())
    for (let press = 0; press < 5; press++) await visit.page.keyboard.press('ArrowRight') // into another cell of the network
    await visit.recoloured()
    expect(worstDifference(await colours(), told)).toBeGreaterThan(0)
    await visit.page.keyboard.press('Delete')
    await visit.recoloured()
    expect(await dots()).toBe(0)
  })

  it('closes the panel of a dot whose number another one gets, or none', async () => {
    // as Enter does: the Enter of Firefox's driver clicks nothing
    const open = async () => {
      await visit.page.evaluate(() =>
        (document.querySelector('#dots button:last-child') as HTMLElement).click(),
      )
      await visit.page.waitForSelector('#swatches:not([hidden])')
    }
    for (const place of [hint, { x: 0.8, y: 0.2 }]) {
      const before = await dots()
      await visit.clickPicture(place)
      await visit.page.waitForSelector('#swatches:not([hidden])')
      await visit.set('free-colour', hint.color)
      await visit.recoloured()
      expect(await dots()).toBe(before + 1)
    }
    await open()
    await visit.page.evaluate(() => (document.querySelector('#dots button') as HTMLElement).focus())
    await visit.page.keyboard.press('Delete')
    await visit.recoloured()
    expect(await dots()).toBe(1)
    expect(await visit.isShown('swatches')).toBe(false)
    await open()
    await (await visit.page.$('#hints-load'))!.uploadFile(hints)
    await visit.page.waitForSelector('#swatches[hidden]')
    await visit.recoloured()
    expect(await dots()).toBe(1)
    expect(visit.errors).toEqual([])
  })

  it('has asked nobody', () => {
    expect(opened().outside.asked).toEqual([])
    expect(visit.errors).toEqual([])
  })
})
