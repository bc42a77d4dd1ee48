/** What `train` can be told, and what it does when it is told nothing. */

import { CLASSES, type ClassVectorOrigin, type Fit } from '../../model/classifier.ts'
import { LOSSES } from '../../model/losses.ts'
import { BINS } from '../../model/report/bins.ts'
import { type Architecture, architectureIn, HEADS } from '../../model/report/layers.ts'
import type { Course, TrainingSettings } from '../../train/checkpoint.ts'
import { type AskedSettings, RUNS } from '../../train/loop.ts'
import { SCHEDULES } from '../../train/schedule.ts'
import { CLASSIFIERS_OPTIONS } from './classifier.ts'
import { type Flags, type Option, wrong } from './command.ts'
import { askedPrecision, PRECISION_OPTIONS } from './precision.ts'
import type { TrainingData } from './training-data.ts'

/** The report's length of training, and the one for the sample photographs: minutes on a software adapter. */
const EPOCHS = { photos: 400, samples: 100 }
/**
 * What can be trained in reasonable time: `lite` on a CPU, the report's settings on a GPU. The sample photographs are
 * a demonstration; small batches give them the some hundred steps that batch norm's running averages need to settle.
 */
const SCALE = {
  samples: { size: 64, batch: 4, width: 0.25 },
  software: { size: 96, batch: 8, width: 0.25 },
  gpu: { size: 224, batch: 32, width: 1 },
}
/** What is the same everywhere. A share of the samples lacks its class vector, so that the network colours without, too. */
const DEFAULTS: Omit<TrainingSettings, 'size' | 'batch' | 'width' | 'classes' | 'classVectors' | 'data'> = {
  ...{ seed: 0, accumulate: 1, learningRate: 1e-3, schedule: 'cosine', warmup: 50, averaging: 0.999 },
  ...{
    precision: 'f32',
    fit: 'crop',
    head: 'ab',
    loss: 'squared',
    squaredClasses: true,
    classDropout: 0.3,
    lightnessJitter: 0.1,
  },
}
const EVERY = { checkpoint: 100, validation: 250 }

interface Preset {
  /** All of them: what is not said here would change when a default does. */
  readonly settings: Omit<TrainingSettings, 'seed' | 'classes' | 'classVectors' | 'data'>
  readonly epochs: number
  readonly classifierFit: Fit
}

const PRESET_NAMES = ['report'] as const
const PRESETS: Readonly<Record<(typeof PRESET_NAMES)[number], Preset>> = {
  /** Zhao 2019, with the classifier's input scaled once. Pictures that are padded are not augmented. */
  report: {
    settings: {
      ...{ width: 1, size: 224, batch: 32, accumulate: 1, fit: 'pad', lightnessJitter: 0 },
      ...{ learningRate: 1e-3, schedule: 'steps', warmup: 0, averaging: 0, precision: 'f32' },
      ...{ head: 'ab', loss: 'squared', squaredClasses: false, classDropout: 0 },
    },
    epochs: 400,
    classifierFit: 'pad',
  },
}

export const TRAIN_OPTIONS: Readonly<Record<string, Option>> = {
  records: { value: 'DIR', help: 'train on TFRecord shards that `prepare` wrote' },
  val: {
    value: 'PATH',
    help: 'photographs to validate on, none of which may be trained on (default: every eighth is held out)',
  },
  preset: {
    value: 'report',
    help: 'everything as in the report: width 1, 224 px padded with white, batch 32, 1e-3 falling by steps, 400 epochs, no warm-up, averaging, augmentation or missing class vectors; options beside it count',
  },
  epochs: {
    value: 'N',
    help: `epochs to train (default ${EPOCHS.photos}; ${EPOCHS.samples} on the sample photographs; with --resume as it was begun, and more or fewer move the fall of the learning rate)`,
  },
  steps: { value: 'N', help: 'steps to train, if that ends sooner; with --resume as --epochs' },
  batch: {
    value: 'N',
    help: 'pictures a step (default 32; 8 on a software adapter; 4 for the sample photographs)',
  },
  accumulate: {
    value: 'N',
    help: `batches whose mean gradient makes a step, for more pictures than fit the adapter at once (default ${DEFAULTS.accumulate})`,
  },
  size: {
    value: 'PX',
    help: 'side of the training pictures, a multiple of 8 (default 224; 96 on a software adapter; 64 for the samples)',
  },
  width: {
    value: 'F',
    help: 'scales the channel counts (default 1; 0.25, "lite", on a software adapter and for the samples)',
  },
  lr: { value: 'F', help: `Adam's learning rate at its highest (default ${DEFAULTS.learningRate})` },
  schedule: {
    value: 'cosine|steps',
    help: `the learning rate falls to zero, or tenfold at epochs 100, 150, 200 and 300 (default ${DEFAULTS.schedule})`,
  },
  warmup: { value: 'N', help: `steps over which the learning rate rises (default ${DEFAULTS.warmup})` },
  averaging: {
    value: 'F',
    help: `decay of the running average of the weights, which is what is kept (default ${DEFAULTS.averaging}; 0: the last weights)`,
  },
  head: {
    value: 'ab|bins',
    help: `the last layer gives a* and b*, or probabilities of ${BINS} colours, which paints stronger (default ${DEFAULTS.head})`,
  },
  loss: {
    value: 'NAME',
    help: `of --head ab: squared, huber (milder to large errors), or rarity (rare colours count more) (default ${DEFAULTS.loss})`,
  },
  seed: { value: 'N', help: `of the weights, the order and the augmentation (default ${DEFAULTS.seed})` },
  fit: {
    value: 'crop|pad',
    help: `crop pictures to fill the square, or pad them with white as the report did (default ${DEFAULTS.fit})`,
  },
  'lightness-jitter': {
    value: 'F',
    help: `changes what the network sees as age does: contrast by up to this share, and grain (default ${DEFAULTS.lightnessJitter}; 0: nothing)`,
  },
  ...CLASSIFIERS_OPTIONS,
  ...PRECISION_OPTIONS,
  precision: {
    value: 'P',
    help: `f32, or f16: what kernels hand to each other is stored in half the memory, weights and sums are not, and the loss is scaled; needs an adapter with 16-bit floats (default ${DEFAULTS.precision})`,
  },
  'class-dropout': {
    value: 'F',
    help: `share of the samples shown without their class vector (default ${DEFAULTS.classDropout})`,
  },
  'class-power': {
    value: '1|2',
    help: 'the network sees the class probabilities or their squares, so that unsure ones hardly count (default 2)',
  },
  profile: {
    value: 'FILE',
    help: "times the host's work and every kernel for some steps: a table, and FILE for Chrome's trace viewer",
  },
  out: { value: 'DIR', help: `folder of the training (default ${RUNS}/<date and time>)` },
  init: { value: 'FILE', help: 'begin with these weights' },
  strict: { help: 'stop at a damaged photograph or record, instead of training on the others' },
  resume: { help: 'continue the training in --out (default: the newest below runs/) to the same bits' },
  'checkpoint-every': { value: 'N', help: `steps between checkpoints (default ${EVERY.checkpoint})` },
  'validate-every': { value: 'N', help: `steps between validations (default ${EVERY.validation})` },
}

/** What the command line asks for. */
export interface Asked {
  readonly settings: AskedSettings
  readonly epochs: number | undefined
  readonly steps: number | undefined
  readonly checkpointEvery: number
  readonly validateEvery: number | undefined
  /** Where the classifier's options say nothing. */
  readonly classifierFit: Fit | undefined
}

/** The options, checked; a preset is as if all that it stands for had been asked for. */
export function askedOf(flags: Flags): Asked {
  const name = flags.choice('preset', PRESET_NAMES)
  const preset = name && PRESETS[name]
  const settings = {
    seed: flags.integer('seed', { min: 0 }),
    batch: flags.integer('batch'),
    accumulate: flags.integer('accumulate'),
    size: flags.integer('size', { min: 8, multipleOf: 8 }),
    width: flags.number('width', { exclusive: true }),
    learningRate: flags.number('lr', { exclusive: true }),
    schedule: flags.choice('schedule', SCHEDULES),
    warmup: flags.integer('warmup', { min: 0 }),
    averaging: flags.number('averaging', { max: 1 }),
    fit: flags.choice('fit', ['crop', 'pad']),
    head: flags.choice('head', HEADS),
    loss: flags.choice('loss', LOSSES),
    lightnessJitter: flags.number('lightness-jitter', { max: 1 }),
    squaredClasses: squared(flags.choice('class-power', ['1', '2'])),
    classDropout: flags.number('class-dropout', { max: 1 }),
    precision: askedPrecision(flags),
  }
  if (settings.head === 'bins' && settings.loss)
    throw wrong('--loss is for --head ab: --head bins has its own')
  return {
    settings: { ...preset?.settings, ...given(settings) },
    epochs: flags.integer('epochs') ?? preset?.epochs,
    steps: flags.integer('steps'),
    checkpointEvery: flags.integer('checkpoint-every') ?? EVERY.checkpoint,
    validateEvery: flags.integer('validate-every'),
    classifierFit: preset?.classifierFit,
  }
}

const squared = (power: '1' | '2' | undefined) => power && power === '2'

/**
 * How a training is to go on: a resumed one as it was begun, where nothing else is asked for. Epochs and steps belong
 * together: who asks for more of the one does not want to end at what was the other.
 */
export function courseOf(
  { epochs, steps, validateEvery }: Asked,
  { kind }: Pick<TrainingData, 'kind'>,
  begun?: Course,
): Course {
  const length = {
    epochs: epochs ?? (kind === 'samples' ? EPOCHS.samples : EPOCHS.photos),
    steps: steps ?? Number.POSITIVE_INFINITY,
  }
  const isAsked = epochs !== undefined || steps !== undefined
  return {
    ...(isAsked ? length : { ...length, ...begun }),
    validateEvery: validateEvery ?? begun?.validateEvery ?? EVERY.validation,
  }
}

/**
 * The settings of a fresh training.
 * @param begun the network of the weights it begins with, if there are any
 */
export function settingsOf(
  { settings }: Asked,
  data: TrainingData,
  classVectors: readonly ClassVectorOrigin[],
  isSoftware: boolean,
  begun: Architecture | undefined,
): TrainingSettings {
  const scale = data.kind === 'samples' ? SCALE.samples : isSoftware ? SCALE.software : SCALE.gpu
  return {
    ...{ ...DEFAULTS, ...scale, ...(begun && architectureIn(begun)), ...given(settings) },
    ...{ classes: CLASSES, classVectors, data: data.identity },
  }
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** Without what is undefined, which would hide a default. */
const given = <T extends object>(values: T) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Given<T>
