/** What a look at a photograph finds, and what that changes: colours of its own, a tone, fading, borders, plain surfaces. */
import { readdirSync } from 'node:fs'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { srgbToLab } from '../src/color/lab.ts'
import { forNetwork, lookAt } from '../src/color/look.ts'
import { grayOf } from '../src/color/paint.ts'
import type { Photo } from '../src/color/photo.ts'
import { mirrored } from '../src/color/photo.ts'
import { rasterOf } from '../src/color/raster.ts'
import { colorizePicture } from '../src/infer/picture.ts'
import { readPhoto } from '../src/node/image.ts'
import { flatPainter } from './flat-painter.ts'

const all = readdirSync('samples/photos').map((name) => `samples/photos/${name}`)
/** Those whose colours are the palest or the strongest, and some others. */
const samples = all.filter(
  (path, i) => i % 5 === 0 || /polar-bear|dandelions|wet-leaves|dragonfly/.test(path),
)
const look = (photo: Photo) => lookAt(photo, photo)

/** A photograph printed in brown on paper that has yellowed, more to the right, and scanned as JPEG. */
async function aged(path: string): Promise<Photo> {
  const { data, info } = await sharp(path)
    .greyscale()
    .toColourspace('b-w')
    .raw()
    .toBuffer({ resolveWithObject: true })
  const { width, height } = info
  const rgb = new Uint8Array(3 * width * height)
  for (const [i, level] of data.entries()) {
    const yellow = (i % width) / width
    rgb.set(
      [1.02 * level + 8, 0.86 * level + 8 - 3 * yellow, 0.62 * level + 6 - 10 * yellow].map((v) =>
        Math.max(0, Math.min(255, v)),
      ),
      3 * i,
    )
  }
  const jpeg = sharp(rgb, { raw: { width, height, channels: 3 } }).jpeg({ quality: 80 })
  return readPhoto(await jpeg.toBuffer())
}

/** A scene in grey of 90×60, between two lightnesses of sRGB levels, and perhaps a border around it. */
function scene({ from = 20, to = 230, border = 0, paper = 250 } = {}): Photo {
  const [width, height] = [90 + 2 * border, 70 + 2 * border]
  const rgb = new Uint8Array(3 * width * height)
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [(i % width) - border, Math.floor(i / width) - border]
    const isInside = x >= 0 && y >= 0 && x < 90 && y < 70
    const share = 0.5 + 0.5 * Math.sin(x / 6) * Math.cos(y / 7)
    rgb.fill(isInside ? from + share * (to - from) : paper, 3 * i, 3 * i + 3)
  }
  return { width, height, rgb }
}

const chromas = ({ rgb }: Photo) => {
  const { ab } = srgbToLab(rgb)
  return Float32Array.from({ length: ab.length / 2 }, (_, i) => Math.hypot(ab[2 * i]!, ab[2 * i + 1]!))
}

async function painted(photo: Photo, options = {}): Promise<Photo> {
  const copy = { ...photo, rgb: photo.rgb.slice() }
  const { picture } = await colorizePicture(flatPainter(), rasterOf(copy), look(photo), options)
  return { width: photo.width, height: photo.height, rgb: picture.levels as Uint8Array }
}

describe('colours of its own', () => {
  it.each(samples)('%s has some', async (path) => {
    expect(look(await readPhoto(path)).isInColour).toBe(true)
  })

  it.each(samples)('%s has none in brown on yellowed paper, but a tone', async (path) => {
    expect(look(await aged(path))).toMatchObject({ isInColour: false, isToned: true })
  })

  it.each(readdirSync('samples/gray'))('the old photograph %s has neither', async (name) => {
    expect(look(await readPhoto(`samples/gray/${name}`))).toMatchObject({ isInColour: false, isToned: false })
  })

  it('a small flower in a grey picture is one', () => {
    const photo = scene()
    for (let y = 30; y < 40; y++) for (let x = 30; x < 40; x++) photo.rgb.set([200, 30, 60], 3 * (y * 90 + x))
    expect(look(photo).isInColour).toBe(true)
  })
})

describe('a tone', () => {
  it('is not shown to the network', async () => {
    const photo = await aged('samples/photos/cat.jpg')
    expect(Math.max(...chromas(photo))).toBeGreaterThan(10)
    expect(Math.max(...chromas(forNetwork(photo, look(photo))))).toBe(0)
  })

  it('is gone from the result, and stays with keepTone', async () => {
    const photo = await aged('samples/photos/cat.jpg')
    const mean = ({ rgb }: Photo) =>
      srgbToLab(rgb).ab.reduce((sum, b, i) => sum + (i % 2) * b, 0) / (rgb.length / 3)
    const [without, kept] = [await painted(photo), await painted(photo, { keepTone: true })]
    expect(mean(without)).toBeLessThan(-5) // the painter's own -10, but for what sRGB does not have
    expect(mean(kept) - mean(without)).toBeGreaterThan(0.6 * mean(photo))
  })
})

describe('fading', () => {
  const lightnessOf = ({ rgb }: Photo) => srgbToLab(rgb).L
  const mean = (L: Float32Array) => L.reduce((sum, l) => sum + l, 0) / L.length
  const seen = (photo: Photo) => lightnessOf(forNetwork(photo, look(photo)))
  /** As a print that has faded to some lightnesses, by a power and a few scratches. */
  const faded = (power: number, { from = 110, to = 160 } = {}): Photo => {
    const photo = scene({ from: 0, to: 255 })
    photo.rgb.forEach((level, i) => {
      photo.rgb[i] = from + (to - from) * (level / 255) ** power
    })
    for (let y = 0; y < photo.height; y++) photo.rgb.fill(y % 2 ? 255 : 0, 3 * 90 * y, 3 * 90 * y + 3)
    return photo
  }

  it.each([
    ['to lights', 170, 215],
    ['to greys', 110, 160],
    ['to darks', 10, 60],
  ])('%s is undone for the network alone, scratches or not', async (_, from, to) => {
    const photo = faded(1, { from, to })
    const inside = seen(photo).filter((_, i) => i % 90 > 0)
    expect(Math.min(...inside)).toBeLessThan(12)
    expect(Math.max(...inside)).toBeGreaterThan(88)
    const [L, after] = [photo, await painted(photo)].map(lightnessOf)
    expect(Math.max(...L!.map((value, i) => Math.abs(value - after![i]!)))).toBeLessThan(0.3)
  })

  it.each([2.5, 1, 0.4])('has the network see no dark or light picture, by a power of %d', (power) => {
    const found = mean(seen(faded(power)))
    expect(found).toBeGreaterThan(36)
    expect(found).toBeLessThan(64)
  })

  /** What is in them has little contrast by itself. */
  const soft = /cat|dune-grass|meadow|orange-flower|polar-bear|sky/

  it.each(all.filter((path) => !soft.test(path)))(
    'is not seen in %s, which evaluations show the network as it is',
    async (path) => {
      const photo = grayOf(await readPhoto(path))
      expect(forNetwork(photo, look(photo)) === photo).toBe(true) // arrays that differ would be compared for hours
      const content = { x: 0, y: 0, width: photo.width, height: photo.height }
      expect(look(photo)).toMatchObject({ structure: 1, content })
    },
  )

  it('is not seen where there is none: the network is shown the photograph itself', () => {
    const photo = scene()
    expect(forNetwork(photo, look(photo)) === photo).toBe(true) // arrays that differ would be compared for hours
  })

  it('a surface without anything on it is shown as one', () => {
    const photo = scene({ from: 200, to: 200 })
    expect(new Set(seen(photo)).size).toBe(1)
  })
})

describe('a border', () => {
  it.each([
    ['white', 250],
    ['black', 4],
  ])('of %s is found, is not shown to the network, and stays grey', async (_, paper) => {
    const photo = scene({ border: 12, from: 40, to: 200, paper })
    expect(look(photo).content).toEqual({ x: 12, y: 12, width: 90, height: 70 })
    const shown: Photo[] = []
    const copy = { ...photo, rgb: photo.rgb.slice() }
    const { picture } = await colorizePicture(
      flatPainter((seen) => shown.push(seen)),
      rasterOf(copy),
      look(photo),
      {},
    )
    expect(shown.map(({ width, height }) => [width, height])).toEqual([[90, 70]])
    const found = chromas({ ...photo, rgb: picture.levels as Uint8Array })
    expect(found[5 * photo.width + 5]).toBeLessThan(0.5)
    expect(found[40 * photo.width + 5]).toBeLessThan(0.5)
    expect(found[40 * photo.width + 50]).toBeGreaterThan(5)
  })

  it('is not a white sky, which no straight line ends', () => {
    const photo = scene({ from: 40, to: 160 })
    for (let x = 0; x < 90; x++) {
      const horizon = 14 + Math.round(6 * Math.sin(x / 8))
      for (let y = 0; y < horizon; y++) photo.rgb.fill(250, 3 * (y * 90 + x), 3 * (y * 90 + x) + 3)
    }
    expect(look(photo).content).toEqual({ x: 0, y: 0, width: 90, height: 70 })
  })
})

describe('a plain surface stays grey', () => {
  it.each([
    [1, 1],
    [40, 40],
  ])('of %i×%i', async (width, height) => {
    const photo = { width, height, rgb: new Uint8Array(3 * width * height).fill(120) }
    expect(Math.max(...chromas(await painted(photo)))).toBeLessThan(0.5)
  })

  it('but not a photograph', async () => {
    expect(Math.max(...chromas(await painted(scene())))).toBeGreaterThan(10)
  })
})

it('mirrored continues a small picture to the right and below', () => {
  const row = Uint8Array.of(1, 1, 1, 2, 2, 2, 3, 3, 3)
  const { width, height, rgb } = mirrored({ width: 3, height: 1, rgb: row }, 8)
  expect([width, height]).toEqual([8, 8])
  const first = Array.from({ length: 8 }, (_, x) => rgb[3 * x])
  expect(first).toEqual([1, 2, 3, 3, 2, 1, 1, 2])
  expect(rgb.subarray(24, 48)).toEqual(rgb.subarray(0, 24))
})
