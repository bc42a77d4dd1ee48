/** Hints as a person gives them: in a file for the command line, or to the library. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { grayOf } from '../src/color/paint.ts'
import type { Photo } from '../src/color/photo.ts'
import { Colorizer, formatHints, type Hint, parseHints, UserError } from '../src/index.ts'
import { hintsFor } from '../src/io/hints.ts'
import { readPhoto, writeImage } from '../src/node/image.ts'
import { run } from './program.ts'
import { pyramidWeights } from './pyramid-weights.ts'
import { refused } from './refused.ts'

const HINTS: Hint[] = [
  { x: 0.2, y: 0.5, color: '#b03020' },
  { x: 0.8, y: 0.5, color: '#2040C0', radius: 0.1 },
]

const size = { width: 400, height: 300 }
const hint = { x: 200, y: 150, color: '#b03020' }
const version = 1
const fileOf = (...hints: unknown[]) => JSON.stringify({ version, ...size, hints })

/** Texts that are no hints, and what is said of each. */
const WRONG: [string, string, string | RegExp][] = [
  ['text that is not JSON', '{', /^hints\.json is not JSON: /],
  ['several lines', '{\n\u0000 version', /^hints\.json is not JSON: [ -~]+$/],
  ['a list', JSON.stringify([hint]), 'hints.json holds no hints: it has no version'],
  ['no version', JSON.stringify({ hints: [] }), 'hints.json holds no hints: it has no version'],
  [
    'another version',
    JSON.stringify({ version: 2, hints: [] }),
    'hints.json has hints of version 2, and this program reads version 1',
  ],
  ['no list', JSON.stringify({ version, ...size, hints: {} }), 'and nothing else; its hints is {}'],
  ['no width', JSON.stringify({ version, height: 3, hints: [] }), 'its width is missing'],
  [
    'half a pixel',
    JSON.stringify({ version, width: 1.5, height: 3, hints: [] }),
    'width and height are those of the picture in pixels, whole numbers above 0; its width is 1.5',
  ],
  ['no pixel', JSON.stringify({ version, width: 4, height: 0, hints: [] }), 'above 0; its height is 0'],
  ['another name', JSON.stringify({ version, ...size, hints: [], by: 'me' }), 'nothing else; its by is "me"'],
  ['a number for a hint', fileOf(hint, 3), 'hints.json has a wrong hint 2: a hint has x, y, a color'],
  ['a hint without a place', fileOf({ x: 0.5, color: '#b03020' }), 'and nothing else; its y is missing'],
  ['a hint with more', fileOf({ ...hint, radus: 0.1 }), 'and nothing else; its radus is 0.1'],
  [
    'a hint right of the picture',
    fileOf(hint, { ...hint, x: 401 }),
    "hints.json has a wrong hint 2: a hint's x is in pixels, from 0 to the width of 400 × 300; its x is 401",
  ],
  ['a hint above it', fileOf({ ...hint, y: -1 }), 'from 0 to the height of 400 × 300; its y is -1'],
  ['a place in words', fileOf({ ...hint, y: 'top' }), 'the height of 400 × 300; its y is "top"'],
  [
    'a color by name',
    fileOf({ ...hint, color: 'red' }),
    'color is written "#rrggbb", in hexadecimal digits; its',
  ],
  ['a color of 3 digits', fileOf({ ...hint, color: '#f00' }), 'its color is "#f00"'],
  ['an impossible color', fileOf({ ...hint, color: '#gg0000' }), 'its color is "#gg0000"'],
  ['no radius', fileOf({ ...hint, radius: -1 }), 'radius is in pixels, from 0 to the shorter side of'],
  ['a radius beyond all', fileOf({ ...hint, radius: 301 }), 'its radius is 301'],
]

describe('a file of hints', () => {
  it('is read as it was written', () => {
    expect(parseHints(formatHints(HINTS, size), 'hints.json')).toEqual({
      name: 'hints.json',
      ...size,
      hints: HINTS,
    })
    expect(parseHints(formatHints([], size), 'hints.json').hints).toEqual([])
  })

  it('has places and radii in pixels of its picture', () => {
    const text = fileOf({ x: 100, y: 75, radius: 30, color: '#B03020' })
    expect(parseHints(text, 'hints.json').hints).toEqual([
      { x: 0.25, y: 0.25, radius: 0.1, color: '#B03020' },
    ])
    expect(JSON.parse(formatHints(HINTS, size))).toEqual({
      ...{ version, ...size },
      hints: [
        { x: 80, y: 150, color: '#b03020' },
        { x: 320, y: 150, color: '#2040C0', radius: 30 },
      ],
    })
  })

  it('fits its picture at any size, and no picture of another shape', () => {
    const file = { name: 'hints.json', ...size, hints: HINTS }
    for (const [width, height] of [
      [400, 300],
      [4000, 3000],
      [201, 150],
    ] as const)
      expect(hintsFor(file, 'photo.jpg', { width, height })).toBe(HINTS)
    const turned = { width: 300, height: 400 }
    expect(() => hintsFor(file, 'photo.jpg', turned)).toThrow(
      'hints.json has hints for a picture of 400 × 300, and photo.jpg has 300 × 400',
    )
  })

  it.each(WRONG)('that is wrong is refused in a sentence: %s', (_, text, sentence) => {
    expect(() => parseHints(text, 'hints.json')).toThrow(UserError)
    expect(() => parseHints(text, 'hints.json')).toThrow(sentence)
  })
})

const adapter = process.env.COLORIZER_ADAPTER
const folder = mkdtempSync(join(tmpdir(), 'colorizer-hints-'))
const inFolder = (...names: string[]) => join(folder, ...names)
const [weights, deaf, photo, file] = ['weights', 'deaf', 'photo.png', 'hints.json'].map((name) =>
  inFolder(name),
)

beforeAll(async () => {
  writeFileSync(weights!, await pyramidWeights({ hints: true }))
  writeFileSync(deaf!, await pyramidWeights({ hints: false }))
  await writeImage(photo!, grayOf(await readPhoto('samples/photos/koala.jpg')))
  writeFileSync(file!, formatHints(HINTS, await readPhoto(photo!)))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Mean absolute difference of the levels in a square around a place. */
function difference(one: Photo, other: Photo, { x, y }: { x: number; y: number }): number {
  const [column, row, reach] = [Math.floor(x * one.width), Math.floor(y * one.height), 5]
  let [sum, count] = [0, 0]
  for (let j = Math.max(0, row - reach); j <= Math.min(one.height - 1, row + reach); j++) {
    const from = 3 * (j * one.width + Math.max(0, column - reach))
    for (let i = from; i < from + 6 * reach; i++, count++) sum += Math.abs(one.rgb[i]! - other.rgb[i]!)
  }
  return sum / count
}

describe('colorize --hints', () => {
  const chosen = adapter === undefined ? [] : ['--adapter', adapter]
  const colorize = (out: string, ...args: string[]) =>
    run(['colorize', '-o', inFolder(out), '--weights', weights!, ...chosen, '-q', ...args])

  it('paints as the library does, and other colours than without, most of all at their places', async () => {
    const ended = await colorize('told.png', photo!, '--hints', file!)
    expect(ended).toMatchObject({ code: 0 })
    expect(await colorize('untold.png', photo!)).toMatchObject({ code: 0 })
    const [told, untold] = [await readPhoto(inFolder('told.png')), await readPhoto(inFolder('untold.png'))]
    for (const place of HINTS)
      expect(difference(told, untold, place)).toBeGreaterThan(3 * difference(told, untold, { x: 0.5, y: 0 }))

    await using colorizer = await Colorizer.create({ adapter, weights: weights! })
    const { image } = await colorizer.colorize(photo!, { hints: HINTS })
    expect(await readPhoto(image, 'image')).toEqual(told)
    await using study = await colorizer.study(photo!)
    for (const hints of [HINTS, []]) {
      const { image, width } = await study.colorize({ hints })
      expect(width).toBe(told.width)
      expect(await readPhoto(image, 'image')).toEqual(hints.length ? told : untold)
    }
    const wide = inFolder('wide.png')
    await writeImage(wide, { width: 16_384, height: 8, rgb: new Uint8Array(16_384 * 8 * 3) })
    await using other = await colorizer.study(wide, { format: 'webp' })
    await expect(other.colorize({})).rejects.toThrow(`${wide}: cannot write 16384x8 pixels as webp: `)
  })

  it('is done again when the hints in the file have changed', async () => {
    const changing = inFolder('changing.json')
    const write = async (hints: typeof HINTS) =>
      writeFileSync(changing, formatHints(hints, await readPhoto(photo!)))
    const words = async (...more: string[]) =>
      (await colorize('changing.png', photo!, '--hints', changing, ...more)).stdout.toString()
    await write(HINTS)
    expect(await words()).toMatch(/^coloured 1 of 1/)
    expect(await words('--dry-run')).toMatch(/left out: 1 done$/m)
    await write(HINTS.slice(1))
    expect(await words('--dry-run')).toMatch(/^1 to colour$/m)
  })

  it('refuses what it cannot use', async () => {
    mkdirSync(inFolder('two'))
    for (const name of ['a.png', 'b.png']) writeFileSync(inFolder('two', name), readFileSync(photo!))
    const hints = ['--hints', file!]
    refused(
      await colorize('out', inFolder('two'), ...hints),
      2,
      /--hints .* for one photograph, but there are 2/,
    )
    refused(await colorize('out', photo!, '--hints', inFolder('none.json')), 2, /none\.json: no such file/)
    refused(await colorize('out', photo!, '--hints', photo!), 2, /photo\.png is not JSON/)
    const outside = inFolder('outside.json')
    writeFileSync(outside, fileOf({ ...hint, x: 401 }))
    refused(await colorize('out', photo!, '--hints', outside), 2, /wrong hint 1: .*; its x is 401/)
    const other = inFolder('other.json')
    writeFileSync(other, formatHints(HINTS, { width: 1000, height: 10 }))
    expect(await colorize('out', photo!, '--hints', other)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /other\.json has hints for .* 1000 × 10, and .*photo\.png has 192 × 256\n$/,
      ),
    })
    for (const [file, network] of [
      [deaf!, 'pyramid'],
      ['weights/report-lite.safetensors', 'report'],
    ] as const)
      refused(
        await colorize('out', photo!, ...hints, '--weights', file),
        4,
        new RegExp(`cannot be told colours: the network is a ${network} that takes no hints`),
      )
  })
})
