import { EXIT, UserError } from '../errors.ts'
import { areOrigins, type ClassVectorOrigin } from '../model/classifier.ts'
import {
  type Architecture,
  allLayers,
  architectureOf,
  layersOf,
  scaledChannels,
} from '../model/report/layers.ts'
import { type Arena, layoutOf, type NamedTensor, packArena, unpackArena } from '../model/report/layout.ts'
import { readSafetensors } from './safetensors.ts'

/** The network's weights as they lie on the GPU: see `model/layout.ts`. */
export interface Weights {
  readonly architecture: Architecture
  readonly parameters: Float32Array
  readonly statistics: Float32Array
}

/** What a checkpoint keeps to go on stands beside the network's own tensors, under the same names behind this. */
const STATE = /^(raw|adam\.[mv])\//

/** What a weight file may say of the training that it comes from. */
export interface Training {
  /** Side of the training pictures in pixels. */
  readonly size: number
  /** Where the class vectors came from; none when the network was trained without any. */
  readonly classVectors: readonly ClassVectorOrigin[]
  readonly squaredClasses: boolean
}

/** What the metadata of a weight file say of its training, whichever version wrote it; undefined: they do not say. */
export function trainingOf({ settings }: Record<string, string>): Partial<Training> {
  try {
    const { size, classVectors: origins, squaredClasses } = JSON.parse(settings ?? '{}')
    const classVectors = originsIn(origins)
    return {
      ...(Number.isInteger(size) && size >= 8 ? { size } : {}),
      ...(areOrigins(classVectors) ? { classVectors } : {}),
      ...(typeof squaredClasses === 'boolean' ? { squaredClasses } : {}),
    }
  } catch {
    return {}
  }
}

/** A list, as settings have them since several classifiers can be mixed; before there was one or null. */
export const originsIn = (value: unknown) =>
  value === null ? [] : Array.isArray(value) || value === undefined ? value : [value]

/**
 * Reads the weights of a weight file or a checkpoint. The architecture is recognised by the shapes and the settings.
 * @throws UserError (exit code 4) naming file and tensor when one is missing, extra or misshapen, or not finite
 */
export async function readWeights(path: string): Promise<Weights & { metadata: Record<string, string> }> {
  const { tensors, metadata } = await readSafetensors(path)
  return { ...weightsFrom(path, tensors, trainingOf(metadata)), metadata }
}

export function weightsFrom(
  path: string,
  tensors: ReadonlyMap<string, NamedTensor>,
  { squaredClasses = false }: Partial<Training> = {},
): Weights {
  const shaped = architectureOf((name) => tensors.get(name)?.shape)
  if (!shaped) throw notOurs(path, tensors)
  const architecture = { ...shaped, squaredClasses }
  const { parameters, statistics } = layoutOf(architecture)
  checkTensors(path, [parameters, statistics], tensors)
  return {
    architecture,
    parameters: packArena(parameters, tensors),
    statistics: packArena(statistics, tensors),
  }
}

/** The inverse: named tensors in the layout of files. */
export function weightTensors(weights: Weights): Map<string, NamedTensor> {
  const { parameters, statistics } = layoutOf(weights.architecture)
  return new Map([
    ...unpackArena(parameters, weights.parameters),
    ...unpackArena(statistics, weights.statistics),
  ])
}

/** Throws unless the weights can colour: an untrained network's last layer is zero, and it would paint grey. */
export function expectTrained(path: string, { architecture, parameters }: Weights): void {
  const { offset, shape } = layoutOf(architecture).parameters.tensors.find(
    ({ name }) => name === 'decoder.conv5.weight',
  )!
  const size = shape.reduce((a, b) => a * b, 1)
  if (parameters.subarray(offset, offset + size).every((value) => value === 0)) {
    throw new UserError(
      `${path} holds an untrained network, which cannot colour; train it first`,
      EXIT.badWeightsOrRecords,
    )
  }
}

function checkTensors(
  path: string,
  arenas: readonly Arena[],
  tensors: ReadonlyMap<string, NamedTensor>,
): void {
  const expected = new Map(arenas.flatMap((arena) => arena.tensors).map((tensor) => [tensor.name, tensor]))
  for (const [name, { fileShape }] of expected) {
    const found = tensors.get(name)
    if (found?.shape.join() !== fileShape.join()) throw misshapen(path, name, found, fileShape)
    if (!found.data.every(Number.isFinite))
      throw bad(path, `the tensor ${name} has values that are not finite`)
  }
  const belongs = (name: string) => expected.has(name.replace(STATE, '')) || name === 'history.loss'
  const extra = [...tensors.keys()].find((name) => !belongs(name))
  if (extra !== undefined) throw bad(path, `the tensor ${extra} does not belong to this network`)
}

/** Why no width fits the file: the first tensor that is missing or misshapen next to the width that most layers have. */
function notOurs(path: string, tensors: ReadonlyMap<string, NamedTensor>): UserError {
  const shape = (name: string) => tensors.get(name)?.shape.join()
  const misfits = allLayers(layersOf({ classes: 1, width: 1 })).map(({ name, outputs }) => {
    const width = (tensors.get(`${name}.weight`)?.shape[0] ?? 0) / outputs
    const fusionInputs = tensors.get('fusion.conv.weight')?.shape[1] ?? 0
    const classes = Math.max(1, fusionInputs - scaledChannels(256, width))
    const expected = layoutOf({ classes, width }).parameters.tensors
    return expected.filter(({ name, fileShape }) => shape(name) !== fileShape.join())
  })
  const [first] = misfits.reduce((a, b) => (b.length < a.length ? b : a))
  const { name, fileShape } = first!
  return misshapen(path, name, tensors.get(name), fileShape)
}

const misshapen = (path: string, name: string, found: NamedTensor | undefined, shape: readonly number[]) =>
  bad(path, `the tensor ${name} is ${found ? `[${found.shape}], expected [${shape}]` : 'missing'}`)

const bad = (path: string, what: string) =>
  new UserError(`${path} does not hold the weights of this network: ${what}`, EXIT.badWeightsOrRecords)
