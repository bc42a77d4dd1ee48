/** The table of docs/formats.md, row by row: a photograph of each kind is made, coloured and compared. */
import { readFileSync } from 'node:fs'
import exifr from 'exifr'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { rasterLightness, wholeOf } from '../src/color/raster.ts'
import { concat } from '../src/io/image/bytes.ts'
import { SOFTWARE } from '../src/io/image/history.ts'
import { type ColouredFile, colorizeFile, type FileOptions } from '../src/node/formats/colorize.ts'
import { openPicture } from '../src/node/formats/read.ts'
import { flatPainter } from './flat-painter.ts'
import { FORMAT_ROWS } from './format-rows.ts'
import { WIDTH } from './photographs.ts'

const OPTIONS: FileOptions = { making: { weights: 'tests', settings: { saturation: 1 } } }

async function coloured(
  bytes: Uint8Array,
  options: Partial<FileOptions> = {},
): Promise<ColouredFile & { bytes: Uint8Array }> {
  const file = await colorizeFile(flatPainter(), bytes, 'a photograph', { ...OPTIONS, ...options })
  if ('skipped' in file) throw new Error(`it was left out: ${file.skipped}`)
  return { ...file, bytes: concat(file.parts) }
}

/** What an independent reader finds, from the block itself where it does not know the file's format. */
async function readBeside(bytes: Uint8Array, part: 'exif' | 'iptc'): Promise<Record<string, unknown>> {
  const { format, exif } = await sharp(bytes).metadata()
  const isKnown = format === 'jpeg' || format === 'tiff'
  const source = isKnown ? Buffer.from(bytes) : exif?.subarray(exif.indexOf('Exif\0\0') === 0 ? 6 : 0)
  if (!source) return {}
  const off = {
    tiff: false,
    exif: false,
    gps: false,
    interop: false,
    iptc: false,
    xmp: false,
    icc: false,
    jfif: false,
  }
  const on = part === 'exif' ? { tiff: true, ifd0: true, exif: true, gps: true } : { iptc: true }
  return ((await exifr.parse(source, { ...off, ...on } as object)) ?? {}) as Record<string, unknown>
}

/** Fields that tell of the pixels, which are others now, or of the program. */
const CHANGED =
  /^(errors|ColorSpace|Software|Orientation|ImageWidth|ImageHeight|BitsPerSample|Compression|PhotometricInterpretation|Strip.*|SamplesPerPixel|RowsPerStrip|PlanarConfiguration|Predictor|SampleFormat|ExtraSamples|ApplicationNotes|IPTC|ImageSourceData|xmp|iptc|icc|ICC_Profile|InterColorProfile|NewSubfileType|SubfileType)$/

const table = readFileSync('docs/formats.md', 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .slice(1)
  .map((line) => line.slice(2, -2).split(' | '))
  .filter(([name]) => name !== '---')
type Row = [string, string, string, string, string, string, string, string, string, string]

it('the table has a row for each kind that is made here', () => {
  expect(table.map(([name]) => name).sort()).toEqual(Object.keys(FORMAT_ROWS).sort())
})

describe.each(table as Row[])(
  '%s',
  (name, format, bits, transparency, pages, exif, iptc, xmp, resolution, L) => {
    const made = (async () => {
      const before = await FORMAT_ROWS[name]!()
      return { original: before, bytes: (await coloured(before)).bytes }
    })()
    made.catch(() => {}) // told by the tests

    it(`becomes ${format} with ${bits} bits`, async () => {
      const header = await sharp((await made).bytes).metadata()
      expect([
        header.format === 'heif' ? 'avif' : header.format,
        header.bitsPerSample ?? DEPTHS[header.depth],
      ]).toEqual([format, Number(bits)])
      if (format !== 'gif' && format !== 'avif') expect(header.icc).toBeDefined()
    })

    it(`has ${pages} pages, transparency ${transparency}, and L* within ${L}`, async () => {
      const { original: before, bytes } = await made
      const [from, to] = [await openPicture(before, 'before'), await openPicture(bytes, 'after')]
      expect(to.pages).toBe(pages === 'all' ? 3 : 1)
      expect([to.pages, to.animation]).toEqual([from.pages, from.animation])
      for (let i = 0; i < from.pages; i++) {
        const [a, b] = [await from.page(i), await to.page(i)]
        expect(b.alpha).toEqual(a.alpha)
        if (i === 0) expect(a.alpha !== null).toBe(transparency === 'kept')
        const [was, is] = [a, b].map((raster) =>
          rasterLightness(raster, wholeOf(raster)).rows(0, raster.height),
        )
        const largest = was!.reduce((most, value, at) => Math.max(most, Math.abs(value - is![at]!)), 0)
        expect(largest).toBeLessThan(Number(L))
        const [red, green] = [0, 1].map((c) => b.levels[3 * (20 * WIDTH + 20) + c]!)
        expect(red! / green!).toBeGreaterThan(1.05) // it is coloured
      }
    })

    it(`EXIF ${exif}, IPTC ${iptc}`, async () => {
      const { original: before, bytes } = await made
      for (const [part, cell] of [
        ['exif', exif],
        ['iptc', iptc],
      ] as const) {
        const [was, is] = [await readBeside(before, part), await readBeside(bytes, part)]
        const kept = Object.keys(was).filter((key) => !CHANGED.test(key))
        expect(kept.length > 0).toBe(cell === 'kept' || (part === 'exif' && resolution === 'kept'))
        for (const key of kept) expect([key, is[key]]).toEqual([key, was[key]])
      }
      if (exif !== 'kept') return
      expect(await readBeside(bytes, 'exif')).toMatchObject({ Software: SOFTWARE })
    })

    it(`XMP ${xmp}, resolution ${resolution}, and a history`, async () => {
      const { original: before, bytes } = await made
      const [was, is] = [await sharp(before).metadata(), await sharp(bytes).metadata()]
      expect(was.xmpAsString?.includes('box 7') ?? false).toBe(xmp === 'kept')
      const text = is.xmpAsString ?? Buffer.from(bytes).toString('latin1') // GIF, of which sharp does not read it
      expect(text.includes('box 7')).toBe(xmp === 'kept')
      expect(text).toContain(`stEvt:softwareAgent="${SOFTWARE}"`)
      if (resolution === 'kept') expect(is.density).toBe(was.density)
    })
  },
)

const DEPTHS: Readonly<Record<string, number>> = { uchar: 8, ushort: 16 }
