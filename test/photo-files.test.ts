/** Single photographs through `colorizeFile`: what is kept, changed, converted, refused and remarked. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import exifr from 'exifr'
import sharp, { type Sharp } from 'sharp'
import { afterAll, afterEach, describe, expect, it, type MockInstance, onTestFinished, vi } from 'vitest'
import { rasterLightness, wholeOf } from '../src/color/raster.ts'
import { concat } from '../src/io/image/bytes.ts'
import { SOFTWARE } from '../src/io/image/history.ts'
import { jpegQuality, jpegSegments } from '../src/io/image/jpeg.ts'
import { type Directory, Tiff } from '../src/io/image/tiff.ts'
import { type ColouredFile, colorizeFile, type FileOptions } from '../src/node/formats/colorize.ts'
import { outputName } from '../src/node/formats/kinds.ts'
import { historyOf, openPicture } from '../src/node/formats/read.ts'
import { PictureWriter } from '../src/node/formats/write.ts'
import { flatPainter } from './flat-painter.ts'
import { fuzzPhotos } from './fuzz-photos.ts'
import { described, grayTiff, HEIGHT, IPTC, levels, picture, SCAN, WIDTH, withIptc } from './photographs.ts'

const folder = mkdtempSync(join(tmpdir(), 'photo-files-'))
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => vi.unstubAllEnvs())

const MAKING = { weights: 'lite sha256:0123', settings: { saturation: 1.2, classifier: 'none' } }
const colorize = (bytes: Uint8Array, options: Partial<FileOptions> = {}) =>
  colorizeFile(flatPainter(), bytes, 'photo', { making: MAKING, ...options })

async function coloured(
  bytes: Uint8Array,
  options: Partial<FileOptions> = {},
): Promise<ColouredFile & { bytes: Uint8Array }> {
  const file = await colorize(bytes, options)
  if ('skipped' in file) throw new Error(`it was left out: ${file.skipped}`)
  return { ...file, bytes: concat(file.parts) }
}

const lightnessOf = async (bytes: Uint8Array) => {
  const raster = await (await openPicture(bytes, 'photo')).page(0)
  return rasterLightness(raster, wholeOf(raster)).rows(0, raster.height)
}
const worst = (a: Float32Array, b: Float32Array) =>
  a.reduce((most, L, i) => Math.max(most, Math.abs(L - b[i]!)), 0)
const colours = (x: number, y: number) => (x < WIDTH / 2 ? 0.8 : 0.1 + y / 100)
const inColour = () => {
  const pixels = levels(3, false, colours)
  for (let i = 0; i < pixels.length; i += 3) if (i % 7 < 3) pixels[i] = 255 - pixels[i]!
  return sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
}

describe('a JPEG', () => {
  it('that lies on its side stands up, and says so', async () => {
    const { width, height, bytes } = await coloured(await described(picture(1), 6).jpeg().toBuffer())
    expect([width, height]).toEqual([HEIGHT, WIDTH])
    const { Orientation, ExifImageWidth, Make } = await exifr.parse(Buffer.from(bytes))
    expect([Orientation, ExifImageWidth, Make]).toEqual(['Horizontal (normal)', HEIGHT, 'Zeiss Ikon'])
  })

  it.each([70, 97])('of quality %i has at least that', async (quality) => {
    const bytes = await picture(1).jpeg({ quality }).toBuffer()
    expect(jpegQuality(bytes)).toBe(quality)
    expect(jpegQuality((await coloured(bytes)).bytes)).toBe(Math.max(92, quality))
    expect(jpegQuality((await coloured(bytes, { quality: 50 })).bytes)).toBe(50)
  })

  it('without its end marker is coloured like the whole one', async () => {
    const bytes = await picture(1).jpeg().toBuffer()
    const [whole, cut] = [await coloured(bytes), await coloured(bytes.subarray(0, -2))]
    expect(cut.bytes).toEqual(whole.bytes)
    expect(cut.remarks).toEqual([])
  })

  it('that is cut is refused, and coloured as far as it goes where that is asked for', async () => {
    const whole = await picture(1).jpeg().toBuffer()
    const bytes = whole.subarray(0, 0.6 * whole.length)
    await expect(colorize(bytes)).rejects.toMatchObject({
      mend: ['lenient'],
      message: /photo is truncated or damaged/,
    })
    const file = await coloured(bytes, { lenient: true })
    expect(file.remarks).toEqual(['photo is truncated or damaged: it is coloured as far as it goes'])
    const [before, after] = [await lightnessOf(whole), await lightnessOf(file.bytes)]
    expect(worst(before.subarray(0, 10 * WIDTH), after.subarray(0, 10 * WIDTH))).toBeLessThan(6)
  })

  it('keeps its comment, its maker note where it stands, and no grey small picture', async () => {
    const comment = [Buffer.from([0xff, 0xfe, 0, 7]), Buffer.from('hello')]
    const jpeg = await described(picture(1)).jpeg().toBuffer()
    const { bytes } = await coloured(concat([jpeg.subarray(0, 2), ...comment, jpeg.subarray(2)]))
    const found = jpegSegments(bytes).find(({ marker }) => marker === 0xfe)
    expect(Buffer.from(found!.data).toString()).toBe('hello')
    expect(await exifr.thumbnail(Buffer.from(bytes))).toBeUndefined()
  })
})

describe('what is damaged beside the pixels', () => {
  it('is left out with a remark: EXIF', async () => {
    const jpeg = await described(picture(1)).jpeg().toBuffer()
    const at = jpeg.indexOf('Exif\0\0') + 6
    jpeg.writeUInt32LE(0x7fffffff, at + 4)
    const { bytes, remarks } = await coloured(jpeg)
    expect(remarks).toEqual(['the EXIF of photo is damaged and is left out'])
    expect((await exifr.parse(Buffer.from(bytes))).Software).toBe(SOFTWARE)
  })

  it('is left out with a remark: the colour profile', async () => {
    const png = await picture(3).withIccProfile('p3').jpeg().toBuffer()
    png.fill(0, png.indexOf('acsp'), png.indexOf('acsp') + 4)
    const { remarks } = await coloured(png)
    expect(remarks).toEqual(['the colour profile of photo is damaged: its levels are taken for sRGB'])
  })
})

describe('a photograph in colour', () => {
  it('is left out, unless its colours are to be replaced', async () => {
    const bytes = await inColour().png().toBuffer()
    expect(await colorize(bytes)).toEqual({ skipped: 'in colour' })
    const replaced = await coloured(bytes, { recolor: true })
    expect(worst(await lightnessOf(bytes), await lightnessOf(replaced.bytes))).toBeLessThan(0.3)
  })

  it('stays as it is among grey pages', async () => {
    const pages = [await picture(3).raw().toBuffer(), await inColour().raw().toBuffer()]
    const both = sharp(Buffer.concat(pages), {
      raw: { width: WIDTH, height: 2 * HEIGHT, channels: 3, pageHeight: HEIGHT },
    })
    const { bytes } = await coloured(await both.tiff({ compression: 'lzw' }).toBuffer())
    const page = (n: number) => sharp(bytes, { page: n }).raw().toBuffer()
    expect((await page(1)).equals(pages[1]!)).toBe(true)
    expect((await page(0)).equals(pages[0]!)).toBe(false)
  })
})

describe('profiles', () => {
  it('are converted to sRGB, or kept; lightness is the same either way', async () => {
    const png = await sharp(await picture(3).png().toBuffer())
      .withIccProfile('p3')
      .png()
      .toBuffer()
    const { icc } = await sharp(png).metadata()
    const [usual, kept] = [await coloured(png), await coloured(png, { keepProfile: true })]
    expect((await sharp(kept.bytes).metadata()).icc).toEqual(icc)
    expect((await sharp(usual.bytes).metadata()).icc).not.toEqual(icc)
    for (const { bytes } of [usual, kept])
      expect(worst(await lightnessOf(png), await lightnessOf(bytes))).toBeLessThan(0.5)
    const [a, b] = await Promise.all(
      [usual, kept].map(({ bytes }) => sharp(bytes, { ignoreIcc: true }).raw().toBuffer()),
    )
    expect(a!.equals(b!)).toBe(false)
  })

  it.each(['avif', 'gif'] as const)(
    'are not kept in %s, which has no place for one, and a remark says so',
    async (format) => {
      const png = await sharp(await picture(3).png().toBuffer())
        .withIccProfile('p3')
        .png()
        .toBuffer()
      const [usual, kept] = [
        await coloured(png, { format }),
        await coloured(png, { format, keepProfile: true }),
      ]
      expect(kept.bytes.length).toBe(usual.bytes.length)
      expect(worst(await lightnessOf(usual.bytes), await lightnessOf(kept.bytes))).toBe(0)
      expect(kept.remarks).toContain(`photo: a colour profile has no place in a ${format.toUpperCase()}`)
    },
  )

  it('need a temporary file, and where none can be written a sentence says so', async () => {
    const png = await sharp(await picture(3).png().toBuffer())
      .withIccProfile('p3')
      .png()
      .toBuffer()
    vi.stubEnv('TMPDIR', join(folder, 'nowhere'))
    const failed = coloured(png, { keepProfile: true })
    await expect(failed).rejects.toMatchObject({
      name: 'UserError',
      message: `cannot write ${join(folder, 'nowhere')}: no such file or folder`,
    })
  })

  it('of 16 bits are, too', async () => {
    const eight = await sharp(await inColour().png().toBuffer())
      .withIccProfile('p3')
      .png()
      .toBuffer()
    const deep = await sharp(eight).toColourspace('rgb16').withIccProfile('p3').png().toBuffer()
    expect((await sharp(deep).metadata()).depth).toBe('ushort')
    expect(worst(await lightnessOf(eight), await lightnessOf(deep))).toBeLessThan(1)
    const kept = await coloured(deep, { recolor: true, keepProfile: true })
    expect(worst(await lightnessOf(deep), await lightnessOf(kept.bytes))).toBeLessThan(0.1)
  })
})

describe('other formats and depths', () => {
  it('16 bits of a scan keep their levels', async () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i)
    const raw = { width: 256, height: 256, channels: 1 } as const
    const scan = await sharp(all, { raw }).toColourspace('grey16').png().toBuffer()
    const { bytes } = await coloured(scan)
    expect(new Set(await lightnessOf(bytes)).size).toBeGreaterThan(39_000)
    expect(worst(await lightnessOf(scan), await lightnessOf(bytes))).toBeLessThan(0.03)
    const small = await coloured(scan, { bits: 8 })
    expect((await sharp(small.bytes).metadata()).depth).toBe('uchar')
  })

  it.each([
    [8, undefined, 8],
    [8, 16, 12],
    [10, undefined, 10],
    [10, 8, 8],
    [10, 16, 10],
    [12, undefined, 12],
  ] as const)('%i bits of an AVIF, with --bits %s, become %i', async (bitdepth, bits, wanted) => {
    const avif = await picture(3, bitdepth > 8)
      .avif({ bitdepth })
      .toBuffer()
    const { bytes } = await coloured(avif, { bits })
    expect((await sharp(bytes).metadata()).bitsPerSample).toBe(wanted)
  })

  it('16 bits are refused where a format has none', async () => {
    const bytes = await picture(1, true).png().toBuffer()
    await expect(colorize(bytes, { format: 'jpeg', bits: 16 })).rejects.toMatchObject({
      trouble: 'usage',
      message: 'photo: JPEG has no 16 bits, write PNG or TIFF',
    })
  })

  it('a size that a format does not have is refused', async () => {
    const bytes = await picture(1).resize({ width: 16_384, height: 1, fit: 'fill' }).png().toBuffer()
    await expect(colorize(bytes, { format: 'webp' })).rejects.toThrow(
      'photo: cannot write 16384x1 pixels as webp: ',
    )
  })

  it('metadata go along, and what has no place is told', async () => {
    const jpeg = withIptc(await described(picture(1)).jpeg().toBuffer())
    const tiff = await coloured(jpeg, { format: 'tiff' })
    expect(await exifr.parse(Buffer.from(tiff.bytes), { iptc: true })).toMatchObject({
      ...{ Make: 'Zeiss Ikon', latitude: 51.5, Caption: 'The house by the sea' },
    })
    const back = await coloured(grayTiff(levels(1) as Uint8Array, 8), { format: 'jpeg' })
    expect(await exifr.parse(Buffer.from(back.bytes), { iptc: true })).toMatchObject({
      ...{ Make: 'Heidelberg', XResolution: 300, Caption: 'The house by the sea' },
    })
    const png = await coloured(jpeg, { format: 'png' })
    expect(png.remarks).toEqual(['photo: IPTC has no place in a PNG'])
    expect((await sharp(png.bytes).metadata()).density).toBe(300)
  })

  it('a TIFF keeps IPTC and Photoshop resources, each in its own field', async () => {
    const resource = Buffer.from('8BIM\x03\xed\0\0\0\0\0\x02ab', 'latin1')
    const photoshop = { tag: 34377, type: 1, values: resource } as const
    const { bytes } = await coloured(grayTiff(levels(1) as Uint8Array, 8, [...SCAN, photoshop]))
    const [{ fields }] = [...new Tiff(bytes).directories()] as [Directory]
    const value = (wanted: number) => fields.find(({ tag }) => tag === wanted)?.value
    expect(Buffer.from(value(34377)!).equals(resource)).toBe(true)
    expect(Buffer.from(value(33723)!).equals(IPTC)).toBe(true)
  })

  it('a TIFF has at most 4 GiB, and a file that becomes larger is refused by its name', async () => {
    const source = await openPicture(await picture(1, true).png().toBuffer(), 'photo')
    const writer = new PictureWriter(source, { format: 'tiff', history: null })
    const page = await source.page(0)
    const encoding = vi.spyOn(sharp.prototype as Sharp, 'toBuffer') as MockInstance<() => Promise<Uint8Array>>
    onTestFinished(() => encoding.mockRestore())
    encoding.mockResolvedValue(new Uint8Array(2 ** 31)) // takes no memory before it is written
    await writer.add(page)
    await expect(writer.add(page)).rejects.toMatchObject({
      ...{ name: 'UserError', mend: ['bits'] },
      message: expect.stringMatching(/^photo becomes too large for a TIFF/),
    })
  })

  it('a name gets the ending of its format', () => {
    expect(outputName('a/b.JPG')).toBe('a/b.JPG')
    expect(outputName('b.jfif', 'jpeg')).toBe('b.jfif')
    expect(outputName('b.jpg', 'tiff')).toBe('b.tif')
    expect(outputName('b.heic')).toBe('b.png')
  })

  it.each([
    ['BMP', 'BM\x00\x00\x00\x00', 'photo is a BMP image, which is not read: convert it to TIFF or PNG'],
    ['PSD', '8BPS\0\x01', 'photo is a Photoshop document, which is not read: convert it to TIFF or PNG'],
  ])('%s is named', async (_, start, message) => {
    await expect(colorize(Buffer.from(start.padEnd(64, '\0'), 'latin1'))).rejects.toThrow(message)
  })
})

it('mutated files of every format are coloured, or refused with a sentence', async () => {
  const { coloured, refused, wrong } = await fuzzPhotos(0, 60)
  expect(wrong).toEqual([])
  expect(Math.min(coloured, refused)).toBeGreaterThan(5)
})

describe('the history', () => {
  const file = join(folder, 'photo.jpg')

  it('says how a result was made, and what Software said before', async () => {
    const { bytes } = await coloured(await described(picture(1)).jpeg().toBuffer())
    writeFileSync(file, bytes)
    expect(await historyOf(file)).toMatchObject({
      program: 'webgpu-colorizer',
      ...MAKING,
      softwareBefore: 'Firmware 1.0',
    })
  })

  it('gets another entry when a result is coloured again', async () => {
    const first = await coloured(await described(picture(1)).jpeg().toBuffer())
    const again = await coloured(first.bytes, { making: { ...MAKING, weights: 'others' }, recolor: true })
    writeFileSync(file, again.bytes)
    expect(await historyOf(file)).toMatchObject({ weights: 'others', softwareBefore: SOFTWARE })
    expect((await sharp(again.bytes).metadata()).xmpAsString!.match(/<rdf:li [^>]*colorized/g)).toHaveLength(
      2,
    )
  })

  it('is not there where that is asked for, or in other files', async () => {
    const original = await described(picture(1)).jpeg().toBuffer()
    const { bytes } = await coloured(original, { making: null })
    for (const content of [original, bytes, Buffer.from('no picture')]) {
      writeFileSync(file, content)
      expect(await historyOf(file)).toBe(null)
    }
    expect(Buffer.from(bytes).includes('webgpu-colorizer')).toBe(false)
    expect((await exifr.parse(Buffer.from(bytes))).Software).toBe('Firmware 1.0')
  })

  it('is the same each time', async () => {
    const original = await described(picture(1)).jpeg().toBuffer()
    expect((await coloured(original)).bytes).toEqual((await coloured(original)).bytes)
  })
})
