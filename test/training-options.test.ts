import { describe, expect, it } from 'vitest'
import { parse } from '../src/commands/command.ts'
import { askedOf, epochsOf, settingsOf, TRAIN_OPTIONS } from '../src/commands/training-options.ts'
import type { Architecture } from '../src/model/layers.ts'

const DATA = { kind: 'photos', train: ['a.jpg'], val: [], identity: 'photos' } as const
const of = (line: string) => askedOf(parse(line.split(' ').filter(Boolean), TRAIN_OPTIONS).flags)
const settings = (line: string, isSoftware = true, begun?: Architecture) =>
  settingsOf(of(line), DATA, null, isSoftware, begun)

/** What Zhao 2019 says of its training, and what was not in it. */
const REPORT = {
  ...{ width: 1, size: 224, batch: 32, accumulate: 1, fit: 'pad', learningRate: 1e-3, schedule: 'steps' },
  ...{
    warmup: 0,
    averaging: 0,
    classDropout: 0,
    squaredClasses: false,
    head: 'ab',
    loss: 'squared',
    lightnessJitter: 0,
    precision: 'f32',
  },
}

describe('the options of train', () => {
  it('--preset report stands for all that the report says, on any adapter', () => {
    const rest = { seed: 0, classes: 1000, classVectors: null, data: 'photos' }
    for (const isSoftware of [false, true])
      expect(settings('--preset report', isSoftware)).toEqual({ ...REPORT, ...rest })
    expect(epochsOf(of('--preset report'), { ...DATA, kind: 'samples' })).toBe(400)
    expect(of('--preset report').classifierFit).toBe('pad')
    expect(() => of('--preset best')).toThrow('--preset best: choose one of report')
  })

  it('count more than a preset', () => {
    const mixed = settings('--batch 8 --preset report --warmup 10 --averaging 0.9 --fit crop --seed 7')
    expect(mixed).toMatchObject({ ...REPORT, batch: 8, warmup: 10, averaging: 0.9, fit: 'crop', seed: 7 })
    expect(epochsOf(of('--preset report --epochs 2'), DATA)).toBe(2)
  })

  it('have defaults that fit the adapter, and the network of the weights that training begins with', () => {
    const begun = { classes: 1000, width: 0.5, head: 'bins' } as const
    expect(settings('')).toMatchObject({ width: 0.25, size: 96, batch: 8, fit: 'crop', schedule: 'cosine' })
    expect(settings('', false)).toMatchObject({ width: 1, size: 224, batch: 32, lightnessJitter: 0.1 })
    expect(settings('--size 64', false, begun)).toMatchObject({
      width: 0.5,
      head: 'bins',
      size: 64,
      batch: 32,
    })
  })
})
