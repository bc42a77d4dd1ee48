/** Contact sheets of `colorize`: what they may replace, and what is left where one cannot be written. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { writeListed } from '../src/cli/colorize-files.ts'
import { JOURNAL, Journal } from '../src/node/journal.ts'
import { freshPlaces, picturesIn, writeGray } from './folder-runs.ts'
import { run } from './program.ts'
import { refused } from './refused.ts'
import { reportWeights } from './report-weights.ts'

const root = mkdtempSync(join(tmpdir(), 'colorizer-sheets-'))
const weights = join(root, 'weights.safetensors')
beforeAll(async () => writeFileSync(weights, await reportWeights()))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const fresh = (name: string) => freshPlaces(root, name)

it('does not take a contact sheet for a photograph either', async () => {
  const { album, inAlbum } = fresh('sheet')
  await writeGray(inAlbum('a.png'))
  const colorize = [
    'colorize',
    album,
    '-o',
    inAlbum('coloured'),
    '--sheet',
    inAlbum('sheet.png'),
    '--weights',
    weights,
  ]
  expect((await run(colorize)).code).toBe(0)
  const again = await run([...colorize, '--dry-run'])
  expect(again.stdout.toString()).toMatch(/^0 to colour; left out: 1 done, 2 made by this program$/m)
})

it('draws its sheet over a sheet of its own, and over no other file', async () => {
  const { folder, album, out, inAlbum } = fresh('sheets')
  await writeGray(inAlbum('a.png'))
  const colorize = (to: string, sheet: string) =>
    run(['colorize', album, '-o', to, '--sheet', sheet, '--weights', weights, '--force'])
  const family = join(folder, 'family.png')
  await writeGray(family)
  const photograph = readFileSync(family)
  refused(await colorize(out, family), 2, /family\.png: it is there already, and no sheet of this program/)
  expect(readFileSync(family).equals(photograph)).toBe(true)
  for (const sheet of [join(folder, 'sheet.png'), join(folder, 'sheet.webp')]) {
    writeFileSync(sheet, '')
    refused(await colorize(out, sheet), 2, /it is there already/)
    rmSync(sheet)
    for (const to of [out, out, join(folder, 'elsewhere')]) expect((await colorize(to, sheet)).code).toBe(0)
  }
  // of a version that did not mark its sheets
  await writeListed(await Journal.open(join(out, JOURNAL)), family, [photograph])
  expect((await colorize(out, family)).code).toBe(0)
  expect(readFileSync(family).equals(photograph)).toBe(false)
})

it('says what it has done even where the sheet cannot be written', async () => {
  const { folder, album, out, inAlbum, inOut } = fresh('lost-sheet')
  await writeGray(inAlbum('a.png'))
  const [sheet, page] = [join(folder, `${'long'.repeat(80)}.png`), join(folder, 'page')]
  const colorize = ['colorize', album, '-o', out, '--weights', weights, '--json']
  const { code, stdout, stderr } = await run([...colorize, '--sheet', sheet, '--report', page])
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(/^cannot write .*: the name is too long\n$/m),
  })
  const [report, files] = [join(page, 'index.html'), [expect.objectContaining({ output: inOut('a.png') })]]
  expect(JSON.parse(stdout.toString())).toEqual({ files, report })
  expect(readFileSync(report, 'utf8')).toContain('coloured 1 of 1')
})

it('refuses a WebP sheet that would be too wide before it colours anything', async () => {
  const { album, out, inAlbum, inOut } = fresh('wide')
  const bins = inAlbum('bins.safetensors')
  for (const seed of Array(17).keys()) await writeGray(inAlbum(`${seed}.png`), seed)
  writeFileSync(bins, await reportWeights({ head: 'bins' }))
  const colorize = ['colorize', '-o', out, '--weights', bins, '--sheet', inOut('look.webp'), '--variants']
  const sentence = /look\.webp would be 16472 px wide, and WebP ends at 16383: name a \.png/
  refused(await run([...colorize, '97', inAlbum('0.png')]), 2, sentence)
  // 17 rows stand in two blocks
  refused(await run([...colorize, '48', album]), 2, /look\.webp would be 16480 px wide/)
  expect(picturesIn(out)).toEqual([])
})
