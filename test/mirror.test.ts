/** The mean of what the network makes of a picture and of its mirror image. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SmallAb } from '../src/color/guided.ts'
import type { Photo } from '../src/color/photo.ts'
import { resize } from '../src/color/resample.ts'
import type { ToldColour } from '../src/infer/hints.ts'
import { mirrorRows } from '../src/infer/inputs.ts'
import { type Predictor, predictorOf } from '../src/infer/predictor.ts'
import { pyramidNetwork } from '../src/model/pyramid/index.ts'
import { historyOf } from '../src/node/formats/read.ts'
import { readPhoto } from '../src/node/image.ts'
import { useGpu } from './device.ts'
import { writeGray } from './folder-runs.ts'
import { seeded } from './harness.ts'
import { run } from './program.ts'
import { pyramidWeights } from './pyramid-weights.ts'
import { writeTinted } from './tinted-pictures.ts'
import { SHA256, smallTrunk } from './trunk-models.ts'

const gpu = useGpu()
const [WIDTH, HEIGHT] = [96, 64]
const colours = (of: (x: number, y: number) => number): Photo => ({
  ...{ width: WIDTH, height: HEIGHT },
  rgb: Uint8Array.from({ length: 3 * WIDTH * HEIGHT }, (_, i) => {
    const pixel = Math.floor(i / 3)
    return of(pixel % WIDTH, Math.floor(pixel / WIDTH))
  }),
})
const level = (x: number, y: number) => 128 + 60 * Math.sin(x / 7) + 50 * Math.cos((y * x) / 300)
const photo = colours(level)
const mirrored = colours((x, y) => level(WIDTH - 1 - x, y))

let [plain, both]: Predictor[] = []
beforeAll(async () => {
  const architecture = { trunk: { name: 'small', sha256: SHA256 }, classes: 5, width: 0.1 }
  const network = pyramidNetwork({ ...architecture, head: 'bins', hints: true }, await smallTrunk())
  const random = seeded('mirror')
  const { parameters, statistics } = network.initial(random)
  const trained = parameters.map((value) => value || random() - 0.5)
  const metadata = { settings: '{"size":64}' }
  ;[plain, both] = [false, true].map((mirror) => {
    const options = { resize: async (...of: Parameters<typeof resize>) => resize(...of), mirror }
    return predictorOf(gpu(), { network, parameters: trained, statistics, metadata }, options)
  })
})
afterAll(() => {
  for (const predictor of [plain, both]) predictor?.destroy()
})

const back = ({ ab, width }: SmallAb) => mirrorRows(ab, width, 2)
const difference = (a: Float32Array, b: Float32Array) =>
  Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))
const middle = (a: Float32Array, b: Float32Array) => a.map((value, i) => (value + b[i]!) / 2)

describe('with its mirror image', () => {
  const here: ToldColour[] = [{ x: 0.3, y: 0.4, a: 40, b: -20, radius: 0.1 }]
  const there = here.map((hint) => ({ ...hint, x: 1 - hint.x }))

  it.each([
    ['', [], []],
    [', whose hints are mirrored, too,', here, there],
  ] as const)('a picture%s has the mean of both', async (_, told, toldThere) => {
    const one = (await plain!.predict(photo, undefined, told)).ab
    const other = back(await plain!.predict(mirrored, undefined, toldThere))
    expect(difference(one, other)).toBeGreaterThan(0.5)
    const { ab } = await both!.predict(photo, undefined, told)
    expect(difference(ab, middle(one, other))).toBeLessThan(0.02)
    const again = back(await both!.predict(mirrored, undefined, toldThere))
    expect(difference(again, ab)).toBeLessThan(0.02)
  })

  it('a version leans to the same colours at the same places', async () => {
    const leaning = { variant: { seed: 3, number: 1 } }
    const symmetric = colours((_, y) => level(3, y))
    const one = await plain!.predict(symmetric, undefined, [], leaning)
    const { ab } = await both!.predict(symmetric, undefined, [], leaning)
    const acrossTheMiddle = middle(one.ab, back(one))
    expect(difference(ab, one.ab)).toBeLessThan(0.5 * difference(acrossTheMiddle, one.ab))
  })
})

describe('--mirror', () => {
  const root = mkdtempSync(join(tmpdir(), 'colorizer-mirror-'))
  const at = (name: string) => join(root, name)
  beforeAll(async () => {
    writeFileSync(at('weights.safetensors'), await pyramidWeights({ hints: true }))
  })
  afterAll(() => rmSync(root, { recursive: true, force: true }))
  const weights = () => ['--weights', at('weights.safetensors'), '--classifier', 'none']

  it('of colorize gives other colours, and the file says so', async () => {
    await writeGray(at('a.png'))
    const results: Photo[] = []
    for (const [name, ...options] of [['plain.png'], ['both.png', '--mirror']]) {
      const ended = await run(['colorize', at('a.png'), '-o', at(name!), ...weights(), ...options])
      expect(ended.code).toBe(0)
      const { settings } = (await historyOf(at(name!)))!
      expect(settings.mirror).toBe(options.length ? true : undefined)
      results.push(await readPhoto(at(name!)))
    }
    expect(results[0]!.rgb).not.toEqual(results[1]!.rgb)
  })

  it('of evaluate is measured, with hints, too', async () => {
    await writeTinted(at('in'))
    const [picture] = readdirSync(at('in'))
    const evaluate = async (...options: string[]) => {
      const shipped = ['--weights', 'weights/lite.safetensors', '--classifier', 'none', '--json']
      const ended = await run(['evaluate', at(`in/${picture}`), ...shipped, ...options])
      return JSON.parse(ended.stdout.toString())
    }
    const [plain, both] = [await evaluate(), await evaluate('--mirror', '--hints')]
    expect([plain.mirror, both.mirror]).toEqual([false, true])
    expect(both.abMse).not.toBe(plain.abMse)
    expect(both.hints['30']).toBeLessThan(0.5 * both.abMse)
  })
})
