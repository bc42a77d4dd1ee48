import {
  chmodSync,
  type Dirent,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import files from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it, type MockInstance, onTestFinished, vi } from 'vitest'
import type { Photo } from '../src/color/photo.ts'
import { encode, photoSize, readPhoto, sharpResize, writeImage } from '../src/node/image.ts'
import { findPhotos } from '../src/node/photos.ts'

const folder = mkdtempSync(join(tmpdir(), 'image-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A picture whose quarters are red, green, blue and grey, so that turning and mirroring show. */
const QUARTERS = [
  [200, 30, 30],
  [30, 160, 40],
  [40, 50, 190],
  [120, 120, 120],
] as const
function quarters(width = 48, height = 32): Photo {
  const rgb = new Uint8Array(3 * width * height)
  for (let i = 0; i < width * height; i++)
    rgb.set(QUARTERS[2 * +(i >= (width * height) / 2) + +(i % width >= width / 2)]!, 3 * i)
  return { width, height, rgb }
}
const raw = (photo = quarters()) =>
  sharp(photo.rgb, { raw: { width: photo.width, height: photo.height, channels: 3 } })

/** The pixel in the middle of each quarter: upper left, upper right, lower left, lower right. */
function corners({ width, height, rgb }: Photo): number[][] {
  return [0.25, 0.75].flatMap((y) =>
    [0.25, 0.75].map((x) => {
      const i = Math.floor(y * height) * width + Math.floor(x * width)
      return [...rgb.subarray(3 * i, 3 * i + 3)]
    }),
  )
}

function expectCorners(photo: Photo, want: readonly (readonly number[])[], tolerance: number): void {
  const got = corners(photo).flat()
  want.flat().forEach((level, i) => {
    expect(Math.abs(got[i]! - level), `${got} against ${want}`).toBeLessThanOrEqual(tolerance)
  })
}

describe('readPhoto', () => {
  it.each([
    ['png', () => raw().png(), 0],
    ['tiff', () => raw().tiff({ compression: 'lzw' }), 0],
    ['webp', () => raw().webp({ quality: 95 }), 6],
    ['jpeg', () => raw().jpeg({ quality: 95 }), 6],
    ['16-bit PNG', () => raw().toColourspace('rgb16').png(), 0],
    ['palette PNG', () => raw().png({ palette: true }), 2],
    ['PNG with the Display P3 profile', () => raw().withIccProfile('p3').png(), 2],
  ] as const)('%s', async (_, make, tolerance) => {
    const photo = await readPhoto(await make().toBuffer())
    expect([photo.width, photo.height, photo.rgb.length]).toEqual([48, 32, 48 * 32 * 3])
    expectCorners(photo, QUARTERS, tolerance)
  })

  it('CMYK: paper is white, full ink nearly black, and red, green and blue are what they were', async () => {
    const photo = { width: 32, height: 32, rgb: new Uint8Array(3 * 1024).fill(255).fill(0, 3 * 512) }
    for (const [picture, check] of [
      [photo, ([white, , black]: number[][]) => Math.min(...white!) >= 253 && Math.max(...black!) <= 45],
      [
        quarters(),
        (seen: number[][]) =>
          [0, 1, 2].every((n) => seen[n]![n]! > 1.4 * Math.max(...seen[n]!.toSpliced(n, 1))),
      ],
    ] as const) {
      const jpeg = await raw(picture).toColourspace('cmyk').jpeg({ quality: 98 }).toBuffer()
      expect((await sharp(jpeg).metadata()).space).toBe('cmyk')
      const seen = corners(await readPhoto(jpeg))
      expect(check(seen), `${seen}`).toBe(true)
    }
  })

  it('the P3 profile of that file is really used: its stored levels are others', async () => {
    const p3 = await raw().withIccProfile('p3').png().toBuffer()
    const { data } = await sharp(p3, { ignoreIcc: true } as object)
      .raw()
      .toBuffer({ resolveWithObject: true })
    expect(Math.abs(data[(8 * 48 + 12) * 3]! - 200)).toBeGreaterThan(5)
  })

  it('grey, 8 and 16 bits, comes out with three equal channels', async () => {
    const levels = Uint16Array.from({ length: 256 }, (_, i) => i * 257)
    const deep = sharp(levels, { raw: { width: 16, height: 16, channels: 1 } })
    for (const space of ['grey16', 'b-w']) {
      const { rgb } = await readPhoto(await deep.clone().toColourspace(space).png().toBuffer())
      expect([...rgb]).toEqual(Array.from({ length: 768 }, (_, i) => Math.floor(i / 3)))
    }
  })

  it('transparency becomes white', async () => {
    const clear = sharp({
      create: { width: 2, height: 2, channels: 4, background: { r: 10, g: 20, b: 30, alpha: 0 } },
    })
    expect([...(await readPhoto(await clear.png().toBuffer())).rgb]).toEqual(Array(12).fill(255))
    const half = sharp({
      create: { width: 1, height: 1, channels: 4, background: { r: 0, g: 100, b: 255, alpha: 128 / 255 } },
    })
    expect([...(await readPhoto(await half.png().toBuffer())).rgb]).toEqual([127, 177, 255])
  })

  // EXIF 2.32, tag 0x112: what is at the upper left, upper right, lower left and lower right when shown
  it.each([
    [1, [0, 1, 2, 3]],
    [2, [1, 0, 3, 2]],
    [3, [3, 2, 1, 0]],
    [4, [2, 3, 0, 1]],
    [5, [0, 2, 1, 3]],
    [6, [2, 0, 3, 1]],
    [7, [3, 1, 2, 0]],
    [8, [1, 3, 0, 2]],
  ] as const)('EXIF orientation %i', async (orientation, order) => {
    const bytes = await raw().withMetadata({ orientation }).jpeg({ quality: 95 }).toBuffer()
    const photo = await readPhoto(bytes)
    expectCorners(
      photo,
      order.map((n) => QUARTERS[n]!),
      6,
    )
    const { width, height } = photo
    expect([width, height]).toEqual(orientation < 5 ? [48, 32] : [32, 48])
    expect(await photoSize(bytes, 'x')).toEqual({ width, height })
  })
})

describe('what cannot be read is one clear sentence', () => {
  const noise = {
    width: 64,
    height: 64,
    rgb: Uint8Array.from({ length: 12288 }, (_, i) => (i * i * 37) ^ (i >> 3)),
  }
  const path = join(folder, 'broken')

  it.each(['jpeg', 'png', 'webp', 'tiff'] as const)('a truncated %s', async (format) => {
    const whole = await encode(noise, format)
    expect((await readPhoto(whole)).width).toBe(64)
    for (const part of [0.1, 0.5, 0.9]) {
      writeFileSync(path, whole.subarray(0, whole.length * part))
      await expect(readPhoto(path)).rejects.toMatchObject({
        name: 'UserError',
        trouble: 'input',
        message: expect.stringMatching(/broken (is truncated or damaged|cannot be decoded) \(/),
      })
    }
  })

  it.each([
    ['0 bytes', Buffer.alloc(0), /broken is empty \(0 bytes\)/],
    ['text', Buffer.from('These are only words.'), /broken is not an image: JPEG, PNG/],
    ['SVG', Buffer.from('<svg width="9" height="9"></svg>'), /is not an image/],
    ['HEIC', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0'), /broken cannot be decoded \(Invalid input/],
    ['a signature alone', Buffer.from([0xff, 0xd8, 0xff]), /broken (is truncated|cannot be decoded)/],
  ])('%s', async (_, bytes, message) => {
    writeFileSync(path, bytes)
    await expect(readPhoto(path)).rejects.toThrow(message)
    await expect(readPhoto(path)).rejects.toMatchObject({ name: 'UserError' })
  })

  it('with its own reason, however many cannot be decoded at the same time', async () => {
    const reasons = {
      jpeg: /^\d+ is truncated or damaged \(VipsJpeg: premature end of JPEG image\)$/,
      png: /^\d+ is truncated or damaged \(vipspng: libpng read error\)$/,
      webp: /^\d+ is truncated or damaged \(corrupt header: webp: unable to parse image\)$/,
      tiff: /^\d+ is truncated or damaged \(unsupported image format\)$/, // its directory stands at the end
    } as const
    const formats = Object.keys(reasons) as (keyof typeof reasons)[]
    const whole = await Promise.all(formats.map((format) => encode(noise, format)))
    const halves = whole.map((bytes) => bytes.subarray(0, bytes.length / 2))
    const decoding = Array.from({ length: 60 }, (_, i) => readPhoto(halves[i % 4]!, `${i}`))
    const results = await Promise.allSettled(decoding)
    for (const [i, result] of results.entries())
      expect(result).toMatchObject({ reason: { message: expect.stringMatching(reasons[formats[i % 4]!]) } })
  })

  it('a small file that unfolds to more than 268 megapixels', async () => {
    const bomb = sharp({
      create: { width: 20_000, height: 14_000, channels: 3, background: '#888' },
      limitInputPixels: false,
    })
    const bytes = await bomb.png({ compressionLevel: 9 }).toBuffer()
    expect(bytes.length).toBeLessThan(3e6)
    await expect(readPhoto(bytes, 'bomb.png')).rejects.toThrow(
      /bomb.png is too large: at most 268 megapixels/,
    )
  })

  it('missing, a folder', async () => {
    await expect(readPhoto(join(folder, 'none.jpg'))).rejects.toThrow(/cannot read .*none.jpg: no such file/)
    await expect(readPhoto(folder)).rejects.toThrow(/it is a folder/)
  })
})

describe('writeImage', () => {
  it.each([
    ['a.png', 0],
    ['a.tif', 0],
    ['a.TIFF', 0],
    ['a.jpg', 6],
    ['a.jpeg', 6],
    ['a.jfif', 6],
    ['a.webp', 8],
  ])('%s', async (name, tolerance) => {
    await writeImage(join(folder, name), quarters())
    expectCorners(await readPhoto(join(folder, name)), QUARTERS, tolerance)
  })

  it('other endings, sizes the format has not, and places that cannot be written', async () => {
    for (const name of ['a.bmp', 'a.gif', '.jpg'])
      await expect(writeImage(join(folder, name), quarters())).rejects.toMatchObject({
        trouble: 'usage',
        message: expect.stringMatching(
          /must end in \.jpg, \.jpeg, \.jpe, \.jfif, \.png, \.webp, \.tif, \.tiff$/,
        ),
      })
    await expect(writeImage(join(folder, 'none', 'a.png'), quarters())).rejects.toThrow(
      /cannot write .*: no such/,
    )
    const long = { width: 20_000, height: 1, rgb: new Uint8Array(60_000) }
    await expect(writeImage(join(folder, 'long.webp'), long)).rejects.toThrow(
      /long\.webp: cannot write 20000x1 pixels as webp/,
    )
    expect(readdirSync(folder).filter((name) => /part|long/.test(name))).toEqual([])
  })
})

describe('resizing', () => {
  it('keeps flat areas, and the mean of fine detail', async () => {
    expectCorners(await sharpResize(quarters(480, 320), 48, 32), QUARTERS, 0)
    const stripes = Uint8Array.from({ length: 3 * 64 * 64 }, (_, i) => (Math.floor(i / 3) % 2 ? 200 : 100))
    const small = await sharpResize({ width: 64, height: 64, rgb: stripes }, 8, 8)
    for (const level of small.rgb) expect(Math.abs(level - 150)).toBeLessThanOrEqual(2)
  })
})

describe('findPhotos', () => {
  const tree = join(folder, 'tree')
  beforeAll(() => {
    for (const name of ['b', 'a/deep', 'empty', '.hidden']) mkdirSync(join(tree, name), { recursive: true })
    for (const name of [
      'z.jpg',
      'b/1.PNG',
      'a/2.webp',
      'a/deep/3.tiff',
      'a/notes.txt',
      '.hidden/x.jpg',
      '._z.jpg',
    ])
      writeFileSync(join(tree, name), '')
    symlinkSync(join(tree, 'z.jpg'), join(tree, 'b', 'link.jpg'))
    symlinkSync(join(tree, 'gone.jpg'), join(tree, 'b', 'dangling.jpg'))
    symlinkSync(tree, join(tree, 'b', 'loop'))
  })
  const relatives = async (...inputs: string[]) => (await findPhotos(inputs)).map(({ relative }) => relative)

  it('folders: recursive, sorted, relative paths; hidden files and links to folders passed over', async () => {
    expect(await relatives(tree)).toEqual(['a/2.webp', 'a/deep/3.tiff', 'b/1.PNG', 'b/link.jpg', 'z.jpg'])
    expect((await findPhotos([tree]))[0]!.path).toBe(join(tree, 'a/2.webp'))
  })

  it('a subfolder of more files than a call takes arguments', async () => {
    const entry = (name: string, isFile: boolean) =>
      ({ name, isFile: () => isFile, isDirectory: () => !isFile, isSymbolicLink: () => false }) as Dirent
    const inside = Array.from({ length: 130_000 }, (_, i) => entry(`${1e6 + i}.jpg`, true))
    const listing = vi.spyOn(files, 'readdir') as unknown as MockInstance<() => Promise<Dirent[]>>
    onTestFinished(() => {
      listing.mockRestore()
      syncBuiltinESMExports()
    })
    listing.mockResolvedValueOnce([entry('a', false)]).mockResolvedValueOnce(inside)
    syncBuiltinESMExports()
    expect(await findPhotos([tree])).toHaveLength(inside.length)
  })

  it('files as they are, whatever their ending, once each', async () => {
    const text = join(tree, 'a', 'notes.txt')
    expect(await findPhotos([text, text])).toEqual([{ path: text, relative: 'notes.txt' }])
  })

  it('globs', async () => {
    expect(await relatives(`${tree}/*/*.{webp,PNG}`)).toEqual(['a/2.webp', 'b/1.PNG'])
    expect(await relatives(`${tree}/**/[0-9].*`)).toEqual(['a/2.webp', 'a/deep/3.tiff', 'b/1.PNG'])
    expect(await relatives(`${tree}/?.jpg`)).toEqual(['z.jpg'])
    expect(await relatives(`${tree}/a/**`)).toEqual(['2.webp', 'deep/3.tiff'])
  })

  it('a file whose name looks like a glob is that file', async () => {
    const odd = join(tree, 'empty', 'x[1].jpg')
    writeFileSync(odd, '')
    expect(await findPhotos([odd])).toEqual([{ path: odd, relative: 'x[1].jpg' }])
    rmSync(odd)
  })

  it('errors: nothing there, no images, no match', async () => {
    await expect(findPhotos([join(tree, 'none.jpg')])).rejects.toThrow(/cannot read .*none.jpg: no such file/)
    await expect(findPhotos([join(tree, 'empty')])).rejects.toThrow(/folder .*empty has no images/)
    await expect(findPhotos([`${tree}/*.gif`])).rejects.toThrow(/no image matches .*\*\.gif/)
    await expect(findPhotos([`${tree}/none/*.gif`])).rejects.toThrow(/cannot read .*none: no such file/)
  })

  it('an unreadable folder', async () => {
    const locked = join(tree, 'empty', 'locked')
    mkdirSync(locked, { mode: 0o000 })
    for (const open of [folder, tree, join(tree, 'empty')]) chmodSync(open, 0o755)
    const user = process.geteuid!()
    if (user === 0) process.seteuid!(65534) // the superuser may read everything: be somebody else for a moment
    try {
      await expect(findPhotos([locked])).rejects.toThrow(/cannot read the folder .*locked: permission denied/)
    } finally {
      if (user === 0) process.seteuid!(0)
    }
  })
})
