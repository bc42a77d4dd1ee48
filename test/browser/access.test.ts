/** The page for everybody: axe-core finds nothing, on a telephone and on a large screen, light and dark. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { violations } from './access.ts'
import { BROWSERS } from './browser.ts'
import { useBrowser, useSite } from './use.ts'
import { Visit } from './visit.ts'

const SCREENS = [
  { width: 360, height: 740 },
  { width: 1600, height: 1000 },
]
/** A folder for pictures of all that is looked at here, for people to look at. */
const SCREENSHOTS = process.env.COLORIZER_SCREENSHOTS
const VIEWS = ['welcome', 'work', 'train', 'about'] as const

const site = useSite()
const schemes = BROWSERS.flatMap((name) => [false, true].map((isDark) => ({ name, isDark })))

describe.each(schemes)('the page in $name, dark: $isDark', ({ name, isDark }) => {
  const opened = useBrowser(name, { isDark })
  let visit: Visit
  beforeAll(async () => {
    visit = await Visit.of(opened(), site.url())
  })

  const look = async (view: string) => {
    for (const screen of SCREENS) {
      await visit.page.setViewport(screen)
      if (SCREENSHOTS) {
        mkdirSync(SCREENSHOTS, { recursive: true })
        const file = `${name}-${isDark ? 'dark' : 'light'}-${view}-${screen.width}.png` as const
        await visit.page.screenshot({ path: join(SCREENSHOTS, file) as `${string}.png` })
      }
      const width = await visit.page.evaluate(() => document.documentElement.scrollWidth)
      expect(width, `${view} on ${screen.width} px`).toBeLessThanOrEqual(screen.width)
      expect(await violations(visit.page), `${view} on ${screen.width} px`).toEqual([])
    }
  }

  it('is as dark as it is asked to be', async () => {
    const lightness = () => {
      const [red, green, blue] = getComputedStyle(document.documentElement)
        .backgroundColor.match(/\d+/g)!
        .map(Number)
      return (red! + green! + blue!) / 3
    }
    expect((await visit.page.evaluate(lightness)) < 128).toBe(isDark)
  })

  it.each(VIEWS)('can be used by everybody: %s', async (view) => {
    if (view === 'work') await visit.colour(join('samples/gray', inject('reference').sample))
    else if (view !== 'welcome') await visit.click(`show-${view}`)
    await look(view)
    expect(await visit.trouble()).toBeNull()
  })
})
