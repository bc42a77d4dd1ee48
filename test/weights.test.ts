import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { Tensor } from '../src/io/safetensors.ts'
import { expectTrained, trainedWith, type Weights, weightTensors } from '../src/io/weights.ts'
import { initialStatistics } from '../src/model/arena.ts'
import { reportNetwork } from '../src/model/report/index.ts'
import { scaledChannels } from '../src/model/report/layers.ts'
import { initialParameters, layoutOf } from '../src/model/report/layout.ts'
import { readSafetensors, writeSafetensors } from '../src/node/safetensors.ts'
import { readCheckpoint, readWeights, writeCheckpoint } from '../src/node/weights.ts'
import { product } from '../src/numbers.ts'
import type { Checkpoint } from '../src/train/checkpoint.ts'

const NETWORK = { classes: 3, width: 0.05, squaredClasses: true, head: 'ab' as const }
const LAYOUT = layoutOf(NETWORK)
const folder = mkdtempSync(join(tmpdir(), 'colorizer-weights-'))
const path = join(folder, 'w.safetensors')
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(() => rmSync(path, { force: true }))

/** Other numbers in every place that a file keeps; what lies between the tensors stays 0. */
function arena(which: keyof typeof LAYOUT, start: number): Float32Array {
  const flat = new Float32Array(LAYOUT[which].length)
  for (const { shape, offset } of LAYOUT[which].tensors) {
    const end = offset + product(shape)
    for (let i = offset; i < end; i++) flat[i] = Math.sin(start + i)
  }
  return flat
}

const weights: Weights = {
  network: reportNetwork(NETWORK),
  parameters: arena('parameters', 1),
  statistics: arena('statistics', 2),
}

type Tensors = Map<string, Tensor>
type Edit = (tensors: Tensors, metadata: Record<string, string>) => unknown

/** Writes `tensors` as they become by `edit`. */
async function spoilt(tensors: ReadonlyMap<string, unknown>, edit: Edit, metadata = {}): Promise<void> {
  const copy = new Map(tensors) as Tensors
  const strings = { ...metadata }
  edit(copy, strings)
  await writeSafetensors(path, copy, { metadata: strings })
}

/** That reading fails in one sentence that names the file and matches `message`, as trouble with weights. */
async function refusal(reading: Promise<unknown>, message: RegExp): Promise<void> {
  const error = await reading.then(
    () => null,
    (cause) => cause,
  )
  expect(error).toMatchObject({ name: 'UserError', trouble: 'weights' })
  expect(error.message).toMatch(message)
  expect(error.message).toContain(path)
  expect(error.message).not.toContain('\n')
}

const reshaped = (tensors: Tensors, name: string, shape: number[]) =>
  tensors.set(name, { shape, data: new Float32Array(product(shape)) })

function poisoned(tensors: Tensors, name: string, value: number): void {
  const { shape, data } = tensors.get(name)!
  tensors.set(name, { shape, data: data.with(data.length - 1, value) })
}

describe('weight files', () => {
  it('come back bit for bit, their architecture recognised', async () => {
    await spoilt(weightTensors(weights), () => {})
    const { network, parameters, statistics } = await readWeights(path)
    expect(network.layout).toMatchObject({
      parameters: { length: LAYOUT.parameters.length },
      statistics: { length: LAYOUT.statistics.length },
    })
    expect(network.classes).toBe(3)
    expect([parameters, statistics]).toEqual([weights.parameters, weights.statistics])
  })

  const channels = scaledChannels(256, NETWORK.width)
  it.each<[string, Edit, RegExp]>([
    ['a missing weight', (t) => t.delete('encoder.conv4.weight'), /tensor encoder\.conv4\.weight is missing/],
    ['a missing bias', (t) => t.delete('decoder.conv2.bias'), /tensor decoder\.conv2\.bias is missing/],
    ['a missing statistic', (t) => t.delete('encoder.bn3.var'), /tensor encoder\.bn3\.var is missing/],
    [
      'an extra tensor',
      (t) => reshaped(t, 'encoder.conv9.weight', [1]),
      /encoder\.conv9\.weight does not belong/,
    ],
    [
      'a weight with other inputs',
      (t) => reshaped(t, 'decoder.conv3.weight', [3, 7, 3, 3]),
      /decoder\.conv3\.weight is \[3,7,3,3\], expected \[3,3,3,3\]/,
    ],
    [
      'a weight with other outputs',
      (t) => reshaped(t, 'encoder.conv4.weight', [99, 6, 3, 3]),
      /encoder\.conv4\.weight is \[99,6,3,3\], expected \[13,6,3,3\]/,
    ],
    [
      'a weight of other rank',
      (t) => reshaped(t, 'encoder.conv6.weight', [26]),
      /conv6\.weight is \[26\], expected/,
    ],
    [
      'a bias of another length',
      (t) => reshaped(t, 'encoder.bn1.beta', [4]),
      /bn1\.beta is \[4\], expected \[3\]/,
    ],
    [
      'a fusion layer without classes',
      (t) => reshaped(t, 'fusion.conv.weight', [channels, channels, 1, 1]),
      /fusion\.conv\.weight is \[13,13,1,1\], expected \[13,14,1,1\]/,
    ],
    [
      'NaN in a weight',
      (t) => poisoned(t, 'fusion.conv.weight', Number.NaN),
      /fusion\.conv\.weight .* not finite/,
    ],
    [
      'infinity in a statistic',
      (t) => poisoned(t, 'decoder.bn1.var', 1 / 0),
      /decoder\.bn1\.var .* not finite/,
    ],
    ['nothing in it', (t) => t.clear(), /encoder\.conv1\.weight is missing/],
  ])('%s is refused', async (_, edit, message) => {
    await spoilt(weightTensors(weights), edit)
    await refusal(readWeights(path), message)
  })

  it.each<[string, (whole: Buffer) => Uint8Array, RegExp]>([
    ['a photograph', () => readFileSync('samples/photos/cat.jpg'), /not a safetensors file/],
    ['an empty file', () => Buffer.alloc(0), /0 bytes are too few/],
    ['a truncated file', (whole) => whole.subarray(0, -100), /truncated/],
  ])('%s is refused', async (_, make, message) => {
    await spoilt(weightTensors(weights), () => {})
    writeFileSync(path, make(readFileSync(path)))
    await refusal(readWeights(path), message)
  })

  it('a missing file and a folder are refused', async () => {
    await refusal(readWeights(path), /no such file/)
    const error = { trouble: 'weights', message: expect.stringMatching(/it is a folder/) }
    await expect(readWeights(folder)).rejects.toMatchObject(error)
  })

  it('that were never trained cannot colour', () => {
    const parameters = initialParameters(NETWORK, () => 0.7)
    const untrained = { ...weights, parameters, statistics: initialStatistics(LAYOUT.statistics) }
    expect(() => expectTrained(path, untrained)).toThrow(/untrained network, which cannot colour/)
    expect(() => expectTrained(path, weights)).not.toThrow()
  })
})

const checkpoint: Checkpoint = {
  weights,
  raw: arena('parameters', 5),
  m: arena('parameters', 3),
  v: arena('parameters', 4),
  step: 2,
  epoch: 1,
  position: 6,
  settings: {
    ...{
      seed: 5,
      batch: 3,
      accumulate: 2,
      size: 16,
      learningRate: 1e-3,
      fit: 'pad',
      data: 'ab12',
    },
    ...{
      classVectors: [{ classifier: 'mine.onnx', sha256: 'c0ffee', fit: 'crop' }],
      classDropout: 0.25,
      lightnessJitter: 0.1,
      precision: 'f16',
    },
    ...{ loss: 'huber', schedule: 'cosine', warmup: 5, averaging: 0.99 },
  },
  course: { epochs: 7, steps: Number.POSITIVE_INFINITY, validateEvery: 250 },
  scaling: [1024, 17, 6, 0],
  losses: new Float32Array([220.5, 1 / 3]),
  validations: [{ step: 1, abMse: 225.6 }],
}

describe('checkpoints', () => {
  it('come back bit for bit', async () => {
    await writeCheckpoint(path, checkpoint)
    const { weights: read, ...rest } = await readCheckpoint(path)
    const { weights: written, ...others } = checkpoint
    expect(rest).toEqual(others)
    expect(read.parameters).toEqual(written.parameters)
    expect(read.statistics).toEqual(written.statistics)
    const first = readFileSync(path)
    await writeCheckpoint(path, await readCheckpoint(path))
    expect(readFileSync(path).equals(first)).toBe(true)
  })

  it('with one class vector origin, or null, are understood where weight files of before say so', () => {
    const [origin] = checkpoint.settings.classVectors
    for (const [was, now] of [
      [origin, [origin]],
      [null, []],
    ]) {
      const settings = JSON.stringify({ size: 64, classVectors: was })
      expect(trainedWith({ settings }).classVectors).toEqual(now)
    }
  })

  it('are weight files, too', async () => {
    await writeCheckpoint(path, checkpoint)
    expect((await readWeights(path)).parameters).toEqual(weights.parameters)
  })

  const settings = (change: object): Edit => {
    return (_, metadata) =>
      Object.assign(metadata, { settings: JSON.stringify({ ...checkpoint.settings, ...change }) })
  }
  const meta = (change: Record<string, string>): Edit => {
    return (_, metadata) => Object.assign(metadata, change)
  }
  it.each<[string, Edit, RegExp]>([
    [
      'another version',
      meta({ version: '2' }),
      /a checkpoint of version 2, this program writes and reads version 6/,
    ],
    ['weights alone', meta({ format: 'pt' }), /is not a checkpoint of this program/],
    [
      'a missing moment',
      (t) => t.delete('adam.v/encoder.bn5.gamma'),
      /no adam\.v\/encoder\.bn5\.gamma of shape/,
    ],
    [
      'a misshapen moment',
      (t) => reshaped(t, 'adam.m/decoder.conv5.bias', [3]),
      /no adam\.m\/decoder\.conv5\.bias of/,
    ],
    [
      'an infinite moment',
      (t) => poisoned(t, 'adam.v/decoder.conv5.bias', 1 / 0),
      /adam\.v\/decoder\.conv5.* not finite/,
    ],
    [
      'missing raw weights',
      (t) => t.delete('raw/encoder.conv1.weight'),
      /no raw\/encoder\.conv1\.weight of shape/,
    ],
    ['an unknown schedule', settings({ schedule: 'stairs' }), /unreadable settings/],
    ['an extra moment', (t) => reshaped(t, 'adam.m/other', [3]), /adam\.m\/other does not belong/],
    ['a missing weight', (t) => t.delete('decoder.conv5.bias'), /decoder\.conv5\.bias is missing/],
    ['no history', (t) => t.delete('history.loss'), /no history\.loss of its 2 steps/],
    ['a shorter history', (t) => reshaped(t, 'history.loss', [1]), /no history\.loss of its 2 steps/],
    ['a step that is none', meta({ step: '-1' }), /has the step "-1"/],
    ['unreadable settings', meta({ settings: '{' }), /unreadable settings/],
    ['settings that are none', meta({ settings: 'null' }), /unreadable settings/],
    ['class vectors from nowhere', settings({ classVectors: { classifier: 'mine' } }), /unreadable settings/],
    ['a setting that is no number', settings({ batch: 'many' }), /unreadable settings/],
    [
      'an architecture of another width',
      meta({ architecture: JSON.stringify({ ...NETWORK, width: 0.5 }) }),
      /encoder\.conv1\.weight is \[.*\], expected \[32,1,3,3\]/,
    ],
    [
      'an architecture that is none',
      meta({ architecture: '{"width":"wide"}' }),
      /its architecture is none of the report's network: expected a number above 0/,
    ],
    ['an unknown network', meta({ network: 'other' }), /network "other", which this program does not know/],
    ['a course to nowhere', meta({ course: '{"epochs":0,"validateEvery":9}' }), /unreadable course/],
    ['validations that are none', meta({ validations: '[1]' }), /unreadable validations/],
  ])('with %s are refused', async (_, edit, message) => {
    await writeCheckpoint(path, checkpoint)
    const { tensors, metadata } = await readSafetensors(path)
    await spoilt(tensors, edit, metadata)
    await refusal(readCheckpoint(path), message)
  })
})
