/** A training's state as one safetensors file: everything that it needs to go on to the same bits. */
import * as v from 'valibot'
import { INITIAL_SCALING } from '../autograd/scaling.ts'
import { UserError } from '../errors.ts'
import type { ReadAt } from '../io/read-at.ts'
import { encodeSafetensors, parseSafetensors } from '../io/safetensors.ts'
import { LOSS_HISTORY, networkMetadata, type Weights, weightsFrom, weightTensors } from '../io/weights.ts'
import { type Arena, type NamedTensor, packArena, unpackArena } from '../model/arena.ts'
import type { Networks } from '../model/registry.ts'
import { type Course, courseSchema, type TrainingSettings, trainingSchema } from './settings.ts'

/** Raised whenever an old checkpoint would not continue to the same bits. */
const VERSION = '6'
const FORMAT = 'webgpu-colorizer checkpoint'

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
  readonly course: Course
  /** Of a training with f16, the variable `loss.scaling`. */
  readonly scaling?: readonly number[]
  readonly losses: Float32Array
  readonly validations: readonly Validation[]
}

export interface Validation {
  readonly step: number
  /** The ab error; of several sets of pictures the mean of their errors. */
  readonly abMse: number
  /** Of several sets of pictures the ab error of each, by its name. */
  readonly sets?: Readonly<Record<string, number>> | undefined
}

/** The bytes of a checkpoint. `path` is what errors call it. */
export function encodeCheckpoint(path: string, checkpoint: Checkpoint): Iterable<Uint8Array> {
  const { weights, raw, m, v, step, epoch, position, settings, course, scaling, losses, validations } =
    checkpoint
  const { parameters } = weights.network.layout
  const tensors = new Map([
    ...weightTensors(weights),
    ...prefixed('raw/', unpackArena(parameters, raw)),
    ...prefixed('adam.m/', unpackArena(parameters, m)),
    ...prefixed('adam.v/', unpackArena(parameters, v)),
    [LOSS_HISTORY, { shape: [losses.length], data: losses }] as const,
  ])
  const metadata = {
    format: FORMAT,
    version: VERSION,
    ...networkMetadata(weights.network),
    step: String(step),
    epoch: String(epoch),
    position: String(position),
    rng: JSON.stringify({ generator: 'philox4x32-10', seed: settings.seed, epoch, position }),
    settings: textOf(trainingSchema, settings),
    course: textOf(courseSchema, course),
    ...(scaling ? { scaling: JSON.stringify(scaling) } : {}),
    validations: JSON.stringify(validations),
  }
  return encodeSafetensors(path, tensors, { metadata })
}

/** What is known of the weights with the lowest validation error. */
export interface Best extends Validation {
  readonly weights: Weights
  readonly settings: TrainingSettings
}

/** The bytes of weights without what a training needs to go on. */
export function encodeBest(path: string, { weights, step, abMse, settings }: Best): Iterable<Uint8Array> {
  const metadata = {
    format: 'webgpu-colorizer weights',
    ...networkMetadata(weights.network),
    step: String(step),
    abMse: String(abMse),
    settings: textOf(trainingSchema, settings),
  }
  return encodeSafetensors(path, weightTensors(weights), { metadata })
}

/** As JSON with the keys in the schema's order, so that a resumed training writes the same bytes. */
const textOf = (schema: typeof trainingSchema | typeof courseSchema, value: object) =>
  JSON.stringify(v.parse(schema, value))

/** Reads a checkpoint. Throws a `UserError` about weights when it is none, of another version, or damaged. */
export async function parseCheckpoint(file: ReadAt, networks?: Networks): Promise<Checkpoint> {
  const { name: path } = file
  const { tensors, metadata } = await parseSafetensors(file)
  if (metadata.format !== FORMAT) throw bad(path, 'is not a checkpoint of this program')
  if (metadata.version !== VERSION) {
    throw bad(
      path,
      `is a checkpoint of version ${metadata.version}, this program writes and reads version ${VERSION}`,
    )
  }
  const settings = parse(path, metadata, 'settings', trainingSchema)
  const weights = await weightsFrom(path, tensors, metadata, networks)
  const { parameters } = weights.network.layout
  const step = count(path, metadata, 'step')
  const losses = tensors.get(LOSS_HISTORY)
  if (losses?.data.length !== step) throw bad(path, `has no ${LOSS_HISTORY} of its ${step} steps`)
  return {
    weights,
    raw: packArena(parameters, unprefixed(path, 'raw/', tensors, parameters)),
    m: packArena(parameters, unprefixed(path, 'adam.m/', tensors, parameters)),
    v: packArena(parameters, unprefixed(path, 'adam.v/', tensors, parameters)),
    step,
    epoch: count(path, metadata, 'epoch'),
    position: count(path, metadata, 'position'),
    settings,
    course: parse(path, metadata, 'course', storedCourse),
    ...(settings.precision === 'f16' ? { scaling: parse(path, metadata, 'scaling', scalingSchema) } : {}),
    losses: losses.data,
    validations: parse(path, metadata, 'validations', validationsSchema),
  }
}

const prefixed = (prefix: string, tensors: ReadonlyMap<string, NamedTensor>) =>
  [...tensors].map(([name, tensor]) => [prefix + name, tensor] as const)

/** What a training keeps of every parameter, under its own name; each must be there, finite, in its parameter's shape. */
function unprefixed(
  path: string,
  prefix: string,
  tensors: ReadonlyMap<string, NamedTensor>,
  parameters: Arena,
): Map<string, NamedTensor> {
  const found = new Map<string, NamedTensor>()
  for (const { name, fileShape } of parameters.tensors) {
    const state = tensors.get(prefix + name)
    if (state?.shape.join() !== fileShape.join())
      throw bad(path, `has no ${prefix}${name} of shape [${fileShape}]`)
    if (!state.data.every(Number.isFinite))
      throw bad(path, `has ${prefix}${name} with values that are not finite`)
    found.set(name, state)
  }
  return found
}

function count(path: string, metadata: Record<string, string>, key: string): number {
  const value = Number(metadata[key] ?? Number.NaN)
  if (!Number.isSafeInteger(value) || value < 0) throw bad(path, `has the ${key} "${metadata[key]}"`)
  return value
}

function parse<S extends v.GenericSchema>(
  path: string,
  metadata: Record<string, string>,
  key: string,
  schema: S,
): v.InferOutput<S> {
  let value: unknown
  try {
    value = JSON.parse(metadata[key] ?? '')
  } catch {}
  const parsed = v.safeParse(schema, value)
  if (!parsed.success) throw bad(path, `has unreadable ${key}`)
  return parsed.output
}

/** JSON writes Infinity as null. */
const nullAsInfinity = (course: object) =>
  Object.fromEntries(Object.entries(course).map(([key, value]) => [key, value ?? Number.POSITIVE_INFINITY]))
const storedCourse = v.pipe(
  v.looseObject({}),
  v.transform((course): unknown => nullAsInfinity(course)),
  courseSchema,
)

const scalingSchema = v.pipe(
  v.array(v.pipe(v.number(), v.finite(), v.minValue(0))),
  v.length(INITIAL_SCALING.length),
  v.check((scaling) => scaling[0]! >= 1),
)

const finite = v.pipe(v.number(), v.finite())
const validationsSchema = v.array(
  v.object({ step: finite, abMse: finite, sets: v.optional(v.record(v.string(), finite)) }),
)

const bad = (path: string, what: string) => new UserError(`${path} ${what}`, 'weights')
