/** A page on which a person tells a photograph's colours, run in Node: Dawn's GPU is handed in, and pixels in place of a canvas. */
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { create } from 'webgpu'
import { applyLines, linesOf } from '../../src/color/guided.ts'
import { labToSrgb, lightness } from '../../src/color/lab.ts'
import { centresAmong } from '../../src/color/resample.ts'
import { photoOf } from '../../src/web/images.ts'
import { Colorizer, type Hint, UserError } from '../../src/web/index.ts'
import { pyramidWeights } from '../pyramid-weights.ts'
import './pixels.ts'

const adapter = process.env.COLORIZER_ADAPTER
const gpu = create(adapter === undefined ? [] : [`adapter=${adapter}`])
const [width, height] = [96, 64]
/** Of full contrast and without borders, so that `colorize` shows it to the network as it is. */
const photo = new ImageData(
  Uint8ClampedArray.from({ length: 4 * width * height }, (_, i) =>
    i % 4 === 3 ? 255 : (37 * (i >> 4)) % 256,
  ),
  width,
  height,
)
const HINTS: Hint[] = [{ x: 0.3, y: 0.6, color: '#b03020', radius: 0.1 }]

let server: Server
let assets: string
let colorizer: Colorizer
beforeAll(async () => {
  server = createServer(({ url }, response) => void response.end(readFileSync(`weights/${url}`)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  assets = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const weights = await pyramidWeights({ hints: true })
  colorizer = await Colorizer.create({ gpu, assets, weights, saturation: 1 })
})
afterAll(async () => {
  await colorizer?.dispose()
  server.close()
})

describe('a study in a browser', () => {
  it('colours as a single call does, with every hint anew', async () => {
    await using study = await colorizer.study(photo)
    const [told, untold] = await Promise.all([study.colorize({ hints: HINTS }), study.colorize()])
    expect(told).toEqual(await colorizer.colorize(photo, { hints: HINTS }))
    expect(untold).toEqual(await colorizer.colorize(photo))
    expect(told).not.toEqual(untold)
    const stronger = await study.colorize({ hints: HINTS, saturation: 2 })
    expect(stronger).toEqual(await colorizer.colorize(photo, { hints: HINTS, saturation: 2 }))
    expect(stronger).not.toEqual(told)
  })

  it('takes a temperature and versions as a single call does', async () => {
    await using study = await colorizer.study(photo)
    const plain = await study.colorize({ hints: HINTS })
    for (const version of [{ temperature: 0.5 }, { variant: 2, seed: 3 }, { temperature: 2, variant: 1 }]) {
      const options = { hints: HINTS, ...version }
      const leant = await study.colorize(options)
      expect(leant).toEqual(await colorizer.colorize(photo, options))
      expect(leant).not.toEqual(plain)
    }
    expect(await study.colorize({ hints: HINTS })).toEqual(plain)
    await expect(study.colorize({ temperature: 9 })).rejects.toThrow('temperature 9: expected a number')
  })

  it('says how strong its colours are', async () => {
    await using study = await colorizer.study(photo, { saturation: 1.5 })
    expect(study.saturation).toBe(1.5)
    expect(await study.colorize()).toEqual(await colorizer.colorize(photo, { saturation: 1.5 }))
  })

  it('gives the colours of which a host paints parts itself', async () => {
    await using study = await colorizer.study(photo)
    const own = await photoOf(photo)
    const lines = linesOf(await study.colours({ hints: HINTS }), own)
    const L = lightness(own.rgb)
    const places = {
      rows: centresAmong(lines.height, height),
      columns: centresAmong(lines.width, width),
    }
    const painted = labToSrgb(L, applyLines(lines, places, L))
    const { image } = await study.colorize({ hints: HINTS })
    const off = Array.from(painted, (level, i) =>
      Math.abs(level - image.data[4 * Math.floor(i / 3) + (i % 3)]!),
    )
    expect(Math.max(...off)).toBeLessThanOrEqual(1)
  })

  it("offers colours of the place's lightness, the likeliest first", async () => {
    await using study = await colorizer.study(photo)
    const likely = await study.likely({ x: 0.5, y: 0.5 }, { hints: HINTS })
    expect(likely.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 9)
    expect(likely[0]!.probability).toBeGreaterThan(likely.at(-1)!.probability)
    const level = photo.data[4 * (32 * width + 48)]!
    const [wanted] = lightness(Uint8Array.of(level, level, level))
    for (const { color } of likely) {
      expect(color).toMatch(/^#[0-9a-f]{6}$/)
      const levels = Uint8Array.from([1, 3, 5], (at) => Number.parseInt(color.slice(at, at + 2), 16))
      expect(Math.abs(lightness(levels)[0]! - wanted!)).toBeLessThan(0.5)
    }
    expect(new Set(likely.map(({ color }) => color)).size).toBeGreaterThan(100)
  })

  it.each<[object, string]>([
    [{ hints: 'red' }, 'colorize: hints "red": expected a list of hints'],
    [{ hints: [{ x: 2, y: 0, color: '#000000' }] }, "a hint's x is a fraction of the width, from 0 to 1"],
    [{ hints: [{ x: 0, y: 0, color: 'red' }] }, 'a hint\'s color is written "#rrggbb"'],
    [{ format: 'png' }, 'colorize has no option "format"'],
  ])('refuses %j in a sentence', async (options, sentence) => {
    await using study = await colorizer.study(photo)
    for (const call of [study.colorize(options), colorizer.colorize(photo, options)]) {
      await expect(call).rejects.toThrow(TypeError)
      await expect(call).rejects.toThrow(sentence)
    }
  })

  it('refuses places outside the photograph, what is no photograph, and hints before there are any', async () => {
    await using study = await colorizer.study(photo)
    const likely = study.likely({ x: 0.5, y: 1.5 })
    await expect(likely).rejects.toThrow(TypeError)
    await expect(likely).rejects.toThrow('y 1.5: expected a number of at least 0 and at most 1')
    const noPhoto = colorizer.study('koala.jpg' as unknown as ImageData)
    await expect(noPhoto).rejects.toThrow('study takes a Blob, an ImageBitmap or ImageData')
    const early = colorizer.study(photo, { hints: HINTS } as object)
    await expect(early).rejects.toThrow('study has no option "hints"')
  })

  it('is of no use after it, or its Colorizer, was disposed of', async () => {
    const study = await colorizer.study(photo)
    await study.dispose()
    await expect(study.colorize()).rejects.toThrow('this study was disposed of: begin another one')
    const weights = await pyramidWeights({ hints: true })
    const own = await Colorizer.create({ gpu, assets, weights })
    const late = await own.study(photo)
    await own.dispose()
    await expect(late.colorize()).rejects.toThrow('this Colorizer was disposed: create another one')
    await late.dispose()
  })

  it('needs weights whose network takes hints', async () => {
    const weights = new Blob([readFileSync('weights/report-lite.safetensors')])
    await using own = await Colorizer.create({ gpu, assets, weights, classifier: 'none' })
    for (const call of [own.study(photo), own.colorize(photo, { hints: HINTS })]) {
      await expect(call).rejects.toThrow(UserError)
      await expect(call).rejects.toThrow('these weights cannot be told colours: the network is a report')
    }
  })
})
