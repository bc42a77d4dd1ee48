import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toHalf } from '../src/device/float16.ts'
import type { Tensor } from '../src/io/safetensors.ts'
import { saturationOf, weightTensors } from '../src/io/weights.ts'
import { initialStatistics } from '../src/model/arena.ts'
import { COARSE_BINS } from '../src/model/bins.ts'
import { reportNetwork } from '../src/model/report/index.ts'
import { layoutOf } from '../src/model/report/layout.ts'
import { readSafetensors, writeSafetensors } from '../src/node/safetensors.ts'
import { readWeights } from '../src/node/weights.ts'
import { seeded } from './harness.ts'
import { run } from './program.ts'
import { pyramidWeights } from './pyramid-weights.ts'

const folder = mkdtempSync(join(tmpdir(), 'colorizer-export-'))
afterAll(() => rmSync(folder, { recursive: true }))
const inFolder = (name: string) => join(folder, name)
const NETWORK = { classes: 3, width: 0.05, squaredClasses: true }
const from = inFolder('best.safetensors')
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

  it('refuses, and leaves everything as it was', async () => {
    const bytes = readFileSync(from)
    const refused = async (code: number, sentence: RegExp, ...args: string[]) => {
      const ended = await run(['weights', 'export', ...args])
      expect(ended.stderr).toMatch(sentence)
      expect(ended.code).toBe(code)
    }
    await refused(2, /would overwrite what it reads/, from, from)
    await refused(2, /must end in \.safetensors/, from, inFolder('out.bin'))
    await refused(2, /takes two arguments, not 1/, from)
    await refused(2, /no probabilities of colours/, from, inFolder('out.safetensors'), '--temperature', '2')
    await refused(2, /--temperature/, from, inFolder('out.safetensors'), '--temperature', '0')
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
