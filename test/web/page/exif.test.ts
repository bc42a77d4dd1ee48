/** What the page takes over from a photograph's file, held against what sharp reads. */
import sharp, { type Sharp } from 'sharp'
import { describe, expect, it } from 'vitest'
import { exifOf, uprightExif, withExif } from '../../../web/src/files/exif.ts'

const SIZE = { width: 9, height: 5 }
const FORMATS = ['jpeg', 'png', 'webp'] as const
const DATE = '1911:05:07 10:00:00'

const plain = () => sharp({ create: { ...SIZE, channels: 3, background: '#804020' } })
const bytesOf = async (image: Sharp) => Uint8Array.from(await image.toBuffer())
const photograph = (format: (typeof FORMATS)[number]) =>
  bytesOf(
    plain()
      .withExif({ IFD0: { Model: 'Brownie' }, IFD2: { DateTimeOriginal: DATE } })
      .withMetadata({ orientation: 6 })
      .toFormat(format),
  )

describe('EXIF', () => {
  it.each(FORMATS)('is found in %s, and stands upright in all formats that the page writes', async (from) => {
    const exif = uprightExif(exifOf(await photograph(from))!)
    for (const to of FORMATS) {
      const file = withExif(await bytesOf(plain().toFormat(to)), exif, SIZE)
      expect(file.type).toBe(`image/${to}`)
      const written = Buffer.from(await file.arrayBuffer())
      const metadata = await sharp(written).metadata()
      expect(metadata).toMatchObject({ format: to, ...SIZE, orientation: 1 })
      const text = metadata.exif!.toString('latin1')
      expect(text).toContain('Brownie')
      expect(text).toContain(DATE)
      expect((await sharp(written).raw().toBuffer()).length).toBe(9 * 5 * 3)
    }
  })

  it('is not changed where it is read', async () => {
    const exif = exifOf(await photograph('jpeg'))!
    const before = Uint8Array.from(exif)
    uprightExif(exif)
    expect(exif).toEqual(before)
  })

  it.each(FORMATS)('is not there in a %s file without any', async (format) => {
    expect(exifOf(await bytesOf(plain().toFormat(format)))).toBeNull()
  })

  it('that is larger than a JPEG file can hold is left out, and nothing else', async () => {
    const file = await bytesOf(plain().jpeg())
    const exif = Uint8Array.from({ length: 70_000 }, (_, i) => 'II*\0'.charCodeAt(i) || 0)
    expect((await withExif(file, exif, SIZE).arrayBuffer()).byteLength).toBe(file.length)
  })

  it('that is cut off is kept as it is', () => {
    const cut = Uint8Array.of(0x49, 0x49, 42, 0, 8, 0, 0, 0, 200, 0, 1)
    expect(uprightExif(cut)).toEqual(cut)
  })
})
