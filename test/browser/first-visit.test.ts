/** Somebody who has never seen the page, and goes by what it says: from a photograph to a mended one on the disk. */
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { srgbToLab } from '../../src/color/lab.ts'
import { abOf } from '../../src/infer/hints.ts'
import { BROWSERS } from './browser.ts'
import { Person } from './person.ts'
import { type Pixels, pixelsOf } from './pictures.ts'
import { useBrowser, useSite } from './use.ts'
import { Visit } from './visit.ts'

const { sample, hint, plain } = inject('reference')
/** What fits into a minute. */
const MOST_ACTIONS = 5

/** In ab units, between a colour and that of the place that is pressed. */
function distance({ rgb, width, height }: Pixels, color: string): number {
  const at = 3 * (Math.floor(hint.y * height) * width + Math.floor(hint.x * width))
  const [a, b] = srgbToLab(rgb.subarray(at, at + 3)).ab
  const wanted = abOf(color)
  return Math.hypot(a! - wanted.a, b! - wanted.b)
}

const site = useSite()

describe.each(BROWSERS)('somebody new in %s', (name) => {
  const opened = useBrowser(name)
  let person: Person
  beforeAll(async () => {
    const visit = await Visit.of(opened(), site.url())
    person = new Person(visit)
  })

  it('colours a photograph, mends a colour, and has the file', async () => {
    await person.sees('Drop a photograph here')
    await person.sees('Choose pictures')
    await person.sees('Your pictures stay on this device')
    await person.presses('Sheep in March')
    await person.sees('Click a place that has the wrong colour')
    await person.waitsFor('Download')
    await person.pressesPicture(hint)
    await person.sees('It may be')
    const [chosen] = /^#\w+/.exec(await person.pressesOneOf(/% likely$/))!
    await person.waitsFor('Download')
    await person.presses('Download')
    expect(person.actions).toBeLessThanOrEqual(MOST_ACTIONS)
    const file = await person.finds(sample.replace('.jpg', '-coloured.jpg'))
    const original = await sharp(join('samples/gray', sample)).metadata()
    const [mended, untold] = [await pixelsOf(file), await pixelsOf(plain)]
    expect([mended.width, mended.height]).toEqual([original.width, original.height])
    expect(distance(mended, chosen)).toBeLessThan(0.5 * distance(untold, chosen))
  })
})
