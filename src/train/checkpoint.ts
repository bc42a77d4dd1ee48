import { INITIAL_SCALING } from '../autograd/scaling.ts'
import { EXIT, UserError } from '../errors.ts'
import { PRECISIONS, type Precision } from '../graph/half.ts'
import { readSafetensors, writeSafetensors } from '../io/safetensors.ts'
import { originsIn, type Weights, weightsFrom, weightTensors } from '../io/weights.ts'
import { areOrigins, type ClassVectorOrigin } from '../model/classifier.ts'
import { LOSSES, type Loss } from '../model/losses.ts'
import { type Architecture, HEADS, type Head } from '../model/report/layers.ts'
import { layoutOf, type NamedTensor, packArena, unpackArena } from '../model/report/layout.ts'
import { SCHEDULES, type Schedule } from './schedule.ts'

/** Raised whenever an old checkpoint would not continue to the same bits. */
const VERSION = '5'
const FORMAT = 'webgpu-colorizer checkpoint'

/** What makes two trainings the same; a resumed one must not change it. */
export interface TrainingSettings extends Required<Architecture> {
  readonly seed: number
  /** Pictures that are computed together. */
  readonly batch: number
  /** Batches whose gradients make one step. */
  readonly accumulate: number
  readonly size: number
  readonly learningRate: number
  readonly loss: Loss
  readonly schedule: Schedule
  /** Steps over which the learning rate rises. */
  readonly warmup: number
  /** Decay of the running average of the weights; 0 keeps the last ones. */
  readonly averaging: number
  readonly fit: 'crop' | 'pad'
  /** How much the lightness that the network sees is changed at random, see `jitterLightness`. */
  readonly lightnessJitter: number
  /** Where the class vectors come from, of which each sample has one; none when the network is trained without any. */
  readonly classVectors: readonly ClassVectorOrigin[]
  /** The share of samples that were shown without their class vector. */
  readonly classDropout: number
  /** How values between kernels are stored; with f16 the loss is scaled. */
  readonly precision: Precision
  /** Identifies the training pictures and their order. */
  readonly data: string
  /** The kernels that it computes with instead of the usual ones, `Choices`: others would round otherwise. */
  readonly choices?: Readonly<Record<string, string>>
  /** Whether products are computed in the subgroups' matrices. */
  readonly subgroupMatrices?: boolean
}

/**
 * How a training was asked to go on, which may change when it is resumed. It ends at `epochs` or `steps`, whichever comes
 * first (Infinity: only the other one counts); the learning rate may fall over that. It is validated every so many steps.
 */
export interface Course {
  readonly epochs: number
  readonly steps: number
  readonly validateEvery: number
}

/** Pictures that a step is taken for. */
export const stepBatch = ({ batch, accumulate }: Pick<TrainingSettings, 'batch' | 'accumulate'>) =>
  batch * accumulate

/** With what checkpoints do not say that were written before there was a choice. */
const completed = <T extends Partial<TrainingSettings>>(settings: T) => ({
  ...settings,
  accumulate: settings.accumulate ?? 1,
  classVectors: originsIn(settings.classVectors),
  precision: settings.precision ?? 'f32',
})

/** Everything that a training needs to continue to the same bits as if it had never stopped. */
export interface Checkpoint {
  /** What the training is for: the running average of the weights. */
  readonly weights: Weights
  /** The weights themselves, as the last step left them. */
  readonly raw: Float32Array
  readonly m: Float32Array
  readonly v: Float32Array
  /** Steps done, and the place in the data; with the seed also the state of every random number (they are counted). */
  readonly step: number
  readonly epoch: number
  readonly position: number
  readonly settings: TrainingSettings
  /** Missing where it was written before it was kept. */
  readonly course?: Course
  /** Of a training with f16, the variable `loss.scaling`. */
  readonly scaling?: readonly number[]
  readonly losses: Float32Array
  readonly validations: readonly Validation[]
}

export interface Validation {
  readonly step: number
  readonly abMse: number
}

/** Writes the checkpoint atomically. Throws a `UserError` when the file system refuses; the old file then stays. */
export async function writeCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  const { weights, raw, m, v, step, epoch, position, settings, course, scaling, losses, validations } =
    checkpoint
  const { parameters } = layoutOf(weights.architecture)
  const tensors = new Map([
    ...weightTensors(weights),
    ...prefixed('raw/', unpackArena(parameters, raw)),
    ...prefixed('adam.m/', unpackArena(parameters, m)),
    ...prefixed('adam.v/', unpackArena(parameters, v)),
    ['history.loss', { shape: [losses.length], data: losses }] as const,
  ])
  await writeSafetensors(path, tensors, {
    format: FORMAT,
    version: VERSION,
    step: String(step),
    epoch: String(epoch),
    position: String(position),
    rng: JSON.stringify({ generator: 'philox4x32-10', seed: settings.seed, epoch, position }),
    settings: JSON.stringify(settings),
    ...(course ? { course: JSON.stringify(course) } : {}),
    ...(scaling ? { scaling: JSON.stringify(scaling) } : {}),
    validations: JSON.stringify(validations),
  })
}

/** What is known of the weights with the lowest validation error. */
export interface Best extends Validation {
  readonly weights: Weights
  readonly settings: TrainingSettings
}

/** Writes weights without what a training needs to go on, atomically. Throws as `writeCheckpoint`. */
export async function writeBest(path: string, { weights, step, abMse, settings }: Best): Promise<void> {
  await writeSafetensors(path, weightTensors(weights), {
    format: 'webgpu-colorizer weights',
    step: String(step),
    abMse: String(abMse),
    settings: JSON.stringify(settings),
  })
}

/** Reads a checkpoint. Throws a `UserError` (exit code 4) when it is none, of another version, or damaged. */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const { tensors, metadata } = await readSafetensors(path)
  if (metadata.format !== FORMAT) throw bad(path, 'is not a checkpoint of this program')
  if (metadata.version !== VERSION) {
    throw bad(
      path,
      `is a checkpoint of version ${metadata.version}, this program writes and reads version ${VERSION}`,
    )
  }
  const settings = completed(parse(path, metadata, 'settings', isSettings))
  const weights = weightsFrom(path, tensors, settings)
  const { parameters } = layoutOf(weights.architecture)
  const ofSettings = layoutOf(settings).parameters.tensors
  if (!ofSettings.every(({ name, fileShape }) => tensors.get(name)!.shape.join() === fileShape.join()))
    throw bad(
      path,
      `has the settings width ${settings.width}, classes ${settings.classes}, but other weights`,
    )
  const step = count(path, metadata, 'step')
  const losses = tensors.get('history.loss')
  if (losses?.data.length !== step) throw bad(path, `has no history.loss of its ${step} steps`)
  return {
    weights,
    raw: packArena(parameters, unprefixed(path, 'raw/', tensors)),
    m: packArena(parameters, unprefixed(path, 'adam.m/', tensors)),
    v: packArena(parameters, unprefixed(path, 'adam.v/', tensors)),
    step,
    epoch: count(path, metadata, 'epoch'),
    position: count(path, metadata, 'position'),
    settings,
    ...(metadata.course === undefined ? {} : { course: courseIn(path, metadata) }),
    ...(settings.precision === 'f16' ? { scaling: parse(path, metadata, 'scaling', isScaling) } : {}),
    losses: losses.data,
    validations: parse(path, metadata, 'validations', isValidations),
  }
}

const prefixed = (prefix: string, tensors: ReadonlyMap<string, NamedTensor>) =>
  [...tensors].map(([name, tensor]) => [prefix + name, tensor] as const)

/** What a training keeps of every weight, under the weights' own names; each must be there, finite, in its weight's shape. */
function unprefixed(
  path: string,
  prefix: string,
  tensors: ReadonlyMap<string, NamedTensor>,
): Map<string, NamedTensor> {
  const found = new Map<string, NamedTensor>()
  for (const [name, weight] of tensors) {
    if (/^(raw\/|adam\.|history\.)/.test(name)) continue
    const moment = tensors.get(prefix + name)
    if (!moment && /\.(mean|var)$/.test(name)) continue
    if (moment?.shape.join() !== weight.shape.join())
      throw bad(path, `has no ${prefix}${name} of shape [${weight.shape}]`)
    if (!moment.data.every(Number.isFinite))
      throw bad(path, `has ${prefix}${name} with values that are not finite`)
    found.set(name, moment)
  }
  return found
}

function count(path: string, metadata: Record<string, string>, key: string): number {
  const value = Number(metadata[key] ?? Number.NaN)
  if (!Number.isSafeInteger(value) || value < 0) throw bad(path, `has the ${key} "${metadata[key]}"`)
  return value
}

function parse<T>(
  path: string,
  metadata: Record<string, string>,
  key: string,
  isRight: (value: unknown) => value is T,
): T {
  let value: unknown
  try {
    value = JSON.parse(metadata[key] ?? '')
  } catch {}
  if (!isRight(value)) throw bad(path, `has unreadable ${key}`)
  return value
}

const NUMBERS = [
  ...(['seed', 'batch', 'accumulate', 'size', 'width', 'classes'] as const),
  ...(['learningRate', 'warmup', 'averaging', 'classDropout', 'lightnessJitter'] as const),
]

function isSettings(value: unknown): value is TrainingSettings {
  if (typeof value !== 'object' || value === null) return false
  const settings = completed(value as Partial<TrainingSettings>)
  const { schedule, loss, head, fit, classVectors, squaredClasses, precision, data, choices = {} } = settings
  const areVectors = areOrigins(classVectors) && typeof squaredClasses === 'boolean'
  const areChoices =
    SCHEDULES.includes(schedule as Schedule) &&
    (fit === 'crop' || fit === 'pad') &&
    LOSSES.includes(loss as Loss) &&
    HEADS.includes(head as Head) &&
    PRECISIONS.includes(precision)
  const areNumbers = NUMBERS.every((name) => Number.isFinite(settings[name]))
  return areNumbers && areChoices && areVectors && typeof data === 'string' && areNames(choices)
}

const areNames = (value: unknown) =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every((name) => typeof name === 'string')

/** JSON has no Infinity, and null for it. */
function courseIn(path: string, metadata: Record<string, string>): Course {
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0
  const { epochs, steps, validateEvery } = parse(path, metadata, 'course', (value): value is Course => {
    if (typeof value !== 'object' || value === null) return false
    const { epochs, steps, validateEvery } = value as Partial<Course>
    return [epochs ?? 1, steps ?? 1, validateEvery].every(isCount)
  })
  return { epochs: epochs ?? Infinity, steps: steps ?? Infinity, validateEvery }
}
const isScaling = (value: unknown): value is number[] =>
  Array.isArray(value) &&
  value.length === INITIAL_SCALING.length &&
  value.every((part) => Number.isFinite(part) && part >= 0) &&
  value[0] >= 1

function isValidations(value: unknown): value is Validation[] {
  const isOne = ({ step, abMse }: Partial<Validation>) => Number.isFinite(step) && Number.isFinite(abMse)
  return Array.isArray(value) && value.every((one) => typeof one === 'object' && one !== null && isOne(one))
}

const bad = (path: string, what: string) => new UserError(`${path} ${what}`, EXIT.badWeightsOrRecords)
