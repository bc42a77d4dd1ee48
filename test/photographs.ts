/** Photographs of every kind of file, made for tests. */
import sharp, { type Sharp } from 'sharp'
import { concat } from '../src/io/image/bytes.ts'

export const WIDTH = 96
export const HEIGHT = 64

/** A picture in grey, 0…1, by its pixels. */
export type Scene = (x: number, y: number) => number

/** A light and a dark half, with waves in both. */
export const scene: Scene = (x, y) =>
  (x < WIDTH / 2 ? 0.72 : 0.25) + 0.1 * Math.sin(x / 5 + y / 3) + (0.1 * y) / HEIGHT

type Channels = 1 | 2 | 3 | 4

/** Levels of the scene; a last channel of two or four is alpha, which grows from 0 to full. */
export function levels(channels: Channels, deep = false, of = scene): Uint8Array | Uint16Array {
  const white = deep ? 65535 : 255
  const length = channels * WIDTH * HEIGHT
  const values = deep ? new Uint16Array(length) : new Uint8Array(length)
  for (let i = 0; i < length; i++) {
    const [pixel, channel] = [Math.floor(i / channels), i % channels]
    const [x, y] = [pixel % WIDTH, Math.floor(pixel / WIDTH)]
    const isAlpha = channels % 2 === 0 && channel === channels - 1
    values[i] = Math.round(white * (isAlpha ? Math.min(1, y / 20) : of(x, y)))
  }
  return values
}

export function picture(channels: Channels, deep = false, of = scene): Sharp {
  const raw = { width: WIDTH, height: HEIGHT, channels }
  const image = sharp(levels(channels, deep, of), { raw })
  if (deep) return image.toColourspace(channels < 3 ? 'grey16' : 'rgb16')
  return channels < 3 ? image.toColourspace('b-w') : image
}

/** Three frames, each lighter than the one before. */
export function frames(of = scene): Sharp {
  const all = [0, 1, 2].map((n) => levels(3, false, (x, y) => of(x, y) + 0.04 * n) as Uint8Array)
  return sharp(concat(all), {
    raw: { width: WIDTH, height: 3 * HEIGHT, channels: 3, pageHeight: HEIGHT },
  })
}
export const ANIMATION = { delay: [100, 250, 400], loop: 2 }

const EXIF = {
  IFD0: {
    Make: 'Zeiss Ikon',
    Model: 'Nettar',
    Copyright: 'Anna',
    Software: 'Firmware 1.0',
    ImageDescription: 'A house',
  },
  IFD2: { DateTimeOriginal: '1999:12:31 23:59:59', ExposureTime: '1/60' },
  IFD3: {
    GPSLatitudeRef: 'N',
    GPSLatitude: '51/1 30/1 0/1',
    GPSLongitudeRef: 'W',
    GPSLongitude: '0/1 7/1 0/1',
  },
}
const XMP = `<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:source>box 7</dc:source></rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>`

/** With EXIF, XMP and 300 pixels an inch. */
export const described = (image: Sharp, orientation?: number): Sharp =>
  image
    .withMetadata({ density: 300, ...(orientation ? { orientation } : {}) })
    .withExifMerge(EXIF)
    .withXmp(XMP)

const CAPTION = 'The house by the sea'
/** IPTC of a caption: data set 2:120 of the IIM. */
export const IPTC = Buffer.concat([
  Buffer.from([0x1c, 2, 120, 0, CAPTION.length]),
  Buffer.from(CAPTION, 'latin1'),
])

const uint16 = (value: number) => Buffer.from([value >> 8, value & 255])

/** A JPEG with IPTC. */
export function withIptc(jpeg: Uint8Array): Uint8Array {
  const padded = Buffer.concat([IPTC, Buffer.alloc(IPTC.length % 2)])
  const block = [Buffer.from('8BIM\x04\x04\0\0\0\0', 'latin1'), uint16(IPTC.length), padded]
  const data = Buffer.concat([Buffer.from('Photoshop 3.0\0', 'latin1'), ...block])
  const segment = [Buffer.from([0xff, 0xed]), uint16(data.length + 2), data]
  return concat([jpeg.subarray(0, 2), ...segment, jpeg.subarray(2)])
}

interface TiffField {
  readonly tag: number
  readonly type: 1 | 2 | 3 | 4 | 5 | 7
  readonly values: readonly number[] | string | Uint8Array
}

/** A TIFF of one strip of pixels, big-endian as old scanners write it, with any fields. */
export function tiffFile(pixels: Uint8Array, fields: readonly TiffField[]): Uint8Array {
  const parts: Buffer[] = [Buffer.from('MM\0*\0\0\0\0', 'latin1'), Buffer.from(pixels)]
  let length = 8 + pixels.length
  const append = (part: Buffer) => {
    const at = length
    parts.push(part)
    length += part.length
    return at
  }
  if (length % 2) append(Buffer.alloc(1))
  const all = [...fields, { tag: 273, type: 4, values: [8] }, { tag: 279, type: 4, values: [pixels.length] }]
  const table = all
    .sort((a, b) => a.tag - b.tag)
    .map(({ tag, type, values }) => {
      const value = bytesOf(values, type)
      const entry = Buffer.alloc(12)
      entry.writeUInt16BE(tag, 0)
      entry.writeUInt16BE(type, 2)
      entry.writeUInt32BE(value.length / (SIZES[type] ?? 1), 4)
      if (value.length <= 4) value.copy(entry, 8)
      else entry.writeUInt32BE(append(Buffer.concat([value, Buffer.alloc(value.length % 2)])), 8)
      return entry
    })
  const at = append(Buffer.concat([uint16(all.length), ...table, Buffer.alloc(4)]))
  parts[0]!.writeUInt32BE(at, 4)
  return Buffer.concat(parts)
}

const SIZES: Readonly<Record<number, number>> = { 3: 2, 4: 4, 5: 8 }

function bytesOf(values: TiffField['values'], type: number): Buffer {
  if (typeof values === 'string') return Buffer.from(`${values}\0`, 'latin1')
  if (values instanceof Uint8Array) return Buffer.from(values)
  return Buffer.concat(
    values.map((value) =>
      type === 3 ? uint16(value) : Buffer.concat([uint16(value >>> 16), uint16(value & 0xffff)]),
    ),
  )
}

const RESOLUTION = Buffer.from([0, 0, 1, 44, 0, 0, 0, 1])

/** Fields of a scanned print at 300 pixels an inch. */
export const SCAN: readonly TiffField[] = [
  { tag: 271, type: 2, values: 'Heidelberg' },
  { tag: 272, type: 2, values: 'Tango' },
  { tag: 282, type: 5, values: RESOLUTION },
  { tag: 283, type: 5, values: RESOLUTION },
  { tag: 296, type: 3, values: [2] },
  { tag: 305, type: 2, values: 'Firmware 1.0' },
  { tag: 306, type: 2, values: '2001:02:03 04:05:06' },
  { tag: 700, type: 1, values: Buffer.from(XMP) },
  { tag: 33432, type: 2, values: 'Anna' },
  { tag: 33723, type: 7, values: IPTC },
]

/** Grey pixels as such a TIFF; of fields with the same number the last one counts. */
export const grayTiff = (pixels: Uint8Array, bits: number, more: readonly TiffField[] = SCAN) =>
  tiffFile(pixels, [...new Map([...grayFields(bits), ...more].map((field) => [field.tag, field])).values()])

const grayFields = (bits: number): TiffField[] => [
  { tag: 256, type: 3, values: [WIDTH] },
  { tag: 257, type: 3, values: [HEIGHT] },
  { tag: 258, type: 3, values: [bits] },
  { tag: 259, type: 3, values: [1] },
  { tag: 262, type: 3, values: [1] },
  { tag: 277, type: 3, values: [1] },
  { tag: 278, type: 3, values: [HEIGHT] },
]

/** Black and white, of 280 megapixels: more than are decoded at once. */
export function largeTiff(): Uint8Array {
  const [width, height] = [20_000, 14_000]
  const size = [
    { tag: 256, type: 3, values: [width] },
    { tag: 257, type: 3, values: [height] },
    { tag: 278, type: 3, values: [height] },
  ] as const
  return grayTiff(new Uint8Array((width / 8) * height), 1, size)
}

/** Values in the byte order of these files. */
export const bigEndian = (values: Uint16Array | Float32Array): Uint8Array =>
  values instanceof Uint16Array
    ? Buffer.from(values.slice().buffer).swap16()
    : Buffer.from(values.slice().buffer).swap32()
