/** TIFF files that are coloured in parts of their rows, held against the same files decoded at once. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, describe, expect, it } from 'vitest'
import { gathered } from '../src/node/files.ts'
import { colorizeFile, type FileOptions } from '../src/node/formats/colorize.ts'
import {
  colorizeInMemory,
  colorizeLarge,
  isLargeTiff,
  type LargeFile,
  rowsOfTiff,
} from '../src/node/formats/large.ts'
import { historyIn, openPicture } from '../src/node/formats/read.ts'
import { saveFile } from '../src/node/save.ts'
import { flatPainter } from './flat-painter.ts'
import { bigEndian, described, grayTiff, largeTiff, levels, picture } from './photographs.ts'

const folder = mkdtempSync(join(tmpdir(), 'large-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Libvips writes strips of 256 rows. */
const tall = (channels: 1 | 3, deep: boolean) =>
  picture(channels, deep).resize({ width: 40, height: 700, fit: 'fill' })

const FILES: Readonly<Record<string, () => Promise<Uint8Array> | Uint8Array>> = {
  'one strip that is not compressed': () => grayTiff(levels(1) as Uint8Array, 8),
  '16 bits, big-endian': () => grayTiff(bigEndian(levels(1, true) as Uint16Array), 16),
  'strips, LZW': () => described(tall(1, false)).tiff({ compression: 'lzw' }).toBuffer(),
  'strips of 16 bits, deflate with a predictor': () =>
    described(tall(1, true)).tiff({ compression: 'deflate', predictor: 'horizontal' }).toBuffer(),
  'tiles in colour, JPEG': () =>
    described(tall(3, false))
      .tiff({ compression: 'jpeg', quality: 90, tile: true, tileWidth: 16, tileHeight: 16 })
      .toBuffer(),
}

const OPTIONS: FileOptions = { making: { weights: 'tests', settings: { saturation: 1 } }, recolor: true }

async function coloured(bytes: Uint8Array, options = OPTIONS): Promise<LargeFile> {
  const made = await colorizeLarge(flatPainter(), bytes, 'photo', options)
  if ('skipped' in made) throw new Error('it was left out')
  return made
}

async function written(bytes: Uint8Array, options = OPTIONS): Promise<Buffer> {
  const made = await coloured(bytes, options)
  const path = join(folder, 'out.tif')
  await saveFile(path, made.parts)
  return readFileSync(path)
}

describe.each(Object.keys(FILES))('%s', (kind) => {
  it('is read by rows as at once', async () => {
    const bytes = await FILES[kind]!()
    const source = await openPicture(bytes, 'photo')
    const whole = await source.page(0)
    const rows = await rowsOfTiff(bytes, source, 40 * 300)
    expect([rows.width, rows.height, rows.channels]).toEqual([whole.width, whole.height, whole.channels])
    const read = []
    for (let y = 0; y < rows.height; y += 50)
      read.push(...(await rows.rows(y, Math.min(rows.height, y + 50))).levels)
    expect(read).toEqual([...whole.levels])
  })

  it('becomes the same picture, with the same metadata', async () => {
    const bytes = await FILES[kind]!()
    const usual = await colorizeFile(flatPainter(), bytes, 'photo', { ...OPTIONS, format: 'tiff' })
    if ('skipped' in usual) throw new Error('it was left out')
    const [large, whole] = [await written(bytes), Buffer.concat(usual.parts)]
    const pixels = async (file: Buffer) => [...(await (await openPicture(file, 'photo')).page(0)).levels]
    expect(await pixels(large)).toEqual(await pixels(whole))
    const beside = async (file: Buffer) => {
      const { xmpAsString, icc, density, orientation } = await sharp(file).metadata()
      return { xmpAsString, icc: icc?.length, density, orientation }
    }
    expect(await beside(large)).toEqual(await beside(whole))
  })
})

it('keeps what is see-through where rows lie in two parts', async () => {
  const raw = { width: 40, height: 700, channels: 4 } as const
  const data = Uint8Array.from({ length: 40 * 700 * 4 }, (_, i) => (i * 7) & 255)
  const bytes = await sharp(data, { raw }).tiff({ compression: 'lzw' }).toBuffer()
  const source = await openPicture(bytes, 'photo')
  const rows = await rowsOfTiff(bytes, source, 40 * 300)
  const [whole, crossing] = [await source.page(0), await rows.rows(200, 300)]
  expect([...crossing.alpha!]).toEqual([...whole.alpha!.subarray(40 * 200, 40 * 300)])
})

it('is what sharp does not decode at once', async () => {
  const header = await picture(1).tiff().toBuffer()
  resize(header, 256, 20_000)
  resize(header, 257, 13_000)
  expect(await isLargeTiff(header, 'photo')).toBe(false)
  resize(header, 257, 14_000)
  expect(await isLargeTiff(header, 'photo')).toBe(true)
  expect(await isLargeTiff(await picture(1).png().toBuffer(), 'photo')).toBe(false)
})

it('is read in parts where the result is wanted in memory, too', async () => {
  const made = colorizeInMemory(flatPainter(), largeTiff(), 'photo', { ...OPTIONS, format: 'png' })
  await expect(made).rejects.toThrow(
    'photo has 280 megapixels, and so large a picture is only written as TIFF',
  )
  const tiff = grayTiff(levels(1) as Uint8Array, 8)
  const { parts } = await coloured(tiff)
  expect(Buffer.concat(await gathered(parts)).equals(await written(tiff))).toBe(true)
})

it('says so where a picture cannot be read or written in parts', async () => {
  const png = await picture(1).png().toBuffer()
  await expect(written(png)).rejects.toThrow('more than 268 megapixels are only read from TIFF')
  const turned = await described(picture(1), 6).tiff({ compression: 'lzw' }).toBuffer()
  await expect(written(turned)).rejects.toThrow('upright')
  const tiff = grayTiff(levels(1) as Uint8Array, 8)
  await expect(written(tiff, { ...OPTIONS, format: 'png' })).rejects.toThrow('only written as TIFF')
  await expect(written(tiff, { ...OPTIONS, keepProfile: true })).rejects.toThrow('only written in sRGB')
})

it('knows its own results by their headers, however many pixels they have', async () => {
  const file = Buffer.from(await written(grayTiff(levels(1) as Uint8Array, 8)))
  expect(await historyIn(file)).toMatchObject({ weights: 'tests' })
  for (const tag of [256, 257]) resize(file, tag, 20_000)
  expect((await sharp(file, { limitInputPixels: false }).metadata()).width).toBe(20_000)
  expect(await historyIn(file)).toMatchObject({ weights: 'tests' })
})

/** Sets a number of a little-endian TIFF file's first directory. */
function resize(file: Buffer, tag: number, pixels: number): void {
  const directory = file.readUInt32LE(4)
  for (let i = 0; i < file.readUInt16LE(directory); i++) {
    const at = directory + 2 + 12 * i
    if (file.readUInt16LE(at) !== tag) continue
    file.writeUInt16LE(4, at + 2) // a long
    file.writeUInt32LE(pixels, at + 8)
  }
}
