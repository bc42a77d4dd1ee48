import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import type { Photo } from '../src/color/photo.ts'
import { UserError } from '../src/errors.ts'
import { SOFTWARE } from '../src/io/image/history.ts'
import { axis, linePlot } from '../src/node/plot.ts'
import { contactSheet, isSheet, Sheet } from '../src/node/sheet.ts'
import { fitText, svgText, textWidth } from '../src/node/strokes.ts'

type Color = [number, number, number]
const [RED, GREEN, BLUE]: Color[] = [
  [200, 30, 20],
  [10, 180, 40],
  [20, 40, 210],
]
const WHITE: Color = [255, 255, 255]

function plain(width: number, height: number, color: Color): Photo {
  return { width, height, rgb: Uint8Array.from({ length: 3 * width * height }, (_, i) => color[i % 3]!) }
}

async function decode(png: Buffer) {
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true })
  expect(info.channels).toBe(3)
  const at = (x: number, y: number) => [...data.subarray(3 * (y * info.width + x)).subarray(0, 3)]
  const isDark = (from: [number, number], to: [number, number]) => {
    for (let y = from[1]; y < to[1]; y++) {
      for (let x = from[0]; x < to[0]; x++) if (at(x, y).every((level) => level < 128)) return true
    }
    return false
  }
  return { ...info, at, isDark }
}

describe('contact sheet', () => {
  const [gray, ours, original] = [RED, GREEN, BLUE].map((color) => plain(40, 20, color!))

  test('shows grey, ours and original side by side, scaled to the cell', async () => {
    const sheet = await decode(await contactSheet([{ gray: gray!, ours: ours!, original: original! }]))
    // margins of 8, cells of 160, pictures of 160 × 80 from y = 26 on
    expect([sheet.width, sheet.height]).toEqual([8 + 3 * 168, 26 + 80 + 8])
    const middles = [0, 1, 2].map((column) => sheet.at(8 + column * 168 + 80, 66))
    expect(middles).toEqual([RED, GREEN, BLUE])
    expect([sheet.at(8, 26), sheet.at(167, 105)]).toEqual([RED, RED])
    expect([sheet.at(7, 66), sheet.at(168, 66), sheet.at(80, 25), sheet.at(80, 106)]).toEqual(
      Array(4).fill(WHITE),
    )
  })

  test('has a heading over each column, without any font', async () => {
    const sheet = await decode(await contactSheet([{ gray: gray!, ours: ours!, original: original! }]))
    for (const column of [0, 1, 2])
      expect(sheet.isDark([8 + column * 168, 0], [168 + column * 168, 25])).toBe(true)
  })

  test('is of the first rows that come, sorted by their places, whatever these are', async () => {
    const rows = new Sheet(2)
    for (const [place, color] of [
      [900, GREEN],
      [300, BLUE],
      [0, RED],
    ] as const) {
      const picture = plain(40, 20, color!)
      await rows.add({ gray: picture, ours: picture }, place)
    }
    expect(rows.length).toBe(2)
    const sheet = await decode(await rows.draw({}))
    expect([sheet.at(80, 66), sheet.at(80, 66 + 88)]).toEqual([BLUE, GREEN])
  })

  test('has no more rows than it may where they come at once', async () => {
    const rows = new Sheet(2)
    const row = { gray: gray!, ours: ours! }
    await Promise.all([0, 1, 2, 3].map((place) => rows.add(row, place)))
    expect(rows.length).toBe(2)
  })

  test('has two columns when there are no originals', async () => {
    const sheet = await decode(await contactSheet([{ gray: gray!, ours: ours! }], { cell: 64 }))
    expect([sheet.width, sheet.height]).toEqual([8 + 2 * 72, 26 + 32 + 8])
    expect(sheet.at(8 + 72 + 32, 42)).toEqual(GREEN)
  })

  test('many rows stand in blocks side by side, each under its headings', async () => {
    const row = { gray: gray!, ours: ours! }
    const sheet = await decode(
      await contactSheet([...Array(16).fill(row), { gray: ours!, ours: gray! }], { cell: 60 }),
    )
    // two blocks of 9 and 8 rows of 30 px
    expect([sheet.width, sheet.height]).toEqual([8 + 2 * (2 * 68 + 8) - 8, 26 + 9 * 38])
    expect(sheet.isDark([152, 0], [152 + 60, 25])).toBe(true)
    expect(sheet.at(152 + 30, 26 + 7 * 38 + 15)).toEqual(GREEN) // the last row's grey
    expect(sheet.at(152 + 30, 26 + 8 * 38 + 15)).toEqual(WHITE)
  })

  test('rows are as high as their pictures, and one below the other', async () => {
    const tall = plain(10, 30, BLUE!)
    const rows = [
      { gray: gray!, ours: ours!, caption: 'first.jpg' },
      { gray: tall, ours: tall },
    ]
    const sheet = await decode(await contactSheet(rows, { cell: 60 }))
    expect(sheet.height).toBe(26 + (30 + 8) + 24 + (60 + 8))
    expect(sheet.isDark([8, 26 + 30], [60, 26 + 38 + 24])).toBe(true)
    const second = 26 + 38 + 24
    // 10 × 30 becomes 20 × 60, in the middle of its cell of 60
    expect([sheet.at(28, second), sheet.at(47, second + 59)]).toEqual([BLUE, BLUE])
    expect([sheet.at(27, second + 30), sheet.at(48, second + 30)]).toEqual([WHITE, WHITE])
  })

  test('is marked, so that it is known again; other pictures are not', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sheet-test-'))
    const isOwn = async (name: string, bytes: Uint8Array) => {
      writeFileSync(join(folder, name), bytes)
      return isSheet(join(folder, name))
    }
    for (const file of ['a.png', 'a.webp'])
      expect(await isOwn(file, await contactSheet([{ gray: gray!, ours: ours! }], { file }))).toBe(true)
    const { width, height, rgb } = gray!
    const photograph = sharp(rgb, { raw: { width, height, channels: 3 } })
    expect(await isOwn('b.png', await photograph.png().toBuffer())).toBe(false)
    const software = { IFD0: { Software: SOFTWARE } }
    expect(await isOwn('coloured.png', await photograph.withExif(software).png().toBuffer())).toBe(false)
    expect(await isOwn('text.png', Buffer.from('webgpu-colorizer contact sheet'))).toBe(false)
    expect(await isSheet(folder)).toBe(false)
    rmSync(folder, { recursive: true })
  })

  test('that is wider than WebP takes can be a PNG', async () => {
    const row = { gray: gray!, ours: ours!, others: Array<Photo>(97).fill(ours!) }
    const names = Array<string>(98).fill('ours')
    await expect(contactSheet([row], { file: 'look.webp', names })).rejects.toThrow(
      new UserError('look.webp would be 16640 px wide, and WebP ends at 16383: name a .png', 'usage'),
    )
    expect((await sharp(await contactSheet([row], { file: 'look.png', names })).metadata()).width).toBe(16640)
  })

  test('refuses to be empty', async () => {
    await expect(contactSheet([])).rejects.toThrow(RangeError)
  })
})

describe('strokes', () => {
  test('every printable ASCII letter and digit has a drawing of its own', () => {
    const characters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,:-+=/()%']
    const drawings = characters.map((c) => /d="([^"]*)"/.exec(svgText(c, 0, 0, { size: 6 }))![1]!)
    const box = /d="([^"]*)"/.exec(svgText('漢', 0, 0, { size: 6 }))![1]!
    expect(drawings.filter((drawing) => drawing === '' || drawing === box)).toEqual([])
    expect(new Set(drawings).size).toBe(characters.length)
  })

  test('accents are dropped, and the width counts letters and gaps', () => {
    expect(svgText('déjà', 0, 0, { size: 6 })).toBe(svgText('deja', 0, 0, { size: 6 }))
    expect(textWidth('HH', 6)).toBe(4 + 2 + 4)
    expect(textWidth('', 6)).toBe(0)
  })

  test('a line that is too long ends in an ellipsis and fits', () => {
    const cut = fitText('a-very-long-file-name.jpg', 6, 60)
    expect(cut).toMatch(/^a-very.*…$/)
    expect(textWidth(cut, 6)).toBeLessThanOrEqual(60)
    expect(fitText('short', 6, 60)).toBe('short')
  })
})

describe('plot', () => {
  test.each([
    [[0, 97], 0, 100, 6],
    [[3.2, 3.9], 3.2, 4, 5],
    [[0, 268], 0, 300, 7],
    [[-1.2, 0.7], -1.5, 1, 6],
    [[5, 5], 5, 6, 6],
    [[], 0, 1, 6],
  ])('the ticks of %j are round numbers around it', (values, low, high, count) => {
    const found = axis(values)
    expect(found.low).toBeCloseTo(low, 10)
    expect(found.high).toBeCloseTo(high, 10)
    expect(found.ticks).toHaveLength(count)
  })

  test('a horizontal line lies at its height, inside labelled axes', async () => {
    const points = [
      [0, 50],
      [10, 50],
    ] as const
    const labels = { title: 'Title', xLabel: 'step', yLabel: 'loss' }
    const plot = await decode(await linePlot([{ name: 'level', points }], labels))
    expect([plot.width, plot.height]).toEqual([960, 540])
    // y runs from 0 at pixel 476 to 50 at pixel 56
    expect(plot.at(300, 56)).toEqual([0, 114, 178])
    expect(plot.at(300, 70)).toEqual(WHITE)
    expect(plot.isDark([84, 5], [200, 30])).toBe(true) // title
    expect(plot.isDark([400, 510], [640, 540])).toBe(true) // name of x
    expect(plot.isDark([5, 200], [35, 340])).toBe(true) // name of y
    expect(plot.isDark([84, 480], [936, 505])).toBe(true) // numbers of x
    expect(plot.isDark([40, 50], [80, 480])).toBe(true) // numbers of y
  })

  test.each([
    ['no points at all', []],
    ['one point', [230.5]],
    ['a value that is not a number', [230, Number.NaN, 220, Number.POSITIVE_INFINITY]],
  ])('%s can be drawn', async (_, values) => {
    const points = values.map((y, x) => [x, y] as const)
    const styles = (['line', 'faint', 'dots', 'dashed'] as const).map((style) => ({
      name: style,
      style,
      points,
    }))
    const plot = await decode(await linePlot(styles, { title: '', xLabel: 'x', yLabel: 'y' }))
    expect(plot.width).toBe(960)
  })
})
