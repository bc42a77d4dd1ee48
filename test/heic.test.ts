/** HEIC, by the decoder that people install: a turned picture in Display P3, as phones write them. */
import { readFileSync } from 'node:fs'
import exifr from 'exifr'
import sharp, { type Sharp } from 'sharp'
import { expect, it, onTestFinished, vi } from 'vitest'
import { rasterOf } from '../src/color/raster.ts'
import { concat } from '../src/io/image/bytes.ts'
import { colorizeFile } from '../src/node/formats/colorize.ts'
import { decodeHeic } from '../src/node/formats/heic.ts'
import { isHeic } from '../src/node/formats/kinds.ts'
import { imageOf } from '../src/node/formats/pixels.ts'
import { openPicture } from '../src/node/formats/read.ts'
import { readPhoto } from '../src/node/image.ts'
import { decodePhoto } from '../src/node/pixels.ts'
import { flatPainter } from './flat-painter.ts'
import { run } from './program.ts'

/** `citrus.jpg` of the samples, as stored: the file and its EXIF both say that it is to be turned by 90 degrees, clockwise. */
const FILE = readFileSync('test/heic/citrus.heic')

/** The sample as it should be seen, as a PNG of 96x144. */
async function shown(): Promise<Buffer> {
  const small = await sharp('samples/photos/citrus.jpg').resize(144, 96, { fit: 'cover' }).png().toBuffer()
  return sharp(small).rotate(90).png().toBuffer()
}

/** Mean difference of levels between pictures of 96x144, both in squares of 8 pixels: compression has changed each pixel. */
async function difference(...pictures: [Sharp, Sharp]): Promise<number> {
  const squares = pictures.map((one) =>
    one.removeAlpha().resize(12, 18, { kernel: 'linear' }).raw().toBuffer(),
  )
  const [a, b] = await Promise.all(squares)
  return a!.reduce((sum, level, i) => sum + Math.abs(level - b![i]!), 0) / a!.length
}

it('is turned once, and its colours are converted', async () => {
  const page = await (await openPicture(FILE, 'photo')).page(0)
  expect([page.width, page.height, page.channels]).toEqual([96, 144, 3])
  const unconverted = await decodeHeic(FILE, 'photo')
  expect(await difference(imageOf(page), sharp(await shown()))).toBeLessThan(2)
  expect(await difference(imageOf(unconverted), sharp(await shown()))).toBeGreaterThan(4)
})

it('is read as any photograph, with its colours', async () => {
  const photo = await readPhoto('test/heic/citrus.heic')
  expect([photo.width, photo.height]).toEqual([96, 144])
  expect(await difference(imageOf(rasterOf(photo)), sharp(await shown()))).toBeLessThan(2)
})

it('is measured where it lies in a folder', async () => {
  const { code, stdout } = await run(['evaluate', 'test/heic', '--classifier', 'none', '--json', '--quiet'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout.toString())).toMatchObject({ n: 1, files: [{ input: 'test/heic/citrus.heic' }] })
})

it('becomes an upright PNG in sRGB that says when and by what it was taken', async () => {
  const file = await colorizeFile(flatPainter(), FILE, 'photo', { making: null, recolor: true })
  if ('skipped' in file) throw new Error(file.skipped)
  const png = concat(file.parts)
  const { format, width, height, orientation, exif } = await sharp(png).metadata()
  expect([format, width, height, orientation]).toEqual(['png', 96, 144, 1])
  expect(await exifr.parse(exif!)).toMatchObject({
    Make: 'Apple',
    DateTimeOriginal: new Date('2020-01-02T03:04:05'),
  })
  const [before, after] = [sharp(await shown()), sharp(png)].map((one) => one.greyscale())
  expect(await difference(before!, after!)).toBeLessThan(2)
})

it('is in colour', async () => {
  expect(await colorizeFile(flatPainter(), FILE, 'photo', { making: null })).toEqual({ skipped: 'in colour' })
})

it('is known by any of its brands', () => {
  const brands = (...names: string[]) => Buffer.from(`\0\0\0\x1cftyp${names.join('\0\0\0\0')}mdat`, 'latin1')
  expect(isHeic(FILE)).toBe(true)
  expect(isHeic(brands('mif1', 'miafheic'))).toBe(true)
  expect(isHeic(brands('mif1', 'miafavif'))).toBe(false)
  expect(isHeic(brands('avif', 'mif1heic'))).toBe(false)
})

it('is refused with the reason where it is cut, of which nothing is said on stdout', async () => {
  const log = vi.spyOn(console, 'log')
  onTestFinished(() => log.mockRestore())
  const both = [3000, 4000].map((bytes) => decodeHeic(FILE.subarray(0, bytes), 'photo'))
  for (const { reason } of (await Promise.allSettled(both)) as PromiseRejectedResult[])
    expect(reason.message).toMatch(/^photo cannot be decoded \(Invalid input: Unexpected end of file/)
  expect(log).not.toHaveBeenCalled()
  console.log('still here')
  expect(log).toHaveBeenCalledWith('still here')
})

it('is refused with a sentence where photographs to learn from are read', async () => {
  await expect(decodePhoto(FILE, 'photo')).rejects.toThrow(/^photo is a HEIC image, .*convert it to JPEG/)
})

it('is refused with a sentence where there is no decoder', async () => {
  await expect(decodeHeic(FILE, 'photo', Promise.resolve(null))).rejects.toThrow(
    /^photo is a HEIC image, .*npm install heic-decode/,
  )
})
