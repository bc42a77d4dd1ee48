import { layoutOf, type NamedTensor } from '../model/layout.ts'
import { writeSafetensors } from './safetensors.ts'
import { expectTrained, readWeights, weightTensors } from './weights.ts'

/** What of a training's metadata weights to be passed on keep. */
const KEPT = ['step', 'abMse', 'settings']

/**
 * Writes the weights of a training without what it needs to go on, in float16: a twelfth of its checkpoint. Running
 * statistics stay float32, whose range they may need.
 * @param classStrength what the fusion layer's weights for the class vector are multiplied by
 * @returns the number of values
 * @throws UserError when `from` holds no trained weights of the colouriser, or `to` cannot be written
 */
export async function exportWeights(from: string, to: string, classStrength = 1): Promise<number> {
  const weights = await readWeights(from)
  expectTrained(from, weights)
  const { classes } = weights.architecture
  const tensors = weightTensors(weights)
  weaken(tensors.get('fusion.conv.weight')!, classes, classStrength)
  const statistics = new Set(layoutOf(weights.architecture).statistics.tensors.map(({ name }) => name))
  const metadata = Object.fromEntries(
    KEPT.flatMap((key) => (weights.metadata[key] ? [[key, weights.metadata[key]]] : [])),
  )
  await writeSafetensors(
    to,
    tensors,
    {
      format: 'webgpu-colorizer weights',
      ...metadata,
      ...(classStrength === 1 ? {} : { classStrength: String(classStrength) }),
    },
    (name) => (statistics.has(name) ? 'F32' : 'F16'),
  )
  return [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0)
}

/** The last `classes` inputs of the fusion layer, [K, images + classes, 1, 1], are the class vector. */
function weaken({ shape, data }: NamedTensor, classes: number, factor: number): void {
  const inputs = shape[1]!
  for (let i = 0; i < data.length; i++) if (i % inputs >= inputs - classes) data[i]! *= factor
}
