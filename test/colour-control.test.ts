/** Options of `colorize` that a person changes the colours by. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lookAt } from '../src/color/look.ts'
import type { Raster } from '../src/color/raster.ts'
import { findClass } from '../src/infer/control.ts'
import { colorizePicture } from '../src/infer/picture.ts'
import { historyOf } from '../src/node/formats/read.ts'
import { readPhoto } from '../src/node/image.ts'
import { onePainter, writeGray } from './folder-runs.ts'
import { run } from './program.ts'
import { refused } from './refused.ts'
import { reportWeights } from './report-weights.ts'

const root = mkdtempSync(join(tmpdir(), 'colorizer-control-'))
const at = (name: string) => join(root, name)
const [plain, bins, classes] = [at('ab.safetensors'), at('bins.safetensors'), at('classes.safetensors')]
beforeAll(async () => {
  await writeGray(at('a.png'))
  writeFileSync(plain, await reportWeights())
  writeFileSync(bins, await reportWeights({ head: 'bins' }))
  writeFileSync(classes, await reportWeights({ classes: true }))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const colorize = (out: string, weights: string, ...options: string[]) =>
  run(['colorize', at('a.png'), '-o', at(out), '--weights', weights, ...options])

describe('options of colorize', () => {
  it.each<[string, RegExp]>([
    ['--saturation 1000000000', /--saturation 1000000000: expected a number of at least 0 and at most 10$/m],
    ['--strength 1.5', /--strength 1\.5: expected a number of at least 0 and at most 1$/m],
    ['--temperature 0', /--temperature 0: expected a number of at least 0\.1 and at most 3$/m],
    ['--size 5', /--size 5: expected a number of at least 32 and at most 2048$/m],
    ['--variants 100', /--variants 100: expected a number of at least 1 and at most 99$/m],
    ['--seed 3', /--seed chooses among --variants N/],
    ['--jobs 0', /--jobs 0: expected a number of at least 1/],
    ['--watch', /is one file: --watch needs a folder/],
    ['--format webp', /--format webp is another one than that of -o/],
  ])('%s is refused', async (options, sentence) => {
    refused(await colorize('never.png', plain, ...options.split(' ')), 2, sentence)
  })

  it.each(['--temperature 1', '--variants 2', '--like samples/photos/dahlia.jpg'])(
    '%s is refused where weights give no probabilities',
    async (options) => {
      const sentence = /ab\.safetensors give one colour for each place, and no probabilities of others/
      refused(await colorize('never.png', plain, ...options.split(' ')), 4, sentence)
    },
  )

  it('tells of a class, where the network knows of classes', async () => {
    refused(await colorize('never.png', plain, '--class', 'goldfish'), 4, /was trained without classes/)
    refused(
      await colorize('never.png', classes, '--class', 'unheard-of'),
      2,
      /there is no class "unheard-of"/,
    )
    const ended = await colorize('class.png', classes, '--class', 'GoldFish', '--json')
    expect(JSON.parse(ended.stdout.toString()).files[0].classes).toEqual([
      { name: 'goldfish', probability: 1 },
    ])
    const other = await colorize('other.png', classes, '--class', '700')
    expect(other.code).toBe(0)
    expect(readFileSync(at('other.png')).equals(readFileSync(at('class.png')))).toBe(false)
  })

  it('finds classes by name, part and number, and says when several are meant', () => {
    const names = ['crane', 'king crab', 'crane', 'hermit crab']
    expect(findClass('2', names)).toEqual({ index: 2, name: 'crane' })
    expect(findClass(' Hermit ', names)).toEqual({ index: 3, name: 'hermit crab' })
    expect(() => findClass('crane', names)).toThrow(
      'means several: crane (0), crane (2); give one of these numbers',
    )
    expect(() => findClass('crab', names)).toThrow('means several: king crab (1), hermit crab (3)')
    expect(() => findClass('', names)).toThrow('there is no class ""')
  })

  it('writes versions that differ, the same for the same seed, and says which they are', async () => {
    const versions = ['--variants', '2', '--seed', '5', '--classifier', 'none', '--size', '40']
    const ended = await colorize('v', bins, ...versions, '--compare', '--json', '--report', at('page'))
    expect(ended.code).toBe(0)
    const { files, report } = JSON.parse(ended.stdout.toString())
    expect(files.map(({ output }: { output: string }) => output)).toEqual([at('v/a.1.png'), at('v/a.2.png')])
    const [one, two] = [await readPhoto(at('v/a.1.png')), await readPhoto(at('v/a.2.png'))]
    expect(Buffer.compare(one.rgb, two.rgb)).not.toBe(0)
    const again = await colorize('again', bins, ...versions)
    expect(again.code).toBe(0)
    expect(Buffer.compare((await readPhoto(at('again/a.2.png'))).rgb, two.rgb)).toBe(0)
    expect((await historyOf(at('v/a.2.png')))?.settings).toMatchObject({ seed: 5, variant: 2, size: 40 })
    expect(report).toBe(at('page/index.html'))
    const page = readFileSync(report, 'utf8')
    expect(page.match(/<figure class="pair">/g)).toHaveLength(2)
    expect(page).toContain('<tr><th>seed</th><td>5</td></tr>')
    expect(page).not.toMatch(/(?:src|href)="(?!data:)/) // it needs no other file
  })

  it('writes a page of what failed, and over no page of others', async () => {
    writeFileSync(at('bad <b>.png'), 'no picture')
    const both = [
      'colorize',
      at('a.png'),
      at('bad <b>.png'),
      '-o',
      at('r'),
      '--weights',
      plain,
      '--report',
      at('r'),
    ]
    expect((await run(both)).code).toBe(1)
    const page = readFileSync(at('r/index.html'), 'utf8')
    expect(page).toMatch(/<h2>Failed<\/h2>\n<ul><li>.*bad &lt;b&gt;\.png is not an image/)
    expect(page).toMatch(/<title>coloured 1 of 2 → /)
    expect((await run([...both, '--force'])).code).toBe(1) // writes it anew
    writeFileSync(at('r/index.html'), '<p>my own</p>')
    refused(await run([...both, '--force']), 2, /index\.html is there already, and not of this program/)
  })
})

describe('strength', () => {
  const levels = Uint8Array.from({ length: 3 * 24 * 16 }, (_, i) => [180, 140, 90][i % 3]! - (i % 50))
  const toned: Raster = { width: 24, height: 16, channels: 3, levels, alpha: null }
  const painted = async (strength: number) => {
    const picture = { ...toned, levels: levels.slice() }
    const look = lookAt({ width: 24, height: 16, rgb: levels }, toned)
    return (await colorizePicture(onePainter, picture, look, { strength })).picture.levels
  }

  it('of 0 leaves a picture as it is, of 1 nothing of its own colours, and mixes in between', async () => {
    const [none, half, all] = [await painted(0), await painted(0.5), await painted(1)]
    expect(Math.max(...none.map((level, i) => Math.abs(level - levels[i]!)))).toBeLessThanOrEqual(1)
    expect(Math.max(...all.map((level, i) => Math.abs(level - levels[i]!)))).toBeGreaterThan(10)
    const between = half.map((level, i) => (level - none[i]!) / (all[i]! - none[i]! || 1))
    const changed = [...between].filter((_, i) => Math.abs(all[i]! - none[i]!) > 20)
    expect(changed.length).toBeGreaterThan(50)
  })
})
