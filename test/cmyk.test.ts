/** Photographs in inks, as printers' scans have them, against what a colour profile of plain numbers says of each ink. */
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { srgbToLab } from '../src/color/lab.ts'
import { concat } from '../src/io/image/bytes.ts'
import { openPicture } from '../src/node/formats/read.ts'
import { HEIGHT, tiffFile, WIDTH } from './photographs.ts'

type Inks = readonly [cyan: number, magenta: number, yellow: number, black: number]

/** L* of no ink and of each ink alone at its fullest; together they take away from white what each takes. */
const WHITE = 100
const TAKEN: Inks = [38, 52, 11, 100]

/**
 * A profile by which inks take L* away in proportion to their shares, and have no hue. Source: ICC.1:2022, sections 7.2 to 7.4 and
 * 10.10: a table of two places for each ink.
 */
function inkProfile(): Buffer {
  const table = Array.from({ length: 16 }, (_, node) => {
    const taken = TAKEN.reduce((sum, most, ink) => sum + (node & (8 >> ink) ? most : 0), 0)
    return [Math.round((255 * Math.max(0, WHITE - taken)) / 100), 128, 128]
  })
  const straight = Array.from({ length: 256 }, (_, i) => i)
  const fixed = [1, 0, 0, 0, 1, 0, 0, 0, 1].map((value) => uint32(65536 * value))
  const lut = Buffer.concat([
    ...[ascii('mft1\0\0\0\0'), Buffer.from([4, 3, 2, 0]), ...fixed],
    ...Array.from({ length: 4 }, () => Buffer.from(straight)),
    Buffer.from(table.flat()),
    ...Array.from({ length: 3 }, () => Buffer.from(straight)),
  ])
  const white = Buffer.concat([ascii('XYZ \0\0\0\0'), ...[0xf6d6, 0x10000, 0xd32d].map(uint32)])
  const tags = [
    ['A2B0', lut],
    ['wtpt', white],
  ] as const
  let at = 128 + 4 + 12 * tags.length
  const entries = tags.map(([name, { length }]) => {
    const entry = Buffer.concat([ascii(name), uint32(at), uint32(length)])
    at += length
    return entry
  })
  const header = Buffer.alloc(128)
  header.writeUInt32BE(at, 0)
  header.writeUInt32BE(0x02400000, 8)
  header.write('prtrCMYKLab ', 12, 'latin1')
  header.write('acsp', 36, 'latin1')
  for (const [i, value] of [0xf6d6, 0x10000, 0xd32d].entries()) header.writeUInt32BE(value, 68 + 4 * i)
  return Buffer.concat([header, uint32(tags.length), ...entries, ...tags.map(([, data]) => data)])
}

const ascii = (text: string) => Buffer.from(text, 'latin1')
const uint16 = (value: number) => Buffer.from([value >> 8, value & 255])
const uint32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** L* of what is printed below. */
const expected = (share: number, isBlack: boolean) =>
  WHITE - (isBlack ? TAKEN[3] * share : TAKEN[0] * share + TAKEN[2] * YELLOW)
const YELLOW = 0.2

/** Shares of inks, 0…1, of a pixel: ramps of black alone in the upper half, and of cyan with some yellow in the lower one. */
const inksAt = (x: number, y: number): Inks => {
  const share = x / (WIDTH - 1)
  return y < HEIGHT / 2 ? [0, 0, 0, share] : [share, 0, YELLOW, 0]
}

function inkLevels(): Uint8Array {
  return Uint8Array.from({ length: 4 * WIDTH * HEIGHT }, (_, i) => {
    const pixel = i >> 2
    return Math.round(255 * inksAt(pixel % WIDTH, Math.floor(pixel / WIDTH))[i & 3]!)
  })
}

const tiffOf = (levels: Uint8Array, profile: Buffer | null): Uint8Array =>
  tiffFile(levels, [
    { tag: 256, type: 3, values: [WIDTH] },
    { tag: 257, type: 3, values: [HEIGHT] },
    { tag: 258, type: 3, values: [8, 8, 8, 8] },
    { tag: 259, type: 3, values: [1] },
    { tag: 262, type: 3, values: [5] },
    { tag: 277, type: 3, values: [4] },
    { tag: 278, type: 3, values: [HEIGHT] },
    ...(profile ? [{ tag: 34675, type: 7, values: profile } as const] : []),
  ])

/** With Adobe's marker, and so with inverted levels, as sharp writes them. */
async function jpegOf(levels: Uint8Array, profile: Buffer | null): Promise<Uint8Array> {
  const jpeg = await sharp(tiffOf(levels, null))
    .pipelineColourspace('cmyk')
    .toColourspace('cmyk')
    .jpeg({ quality: 98 })
    .toBuffer()
  const segments = profile
    ? [ascii('\xff\xe2'), uint16(profile.length + 16), ascii('ICC_PROFILE\0\x01\x01'), profile]
    : []
  return concat([jpeg.subarray(0, 2), ...segments, jpeg.subarray(2)])
}

function withoutAdobe(jpeg: Uint8Array): Uint8Array {
  const bytes = Buffer.from(jpeg)
  const at = bytes.indexOf('\xff\xee\x00\x0eAdobe', 0, 'latin1')
  if (at < 0) throw new Error('it has no such marker')
  return concat([bytes.subarray(0, at), bytes.subarray(at + 16)])
}

const FILES: Readonly<Record<string, (profile: Buffer | null) => Promise<Uint8Array> | Uint8Array>> = {
  'a TIFF': (profile) => tiffOf(inkLevels(), profile),
  "a JPEG with Adobe's marker": (profile) => jpegOf(inkLevels(), profile),
  // as browsers read it: a level says how much of an ink is missing either way
  'a JPEG without it': async (profile) => withoutAdobe(await jpegOf(inkLevels(), profile)),
}

const lab = async (file: Uint8Array) => {
  const { levels, channels } = await (await openPicture(file, 'photo')).page(0)
  expect(channels).toBe(3)
  return srgbToLab(levels as Uint8Array)
}

describe.each(Object.entries(FILES))('inks of %s', (_, fileOf) => {
  it('have the lightness that the profile says', async () => {
    const { L, ab } = await lab(await fileOf(inkProfile()))
    const wrong = L.map((l, i) => Math.abs(l - expected((i % WIDTH) / (WIDTH - 1), i < L.length / 2)))
    expect(Math.max(...wrong)).toBeLessThan(0.8)
    expect(Math.max(...ab.map(Math.abs))).toBeLessThan(1)
  })

  it('without a profile are white where there are none, and dark where there is black', async () => {
    const { L } = await lab(await fileOf(null))
    const black = L.subarray(WIDTH * 10, WIDTH * 11)
    expect(black[0]).toBeGreaterThan(99.5)
    expect(black[WIDTH - 1]).toBeLessThan(5)
    expect(black.every((l, x) => x === 0 || l < black[x - 1]! + 0.5)).toBe(true)
    const { L: same } = await lab(tiffOf(inkLevels(), null))
    expect(Math.max(...L.map((l, i) => Math.abs(l - same[i]!)))).toBeLessThan(0.8)
  })
})
