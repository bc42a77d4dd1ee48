/** The enlargement on the GPU, held against the one in TypeScript. */
import { describe, expect, it } from 'vitest'
import { enlarger, type SmallAb } from '../src/color/guided.ts'
import { lightness } from '../src/color/lab.ts'
import { paint } from '../src/color/paint.ts'
import { type Photo, photoLightness } from '../src/color/photo.ts'
import { Enlargement } from '../src/infer/enlargement.ts'
import { Enlarger } from '../src/infer/enlarger.ts'
import { useGpu } from './device.ts'
import { draw, seeded } from './harness.ts'

const gpu = useGpu()

const noise = (width: number, height: number): SmallAb => ({
  ab: draw(2 * width * height, 'wide', seeded(`${width}×${height}`)),
  width,
  height,
})

/** Blocks of colours with noise. */
function photoOf(width: number, height: number): Photo {
  const random = seeded('photo')
  const rgb = new Uint8Array(3 * width * height)
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [i % width, Math.floor(i / width)]
    const base = (37 * Math.floor(x / 13) + 91 * Math.floor(y / 17)) % 200
    for (let c = 0; c < 3; c++) rgb[3 * i + c] = base + c + Math.floor(40 * random())
  }
  return { width, height, rgb }
}

async function colours(photo: Photo, small: SmallAb): Promise<Float32Array> {
  const enlargement = await Enlargement.create(gpu(), photo, small)
  const ab = new Float32Array(2 * photo.width * photo.height)
  for await (const band of enlargement.run(photoLightness(photo), small.ab))
    ab.set(band.colours, 2 * photo.width * band.first)
  enlargement.destroy()
  return ab
}

const AGREEMENT = 1e-3

describe('colours enlarged on the GPU', () => {
  // pictures of several bands, whose bands end within cells; of fewer pixels than cells; of one cell
  it.each([
    [80, 56, 1700, 1300],
    [3, 2, 1500, 1100],
    [20, 1, 60, 40],
    [31, 17, 32, 18],
    [31, 17, 31, 40],
    [31, 17, 12, 9],
    [1, 1, 20, 30],
  ])('are those of the reference, %d × %d cells for %d × %d pixels', async (w, h, width, height) => {
    const [photo, small] = [photoOf(width, height), noise(w, h)]
    const want = enlarger(small, photo)(lightness(photo.rgb), 0, height)
    const got = await colours(photo, small)
    expect(got).toHaveLength(want.length)
    const worst = want.reduce((most, value, i) => Math.max(most, Math.abs(value - got[i]!)), 0)
    expect(worst).toBeLessThan(AGREEMENT)
  })
})

describe('an Enlarger', () => {
  it('paints as the reference paints, but for roundings', async () => {
    const [photo, small] = [photoOf(90, 70), noise(20, 15)]
    const enlarger = new Enlarger(gpu())
    const { rgb, width, height } = await enlarger.paint(photo, small, 1.3)
    const want = paint(photo, small, 1.3).rgb
    expect([width, height]).toEqual([90, 70])
    const differences = rgb.map((level, i) => Math.abs(level - want[i]!))
    expect(Math.max(...differences)).toBeLessThanOrEqual(1)
    expect(differences.filter((difference) => difference > 0).length).toBeLessThan(rgb.length / 500)
    enlarger.destroy()
  })

  it('paints overlapping calls as it does one after another, and gives all its memory back', async () => {
    gpu().pool.trim()
    const before = gpu().pool.created
    const enlarger = new Enlarger(gpu())
    // of more sizes than plans are kept for, and one of them twice
    const sizes = [40, 50, 60, 70, 80, 40]
    const paintAll = () => sizes.map((size) => enlarger.paint(photoOf(size, 30), noise(8, 6), 1))
    const overlapping = await Promise.all(paintAll())
    for (const [i, size] of sizes.entries())
      expect(await enlarger.paint(photoOf(size, 30), noise(8, 6), 1)).toEqual(overlapping[i])
    enlarger.destroy()
    gpu().pool.trim()
    expect(gpu().pool.created).toBe(before)
  })
})
