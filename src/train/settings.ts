/**
 * The settings of a training, as one schema: types, limits, the command line's options and the table in the docs come
 * from it. What the network itself can choose stands in the network's own schema.
 */
import * as v from 'valibot'
import { PRECISIONS } from '../graph/half.ts'
import { FITS } from '../model/classifier.ts'
import { LOSSES } from '../model/losses.ts'
import { choiceOf, integerOf, numberOf, setting } from '../setting.ts'
import { SAMPLE_FITS } from './framing.ts'
import { SCHEDULES } from './schedule.ts'

const originSchema = v.object({
  classifier: v.string(),
  sha256: v.string(),
  fit: choiceOf(FITS),
})

/** Parts of a training that files hold and no option of their own sets. */
const internal = {
  /** Where the class vectors come from, of which each sample has one; none when the network is trained without any. */
  classVectors: v.array(originSchema),
  /** Identifies the training pictures and their order. */
  data: v.string(),
  /** The kernels that it computes with instead of the usual ones, `Choices`: others would round otherwise. */
  choices: v.optional(v.record(v.string(), v.string())),
  /** Whether it is shown what its trunk saw of the pictures, as records have it, instead of the pictures. */
  taps: v.optional(v.boolean()),
  /** Whether products are computed in the subgroups' matrices. */
  subgroupMatrices: v.optional(v.boolean()),
}

const chosen = {
  seed: setting(integerOf({ min: 0 }), {
    ...{ flag: 'seed', value: 'N' },
    help: 'of the weights, the order and the augmentation',
  }),
  batch: setting(integerOf(), { flag: 'batch', value: 'N', help: 'pictures that are computed together' }),
  accumulate: setting(integerOf(), {
    ...{ flag: 'accumulate', value: 'N' },
    help: 'batches whose mean gradient makes a step, for more pictures than fit the adapter at once',
  }),
  size: setting(integerOf({ min: 8, multipleOf: 8 }), {
    ...{ flag: 'size', value: 'PX' },
    help: 'side of the training pictures, a multiple of 8, and of 32 for the network pyramid',
  }),
  learningRate: setting(numberOf({ exclusive: true }), {
    ...{ flag: 'lr', value: 'F' },
    help: "Adam's learning rate at its highest",
  }),
  schedule: setting(choiceOf(SCHEDULES), {
    ...{ flag: 'schedule', value: SCHEDULES.join('|') },
    help: 'the learning rate falls to zero, or tenfold at epochs 100, 150, 200 and 300',
  }),
  warmup: setting(integerOf({ min: 0 }), {
    ...{ flag: 'warmup', value: 'N' },
    help: 'steps over which the learning rate rises',
  }),
  decay: setting(v.optional(numberOf()), {
    ...{ flag: 'decay', value: 'F' },
    help: 'times the learning rate: the share of every parameter that each step takes away (AdamW)',
    usual: '0',
  }),
  averaging: setting(numberOf({ max: 1 }), {
    ...{ flag: 'averaging', value: 'F' },
    help: 'decay of the running average of the weights, which is what is kept; 0 keeps the last weights',
  }),
  loss: setting(choiceOf(LOSSES), {
    ...{ flag: 'loss', value: 'NAME' },
    help: 'of --head ab: squared, huber (milder to large errors), or rarity (rare colours count more)',
  }),
  rarity: setting(v.optional(numberOf({ exclusive: true, max: 1 })), {
    ...{ flag: 'rarity', value: 'F' },
    help: 'of --head bins and --loss rarity: from near 0, where a colour counts the more, the rarer it is, to 1, where all count alike',
    usual: '0.5',
  }),
  meanHuber: setting(v.optional(numberOf()), {
    ...{ flag: 'mean-huber', value: 'F' },
    help: "of --head bins: so many times the huber loss of the bins' mean colour, in units of 10 ab units, is added",
    usual: '0',
  }),
  perceptual: setting(v.optional(numberOf()), {
    ...{ flag: 'perceptual', value: 'F' },
    help: 'of networks with a trunk: so many times how unlike the original the result looks to the trunk is added',
    usual: '0',
  }),
  fit: setting(choiceOf(SAMPLE_FITS), {
    ...{ flag: 'fit', value: SAMPLE_FITS.join('|') },
    help: 'crop pictures to fill the square, by chance and mirrored by chance; or pad them with white as the report did, with neither',
  }),
  lightnessJitter: setting(numberOf({ max: 1 }), {
    ...{ flag: 'lightness-jitter', value: 'F' },
    help: 'changes what the network sees as age does: contrast by up to this share, and grain; 0 changes nothing',
  }),
  aged: setting(v.optional(numberOf({ max: 1 })), {
    ...{ flag: 'aged', value: 'F' },
    help: 'share of the samples that are made to look like old photographs: grain, blur, fading, scratches',
    usual: '0',
  }),
  classDropout: setting(numberOf({ max: 1 }), {
    ...{ flag: 'class-dropout', value: 'F' },
    help: 'share of the samples that are shown without their class vector',
  }),
  hinted: setting(v.optional(numberOf({ max: 1 })), {
    ...{ flag: 'hinted', value: 'F' },
    help: 'of networks that take hints: share of the samples of which colours are told',
  }),
  fineTuneRate: setting(v.optional(numberOf({ exclusive: true })), {
    ...{ flag: 'fine-tune-rate', value: 'F' },
    help: 'of a trunk that is fine-tuned: its learning rate as a share of that of the other layers',
    usual: '0.1',
  }),
  channelDropout: setting(v.optional(numberOf({ max: 0.95 })), {
    ...{ flag: 'channel-dropout', value: 'F' },
    help: "of networks with a trunk: share of the last tap's channels that each sample is shown without",
    usual: '0',
  }),
  precision: setting(choiceOf(PRECISIONS), {
    ...{ flag: 'precision', value: 'P' },
    help: 'f32, or f16: what kernels hand to each other takes half the memory, weights and sums stay float32, and the loss is scaled; needs an adapter with 16-bit floats',
  }),
}

export const trainingSchema = v.object({ ...chosen, ...internal })

/** What, beside the network, makes two trainings the same; a resumed one must not change it. */
export type TrainingSettings = Readonly<v.InferOutput<typeof trainingSchema>>

export const courseSchema = v.object({
  epochs: setting(integerOf({ endless: true }), { flag: 'epochs', value: 'N', help: 'epochs to train' }),
  steps: setting(integerOf({ endless: true }), {
    flag: 'steps',
    value: 'N',
    help: 'steps to train, if that ends sooner',
  }),
  validateEvery: setting(integerOf(), {
    ...{ flag: 'validate-every', value: 'N' },
    help: 'steps between validations',
  }),
  patience: setting(v.optional(integerOf()), {
    ...{ flag: 'patience', value: 'N' },
    help: 'ends the training after so many validations in a row that were no better than the best one',
  }),
})

/**
 * How a training was asked to go on, which may change when it is resumed. It ends at `epochs` or `steps`, whichever comes
 * first (Infinity: only the other one counts); the learning rate may fall over that. `patience` may end it sooner.
 */
export type Course = Readonly<v.InferOutput<typeof courseSchema>>

/** Pictures that a step is taken for. */
export const stepBatch = ({ batch, accumulate }: Pick<TrainingSettings, 'batch' | 'accumulate'>) =>
  batch * accumulate

/** What is the same for every network and on every adapter. */
export const USUAL = {
  ...{ seed: 0, accumulate: 1, learningRate: 1e-3, schedule: 'cosine', warmup: 50, averaging: 0.999 },
  ...{ precision: 'f32', fit: 'crop', loss: 'squared', classDropout: 0.3, lightnessJitter: 0.1 },
} as const satisfies Partial<TrainingSettings>

/** What else is usual for one network. The shares of rare colours and of hints are those of the shipped weights' training. */
export const USUAL_OF: Readonly<Record<string, Partial<TrainingSettings>>> = {
  pyramid: { learningRate: 1.5e-3, warmup: 60, averaging: 0.995, rarity: 0.9, hinted: 0.3 },
}

/** What is usual for a network on every adapter. */
export const usualOf = (network: string) => ({ ...USUAL, ...USUAL_OF[network] })
