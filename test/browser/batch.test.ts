/** Many pictures at once. */
import { readdirSync } from 'node:fs'
import { unzipSync } from 'fflate'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { violations } from './access.ts'
import { BROWSERS } from './browser.ts'
import { Files } from './files.ts'
import { pixelsOf } from './pictures.ts'
import { useBrowser, useSite } from './use.ts'
import { Visit } from './visit.ts'

const files = new Files()
afterAll(() => files.remove())
const site = useSite()

describe.each(BROWSERS)('many pictures in %s', (name) => {
  const opened = useBrowser(name)
  let visit: Visit
  beforeAll(async () => {
    visit = await Visit.of(opened(), site.url())
  })
  const entries = () => visit.page.evaluate(() => document.getElementById('pictures')!.children.length)

  it('come as one ZIP, without those that are none', async () => {
    const paths = [
      await files.gradient('first.png', 40, 30),
      await files.damaged(),
      await files.gradient('last.png', 30, 50),
    ]
    await visit.choose(...paths)
    await visit.coloured('first.png')
    expect(await entries()).toBe(3)
    await visit.set('format', 'image/png')
    await visit.click('download-all')
    const zip = unzipSync(await visit.downloaded('coloured.zip'))
    expect(Object.keys(zip)).toEqual(['first-coloured.png', 'last-coloured.png'])
    const sizes = await Promise.all(
      Object.values(zip).map(async (file) => {
        const { width, height } = await pixelsOf(file)
        return [width, height]
      }),
    )
    expect(sizes).toEqual([
      [40, 30],
      [30, 50],
    ])
    expect(await visit.trouble()).toContain('damaged.png')
    expect(await violations(visit.page)).toEqual([])
  })

  it('are 500 at most, are not left without a question, and can be cancelled', async () => {
    await visit.page.reload()
    await visit.choose(...(await files.many(501)))
    await visit.coloured('many-0.png')
    expect(await entries()).toBe(500)
    expect(await visit.trouble()).toContain('500')
    await (await visit.page.$('#download-all'))!.click() // by the mouse: pages may only ask people who have done something
    await visit.page.waitForFunction(() =>
      /^[1-9]\d* of 500/.test(document.getElementById('batch-text')!.textContent!),
    )
    expect(await visit.asksBeforeLeaving()).toBe(true)
    await visit.click('batch-cancel')
    await visit.page.waitForFunction(() => document.getElementById('batch')!.hidden)
    await visit.colour(await files.gradient('later.png', 20, 20))
    expect(visit.errors).toEqual([])
    expect(await visit.asksBeforeLeaving()).toBe(false)
    expect(readdirSync(opened().downloads)).toEqual([])
  })
})
