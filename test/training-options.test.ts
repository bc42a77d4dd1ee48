import { describe, expect, it } from 'vitest'
import { parse } from '../src/cli/commands/command.ts'
import {
  askedOf,
  courseOf,
  freshSettings,
  kindOf,
  networkFor,
  TRAIN_OPTIONS,
  withTrunk,
} from '../src/cli/commands/training-options.ts'
import type { Network } from '../src/model/network.ts'
import { reportNetwork } from '../src/model/report/index.ts'

const DATA = { kind: 'photos', train: ['a.jpg'], val: [], identity: 'photos' } as const
const of = (line: string) => askedOf(parse(line.split(' ').filter(Boolean), TRAIN_OPTIONS).flags)
const settings = (line: string, isSoftware = true) =>
  freshSettings(of(line), { network: kindOf(of(line).network).name, isBegun: false }, DATA, [], isSoftware)
const architecture = async (line: string, isSoftware = true, begun?: Network) =>
  (await networkFor(of(line), DATA, isSoftware, begun)).architecture

/** What Zhao 2019 says of its training, and what was not in it. */
const REPORT = {
  ...{ size: 224, batch: 32, accumulate: 1, fit: 'pad', learningRate: 1e-3, schedule: 'steps' },
  ...{
    warmup: 0,
    averaging: 0,
    classDropout: 0,
    loss: 'squared',
    lightnessJitter: 0,
    precision: 'f32',
  },
}

describe('the options of train', () => {
  it('--preset report stands for all that the report says, on any adapter', async () => {
    const rest = { seed: 0, classVectors: [], data: 'photos' }
    for (const isSoftware of [false, true]) {
      expect(settings('--preset report', isSoftware)).toEqual({ ...REPORT, ...rest })
      const published = { classes: 1000, width: 1, squaredClasses: false, head: 'ab' }
      expect(await architecture('--preset report', isSoftware)).toEqual(published)
    }
    expect(courseOf(of('--preset report'), { kind: 'samples' })).toMatchObject({ epochs: 400 })
    expect(of('--preset report').classifierFit).toBe('pad')
    expect(() => of('--preset best')).toThrow('--preset best: choose one of report')
  })

  it('take smaller steps from weights that are there', () => {
    const begun = (line: string) =>
      freshSettings(of(line), { network: 'pyramid', isBegun: true }, DATA, [], true).learningRate
    expect(begun('')).toBeCloseTo(settings('').learningRate / 3, 12)
    expect(begun('--lr 0.002')).toBe(0.002)
  })

  it('count more than a preset', () => {
    const mixed = settings('--batch 8 --preset report --warmup 10 --averaging 0.9 --fit crop --seed 7')
    expect(mixed).toMatchObject({ ...REPORT, batch: 8, warmup: 10, averaging: 0.9, fit: 'crop', seed: 7 })
    expect(courseOf(of('--preset report --epochs 2'), DATA)).toMatchObject({ epochs: 2 })
  })

  it('say how a resumed training goes on; without them it does so as it was begun', () => {
    const begun = { epochs: 50, steps: 40, validateEvery: 15 }
    const course = (line: string) => courseOf(of(line), DATA, begun)
    expect(course('--checkpoint-every 7')).toEqual(begun)
    expect(course('--validate-every 9')).toEqual({ ...begun, validateEvery: 9 })
    expect(course('--epochs 60')).toEqual({ ...begun, epochs: 60, steps: Number.POSITIVE_INFINITY })
    expect(course('--steps 60')).toEqual({ ...begun, epochs: 400, steps: 60 })
    expect(courseOf(of(''), DATA)).toEqual({ epochs: 400, steps: Infinity, validateEvery: 250 })
    const patient = { ...begun, patience: 3 }
    for (const line of ['--patience 3', '--steps 40 --patience 3'])
      expect(courseOf(of(line), DATA, begun)).toMatchObject({ patience: 3, steps: 40 })
    expect(courseOf(of(''), DATA, patient)).toEqual(patient)
    expect(courseOf(of('--steps 60'), DATA, patient)).toMatchObject({ steps: 60, patience: 3 })
    expect(courseOf(of('--patience 5'), DATA, patient)).toEqual({ ...begun, patience: 5 })
    expect(() => of('--patience 0')).toThrow('--patience 0: expected a number of at least 1')
  })

  it('name a trunk for the network that has one, and no loss beside its probabilities', async () => {
    const trunked = (line: string) => {
      const { flags } = parse(line.split(' '), TRAIN_OPTIONS)
      return withTrunk(askedOf(flags), flags)
    }
    const { architecture } = await trunked('--trunk mobilenet-v1')
    expect(architecture).toMatchObject({
      trunk: { name: 'mobilenet-v1', sha256: expect.stringMatching(/^aebafe13/) },
    })
    await expect(trunked('--network report --trunk mobilenet-v1')).rejects.toThrow(
      '--trunk mobilenet-v1 does not go with the network report',
    )
    await expect(trunked('--trunk none')).rejects.toThrow('--trunk none does not go with the network pyramid')
    expect(() => of('--loss huber')).toThrow('--loss is for --head ab')
    expect(of('--loss huber --init report.safetensors').settings).toMatchObject({ loss: 'huber' })
    expect(of('--loss huber --head ab').settings).toEqual({ loss: 'huber' })
    expect(() => of('--rarity 0.9 --head ab')).toThrow(
      '--rarity is for --head bins, or for --head ab with --loss rarity',
    )
    for (const line of [
      '--rarity 0.9',
      '--rarity 0.9 --head ab --loss rarity',
      '--rarity 0.9 --head ab --init a.safetensors',
    ])
      expect(of(line).settings.rarity).toBe(0.9)
    expect(() => of('--hinted 0.5 --network report')).toThrow('--hinted is for networks that take hints')
    expect(() => of('--class-dropout 0.5 --classifier none')).toThrow('with --classifier none there are none')
    expect(of('--class-dropout 0.5').settings).toEqual({ classDropout: 0.5 })
    expect(() => of('--class-power 1')).toThrow('--class-power is for --network report, not for pyramid')
    expect(of('--class-power 1 --network report').architecture).toEqual({ squaredClasses: false })
    expect(TRAIN_OPTIONS.head!.help).toMatch(/^pyramid: .*\(default bins\); report: .*\(default ab\)$/)
  })

  it('have defaults that fit the adapter, and the network of the weights that training begins with', async () => {
    const begun = reportNetwork({ classes: 1000, width: 0.5, head: 'bins' })
    expect(settings('')).toMatchObject({ size: 128, batch: 32, learningRate: 1.5e-3, warmup: 60 })
    expect(settings('')).toMatchObject({ rarity: 0.9, hinted: 0.3 })
    for (const name of ['rarity', 'hinted']) expect(settings('--network report')).not.toHaveProperty(name)
    expect(await architecture('')).toMatchObject({
      trunk: { name: 'mobilenet-v1' },
      head: 'bins',
      hints: true,
    })
    expect(settings('--network report')).toMatchObject({ size: 96, batch: 8, learningRate: 1e-3, warmup: 50 })
    expect(await architecture('--network report')).toMatchObject({ width: 0.25, squaredClasses: true })
    expect(settings('--network report', false)).toMatchObject({ size: 224, batch: 32, lightnessJitter: 0.1 })
    expect(await architecture('--network report', false)).toMatchObject({ width: 1, squaredClasses: true })
    expect(settings('--network report --size 64', false)).toMatchObject({ size: 64, batch: 32 })
    expect(await architecture('', false, begun)).toEqual(begun.architecture)
  })
})
