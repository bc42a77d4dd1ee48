import { writeSafetensors } from '../../io/safetensors.ts'
import { expectTrained, readWeights, weightTensors } from '../../io/weights.ts'
import { layoutOf, type NamedTensor } from '../../model/report/layout.ts'

/** What of a training's metadata weights to be passed on keep. */
const KEPT = ['step', 'abMse', 'settings']

export interface ExportOptions {
  /** What the fusion layer's weights for the class vector are multiplied by. */
  readonly classStrength?: number | undefined
  /**
   * Standard deviation, in classes, over which those weights are averaged: neighbours in ImageNet's order are kin (it is
   * WordNet's), and what they have in common holds for pictures never seen better than what each has alone.
   */
  readonly classSmoothing?: number | undefined
  /** Shorter side in pixels at which pictures are shown to the network; that of its training unless told otherwise. */
  readonly size?: number | undefined
}

/**
 * Writes the weights of a training without what it needs to go on, in float16: a twelfth of its checkpoint. Running
 * statistics stay float32, whose range they may need.
 * @returns the number of values
 * @throws UserError when `from` holds no trained weights of the colouriser, or `to` cannot be written
 */
export async function exportWeights(from: string, to: string, options: ExportOptions = {}): Promise<number> {
  const { size, ...classes } = options
  const weights = await readWeights(from)
  expectTrained(from, weights)
  const tensors = weightTensors(weights)
  const fusion = tensors.get('fusion.conv.weight')!
  smoothClasses(fusion, weights.architecture.classes, classes.classSmoothing ?? 0)
  weakenClasses(fusion, weights.architecture.classes, classes.classStrength ?? 1)
  const kept = KEPT.flatMap((key) => (weights.metadata[key] ? [[key, weights.metadata[key]]] : []))
  const metadata: Record<string, string> = {
    ...{ format: 'webgpu-colorizer weights', ...Object.fromEntries(kept) },
    ...Object.fromEntries(
      Object.entries(classes).flatMap(([key, value]) => (value ? [[key, String(value)]] : [])),
    ),
    ...(size ? { settings: JSON.stringify({ ...JSON.parse(weights.metadata.settings ?? '{}'), size }) } : {}),
  }
  const statistics = new Set(layoutOf(weights.architecture).statistics.tensors.map(({ name }) => name))
  await writeSafetensors(to, tensors, metadata, (name) => (statistics.has(name) ? 'F32' : 'F16'))
  return [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0)
}

/** The last `classes` inputs of the fusion layer, [K, images + classes, 1, 1], are the class vector. */
function weakenClasses({ shape, data }: NamedTensor, classes: number, factor: number): void {
  const inputs = shape[1]!
  for (let i = 0; i < data.length; i++) if (i % inputs >= inputs - classes) data[i]! *= factor
}

/** Means over neighbouring classes by a Gaussian cut at 3σ; at either end over those that there are. */
function smoothClasses({ shape, data }: NamedTensor, classes: number, sigma: number): void {
  if (!sigma) return
  const inputs = shape[1]!
  const reach = Math.ceil(3 * sigma)
  for (let end = inputs; end <= data.length; end += inputs) {
    const row = data.slice(end - classes, end)
    for (let c = 0; c < classes; c++) {
      let [sum, whole] = [0, 0]
      for (let j = Math.max(0, c - reach); j <= Math.min(classes - 1, c + reach); j++) {
        const weight = Math.exp(-(((j - c) / sigma) ** 2) / 2)
        sum += weight * row[j]!
        whole += weight
      }
      data[end - classes + c] = sum / whole
    }
  }
}
