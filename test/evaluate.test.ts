import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { colorfulness } from '../src/color/metrics/colorfulness.ts'
import { measurer } from '../src/color/metrics/measure.ts'
import { psnr } from '../src/color/metrics/psnr.ts'
import { GRAY, oneColour } from '../src/color/paint.ts'
import type { Tensor } from '../src/io/safetensors.ts'
import { weightTensors } from '../src/io/weights.ts'
import { initialStatistics } from '../src/model/arena.ts'
import { CLASSES } from '../src/model/classifier.ts'
import { reportNetwork } from '../src/model/report/index.ts'
import { initialParameters, layoutOf } from '../src/model/report/layout.ts'
import { readPhoto, sharpResize } from '../src/node/image.ts'
import { writeSafetensors } from '../src/node/safetensors.ts'
import { product } from '../src/numbers.ts'
import { seeded } from './harness.ts'
import { type Ended, run } from './program.ts'
import { refused } from './refused.ts'
import { TINTED, writeTinted } from './tinted-pictures.ts'

const folder = mkdtempSync(join(tmpdir(), 'colorizer-evaluate-'))
afterAll(() => rmSync(folder, { recursive: true }))
const inFolder = (...names: string[]) => join(folder, ...names)
const weights = inFolder('weights.safetensors')

beforeAll(async () => {
  const architecture = { width: 0.05, classes: CLASSES }
  const layout = layoutOf(architecture)
  const random = seeded('evaluate')
  const parameters = initialParameters(architecture, random)
  const fill = (name: string, size: number) => {
    const { offset, shape } = layout.parameters.tensors.find((tensor) => tensor.name === name)!
    for (let i = 0; i < product(shape); i++) parameters[offset + i] = size * (2 * random() - 1)
  }
  fill('decoder.conv5.weight', 100) // it starts at zero
  fill('fusion.conv.weight', 1) // so do its rows for the class vector
  const statistics = initialStatistics(layout.statistics)
  const tensors = weightTensors({ network: reportNetwork(architecture), parameters, statistics }) as Map<
    string,
    Tensor
  >
  await writeSafetensors(weights, tensors, { metadata: { settings: '{"size":16}' } })
  await writeTinted(inFolder('in'))
})

const json = ({ stdout }: Ended) => JSON.parse(stdout.toString())

describe('the command evaluate', () => {
  const evaluation = ['evaluate', '--weights', weights]
  const report = inFolder('reports', 'report.png')
  let ended: Ended
  beforeAll(async () => {
    const options = ['--classifier', 'none', '--report', report, '--json', '--quiet']
    ended = await run([...evaluation, inFolder('in'), ...options])
  })

  it('gives the means over the pictures, next to the baselines', async () => {
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    const result = json(ended)
    expect(result).toMatchObject({ n: 2, failed: 0, left: 0, saturation: 1, weights, report })
    expect(result).toMatchObject({ classVectors: null, judge: 'mobilenet-v1', adapter: expect.any(String) })
    const photos = await Promise.all(TINTED.map((name) => readPhoto(inFolder('in', `${name}.png`))))
    const meanOf = (values: number[]) => values.reduce((a, b) => a + b) / values.length
    for (const [name, colour] of Object.entries({ gray: GRAY, constant: oneColour(3.5, 8.5) })) {
      const figures = photos.map((photo) => measurer(photo)(colour, 1).figures)
      for (const key of ['abMse', 'psnr', 'ssim', 'deltaE', 'colorfulness'] as const)
        expect(result.baselines[name][key]).toBeCloseTo(meanOf(figures.map((each) => each[key])), 10)
    }
    expect(result.baselines.gray).toMatchObject({ colorfulness: 0, agreement: expect.any(Number) })
    expect(result.baselines.constant).not.toHaveProperty('agreement')
    expect(result.baselines.shipped).toMatchObject({
      abMse: expect.any(Number),
      abMseDifference: expect.any(Object),
    })
  })

  it('lists every picture, and the means are of these', () => {
    const { files, intervals, ...result } = json(ended)
    expect(files.map(({ input }: { input: string }) => input)).toEqual(
      ['cold', 'warm'].map((name) => inFolder('in', `${name}.png`)),
    )
    const { chromaRatio, ...others } = intervals
    expect(chromaRatio[0]).toBeLessThan(result.chromaRatio)
    expect(result.chromaRatio).toBeCloseTo(result.chroma / result.chromaTruth, 10)
    for (const key of Object.keys(others)) {
      // only one of the pictures has strong edges
      const values: number[] = files.flatMap((file: Record<string, number>) => file[key] ?? [])
      expect(values).toHaveLength(key === 'edgeAbMse' ? 1 : 2)
      expect(result[key]).toBeCloseTo(values.reduce((a, b) => a + b) / values.length, 10)
      expect(intervals[key]).toEqual([Math.min(...values), Math.max(...values)])
    }
    expect(Object.keys(intervals)).toHaveLength(16)
    expect(result.colorfulnessDifference).toBeCloseTo(result.colorfulness - result.colorfulnessTruth, 10)
  })

  it('draws its pictures, the better one first', async () => {
    const { width, height } = await sharp(report).metadata()
    // two rows of three pictures of 160 × 112 with a line below each
    expect([width, height]).toEqual([8 + 3 * 168, 26 + 2 * (112 + 8 + 24)])
  })

  it('draws its sheet anew, and over nothing else', async () => {
    const options = ['--classifier', 'none', '--json', '--quiet', '--report']
    expect((await run([...evaluation, inFolder('in', 'warm.png'), ...options, report])).code).toBe(0)
    const family = inFolder('in', 'cold.png')
    const before = readFileSync(family)
    const again = await run([...evaluation, inFolder('in', 'warm.png'), ...options, family])
    refused(again, 2, /cold\.png: it is there already, and no sheet of this program/)
    expect(readFileSync(family).equals(before)).toBe(true)
  })

  it('takes class vectors, and measures the network without them in the same run', async () => {
    const classifiers = ['--classifier', 'mobilenet-v1', '--classifier', 'none']
    const seeing = json(await run([...evaluation, inFolder('in'), ...classifiers, '--json']))
    const classVectors = { classifier: 'mobilenet-v1', fit: 'stretch' }
    expect(seeing).toMatchObject({ classVectors, report: null })
    expect(seeing.abMse).not.toBe(json(ended).abMse)
    const { shipped, ...baselines } = seeing.baselines
    expect(json(ended).baselines).toMatchObject(baselines)
    expect(shipped.abMse).not.toBe(json(ended).baselines.shipped.abMse)

    const [without, ...others] = seeing.classified
    expect(others).toEqual([])
    const { abMse, psnr, agreement, intervals } = json(ended)
    expect(without).toMatchObject({ classVectors: null, abMse, psnr, agreement, intervals })
    expect(without.abMseDifference.mean).toBeCloseTo(seeing.abMse - abMse, 10)
    expect(without.abMseDifference.relative).toBeCloseTo(seeing.abMse / abMse - 1, 10)
  })

  it('measures the network at several saturations, and at that which the weights ask for', async () => {
    const saturations = ['3', 'auto', '1', '3'].flatMap((one) => ['--saturation', one])
    const result = json(
      await run([...evaluation, inFolder('in'), '--classifier', 'none', ...saturations, '--json']),
    )
    expect(result.saturation).toBe(3)
    expect(result.colorfulness).toBeGreaterThan(1.5 * json(ended).colorfulness)
    expect(result.paintedAbMse).toBeGreaterThan(1.1 * json(ended).paintedAbMse)
    const { abMse, paintedAbMse, psnr, chromaRatio, agreement, intervals } = json(ended)
    expect(result.abMse).toBe(abMse)
    expect(result.saturated).toEqual([
      expect.objectContaining({ saturation: 1.2, abMse }),
      expect.objectContaining({
        saturation: 1,
        abMse,
        paintedAbMse,
        psnr,
        chromaRatio,
        agreement,
        intervals,
      }),
    ])
  })

  it('paints all weights as they ask for themselves where that is wanted', async () => {
    const options = [
      '--classifier',
      'none',
      '--saturation',
      'auto',
      '--against',
      'weights/report-lite.safetensors',
    ]
    const args = [inFolder('in', 'warm.png'), ...options]
    const shown = await run([...evaluation, ...args])
    expect(shown.stdout.toString()).toMatch(/constant +shipped, saturation 1 +report-lite\n/)
    const result = json(await run([...evaluation, ...args, '--json']))
    expect(result).toMatchObject({ saturation: 1.2, against: [{ saturation: 1.2 }], saturated: [] })
    expect(result.baselines.shipped.saturation).toBe(1)
  })

  it('compares the features that a classifier sees, where it is asked to', async () => {
    const options = ['--classifier', 'none', '--features', 'mobilenet-v1', '--json']
    const seen = json(await run([...evaluation, inFolder('in'), ...options]))
    expect(json(ended)).toMatchObject({ kid: null, hints: null })
    expect(seen).toMatchObject({ features: 'mobilenet-v1', abMse: json(ended).abMse })
    const { gray, constant, shipped } = seen.baselines
    expect(constant).not.toHaveProperty('kid')
    for (const { kid, fid, featureDistance } of [seen, gray, shipped]) {
      expect(kid).toEqual(expect.any(Number))
      expect(fid).toBeGreaterThan(0)
      expect(featureDistance).toBeGreaterThan(0)
      expect(featureDistance).toBeLessThan(1)
    }
    expect(new Set([seen.fid, gray.fid, shipped.fid]).size).toBe(3)
  })

  it('measures how much true colours that are told help', async () => {
    const options = [inFolder('in'), '--classifier', 'none', '--hints', '--json']
    const { hints, abMse } = json(
      await run(['evaluate', '--weights', 'weights/lite.safetensors', ...options]),
    )
    expect(hints['30']).toBeLessThan(0.5 * abMse)
    refused(await run([...evaluation, ...options]), 4, /a report that takes no hints/)
  })

  it('writes a page of all pictures, the worst first, and pairs with a key', async () => {
    const [page, pairs] = [inFolder('page <1>'), inFolder('pairs')]
    const outputs = ['--report', page, '--pairs', pairs, '--seed', '8']
    const options = ['--classifier', 'none', '--saturation', '2', '--saturation', '1', '--json']
    const other = ['--against', 'weights/report-lite.safetensors']
    const result = json(await run([...evaluation, inFolder('in'), ...outputs, ...options, ...other]))
    expect(result).toMatchObject({ report: page, pairs })

    const html = readFileSync(join(page, 'index.html'), 'utf8')
    expect(html).not.toContain('<script')
    const headings = [...html.matchAll(/<h2>(.*)<\/h2>/g)].map(([, heading]) => heading)
    const worstFirst = [...result.files].sort((a, b) => b.abMse - a.abMse)
    expect(headings).toEqual(worstFirst.map(({ input }) => input))
    for (const { abMse } of result.files) expect(html).toContain(`<p>ab error ${abMse.toFixed(1)} · `)
    const shown = [...html.matchAll(/<img src="([^"]+)" width="40" height="28"/g)].map(([, file]) => file!)
    expect(shown).toHaveLength(2 * 5)
    const cold = shown.filter((file) => file.startsWith('pictures/0001-'))
    expect(cold.map((file) => file.slice(14))).toEqual(
      ['0-grey', '1-saturation-2', '2-saturation-1', '3-report-lite', '4-original'].map(
        (name) => `${name}.jpg`,
      ),
    )
    const [grey, strong, , , original] = await Promise.all(cold.map((file) => readPhoto(join(page, file))))
    expect(colorfulness(grey!)).toBeLessThan(2)
    expect(colorfulness(strong!)).toBeGreaterThan(10)
    expect(psnr(await readPhoto(inFolder('in', 'cold.png')), original!)).toBeGreaterThan(30)

    const key: { number: number; file: string; original: string; input: string }[] = JSON.parse(
      readFileSync(`${pairs}-key.json`, 'utf8'),
    )
    expect(readdirSync(pairs)).toEqual(['0001.png', '0002.png'])
    expect(key.map(({ original }) => original).sort()).toEqual(['A', 'B'])
    expect(key.map(({ input }) => input)).toEqual(result.files.map(({ input }: { input: string }) => input))
    for (const { number, file, original, input } of key) {
      expect(file).toBe(`000${number}.png`)
      const sheet = await readPhoto(join(pairs, file))
      // margins of 16, a heading of 14, and pictures of 40 × 28
      expect([sheet.width, sheet.height]).toEqual([3 * 16 + 2 * 40, 3 * 16 + 14 + 28])
      const half = (x: number) => sharpResize(sheet, 40, 28, { x, y: 46, width: 40, height: 28 })
      const [first, second] = [await half(16), await half(72)]
      const [truth, painted] = original === 'A' ? [first, second] : [second, first]
      expect(truth).toEqual(await readPhoto(input))
      // at the first saturation
      expect(colorfulness(painted)).toBe(result.files[number - 1].colorfulness)
    }

    const again = await run([...evaluation, inFolder('in'), '--pairs', pairs])
    expect(again).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--pairs .*pairs: that folder has files in it/),
    })
    const kept = readFileSync(`${pairs}-key.json`)
    renameSync(pairs, `${pairs} moved`)
    const others = await run([...evaluation, inFolder('in'), '--pairs', pairs])
    expect(others).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/pairs-key\.json is there already/),
    })
    expect(readFileSync(`${pairs}-key.json`).equals(kept)).toBe(true)
  })

  it('warns of what cannot be read or written, does the rest as a table, and exits 1', async () => {
    const [empty, missing, long] = [
      inFolder('empty.jpg'),
      inFolder('missing.jpg'),
      inFolder(`${'long'.repeat(80)}.png`),
    ]
    writeFileSync(empty, '')
    const inputs = [missing, empty, inFolder('in', 'warm.png')]
    const strong = ['--saturation', '3', '--saturation', '1.5']
    const options = ['--classifier', 'none', ...strong, '--report', long, '--quiet']
    const { code, stdout, stderr } = await run([...evaluation, ...inputs, ...options])
    expect(code).toBe(1)
    const warnings = stderr.trimEnd().split('\n')
    expect(warnings).toHaveLength(3)
    expect(warnings[0]).toMatch(/^cannot read .*missing\.jpg: no such file or folder$/)
    expect(warnings[1]).toMatch(/empty\.jpg is empty \(0 bytes\)$/)
    expect(warnings[2]).toMatch(/^cannot write .*long\.png: the name is too long$/)
    const table = stdout.toString()
    expect(table).toMatch(/^1 picture in the colours of .*weights\.safetensors/)
    expect(table).toMatch(/^class vector: none · .* · saturation 3$/m)
    expect(table).toMatch(/^ +saturation 3 {2}95% interval +saturation 1\.5 +all grey/m)
    expect(table).toMatch(/\n2 failed\n/)
    expect(table).toMatch(
      /^KID, FID and feature distance: --features inception-v3; .* is not here: .* \(colorizer weights import FILE\)\n$/m,
    )
    // of a saturation of 3 the ab error knows nothing, but for that of the painted picture
    const warm = json(ended).files.find(({ input }: { input: string }) => input.endsWith('warm.png'))
    const shown = (row: string) => Number(new RegExp(`^${row} +(\\S+)`, 'm').exec(table)![1])
    expect(shown('ab error, units²')).toBe(Number(warm.abMse.toFixed(1)))
    expect(shown('  as painted')).toBeGreaterThan(1.1 * warm.paintedAbMse)
    expect(shown('colourfulness')).toBeGreaterThan(1.5 * warm.colorfulness)

    const none = await run([...evaluation, empty, '--quiet'])
    expect({ code: none.code, stdout: none.stdout.toString() }).toEqual({ code: 1, stdout: '' })
    expect(none.stderr).toMatch(/\ncolorizer: nothing could be evaluated: the only input failed\n$/)
  })

  it.each<[string, number, RegExp]>([
    ['', 2, /evaluate needs at least one photograph/],
    ['IN --saturation x', 2, /--saturation x: expected a number of at least 0, or auto/],
    ['IN --classifier none --classifier none', 2, /--classifier none means none, which is meant already/],
    ['IN --precision f8', 2, /--precision f8: choose one of f32, f16/],
    ['IN --report report.jpg', 2, /--report report\.jpg: its name must end in \.png or \.webp/],
    ['IN --report IN', 2, /--report .*in: that folder has files in it; name one that is new or empty/],
    ['IN --pairs IN/warm.png', 1, /cannot write .*warm\.png/],
    ['IN --seed -1', 2, /--seed/],
    ['IN --seed 0 --weights IN/none.safetensors', 4, /none\.safetensors: no such file/],
    ['IN --report IN/warm.png', 2, /--report .*warm\.png would overwrite that photograph/],
    ['IN/missing.png', 1, /missing\.png: no such file or folder\ncolorizer: nothing could be evaluated/],
    ['IN --weights IN/none.safetensors', 4, /none\.safetensors: no such file/],
    ['IN --weights IN/warm.png', 4, /warm\.png: .*not a safetensors file/],
    ['IN --weights WEIGHTS --classifier owl', 2, /no classifier "owl": choose auto, none/],
    ['IN --weights WEIGHTS --features owl', 2, /no classifier "owl": choose auto, none/],
    ['IN --weights WEIGHTS --features inception-v3', 4, /inception-v3 is not here: .*weights import FILE/],
    ['IN --weights WEIGHTS --classifier IN/none.onnx', 4, /none\.onnx: no such file/],
  ])('evaluate %s is refused', async (line, code, sentence) => {
    const names = { IN: inFolder('in'), WEIGHTS: weights }
    const args = line.split(' ').filter(Boolean)
    const full = args.map((arg) => arg.replace(/^(IN|WEIGHTS)/, (name) => names[name as keyof typeof names]))
    const ended = await run(['evaluate', ...full])
    expect({ code: ended.code, stdout: ended.stdout.toString() }).toEqual({ code, stdout: '' })
    expect(ended.stderr).toMatch(/^colorizer: .+\n$/m)
    expect(ended.stderr).toMatch(sentence)
    expect(existsSync('report.jpg')).toBe(false)
  })
})
