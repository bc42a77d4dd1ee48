/** The weights of a network as safetensors: tensors under their names, and metadata that say of which network. */
import { UserError } from '../errors.ts'
import { type Arena, type NamedTensor, packArena, unpackArena } from '../model/arena.ts'
import { areOrigins, type ClassVectorOrigin } from '../model/classifier.ts'
import { MisfitError, misshapen, type Network } from '../model/network.ts'
import { FIRST_NETWORK, NETWORKS, type Networks } from '../model/registry.ts'
import { dequantized, withChanges } from './quantized.ts'
import type { ReadAt } from './read-at.ts'
import { parseSafetensors } from './safetensors.ts'

/** A network's weights as they lie on the GPU: see `model/arena.ts`. */
export interface Weights {
  readonly network: Network
  readonly parameters: Float32Array
  readonly statistics: Float32Array
}

/** Weights as a file has them. */
export interface WeightFile extends Weights {
  readonly metadata: Readonly<Record<string, string>>
}

/** Prefixes of the tensors that only a checkpoint has: raw weights and Adam's moments, each named as the weight it belongs to. */
const STATE = /^(raw|adam\.[mv])\//
export const LOSS_HISTORY = 'history.loss'

/** What a weight file may say of the training that it comes from. */
export interface TrainedWith {
  /** Side of the training pictures in pixels. */
  readonly size: number
  /** Where the class vectors came from; none when the network was trained without any. */
  readonly classVectors: readonly ClassVectorOrigin[]
}

/** What the metadata of a weight file of any version say of its training. What they do not say is missing. */
export function trainedWith(metadata: Readonly<Record<string, string>>): Partial<TrainedWith> {
  const { size, classVectors: origins } = settingsIn(metadata)
  const classVectors = originsIn(origins)
  return {
    ...(Number.isInteger(size) && (size as number) >= 8 ? { size: size as number } : {}),
    ...(areOrigins(classVectors) ? { classVectors } : {}),
  }
}

/** The report multiplies a* and b* by this, since errors in ab units are least for colours that are too pale. */
const SATURATION = 1.2

/**
 * What a* and b* are multiplied by unless told otherwise: as the file says, else as the report did, but not where the network
 * gives probabilities of colours, whose means are not pale.
 */
export function saturationOf({
  network: { bins },
  metadata: { saturation },
}: {
  readonly network: Pick<Network, 'bins'>
  readonly metadata: Readonly<Record<string, string>>
}): number {
  const value = Number(saturation)
  if (saturation !== undefined && value >= 0 && Number.isFinite(value)) return value
  return bins ? 1 : SATURATION
}

/** A list, as settings have them since several classifiers can be mixed; before there was one or null. */
const originsIn = (value: unknown) =>
  value === null ? [] : Array.isArray(value) || value === undefined ? value : [value]

/**
 * Reads the weights of a weight file or a checkpoint.
 * @param networks those that the file may be of
 * @throws UserError about weights naming file and tensor when one is missing, extra or misshapen, or not finite, and as
 *   `dequantized`
 */
export async function parseWeights(file: ReadAt, networks?: Networks): Promise<WeightFile> {
  const { tensors, metadata } = await parseSafetensors(file)
  const numbers = dequantized(file.name, tensors)
  return { ...(await weightsFrom(file.name, numbers, metadata, networks)), metadata }
}

/** The weights among the tensors of a file. Throws as `parseWeights`. */
export async function weightsFrom(
  path: string,
  tensors: ReadonlyMap<string, NamedTensor>,
  metadata: Readonly<Record<string, string>> = {},
  networks: Networks = NETWORKS,
): Promise<Weights> {
  const network = await networkOf(path, tensors, metadata, networks)
  const { parameters, statistics } = network.layout
  const whole = withChanges(tensors, pretrained(network))
  checkTensors(path, [parameters, statistics], whole)
  return {
    network,
    parameters: packArena(parameters, whole),
    statistics: packArena(statistics, whole),
  }
}

/** The weights of a fine-tuned trunk as the classifier has them; none where no trunk is. */
export function pretrained({ layout, fineTunedFrom, initial }: Network): Map<string, NamedTensor> {
  if (fineTunedFrom === undefined) return new Map()
  const { length, tensors } = layout.parameters
  const tuned = { length, tensors: tensors.filter(({ offset }) => offset >= fineTunedFrom) }
  return unpackArena(tuned, initial(() => 0).parameters)
}

async function networkOf(
  path: string,
  tensors: ReadonlyMap<string, NamedTensor>,
  metadata: Readonly<Record<string, string>>,
  networks: Networks,
): Promise<Network> {
  const { network: name = FIRST_NETWORK } = metadata
  const kind = networks.get(name)
  if (!kind) {
    const known = [...networks.keys()].join(', ')
    throw new UserError(
      `${path} holds the weights of a network "${name}", which this program does not know (it knows ${known})`,
      'weights',
    )
  }
  try {
    return await kind.read({
      shapeOf: (name) => tensors.get(name)?.shape,
      architecture: metadata.architecture === undefined ? undefined : objectIn(metadata.architecture),
      settings: settingsIn(metadata),
    })
  } catch (error) {
    if (error instanceof MisfitError) throw bad(path, error.message)
    if (!(error instanceof UserError)) throw error
    throw new UserError(`${path}: ${error.message}`, error.trouble, { cause: error, mend: error.mend })
  }
}

/** The tensors of a weight file by name, in the layout of files. */
export function weightTensors({ network: { layout }, parameters, statistics }: Weights) {
  return new Map<string, NamedTensor>([
    ...unpackArena(layout.parameters, parameters),
    ...unpackArena(layout.statistics, statistics),
  ])
}

/** Weights in a variant of their network that has more of them: the others are as before any training. */
export function inVariant(variant: Network, { network, parameters, statistics }: Weights): Weights {
  const tensors = new Map([
    ...unpackArena(variant.layout.parameters, variant.initial(() => 0).parameters),
    ...unpackArena(network.layout.parameters, parameters),
  ])
  return { network: variant, parameters: packArena(variant.layout.parameters, tensors), statistics }
}

/** What a weight file says of its network. */
export const networkMetadata = ({ name, architecture }: Network) => ({
  network: name,
  architecture: JSON.stringify(architecture),
})

/** Throws unless the weights can colour: an untrained network's last layer is zero, and it would paint grey. */
export function expectTrained(path: string, { network, parameters }: Weights): void {
  if (network.isTrained(parameters)) return
  throw new UserError(`${path} holds an untrained network, which cannot colour; train it first`, 'weights')
}

function checkTensors(
  path: string,
  arenas: readonly Arena[],
  tensors: ReadonlyMap<string, NamedTensor>,
): void {
  const expected = new Map(arenas.flatMap((arena) => arena.tensors).map((tensor) => [tensor.name, tensor]))
  for (const [name, { fileShape }] of expected) {
    const found = tensors.get(name)
    if (found?.shape.join() !== fileShape.join()) throw bad(path, misshapen(name, found?.shape, fileShape))
    if (!found.data.every(Number.isFinite))
      throw bad(path, `the tensor ${name} has values that are not finite`)
  }
  const belongs = (name: string) => expected.has(name.replace(STATE, '')) || name === LOSS_HISTORY
  const extra = [...tensors.keys()].find((name) => !belongs(name))
  if (extra !== undefined) throw bad(path, `the tensor ${extra} does not belong to this network`)
}

/** The settings of a training in metadata; none where they cannot be read. */
export const settingsIn = ({ settings }: Readonly<Record<string, string>>) => objectIn(settings ?? '{}')

/** The object that a text holds as JSON; an empty one for anything else. */
function objectIn(text: string): Record<string, unknown> {
  try {
    const value = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

const bad = (path: string, what: string) =>
  new UserError(`${path} does not hold the weights of this network: ${what}`, 'weights')
