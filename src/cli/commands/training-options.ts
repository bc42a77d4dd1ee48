/** What `train` is asked for: options made of the schemas of settings, presets, and what is usual where. */
import * as v from 'valibot'
import type { Fit } from '../../model/classifier.ts'
import type { Network, NetworkKind } from '../../model/network.ts'
import { NETWORKS, USUAL_NETWORK } from '../../model/registry.ts'
import { findClassifier } from '../../node/store/classifiers.ts'
import { loadTrunk, NODE_NETWORKS } from '../../node/store/networks.ts'
import { RUNS } from '../../node/store/runs.ts'
import { aboutOf, choiceOf } from '../../setting.ts'
import {
  type Course,
  courseSchema,
  type TrainingSettings,
  trainingSchema,
  USUAL,
  USUAL_OF,
  usualOf,
} from '../../train/settings.ts'
import { askedSettings, settingOptions } from '../setting-options.ts'
import { CLASSIFIERS_OPTIONS } from './classifier.ts'
import { type Flags, type Option, wrong } from './command.ts'
import { askedPrecision, PRECISION_OPTIONS } from './precision.ts'
import type { TrainingData } from './training-data.ts'

const EPOCHS = { photos: 400, samples: 100 }
/**
 * What can be trained in reasonable time: `lite` on a CPU, `full` on a GPU. The sample photographs are a demonstration;
 * small batches give them the some hundred steps that batch norm's running averages need to settle.
 */
const SCALE = {
  report: {
    samples: { settings: { size: 64, batch: 4 }, network: 'lite' },
    software: { settings: { size: 96, batch: 8 }, network: 'lite' },
    gpu: { settings: { size: 224, batch: 32 }, network: 'full' },
  },
  pyramid: {
    samples: { settings: { size: 128, batch: 8 }, network: 'lite' },
    software: { settings: { size: 128, batch: 32 }, network: 'lite' },
    gpu: { settings: { size: 224, batch: 32 }, network: 'full' },
  },
} as const
type Scaled = keyof typeof SCALE

/** The usual learning rate, where a training begins with weights that have learnt much. */
const BEGUN_RATE = 1 / 3

const EVERY = { checkpoint: 100, validation: 250 }

interface Preset {
  readonly network: string
  readonly architecture: Readonly<Record<string, unknown>>
  /** All of them: what is not said here would change when a default does. */
  readonly settings: Omit<TrainingSettings, 'seed' | 'classVectors' | 'data'>
  readonly epochs: number
  readonly classifierFit: Fit
}

const PRESET_NAMES = ['report'] as const
const PRESETS: Readonly<Record<(typeof PRESET_NAMES)[number], Preset>> = {
  /** Zhao 2019, with the classifier's input scaled once. Pictures that are padded are not augmented. */
  report: {
    network: 'report',
    architecture: { width: 1, head: 'ab', squaredClasses: false },
    settings: {
      ...{ size: 224, batch: 32, accumulate: 1, fit: 'pad', lightnessJitter: 0 },
      ...{ learningRate: 1e-3, schedule: 'steps', warmup: 0, averaging: 0, precision: 'f32' },
      ...{ loss: 'squared', classDropout: 0 },
    },
    epochs: 400,
    classifierFit: 'pad',
  },
}

/** What a training's settings are where nobody chooses them, in words where it depends. */
export const USUAL_TEXTS = {
  ...USUAL,
  ...usualTexts(),
  learningRate: `${usualTexts().learningRate}; a third of it where a training begins with weights, as on the sample photographs`,
  ...{ batch: scaleText('batch'), size: scaleText('size') },
  epochs: `${EPOCHS.photos}; ${EPOCHS.samples} on the sample photographs; with --resume as it was begun, and more or fewer move the fall of the learning rate`,
  steps: 'all; with --resume as --epochs',
  validateEvery: EVERY.validation,
  patience: 'endless',
}

/** Of the settings whose usual value depends on the network. */
function usualTexts(): Record<string, string> {
  const names = new Set(Object.values(USUAL_OF).flatMap(Object.keys)) as Set<keyof TrainingSettings>
  const text = (name: keyof TrainingSettings) =>
    [...NETWORKS.keys()]
      .map((network) => [
        network,
        (usualOf(network) as Partial<TrainingSettings>)[name] ?? aboutOf(trainingSchema.entries[name])?.usual,
      ])
      .filter(([, usual]) => usual !== undefined)
      .map(([network, usual]) => `${usual} (${network})`)
      .join('; ')
  return Object.fromEntries([...names].map((name) => [name, text(name)]))
}

function scaleText(name: 'batch' | 'size'): string {
  const texts = Object.entries(SCALE).map(([network, { gpu, software, samples }]) => {
    const [usual, slow, few] = [gpu, software, samples].map(({ settings }) => settings[name])
    const last = slow === few ? ' and' : `, ${few}`
    const others = slow === usual ? `, ${few}` : `, ${slow} on a software adapter${last}`
    return `${usual}${others} for the sample photographs (${network})`
  })
  return texts.reverse().join('; ')
}

/** The same of an architecture. */
export function usualArchitecture({ schema, sizes }: NetworkKind): Readonly<Record<string, unknown>> {
  const [full, lite] = [sizes.full, sizes.lite].map((size) => v.parse(schema, size)) as Record<
    string,
    unknown
  >[]
  const text = (name: string) =>
    `${full![name]}; ${lite![name]} on a software adapter and for the sample photographs`
  return Object.fromEntries(
    Object.entries(full!).map(([name, value]) => [name, value === lite![name] ? value : text(name)]),
  )
}

/** The options of all networks. What several have under one name, each explains for itself. */
function architectureOptions(): Record<string, Option> {
  const found = new Map<string, { readonly network: string; readonly option: Option }[]>()
  for (const kind of NETWORKS.values()) {
    const options = settingOptions(kind.schema.entries, usualArchitecture(kind))
    for (const [flag, option] of Object.entries(options))
      found.set(flag, [...(found.get(flag) ?? []), { network: kind.name, option }])
  }
  const joined = [...found].map(([flag, each]): [string, Option] => [
    flag,
    { ...each[0]!.option, help: each.map(({ network, option }) => `${network}: ${option.help}`).join('; ') },
  ])
  return Object.fromEntries(joined)
}

export const TRAIN_OPTIONS: Readonly<Record<string, Option>> = {
  records: {
    ...{ value: 'DIR[:WEIGHT]', many: true },
    help: 'train on TFRecord shards that `prepare` wrote; several folders are mixed, by their weights where they have some: of four samples a:3 gives three and b:1 one',
  },
  taps: {
    help: 'train on what the trunk saw of the records, as `prepare --taps` kept it, instead of looking anew in each epoch: much faster, without augmentation',
  },
  val: {
    ...{ value: 'PATH', many: true },
    help: 'photographs to validate on, none of which may be trained on (default: every eighth is held out); of several sets the mean of their errors decides which weights are best',
  },
  preset: {
    value: 'report',
    help: 'everything as in the report: width 1, 224 px padded with white, batch 32, 1e-3 falling by steps, 400 epochs, no warm-up, averaging, augmentation or missing class vectors; options beside it count',
  },
  network: {
    value: 'NAME',
    help: `${[...NETWORKS.keys()].join(' or ')} (default ${USUAL_NETWORK})`,
  },
  trunk: {
    value: 'NAME',
    help: 'the classifier that pyramid looks through: a name (`colorizer weights list`) or FILE.onnx (default mobilenet-v1)',
  },
  ...architectureOptions(),
  ...settingOptions(courseSchema.entries, USUAL_TEXTS),
  ...CLASSIFIERS_OPTIONS,
  ...PRECISION_OPTIONS,
  ...settingOptions(trainingSchema.entries, USUAL_TEXTS),
  profile: {
    value: 'FILE',
    help: "times the host's work and every kernel for some steps: a table, and FILE for Chrome's trace viewer",
  },
  out: { value: 'DIR', help: `folder of the training (default ${RUNS}/<date and time>)` },
  init: {
    value: 'FILE',
    help: 'begin with these weights, at a third of the usual learning rate, or with none (default none; the shipped ones on the sample photographs)',
  },
  strict: { help: 'stop at a damaged photograph or record, instead of training on the others' },
  resume: { help: 'continue the training in --out (default: the newest below runs/) to the same bits' },
  'checkpoint-every': { value: 'N', help: `steps between checkpoints (default ${EVERY.checkpoint})` },
}

/** What the command line asks for. */
export interface Asked {
  /** The network's name; undefined where nobody asks for one. */
  readonly network: string | undefined
  readonly architecture: Readonly<Record<string, unknown>>
  readonly settings: Partial<TrainingSettings>
  readonly course: Partial<Course>
  readonly checkpointEvery: number
  /** Where the classifier's options say nothing. */
  readonly classifierFit: Fit | undefined
}

/** Throws a `UserError` (exit code 2) where a setting is asked for that would do nothing in a network of this architecture. */
export function refuseIdle(
  { loss, rarity, hinted }: Partial<TrainingSettings>,
  { head, hints }: Readonly<Record<string, unknown>>,
): void {
  const hasBins = head === 'bins'
  if (loss && hasBins) throw wrong('--loss is for --head ab: --head bins has its own')
  if (rarity !== undefined && !hasBins && loss !== 'rarity')
    throw wrong('--rarity is for --head bins, or for --head ab with --loss rarity')
  if (hinted !== undefined && !hints)
    throw wrong('--hinted is for networks that take hints, and this one takes none')
}

/** The options, checked; a preset is as if all that it stands for had been asked for. */
export function askedOf(flags: Flags): Asked {
  const name = flags.choice('preset', PRESET_NAMES)
  const preset = name && PRESETS[name]
  const network = flags.value('network', choiceOf([...NETWORKS.keys()])) ?? preset?.network
  refuseOthers(flags, kindOf(network))
  const architecture = askedSettings(flags, kindOf(network).schema.entries)
  const precision = askedPrecision(flags)
  const settings = { ...askedSettings(flags, trainingSchema.entries), ...(precision ? { precision } : {}) }
  const isBegun = flags.on('resume') || (flags.text('init') ?? 'none') !== 'none' // then the weights say it
  if (!isBegun) refuseIdle(settings, { ...kindOf(network).sizes.lite, ...architecture })
  if (
    !flags.on('resume') &&
    settings.classDropout !== undefined &&
    flags.texts('classifier').includes('none')
  )
    throw wrong('--class-dropout leaves out class vectors, and with --classifier none there are none')
  if (flags.on('taps') && architecture.fineTune !== undefined)
    throw wrong(
      '--fine-tune changes what the trunk sees, and --taps trains from what it saw before: leave out one',
    )
  const isSameNetwork = preset && network === preset.network
  return {
    network,
    architecture: { ...(isSameNetwork ? preset.architecture : {}), ...architecture },
    settings: { ...preset?.settings, ...settings },
    course: { ...(preset ? { epochs: preset.epochs } : {}), ...askedSettings(flags, courseSchema.entries) },
    checkpointEvery: flags.integer('checkpoint-every') ?? EVERY.checkpoint,
    classifierFit: preset?.classifierFit,
  }
}

/** Throws a `UserError` (exit code 2) for an option that only other networks have. */
function refuseOthers(flags: Flags, chosen: NetworkKind): void {
  const own = settingOptions(chosen.schema.entries, {})
  for (const { name, schema } of NETWORKS.values()) {
    const other = Object.keys(settingOptions(schema.entries, {})).find(
      (flag) => !(flag in own) && flags.text(flag) !== undefined,
    )
    if (other) throw wrong(`--${other} is for --network ${name}, not for ${chosen.name}`)
  }
}

export const kindOf = (network: string | undefined): NetworkKind =>
  NODE_NETWORKS.get(network ?? USUAL_NETWORK)!

/**
 * With the trunk that `--trunk` names, found and loaded.
 * @throws UserError as `findClassifier` and `loadTrunk`, and (exit code 2) for a network without trunk
 */
export async function withTrunk(asked: Asked, flags: Flags): Promise<Asked> {
  const choice = flags.text('trunk')
  if (choice === undefined) return asked
  const file = choice === 'none' ? null : await findClassifier(choice)
  if (!file || !('trunk' in kindOf(asked.network).schema.entries))
    throw wrong(`--trunk ${choice} does not go with the network ${kindOf(asked.network).name}`)
  const { name, sha256 } = await loadTrunk(file)
  return { ...asked, architecture: { ...asked.architecture, trunk: { name, sha256 } } }
}

/**
 * How a training is to go on: a resumed one as it was begun, where nothing else is asked for. Epochs and steps belong
 * together: who asks for more of the one does not want to end at what was the other.
 */
export function courseOf(
  { course: { epochs, steps, validateEvery, patience } }: Pick<Asked, 'course'>,
  { kind }: Pick<TrainingData, 'kind'>,
  begun?: Course,
): Course {
  const length = {
    epochs: epochs ?? (kind === 'samples' ? EPOCHS.samples : EPOCHS.photos),
    steps: steps ?? Number.POSITIVE_INFINITY,
  }
  const isAsked = epochs !== undefined || steps !== undefined
  const kept = patience ?? begun?.patience
  return {
    ...(isAsked ? length : { ...length, ...begun }),
    validateEvery: validateEvery ?? begun?.validateEvery ?? EVERY.validation,
    ...(kept === undefined ? {} : { patience: kept }),
  }
}

function scaleOf(network: string, { kind }: Pick<TrainingData, 'kind'>, isSoftware: boolean) {
  const scale = SCALE[network as Scaled]
  return kind === 'samples' ? scale.samples : isSoftware ? scale.software : scale.gpu
}

/**
 * The network of a fresh training.
 * @param begun that of the weights it begins with, if there are any
 */
export async function networkFor(
  { network, architecture }: Pick<Asked, 'network' | 'architecture'>,
  data: Pick<TrainingData, 'kind'>,
  isSoftware: boolean,
  begun: Network | undefined,
): Promise<Network> {
  if (begun) return begun
  const kind = kindOf(network)
  return kind.create({ ...kind.sizes[scaleOf(kind.name, data, isSoftware).network], ...architecture })
}

/** The settings of a fresh training. */
export function freshSettings(
  { settings }: Pick<Asked, 'settings'>,
  { network, isBegun }: { readonly network: string; readonly isBegun: boolean },
  data: Pick<TrainingData, 'kind' | 'identity'>,
  classVectors: TrainingSettings['classVectors'],
  isSoftware: boolean,
): TrainingSettings {
  const usual = { ...usualOf(network), ...scaleOf(network, data, isSoftware).settings }
  return {
    ...usual,
    learningRate: usual.learningRate * (isBegun ? BEGUN_RATE : 1),
    ...settings,
    ...{ classVectors, data: data.identity },
  }
}
