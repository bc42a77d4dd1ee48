import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toHalf } from '../src/device/float16.ts'
import type { Dtype, Tensor } from '../src/io/safetensors.ts'
import { pretrained, saturationOf, weightTensors } from '../src/io/weights.ts'
import { initialStatistics } from '../src/model/arena.ts'
import { COARSE_BINS, FINE_BINS } from '../src/model/bins.ts'
import { reportNetwork } from '../src/model/report/index.ts'
import { layoutOf } from '../src/model/report/layout.ts'
import { readSafetensors, writeSafetensors } from '../src/node/safetensors.ts'
import { exportWeights } from '../src/node/store/export-weights.ts'
import { readWeights } from '../src/node/weights.ts'
import { seeded } from './harness.ts'
import { run } from './program.ts'
import { pyramidWeights } from './pyramid-weights.ts'

const folder = mkdtempSync(join(tmpdir(), 'colorizer-export-'))
afterAll(() => rmSync(folder, { recursive: true }))
const inFolder = (name: string) => join(folder, name)
const NETWORK = { classes: 3, width: 0.05, squaredClasses: true }
const from = inFolder('best.safetensors')
/** Of a tensor in 8 bits. */
const SCALE = 'encoder.conv1.weight.scale'
const SETTINGS = JSON.stringify({ size: 64, classVectors: [], squaredClasses: true })

beforeAll(async () => {
  const layout = layoutOf(NETWORK)
  const random = seeded('export')
  const parameters = Float32Array.from({ length: layout.parameters.length }, () => 2 * random() - 1)
  const statistics = initialStatistics(layout.statistics).fill(1e5) // more than float16 can hold
  const tensors = weightTensors({ network: reportNetwork(NETWORK), parameters, statistics }) as Map<
    string,
    Tensor
  >
  const metadata = { format: 'any', step: '7', abMse: '200', settings: SETTINGS, more: 'x' }
  await writeSafetensors(from, tensors, { metadata })
})

describe('weights export', () => {
  const exported = async (...more: string[]) => {
    const to = inFolder('out.safetensors')
    const { code, stdout, stderr } = await run(['weights', 'export', from, to, '--json', ...more])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return { to, said: JSON.parse(stdout.toString()) }
  }

  it('writes float16 weights that are read as the same network', async () => {
    const { to, said } = await exported()
    const [before, after] = [await readSafetensors(from), await readSafetensors(to)]
    expect([...after.tensors.keys()].sort()).toEqual([...before.tensors.keys()].sort())
    for (const [name, { data }] of before.tensors) {
      const kept = /\.(mean|var)$/.test(name) ? data : data.map((value) => toHalf(value))
      expect(after.tensors.get(name)!.data).toEqual(kept)
    }
    expect((await readWeights(to)).network.architecture).toMatchObject({ classes: 3, squaredClasses: true })
    const { format: _, architecture: __, ...metadata } = after.metadata
    expect(metadata).toEqual({ network: 'report', step: '7', abMse: '200', settings: SETTINGS })
    const bytes = readFileSync(to).length
    expect(said).toMatchObject({ file: to, bytes })
    expect(bytes).toBeLessThan(0.6 * readFileSync(from).length)
  })

  it('weakens the class vector, and nothing else', async () => {
    const { to } = await exported('--class-strength', '0.5')
    const [before, after] = [await readSafetensors(from), await readSafetensors(to)]
    const { shape, data } = before.tensors.get('fusion.conv.weight')!
    const inputs = shape[1]!
    const wanted = data.map((value, i) => toHalf(i % inputs >= inputs - NETWORK.classes ? value / 2 : value))
    expect(after.tensors.get('fusion.conv.weight')!.data).toEqual(wanted)
    expect(after.metadata.classStrength).toBe('0.5')
    const name = 'encoder.conv2.weight'
    expect(after.tensors.get(name)!.data).toEqual(
      before.tensors.get(name)!.data.map((value) => toHalf(value)),
    )
  })

  it('averages over neighbouring classes, and says at which size pictures are to be shown', async () => {
    const { to } = await exported('--class-smoothing', '1', '--size', '80')
    const after = await readSafetensors(to)
    const { shape, data } = (await readSafetensors(from)).tensors.get('fusion.conv.weight')!
    const row = (values: Float32Array) => values.slice(shape[1]! - NETWORK.classes, shape[1]!)
    const [a, b, c] = row(data) as unknown as [number, number, number]
    const [near, far] = [Math.exp(-0.5), Math.exp(-2)]
    const wanted = [
      (a + near * b + far * c) / (1 + near + far),
      (near * a + b + near * c) / (1 + 2 * near),
      (far * a + near * b + c) / (1 + near + far),
    ].map((value) => toHalf(value))
    expect([...row(after.tensors.get('fusion.conv.weight')!.data)]).toEqual(wanted)
    expect(JSON.parse(after.metadata.settings!)).toEqual({ ...JSON.parse(SETTINGS), size: 80 })
  })

  it('says how strong the colours are to be', async () => {
    const { to } = await exported('--saturation', '0.9')
    const weights = await readWeights(to)
    expect(saturationOf(weights)).toBe(0.9)
    for (const metadata of [{}, { saturation: 'much' }, { saturation: '-1' }]) {
      expect(saturationOf({ ...weights, metadata })).toBe(1.2)
      expect(saturationOf({ network: { bins: COARSE_BINS }, metadata })).toBe(1)
    }
  })

  it('softens what is said of the bins', async () => {
    const [sure, unsure] = [inFolder('sure.safetensors'), inFolder('unsure.safetensors')]
    writeFileSync(sure, await pyramidWeights({ hints: true }))
    expect(await run(['weights', 'export', sure, unsure, '--temperature', '2'])).toMatchObject({ code: 0 })
    const [before, after] = [await readSafetensors(sure), await readSafetensors(unsure)]
    expect(after.metadata.temperature).toBe('2')
    for (const name of ['head.weight', 'head.bias'])
      expect(after.tensors.get(name)!.data).toEqual(
        before.tensors.get(name)!.data.map((value) => toHalf(value / 2)),
      )
    const other = 'fusion.weight'
    expect(after.tensors.get(other)!.data).toEqual(
      before.tensors.get(other)!.data.map((value) => toHalf(value)),
    )
  })

  /** The biases of the bins before and after an export with these options, and what its file says of them. */
  async function biases(...options: string[]) {
    const [from, to] = [inFolder('before.safetensors'), inFolder('after.safetensors')]
    writeFileSync(from, await pyramidWeights({ hints: true }))
    expect(await run(['weights', 'export', from, to, ...options, '--bits', '32'])).toMatchObject({ code: 0 })
    const [before, { metadata, tensors }] = [await readSafetensors(from), await readSafetensors(to)]
    const bias = (all: typeof tensors) => all.get('head.bias')!.data
    return { before: bias(before.tensors), after: bias(tensors), metadata }
  }

  const COLOURS = Array.from(
    { length: FINE_BINS.count },
    (_, i) => [FINE_BINS.centres[2 * i]!, FINE_BINS.centres[2 * i + 1]!] as const,
  )

  /** What options add to the bias of one colour. */
  async function biasChanges(...options: string[]) {
    const { before, after, metadata } = await biases(...options)
    const changeOf = ([a, b]: readonly number[]) => {
      const bin = COLOURS.findIndex((colour) => colour[0] === a && colour[1] === b)
      return after[bin]! - before[bin]!
    }
    return { metadata, changeOf }
  }

  const [deepBlue, violet, lilac, rose, pink] = [
    [30, -80],
    [60, -60],
    [10, -10],
    [10, 0],
    [60, 20],
  ]
  const [red, darkRed, orange] = [
    [50, 40],
    [20, 10],
    [40, 50],
  ]
  const others = [
    [0, 0],
    [0, -30],
    [10, -60],
    [0, 60],
    [-40, 30],
    [-10, -10],
  ]
  it.each([
    { name: 'purple', less: [deepBlue, violet, lilac, rose, pink], same: [red, darkRed, orange, ...others] },
    { name: 'red', less: [red, darkRed], same: [deepBlue, violet, lilac, rose, pink, orange, ...others] },
  ])('makes $name colours less likely, and no others', async ({ name, less, same }) => {
    const { metadata, changeOf } = await biasChanges(`--${name}-odds`, '0.5')
    expect(metadata).toMatchObject({ [`${name}Odds`]: '0.5' })
    for (const colour of less) expect(changeOf(colour!)).toBeCloseTo(Math.log(0.5), 5)
    for (const colour of same) expect(changeOf(colour!)).toBeCloseTo(0, 5)
  })

  it('makes it likelier that a place has no colour', async () => {
    const { metadata, changeOf } = await biasChanges('--gray-odds', '1.5')
    expect(metadata).toMatchObject({ grayOdds: '1.5' })
    for (const [a, b] of COLOURS)
      expect(changeOf([a, b])).toBeCloseTo(a === 0 && b === 0 ? Math.log(1.5) : 0, 5)
  })

  it('makes colours the likelier, the stronger they are', async () => {
    const { metadata, changeOf } = await biasChanges('--chroma-odds', '3')
    expect(metadata).toMatchObject({ chromaOdds: '3' })
    for (const [a, b] of COLOURS)
      expect(changeOf([a, b])).toBeCloseTo((Math.log(3) * Math.hypot(a, b)) / 100, 5)
  })

  it('divides by the temperature first, and lets odds add up', async () => {
    const { before, after } = await biases('--temperature', '0.5', '--red-odds', '0.5', '--chroma-odds', '3')
    for (const [i, [a, b]] of COLOURS.entries()) {
      const red = (a === 50 && b === 40) || (a === 20 && b === 10)
      if (!red && a !== 0) continue
      const odds = (red ? Math.log(0.5) : 0) + (Math.log(3) * Math.hypot(a, b)) / 100
      expect(after[i]).toBeCloseTo(2 * before[i]! + odds, 5)
    }
  })

  it('writes 8 bits for each weight of a convolution, and a scale for each of its output channels', async () => {
    const { to, said } = await exported('--bits', '8')
    const [before, after] = [await readSafetensors(from), await readSafetensors(to)]
    const read = weightTensors(await readWeights(to))
    for (const [name, { shape, data }] of before.tensors) {
      const { dtype, data: stored } = after.tensors.get(name)!
      if (shape.length === 1) {
        expect({ name, dtype }).toEqual({ name, dtype: /\.(mean|var)$/.test(name) ? 'F32' : 'F16' })
        expect(after.tensors.has(`${name}.scale`)).toBe(false)
        continue
      }
      const scale = after.tensors.get(`${name}.scale`)!
      expect([dtype, scale.dtype, scale.shape]).toEqual(['I8', 'F32', [shape[0]]])
      const length = data.length / shape[0]!
      for (const [k, step] of scale.data.entries()) {
        const channel = (of: Float32Array) => of.subarray(k * length, (k + 1) * length)
        expect(Math.max(...channel(stored).map(Math.abs))).toBe(127)
        const errors = channel(data).map((value, i) => Math.abs(value - channel(read.get(name)!.data)[i]!))
        expect(Math.max(...errors)).toBeLessThan(0.5001 * step)
      }
    }
    expect(said.values).toBe([...before.tensors.values()].reduce((sum, { data }) => sum + data.length, 0))
    expect(said.bytes).toBeLessThan(0.33 * readFileSync(from).length)
  })

  it('keeps a channel of zeros in 8 bits, and every value in 32', async () => {
    const file = inFolder('zeros.safetensors')
    const { tensors, metadata } = await readSafetensors(from)
    const { data, shape } = tensors.get('encoder.conv2.weight')!
    data.fill(0, 0, data.length / shape[0]!)
    await writeSafetensors(file, tensors, { metadata })
    for (const bits of ['8', '32'] as const) {
      const to = inFolder('kept.safetensors')
      await exportWeights(file, to, { bits })
      const read = weightTensors(await readWeights(to))
      expect(
        read
          .get('encoder.conv2.weight')!
          .data.subarray(0, data.length / shape[0]!)
          .every((v) => v === 0),
      ).toBe(true)
      if (bits === '32') expect(read.get('encoder.conv2.weight')!.data).toEqual(data)
    }
  })

  it.each<[string, (tensors: Map<string, Tensor>) => unknown, RegExp]>([
    ['missing', (t) => t.delete(SCALE), /encoder\.conv1\.weight has 8 bits, but its scales, .*, are missing/],
    [
      'misshapen',
      (t) => t.set(SCALE, { shape: [1, 2], data: new Float32Array(2).fill(1) }),
      /encoder\.conv1\.weight\.scale is \[1,2\], expected \[\d+\]/,
    ],
    [
      'not finite',
      (t) => t.get(SCALE)!.data.fill(Number.NaN),
      /scale has values that are not finite numbers/,
    ],
    ['0', (t) => t.get(SCALE)!.data.fill(0, 0, 1), /scale has values that are not finite numbers above 0/],
    [
      'of a tensor that has none',
      (t) => t.set('encoder.conv1.bias.scale', { shape: [1], data: Float32Array.of(1) }),
      /encoder\.conv1\.bias\.scale does not belong to this network/,
    ],
  ])('weights in 8 bits whose scale is %s are refused', async (_, edit, sentence) => {
    const { to } = await exported('--bits', '8')
    const { tensors, metadata } = await readSafetensors(to)
    const dtypes = new Map([...tensors].map(([name, { dtype }]) => [name, dtype as Dtype]))
    edit(tensors)
    await writeSafetensors(to, tensors, { metadata, dtypeOf: (name) => dtypes.get(name) ?? 'F32' })
    const error = await readWeights(to).catch((reason) => reason)
    expect(error).toMatchObject({ name: 'UserError', trouble: 'weights' })
    expect(error.message).toMatch(sentence)
    expect(error.message).toContain(to)
  })

  it('averages trainings, those that left the trunk as it is included', async () => {
    const [flat, deep, other, to] = ['flat', 'deep', 'other', 'mean'].map((name) =>
      inFolder(`${name}.safetensors`),
    ) as [string, string, string, string]
    writeFileSync(flat, await pyramidWeights({ hints: true }))
    writeFileSync(deep, await pyramidWeights({ hints: true, fineTune: 1, seed: 'deep' }))
    writeFileSync(other, await pyramidWeights({ hints: true, seed: 'other' }))
    const args = [flat, to, '--average', deep, '--average', other, '--bits', '32']
    expect(await run(['weights', 'export', ...args])).toMatchObject({ code: 0 })
    const mean = await readWeights(to)
    expect(mean.metadata.averaged).toBe('3')
    expect(mean.network.architecture).toMatchObject({ fineTune: 1 })
    const tuned = await readWeights(deep)
    const trunk = pretrained(tuned.network)
    const [a, b, c] = [await readWeights(flat), tuned, await readWeights(other)].map(weightTensors)
    for (const [name, { data }] of weightTensors(mean)) {
      const [one, two] = [a!.get(name) ?? trunk.get(name)!, c!.get(name) ?? trunk.get(name)!]
      const wanted = (i: number) => (one.data[i]! + b!.get(name)!.data[i]! + two.data[i]!) / 3
      const furthest = data.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted(i))), 0)
      expect(furthest).toBeLessThan(1e-6)
    }
    expect([trunk.size > 0, [...trunk.keys()].some((name) => a!.has(name))]).toEqual([true, false])
  })

  it('averages nothing that is of different networks', async () => {
    const [hinted, plain, to] = ['hinted', 'plain', 'never'].map((name) => inFolder(`${name}.safetensors`))
    writeFileSync(hinted!, await pyramidWeights({ hints: true }))
    writeFileSync(plain!, await pyramidWeights({ hints: false }))
    const refused = async (first: string, second: string, sentence: RegExp) => {
      const ended = await run(['weights', 'export', first, to!, '--average', second])
      expect(ended.stderr).toMatch(sentence)
      expect(ended.code).toBe(4)
    }
    await refused(
      hinted!,
      plain!,
      /the mean of .* would mean nothing: in the second, the tensor .* is missing/,
    )
    await refused(hinted!, from, /would mean nothing: in the second, the network is report, not pyramid/)
    expect(() => readFileSync(to!)).toThrow(/ENOENT/)
  })

  it('refuses, and leaves everything as it was', async () => {
    const bytes = readFileSync(from)
    const refused = async (code: number, sentence: RegExp, ...args: string[]) => {
      const ended = await run(['weights', 'export', ...args])
      expect(ended.stderr).toMatch(sentence)
      expect(ended.code).toBe(code)
    }
    await refused(2, /would overwrite what it reads/, from, from)
    await refused(2, /would overwrite what it reads/, inFolder('none.safetensors'), from, '--average', from)
    await refused(2, /must end in \.safetensors/, from, inFolder('out.bin'))
    await refused(2, /takes two arguments, not 1/, from)
    await refused(2, /no probabilities of colours/, from, inFolder('out.safetensors'), '--temperature', '2')
    await refused(2, /no probabilities of colours/, from, inFolder('out.safetensors'), '--gray-odds', '2')
    await refused(2, /--bits 4: choose one of 8, 16, 32/, from, inFolder('out.safetensors'), '--bits', '4')
    await refused(2, /no probabilities of colours/, from, inFolder('out.safetensors'), '--purple-odds', '2')
    await refused(2, /no probabilities of colours/, from, inFolder('out.safetensors'), '--red-odds', '2')
    await refused(2, /no probabilities of colours/, from, inFolder('out.safetensors'), '--chroma-odds', '2')
    for (const option of ['--temperature', '--gray-odds', '--purple-odds', '--red-odds', '--chroma-odds'])
      await refused(2, new RegExp(option), from, inFolder('out.safetensors'), option, '0')
    await refused(4, /no such file/, inFolder('none.safetensors'), inFolder('never.safetensors'))
    const { tensors } = await readSafetensors(from)
    tensors.get('decoder.conv5.bias')!.data[0] = 1e6
    await writeSafetensors(inFolder('huge.safetensors'), tensors)
    await refused(
      1,
      /decoder\.conv5\.bias has values beyond float16's 65504/,
      inFolder('huge.safetensors'),
      inFolder('never.safetensors'),
    )
    expect(() => readFileSync(inFolder('never.safetensors'))).toThrow(/ENOENT/)
    expect(readFileSync(from)).toEqual(bytes)
  })
})
