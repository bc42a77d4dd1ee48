import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { resize } from '../src/color/resample.ts'
import { inputOf } from '../src/infer/classifier-input.ts'
import { placement, preprocess } from '../src/model/classifier.ts'
import { readPhoto, sharpResize } from '../src/node/image.ts'

describe('what a classifier sees', () => {
  it.each([
    ['stretch', 400, 300, { x: 0, y: 0, width: 400, height: 300 }, { x: 0, y: 0, width: 224, height: 224 }],
    ['crop', 401, 300, { x: 50, y: 0, width: 300, height: 300 }, { x: 0, y: 0, width: 224, height: 224 }],
    ['crop', 300, 400, { x: 0, y: 50, width: 300, height: 300 }, { x: 0, y: 0, width: 224, height: 224 }],
    ['pad', 400, 300, { x: 0, y: 0, width: 400, height: 300 }, { x: 0, y: 28, width: 224, height: 168 }],
    ['pad', 1, 5000, { x: 0, y: 0, width: 1, height: 5000 }, { x: 111, y: 0, width: 1, height: 224 }],
  ] as const)('%s of %d×%d', (fit, width, height, from, to) => {
    expect(placement(width, height, 224, fit)).toEqual({ from, to })
  })

  it.each([
    ['stretch', false],
    ['crop', false],
    ['pad', false],
    ['crop', true],
  ] as const)('is what libvips makes of the photograph: %s, in colour: %s', async (fit, inColor) => {
    const photo = await readPhoto('samples/photos/dahlia.jpg')
    const { from, to } = placement(photo.width, photo.height, 96, fit)
    const raw = { width: photo.width, height: photo.height, channels: 3 } as const
    const levels = await sharp(photo.rgb, { raw })
      .extract({ left: from.x, top: from.y, width: from.width, height: from.height })
      .resize(to.width, to.height, { fit: 'fill', kernel: 'lanczos3' })
      .greyscale(!inColor)
      .raw()
      .toBuffer()
    const want = preprocess(levels, 96, to)
    for (const by of [resize, sharpResize]) {
      const got = await inputOf(photo, { size: 96, fit, resize: by, inColor })
      const differences = got.map((value, i) => Math.abs(value - want[i]!)).filter((value) => value > 0)
      expect(differences.length).toBeLessThan(got.length / 1000)
      expect(Math.max(0, ...differences)).toBeLessThan(1.01 / 127.5) // a level
    }
  })

  it('has three channels of its own in colour', () => {
    const square = { x: 0, y: 0, width: 1, height: 2 }
    const input = preprocess(Uint8Array.of(0, 51, 255, 102, 204, 153), 2, square)
    const wanted = [-1, -0.6, 1, 1, 1, 1, -0.2, 0.6, 0.2, 1, 1, 1]
    expect(input.length).toBe(wanted.length)
    wanted.forEach((value, i) => {
      expect(input[i]).toBeCloseTo(value, 6)
    })
  })

  it('is level/127.5 − 1 in three equal channels, white around it', () => {
    const input = preprocess(Uint8Array.of(0, 51, 255, 102), 4, { x: 1, y: 2, width: 2, height: 2 })
    const rows = [
      [1, 1, 1, 1],
      [1, 1, 1, 1],
      [1, -1, -0.6, 1],
      [1, 1, -0.2, 1],
    ]
    expect(input).toEqual(Float32Array.from(rows.flat().flatMap((value) => [value, value, value])))
    expect(() => preprocess(new Uint8Array(3), 4, { x: 0, y: 0, width: 2, height: 2 })).toThrow(
      /3 levels do not fill/,
    )
  })
})
