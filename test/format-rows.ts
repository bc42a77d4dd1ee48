/** A photograph for each row of the table in docs/formats.md. */
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
  type Scene,
  scene,
  WIDTH,
  withIptc,
} from './photographs.ts'

type Maker = (of?: Scene) => Promise<Uint8Array> | Uint8Array

/** A file of each kind, by the name of its row, of a scene in grey. */
export const FORMAT_ROWS: Readonly<Record<string, Maker>> = {
  JPEG: async (of) =>
    withIptc(
      await described(picture(1, false, of))
        .jpeg({ quality: 95 })
        .toBuffer(),
    ),
  'JPEG, progressive': async (of) =>
    withIptc(
      await described(picture(3, false, of))
        .jpeg({ quality: 95, progressive: true })
        .toBuffer(),
    ),
  'JPEG, CMYK': async (of) =>
    withIptc(
      await described(picture(3, false, of).toColourspace('cmyk'))
        .jpeg({ quality: 95 })
        .toBuffer(),
    ),
  'PNG, 8 bits': (of) =>
    described(picture(1, false, of))
      .png()
      .toBuffer(),
  'PNG, 16 bits': (of) =>
    described(picture(1, true, of))
      .png()
      .toBuffer(),
  'PNG, palette': (of) =>
    described(picture(3, false, of))
      .png({ palette: true })
      .toBuffer(),
  'PNG, transparent': (of) =>
    described(picture(2, false, of))
      .png()
      .toBuffer(),
  'PNG, 16 bits, transparent': (of) =>
    described(picture(4, true, of))
      .png()
      .toBuffer(),
  WebP: (of) =>
    described(picture(3, false, of))
      .webp({ quality: 95 })
      .toBuffer(),
  'WebP, lossless': (of) =>
    described(picture(4, false, of))
      .webp({ lossless: true, exact: true })
      .toBuffer(),
  'WebP, animated': (of) =>
    frames(of)
      .webp({ ...ANIMATION, lossless: true })
      .toBuffer(),
  'TIFF, 8 bits': (of) => grayTiff(levels(1, false, of) as Uint8Array, 8),
  'TIFF, 16 bits': (of) => grayTiff(bigEndian(levels(1, true, of) as Uint16Array), 16),
  'TIFF, transparent': (of) =>
    grayTiff(levels(2, false, of) as Uint8Array, 8, [
      ...SCAN,
      { tag: 258, type: 3, values: [8, 8] },
      { tag: 277, type: 3, values: [2] },
      { tag: 338, type: 3, values: [2] },
    ]),
  'TIFF, floats': (of = scene) => {
    const floats = Float32Array.from({ length: WIDTH * HEIGHT }, (_, i) =>
      of(i % WIDTH, Math.floor(i / WIDTH)),
    )
    return grayTiff(bigEndian(floats), 32, [
      ...SCAN.filter(({ tag }) => tag < 300),
      { tag: 339, type: 3, values: [3] },
    ])
  },
  'TIFF, several pages': async (of = scene) => {
    const pages = [0, 1, 2].map((n) =>
      grayTiff(levels(1, false, (x, y) => of(x, y) + 0.04 * n) as Uint8Array, 8),
    )
    return merged(pages)
  },
  AVIF: (of) =>
    described(picture(3, false, of))
      .avif({ quality: 95 })
      .toBuffer(),
  'AVIF, 10 bits': (of) =>
    described(picture(3, true, of))
      .avif({ quality: 95, bitdepth: 10 })
      .toBuffer(),
  GIF: (of) => picture(3, false, of).gif({ dither: 0 }).toBuffer(),
  'GIF, animated': (of) =>
    frames(of)
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
