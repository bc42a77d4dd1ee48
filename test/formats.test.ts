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
import {
  ANIMATION,
  bigEndian,
  described,
  frames,
  grayTiff,
  HEIGHT,
  levels,
  picture,
  SCAN,
  scene,
  WIDTH,
  withIptc,
} from './photographs.ts'

const MAKERS: Readonly<Record<string, () => Promise<Uint8Array> | Uint8Array>> = {
  JPEG: async () => withIptc(await described(picture(1)).jpeg({ quality: 95 }).toBuffer()),
  'JPEG, progressive': async () =>
    withIptc(await described(picture(3)).jpeg({ quality: 95, progressive: true }).toBuffer()),
  'JPEG, CMYK': async () =>
    withIptc(await described(picture(3).toColourspace('cmyk')).jpeg({ quality: 95 }).toBuffer()),
  'PNG, 8 bits': () => described(picture(1)).png().toBuffer(),
  'PNG, 16 bits': () => described(picture(1, true)).png().toBuffer(),
  'PNG, palette': () => described(picture(3)).png({ palette: true }).toBuffer(),
  'PNG, transparent': () => described(picture(2)).png().toBuffer(),
  'PNG, 16 bits, transparent': () => described(picture(4, true)).png().toBuffer(),
  WebP: () => described(picture(3)).webp({ quality: 95 }).toBuffer(),
  'WebP, lossless': () => described(picture(4)).webp({ lossless: true, exact: true }).toBuffer(),
  'WebP, animated': () =>
    frames()
      .webp({ ...ANIMATION, lossless: true })
      .toBuffer(),
  'TIFF, 8 bits': () => grayTiff(levels(1) as Uint8Array, 8),
  'TIFF, 16 bits': () => grayTiff(bigEndian(levels(1, true) as Uint16Array), 16),
  'TIFF, transparent': () =>
    grayTiff(levels(2) as Uint8Array, 8, [
      ...SCAN,
      { tag: 258, type: 3, values: [8, 8] },
      { tag: 277, type: 3, values: [2] },
      { tag: 338, type: 3, values: [2] },
    ]),
  'TIFF, floats': () => {
    const floats = Float32Array.from({ length: WIDTH * HEIGHT }, (_, i) =>
      scene(i % WIDTH, Math.floor(i / WIDTH)),
    )
    return grayTiff(bigEndian(floats), 32, [
      ...SCAN.filter(({ tag }) => tag < 300),
      { tag: 339, type: 3, values: [3] },
    ])
  },
  'TIFF, several pages': async () => {
    const pages = [0, 1, 2].map((n) =>
      grayTiff(levels(1, false, (x, y) => scene(x, y) + 0.04 * n) as Uint8Array, 8),
    )
    return merged(pages)
  },
  AVIF: () => described(picture(3)).avif({ quality: 95 }).toBuffer(),
  'AVIF, 10 bits': () => described(picture(3, true)).avif({ quality: 95, bitdepth: 10 }).toBuffer(),
  GIF: () => picture(3).gif({ dither: 0 }).toBuffer(),
  'GIF, animated': () =>
    frames()
      .gif({ ...ANIMATION, dither: 0 })
      .toBuffer(),
}

/** The pages of big-endian files as one, each with its fields: by putting directory after directory, each at its own offset. */
function merged(files: readonly Uint8Array[]): Uint8Array {
  const all = Buffer.concat(files)
  let start = 0
  let pointer = 4
  for (const file of files) {
    const own = Buffer.from(file)
    const at = start + own.readUInt32BE(4)
    all.writeUInt32BE(at, pointer)
    const count = all.readUInt16BE(at)
    for (let i = 0; i < count; i++) moveEntry(all, at + 2 + 12 * i, start)
    pointer = at + 2 + 12 * count
    start += file.length
  }
  return all
}

/** Adds `start` to the offset in an entry: of its value, or of the strip. */
function moveEntry(all: Buffer, entry: number, start: number): void {
  const sizes = [0, 1, 1, 2, 4, 8, 1, 1]
  const bytes = sizes[all.readUInt16BE(entry + 2)]! * all.readUInt32BE(entry + 4)
  if (bytes > 4 || all.readUInt16BE(entry) === 273)
    all.writeUInt32BE(all.readUInt32BE(entry + 8) + start, entry + 8)
}

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
  expect(table.map(([name]) => name).sort()).toEqual(Object.keys(MAKERS).sort())
})

describe.each(table as Row[])(
  '%s',
  (name, format, bits, transparency, pages, exif, iptc, xmp, resolution, L) => {
    const made = (async () => {
      const before = await MAKERS[name]!()
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
