/** What people drop by mistake: a sentence each, and the page goes on. */
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { BROWSERS } from './browser.ts'
import { Files } from './files.ts'
import { pixelsOf } from './pictures.ts'
import { useBrowser, useSite } from './use.ts'
import { Visit } from './visit.ts'

const { sample } = inject('reference')
const files = new Files()
afterAll(() => files.remove())
const site = useSite()

describe.each(BROWSERS)('the page in %s, given what is no picture', (name) => {
  const opened = useBrowser(name)
  let visit: Visit
  beforeAll(async () => {
    visit = await Visit.of(opened(), site.url())
    await visit.until('ready')
  })

  it.each<[string, () => string | Promise<string>, string?]>([
    ['0 bytes', () => files.empty()],
    ['a text', () => files.text()],
    ['a JPEG that was cut', () => files.cut()],
    ['a PNG that is damaged in the middle', () => files.damaged()],
    ['a TIFF, which neither of these browsers reads', () => files.tiff(), 'cannot read TIFF'],
    ['a HEIC, which neither of these browsers reads', () => files.heic(), 'cannot read HEIC'],
  ])('says what is wrong with %s', async (_, make, sentence = '') => {
    const path = await make()
    await expect(visit.colour(path)).rejects.toThrow(new RegExp(`${basename(path)}.*${sentence}`))
    expect(await visit.isShown('trouble')).toBe(true)
    expect(visit.errors).toEqual([])
  })

  it('shows the first of several that can be read, and says what is wrong with those before it', async () => {
    await visit.choose(files.text(), files.empty(), await files.gradient('readable.png', 40, 30))
    await visit.coloured('readable.png')
    expect(await visit.trouble()).toContain('letter.jpg')
    expect(await visit.trouble()).toContain('empty.jpg')
    expect(await visit.isShown('pictures')).toBe(true)
    expect(visit.errors).toEqual([])
  })

  it.each<[string, string, () => Promise<string>, number, number]>([
    ['a single pixel', 'one', () => files.gradient('one.png', 1, 1), 1, 1],
    ['a very wide one', 'wide', () => files.gradient('wide.png', 30_000, 200), 30_000, 200],
    ['the first frame of an animation', 'moving', () => files.animated(), 32, 24],
  ])('colours %s', async (_, stem, make, width, height) => {
    await visit.colour(await make())
    const saved = await pixelsOf(await visit.download('image/png', `${stem}-coloured.png`))
    expect([saved.width, saved.height]).toEqual([width, height])
    expect(visit.errors).toEqual([])
  })

  it('takes a second picture while the first is still worked on', async () => {
    await visit.choose(join('samples/gray', sample))
    await visit.until('working')
    await visit.colour(await files.gradient('second.png', 40, 30))
    const saved = await pixelsOf(await visit.download('image/png', 'second-coloured.png'))
    expect([saved.width, saved.height]).toEqual([40, 30])
    expect(visit.errors).toEqual([])
  })

  it('can be closed in the middle, and opened again', async () => {
    await visit.choose(join('samples/gray', sample))
    await visit.until('working')
    await visit.close()
    visit = await Visit.of(opened(), site.url())
    await visit.colour(await files.gradient('third.png', 40, 30))
    expect(visit.errors).toEqual([])
  })
})
