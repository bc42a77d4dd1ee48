import { UserError } from '../../errors.ts'
import { meanWeights } from '../../io/mean-weights.ts'
import { quantized, type WrittenTensor } from '../../io/quantized.ts'
import {
  expectTrained,
  networkMetadata,
  pretrained,
  settingsIn,
  type WeightFile,
  weightTensors,
} from '../../io/weights.ts'
import type { BinChange } from '../../model/network.ts'
import type { Networks } from '../../model/registry.ts'
import { writeSafetensors } from '../safetensors.ts'
import { readWeights } from '../weights.ts'

/** What of a training's metadata weights to be passed on keep. */
const KEPT = ['step', 'abMse', 'settings']

/** Bits of a value in a file. */
export const EXPORT_BITS = ['8', '16', '32'] as const

/** For a head of bins alone; what is left out changes nothing. */
type BinOptions = { readonly [name in keyof BinChange]?: BinChange[name] | undefined }

export interface ExportOptions extends BinOptions {
  /** Files of other trainings that began with the same weights: the mean of all is written, see `meanWeights`. */
  readonly average?: readonly string[] | undefined
  /** Bits of a value, 16 by default. 8 are for the weights of convolutions alone; all others then have 16. */
  readonly bits?: (typeof EXPORT_BITS)[number] | undefined
  /** What the weights for the class vector are multiplied by; 1 by default. */
  readonly classStrength?: number | undefined
  /** Over how many classes those weights are averaged, see `ClassInfluence`; 0 by default. */
  readonly classSmoothing?: number | undefined
  /** Shorter side in pixels at which pictures are shown to the network; that of its training unless told otherwise. */
  readonly size?: number | undefined
  /** What a* and b* are multiplied by where nobody says; the file keeps it. */
  readonly saturation?: number | undefined
  /** The networks that the weights may be of; this package's by default. */
  readonly networks?: Networks | undefined
}

/**
 * Writes the weights of a training without what it needs to go on: in float16 a twelfth of its checkpoint. Running
 * statistics stay float32, whose range they may need.
 * @returns the number of values
 * @throws UserError when `from` or one of `average` holds no trained weights of a colouriser, they are of different networks, the network has no class vector to weaken or no
 *   bins, or `to` cannot be written
 */
export async function exportWeights(from: string, to: string, options: ExportOptions = {}): Promise<number> {
  const {
    average = [],
    bits = '16',
    size,
    classStrength: strength = 1,
    classSmoothing: smoothing = 0,
    saturation,
    networks,
  } = options
  const { metadata: own, ...weights } = await readMean(from, average, networks)
  const { network } = weights
  const tensors = weightTensors(weights)
  if (network.adjustClasses) network.adjustClasses(tensors, { strength, smoothing })
  else if (strength !== 1 || smoothing !== 0)
    throw new UserError(`${from} holds a network without weights for a class vector`, 'usage')
  const change = binChange(options)
  const changed = Object.entries(change).filter(([, factor]) => factor !== 1)
  if (network.adjustBins) network.adjustBins(tensors, change)
  else if (changed.length)
    throw new UserError(`${from} holds a network that gives no probabilities of colours`, 'usage')
  const kept = KEPT.flatMap((key) => (own[key] ? [[key, own[key]]] : []))
  const metadata: Record<string, string> = {
    ...{ format: 'webgpu-colorizer weights', ...networkMetadata(network), ...Object.fromEntries(kept) },
    ...(average.length ? { averaged: String(average.length + 1) } : {}),
    ...(strength === 1 ? {} : { classStrength: String(strength) }),
    ...(smoothing === 0 ? {} : { classSmoothing: String(smoothing) }),
    ...Object.fromEntries(changed.map(([name, factor]) => [name, String(factor)])),
    ...(saturation === undefined ? {} : { saturation: String(saturation) }),
    ...(size ? { settings: JSON.stringify({ ...settingsIn(own), size }) } : {}),
  }
  const statistics = new Set(network.layout.statistics.tensors.map(({ name }) => name))
  const written: ReadonlyMap<string, WrittenTensor> =
    bits === '8' ? quantized(tensors, pretrained(network)) : tensors
  await writeSafetensors(to, written, {
    metadata,
    dtypeOf: (name) => written.get(name)!.dtype ?? (bits === '32' || statistics.has(name) ? 'F32' : 'F16'),
  })
  return [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0)
}

/** The weights of a file, or their mean with those of others; their training is said to be that of the first. */
async function readMean(
  path: string,
  others: readonly string[],
  networks: Networks | undefined,
): Promise<WeightFile> {
  const weights = await readTrained(path, networks)
  if (others.length === 0) return weights
  const all = [{ path, weights }]
  for (const other of others) all.push({ path: other, weights: await readTrained(other, networks) })
  return { ...meanWeights(all), metadata: weights.metadata }
}

async function readTrained(path: string, networks: Networks | undefined): Promise<WeightFile> {
  const weights = await readWeights(path, networks)
  expectTrained(path, weights)
  return weights
}

/** All that is to change, where 1 changes nothing. */
const binChange = ({
  temperature = 1,
  grayOdds = 1,
  purpleOdds = 1,
  redOdds = 1,
  chromaOdds = 1,
}: BinOptions): BinChange => ({ temperature, grayOdds, purpleOdds, redOdds, chromaOdds })
