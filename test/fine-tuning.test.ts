/** A trunk whose last layers are trained. */
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resize } from '../src/color/resample.ts'
import { runReference } from '../src/graph/reference.ts'
import { predictorOf } from '../src/infer/predictor.ts'
import { inVariant, networkMetadata, weightTensors } from '../src/io/weights.ts'
import { elems } from '../src/kernels/op.ts'
import { packArena, unpackArena } from '../src/model/arena.ts'
import { trainingGraph } from '../src/model/graphs.ts'
import type { Network, NetworkKind } from '../src/model/network.ts'
import { pyramidNetwork, pyramidOn } from '../src/model/pyramid/index.ts'
import { reportNetwork } from '../src/model/report/index.ts'
import type { Trunk } from '../src/model/trunk.ts'
import { readSafetensors, writeSafetensors } from '../src/node/safetensors.ts'
import { exportWeights } from '../src/node/store/export-weights.ts'
import { loadTrunk } from '../src/node/store/networks.ts'
import { checkpointPath } from '../src/node/store/run-folder.ts'
import { readCheckpoint, readWeights } from '../src/node/weights.ts'
import type { Batch, TrainingSource } from '../src/train/batches.ts'
import { expectSettings } from '../src/train/expect.ts'
import type { TrainingSettings } from '../src/train/settings.ts'
import { useGpu } from './device.ts'
import { draw, float64, seeded } from './harness.ts'
import { succeeded } from './kill.ts'
import { modelBytes } from './onnx-models.ts'
import { run } from './program.ts'
import { refused } from './refused.ts'
import { trainIn } from './training.ts'
import { chain, SHA256, smallTrunk } from './trunk-models.ts'

const gpu = useGpu()
const architecture = {
  ...{ trunk: { name: 'small', sha256: SHA256 }, classes: 3, width: 0.1 },
  ...{ head: 'ab' as const, hints: false },
}
const SETTINGS: TrainingSettings = {
  ...{ size: 32, seed: 1, batch: 2, accumulate: 1, learningRate: 1e-2, fit: 'crop', loss: 'squared' },
  ...{ schedule: 'steps', warmup: 0, averaging: 0, classVectors: [], classDropout: 0 },
  ...{ lightnessJitter: 0, data: 'test', precision: 'f32' },
}
/** Of the trunk's five layers, the last two. */
const TUNED = ['trunk.4.weight', 'trunk.5.weight']

let folder: string
let trunk: Trunk
let network: Network
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'colorizer-fine-tuning-'))
  trunk = await smallTrunk()
  network = pyramidNetwork({ ...architecture, fineTune: 2 }, trunk)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const networks = () => {
  const kind = pyramidOn(async () => trunk)
  return new Map([[kind.name, kind as NetworkKind]])
}

const source: TrainingSource = {
  ...{ length: 8, batchesPerEpoch: 4 },
  async *batches({ position }) {
    for (let at = position; ; at += 2) {
      const L = Float32Array.from({ length: 2 * 32 * 32 }, (_, i) =>
        Math.sin(((i % 32) >> 2) * 0.8 + (at % 8)),
      )
      const ab = Float32Array.from({ length: 2 * L.length }, (_, i) => (i % 2 ? 40 * L[i >> 1]! : 0))
      const features = new Float32Array(2 * 3)
      yield { L, ab, features, epoch: 0, position: at + 2, lastOfEpoch: false } as Batch
    }
  },
  async close() {},
}

/** None of them zero, as the last layer's are at first: else nothing before it has a gradient. */
const someWeights = () => {
  const random = seeded('fine-tuning')
  const { parameters, statistics } = network.initial(random)
  return { parameters: parameters.map((value) => value || random() - 0.5), statistics }
}

describe('a fine-tuned trunk', () => {
  it('has its last convolutions among the parameters, behind all others and as they were', async () => {
    const { tensors } = network.layout.parameters
    expect(tensors.slice(-2).map(({ name }) => name)).toEqual(TUNED)
    expect(network.fineTunedFrom).toBe(tensors.at(-2)!.offset)
    const plain = pyramidNetwork(architecture, trunk)
    expect(plain.layout.parameters.tensors).toEqual(tensors.slice(0, -2))
    const { parameters } = network.initial(() => 0.3)
    expect(parameters.subarray(0, network.fineTunedFrom)).toEqual(plain.initial(() => 0.3).parameters)
    const [first] = trunk.layers[3]!
    expect(parameters.subarray(network.fineTunedFrom!).subarray(0, first!.data.length)).toEqual(first!.data)
    const mobilenet = await loadTrunk({
      ...{ name: 'mobilenet-v1', sha256: 'test', path: 'weights/mobilenet_v1.onnx' },
    })
    const last = mobilenet.layers.at(-1)!.map(({ name, shape }) => [name, shape])
    expect(last).toEqual([
      ['trunk.27.weight', [1, 1, 1024, 1024]],
      ['trunk.27.bias', [1024]],
    ])
  })

  it('has the gradients that finite differences show', () => {
    const size = { batch: 1, height: 32, width: 32 }
    const graph = trainingGraph(network, size, { inspect: true })
    const random = seeded('finite differences')
    const inputs = new Map([
      ...(['L', 'gray'] as const).map((name) => [name, float64(draw(1024, 'unit', random))] as const),
      ['features', new Float64Array(3)],
      ['ab', float64(draw(2048, 'normal', random).map((value) => 20 * value))],
      ['statistics', new Float64Array(network.layout.statistics.length)],
      ...['adam.m', 'adam.v'].map(
        (name) => [name, new Float64Array(network.layout.parameters.length)] as const,
      ),
      ['adam.hyper', Float64Array.of(0, 0, 0, 0)],
    ])
    const parameters = float64(someWeights().parameters)
    const compute = (changed: Float64Array<ArrayBuffer>) => {
      const computed = runReference(graph, new Map(inputs).set('parameters', changed))
      return (name: string) => computed.get(graph.outputs.get(name)!)!
    }
    const gradients = compute(parameters)('gradients')
    for (const name of TUNED) {
      const tensor = network.layout.parameters.tensors.find((each) => each.name === name)!
      const within = gradients.subarray(tensor.offset, tensor.offset + elems(tensor))
      const at = tensor.offset + within.indexOf(Math.max(...within))
      const loss = (step: number) => compute(parameters.with(at, parameters[at]! + step))('loss')[0]!
      const difference = (loss(1e-6) - loss(-1e-6)) / 2e-6
      expect(Math.abs(difference), name).toBeGreaterThan(1e-2)
      expect(Math.abs(gradients[at]! - difference), name).toBeLessThan(1e-5 * Math.abs(difference))
    }
  })

  it.each([1, 2])('learns at its own rate, of %i batches a step', async (accumulate) => {
    const start = { kind: 'weights', ...someWeights() } as const
    const changes = async (fineTuneRate: number) => {
      const settings = { ...SETTINGS, batch: 2 / accumulate, accumulate, fineTuneRate }
      const out = join(folder, `rate-${accumulate}-${fineTuneRate}`)
      const { checkpoint } = await trainIn(gpu(), source, { network, settings, out, steps: 1, start })
      const change = checkpoint.raw.map((value, i) => value - start.parameters[i]!)
      return [change.subarray(0, network.fineTunedFrom), change.subarray(network.fineTunedFrom!)] as const
    }
    const [[decoder, whole], [same, quarter]] = [await changes(1), await changes(0.25)]
    expect(same).toEqual(decoder)
    expect(Math.max(...decoder)).toBeCloseTo(SETTINGS.learningRate, 4)
    expect(Math.max(...whole)).toBeCloseTo(SETTINGS.learningRate, 4)
    expect(Math.max(...whole.map((value, i) => Math.abs(value / 4 - quarter[i]!)))).toBeLessThan(1e-6)
  })

  it('goes on to the same bytes with channels left out, and colours from its file as it has learnt', async () => {
    const settings = { ...SETTINGS, fineTuneRate: 0.5, channelDropout: 0.25 }
    const training = { network, settings, start: { kind: 'weights', ...someWeights() } as const }
    const [whole, parts] = [join(folder, 'whole'), join(folder, 'parts')]
    const { checkpoint: ended } = await trainIn(gpu(), source, { ...training, out: whole, steps: 6 })
    const plain = { ...training, settings: { ...settings, channelDropout: 0 }, out: join(folder, 'plain') }
    const { checkpoint: other } = await trainIn(gpu(), source, { ...plain, steps: 1 })
    expect(other.losses[0]).not.toBe(ended.losses[0])
    await trainIn(gpu(), source, { ...training, out: parts, steps: 2 })
    const checkpoint = await readCheckpoint(checkpointPath(parts), networks())
    const resumed = { ...training, out: parts, steps: 6, start: { kind: 'resume', checkpoint } as const }
    for (const [other, message] of [
      [{ ...settings, fineTuneRate: 0.1 }, /was trained with fineTuneRate 0.5, not 0.1/],
      [{ ...settings, channelDropout: undefined }, /was trained with channelDropout 0.25, not 0:/],
    ] as const)
      await expect(trainIn(gpu(), source, { ...resumed, settings: other })).rejects.toThrow(message)
    const frozen = { ...resumed, network: pyramidNetwork(architecture, trunk), settings: SETTINGS }
    await expect(trainIn(gpu(), source, frozen)).rejects.toThrow(/was trained with fineTune 2, not unset/)
    await trainIn(gpu(), source, resumed)
    const [a, b] = await Promise.all([whole, parts].map((out) => readFile(checkpointPath(out))))
    expect(a!.equals(b!)).toBe(true)

    const file = join(folder, 'tuned.safetensors')
    await exportWeights(checkpointPath(whole), file, { networks: networks() })
    const { tensors, metadata } = await readSafetensors(file)
    expect([...tensors.keys()].filter((name) => name.startsWith('trunk.'))).toEqual(TUNED)
    expect(JSON.parse(metadata!.architecture!)).toMatchObject({ fineTune: 2 })
    const weights = await readWeights(file, networks())
    const learnt = (await readCheckpoint(checkpointPath(whole), networks())).weights
    const untuned = { ...weights, parameters: weights.parameters.slice() }
    const first = network.initial(() => 0).parameters.subarray(network.fineTunedFrom!)
    untuned.parameters.set(first, network.fineTunedFrom!)
    const colours = async (of: typeof weights) => {
      const predictor = predictorOf(gpu(), of, { resize: async (...shown) => resize(...shown) })
      const rgb = Uint8Array.from({ length: 3 * 32 * 32 }, (_, i) => (Math.floor(i / 3) % 32 < 16 ? 40 : 220))
      const { ab } = await predictor.predict({ width: 32, height: 32, rgb })
      predictor.destroy()
      return ab
    }
    const ours = await colours({ ...weights, ...learnt })
    const difference = async (of: typeof weights) => {
      const theirs = await colours(of)
      return Math.max(...theirs.map((value, i) => Math.abs(value - ours[i]!)))
    }
    const rounded = await difference(weights)
    expect(rounded).toBeLessThan(0.5) // the file has float16
    expect(await difference(untuned)).toBeGreaterThan(4 * rounded)
  })

  it('is kept in 8 bits as what was added to it', async () => {
    const [file, small] = ['whole.safetensors', 'eight.safetensors'].map((name) => join(folder, name))
    const { parameters, statistics } = someWeights()
    const random = seeded('small changes')
    const learnt = parameters.map((value, i) =>
      i < network.fineTunedFrom! ? value : value + random() / 1000,
    )
    const weights = { network, parameters: learnt, statistics }
    await writeSafetensors(file!, weightTensors(weights), { metadata: networkMetadata(network) })
    await exportWeights(file!, small!, { bits: '8', networks: networks() })
    const { tensors, metadata } = await readSafetensors(small!)
    const kept = [...tensors].filter(([name]) => name.startsWith('trunk.'))
    const changes = TUNED.flatMap((name) => [
      [`${name}.change`, 'I8'],
      [`${name}.change.scale`, 'F32'],
    ])
    expect(kept.map(([name, { dtype }]) => [name, dtype])).toEqual(changes)
    const [read, wanted] = [weightTensors(await readWeights(small!, networks())), weightTensors(weights)]
    for (const name of TUNED) {
      const errors = read.get(name)!.data.map((value, i) => Math.abs(value - wanted.get(name)!.data[i]!))
      expect(Math.max(...errors)).toBeLessThan(1e-3 / 254 + 1e-7)
    }

    const change = `${TUNED[0]}.change`
    tensors.set(change, { ...tensors.get(change)!, shape: [8, 8, 9, 1] })
    await writeSafetensors(small!, tensors, {
      metadata,
      dtypeOf: (name) => (tensors.get(name)!.dtype === 'I8' ? 'I8' : 'F32'),
    })
    const wrong = /the tensor trunk\.4\.weight is \[8,8,9,1\], expected \[8,8,3,3\]/
    await expect(readWeights(small!, networks())).rejects.toThrow(wrong)
  })

  it('begins with the weights of a network that has none of it', () => {
    const plain = pyramidNetwork(architecture, trunk)
    const { parameters, statistics } = plain.initial(seeded('plain'))
    const weights = inVariant(plain.variant({ fineTune: 2 }), { network: plain, parameters, statistics })
    expect(weights.network.layout).toEqual(network.layout)
    const expected = network.initial(() => 0).parameters
    expected.set(parameters)
    expect(weights.parameters).toEqual(expected)
    const { parameters: arena } = network.layout
    expect(packArena(arena, unpackArena(arena, expected))).toEqual(expected)
  })
})

describe('what does not go together is refused', () => {
  const course = { epochs: 1, steps: 1, validateEvery: 1 }

  it.each<[string, () => Network, Partial<TrainingSettings>, RegExp]>([
    ['stored taps', () => network, { taps: true }, /taps were stored of the trunk as it is, so it cannot be/],
    [
      'a rate for nothing',
      () => pyramidNetwork(architecture, trunk),
      { fineTuneRate: 0.1 },
      /the setting fineTuneRate is for a trunk that is fine-tuned, and none of its layers is/,
    ],
    [
      'age of pictures that are padded',
      () => network,
      { aged: 0.1, fit: 'pad' },
      /look old where they are cropped/,
    ],
    [
      'a mean of no bins',
      () => network,
      { meanHuber: 1 },
      /meanHuber is of bins' mean colour, and the network has no/,
    ],
    [
      'a look through no trunk',
      () => reportNetwork({ classes: 3, width: 0.1 }),
      { perceptual: 1 },
      /the network report looks through no trunk, so nothing can be unlike the original to it/,
    ],
    ['a rate of 0', () => network, { fineTuneRate: 0 }, /fineTuneRate is 0: expected a number above 0/],
    ['all channels', () => network, { channelDropout: 1 }, /channelDropout is 1: expected .* at most 0.95/],
    [
      'channels of no trunk',
      () => reportNetwork({ classes: 3, width: 0.1 }),
      { channelDropout: 0.1 },
      /the network report looks through no trunk, so it has no channels that could be left out/,
    ],
  ])('%s', (_, of, change, message) => {
    expect(() => expectSettings(of(), { ...SETTINGS, ...change }, course)).toThrow(message)
  })

  it('more layers than the trunk has, in a training and in a file', async () => {
    const many = /6 convolutions of small are to be fine-tuned, but up to the last that .* looks at it has 5/
    expect(() => network.variant({ fineTune: 6 })).toThrow(many)
    const tensors = weightTensors({ network, ...someWeights() })
    const file = join(folder, 'wrong.safetensors')
    const save = async (fineTune: number) => {
      const metadata = {
        network: 'pyramid',
        architecture: JSON.stringify({ ...architecture, fineTune }),
      }
      await writeSafetensors(file, tensors, { metadata })
      return readWeights(file, networks())
    }
    await expect(save(6)).rejects.toMatchObject({ trouble: 'weights', message: expect.stringMatching(many) })
    await expect(save(3)).rejects.toThrow(/the tensor trunk\.3\.weight is missing/)
    await expect(save(1)).rejects.toThrow(/the tensor trunk\.4\.weight does not belong to this network/)
  })

  it('on the command line', async () => {
    const train = (...options: string[]) => run(['train', '--out', join(folder, 'never'), ...options])
    refused(await train('--fine-tune', '0'), 2, /--fine-tune.*expected a number of at least 1/)
    refused(await train('--fine-tune', '1', '--fine-tune-rate', '0'), 2, /expected a number above 0/)
    refused(
      await train('--network', 'report', '--fine-tune', '1'),
      2,
      /--fine-tune is for --network pyramid, not for report/,
    )
    const taps = await train('--records', folder, '--taps', '--fine-tune', '1')
    refused(taps, 2, /--fine-tune changes what the trunk sees/)
  })
})

describe('train --init --fine-tune', () => {
  it('goes on from weights of a trunk as it was, and is resumed', async () => {
    const [model, init, out] = ['small.onnx', 'init.safetensors', 'run'].map((name) => join(folder, name))
    const bytes = modelBytes(chain())
    await writeFile(model!, bytes)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const named = { ...architecture, trunk: { name: 'small.onnx', sha256 }, classes: 1000 }
    const plain = pyramidNetwork(named, trunk)
    const tensors = weightTensors({ network: plain, ...plain.initial(seeded('init')) })
    await writeSafetensors(init!, tensors, { metadata: networkMetadata(plain) })
    const given = ['--trunk', model!, '--val', 'samples/photos/dogs.jpg', '--out', out!, '--quiet', '--json']
    const settings = '--size 32 --batch 2 --classifier none --averaging 0 --warmup 0'.split(' ')
    const pictures = ['samples/photos/cat.jpg', 'samples/photos/citrus.jpg']
    const tuning = '--fine-tune 2 --fine-tune-rate 0.5 --channel-dropout 0.1 --steps 2'.split(' ')
    succeeded(await run(['train', ...pictures, ...given, ...settings, '--init', init!, ...tuning]))
    const { tensors: first, metadata } = await readSafetensors(checkpointPath(out!))
    expect(first.get('fusion.weight')!.shape).toEqual(tensors.get('fusion.weight')!.shape)
    expect(JSON.parse(metadata!.architecture!)).toEqual({ ...named, fineTune: 2 })
    expect(JSON.parse(metadata!.settings!)).toMatchObject({ fineTuneRate: 0.5, channelDropout: 0.1 })
    const began = unpackArena(network.layout.parameters, network.initial(() => 0).parameters)
    for (const name of TUNED) {
      const [was, is] = [began, first].map((all) => all.get(name)!.data)
      const change = Math.max(...was!.map((value, i) => Math.abs(is![i]! - value)))
      expect(change, name).toBeGreaterThan(1e-5)
      expect(change, name).toBeLessThan(2e-3)
    }
    const resume = (layers: number) =>
      run(['train', ...pictures, ...given, ...`--resume --steps 3 --fine-tune ${layers}`.split(' ')])
    const resumed = await resume(2)
    succeeded(resumed)
    expect(JSON.parse(resumed.stdout.toString())).toMatchObject({ steps: 3 })
    refused(await resume(1), 2, /was trained with fineTune 2, not 1: a resumed training must not change that/)
  })
})
