/** `colorize --weights none`: colours from hints without a network. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { srgbToLab } from '../src/color/lab.ts'
import { abOf } from '../src/infer/hints.ts'
import { historyOf } from '../src/node/formats/read.ts'
import { readPhoto } from '../src/node/image.ts'
import { seeded } from './harness.ts'
import { run } from './program.ts'
import { refused } from './refused.ts'

const root = mkdtempSync(join(tmpdir(), 'colorizer-hints-alone-'))
const at = (name: string) => join(root, name)
const [WIDTH, HEIGHT] = [60, 40]
const HINTS = [
  { x: 6, y: 12, color: '#804060' },
  { x: 54, y: 32, color: '#b0d0b0' },
]

beforeAll(async () => {
  const noise = seeded('hints alone')
  const half = (i: number) => (i % WIDTH < WIDTH / 2 ? 90 : 200)
  const levels = Buffer.from(Array.from({ length: WIDTH * HEIGHT }, (_, i) => half(i) + 3 * noise()))
  await sharp(levels, { raw: { width: WIDTH, height: HEIGHT, channels: 1 } })
    .toColourspace('b-w')
    .toFile(at('gray.png'))
  const file = { version: 1, width: WIDTH, height: HEIGHT, hints: HINTS }
  writeFileSync(at('hints.json'), JSON.stringify(file))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const colorize = (...options: string[]) =>
  run(['colorize', at('gray.png'), '-o', at('out.png'), '--weights', 'none', ...options])
const hints = () => ['--hints', at('hints.json')]

describe('colorize --weights none', () => {
  it('gives what is alike the colours that are told, which are exact where they are told', async () => {
    const ended = await colorize(...hints(), '--quiet')
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    const { ab } = srgbToLab((await readPhoto(at('out.png'))).rgb)
    const distance = (x: number, y: number, color: string) => {
      const { a, b } = abOf(color)
      const i = 2 * (y * WIDTH + x)
      return Math.hypot(ab[i]! - a, ab[i + 1]! - b)
    }
    // sRGB has 8 bits
    for (const { x, y, color } of HINTS) expect(distance(x, y, color)).toBeLessThan(0.8)
    for (const y of [1, 20, 38]) {
      expect(distance(27, y, HINTS[0]!.color)).toBeLessThan(5)
      expect(distance(32, y, HINTS[1]!.color)).toBeLessThan(5)
    }
    const history = await historyOf(at('out.png'))
    expect(history).toMatchObject({
      weights: 'none, from hints alone',
      settings: { hints: 'hints.json', classifier: 'none' },
    })
  })

  it('takes a saturation', async () => {
    expect(await colorize(...hints(), '--saturation', '0', '--force')).toMatchObject({ code: 0 })
    const { ab } = srgbToLab((await readPhoto(at('out.png'))).rgb)
    expect(Math.max(...ab.map(Math.abs))).toBeLessThan(0.01)
  })

  it('is refused without hints, and with what only networks can do', async () => {
    refused(await colorize(), 2, /--weights none colours from hints alone: give them with --hints FILE\.json/)
    for (const option of ['--temperature=1', '--class=cat', '--mirror', '--smooth', '--classifier=none'])
      refused(await colorize(...hints(), option), 2, / is for a network, and --weights none colours without/)
    refused(await colorize('--hints', at('none.json')), 2, /cannot read .*none\.json: no such file/)
  })
})
