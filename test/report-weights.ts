/** Weights of a small network `report`: untrained but for random numbers, so that it paints something, and quickly. */
import { encodeSafetensors } from '../src/io/safetensors.ts'
import { networkMetadata, weightTensors } from '../src/io/weights.ts'
import { NODE_NETWORKS } from '../src/node/store/networks.ts'
import { seeded } from './harness.ts'

interface Wanted {
  readonly head?: 'ab' | 'bins'
  /** Whether it says that it was trained with class vectors. */
  readonly classes?: boolean
  /** Other weights for another one. */
  readonly seed?: string
}

/** The bytes of a weight file, of a training with pictures of 32 pixels. */
export async function reportWeights({
  head = 'ab',
  classes = false,
  seed = 'report weights',
}: Wanted = {}): Promise<Buffer> {
  const network = await NODE_NETWORKS.get('report')!.create({ classes: 1000, width: 0.05, head })
  const random = seeded(seed)
  const { parameters, statistics } = network.initial(random)
  const weights = { network, statistics, parameters: parameters.map((value) => value || random() - 0.5) }
  const origin = { classifier: 'mobilenet-v1', sha256: '0', fit: 'stretch' }
  const settings = JSON.stringify({ size: 32, classVectors: classes ? [origin] : [] })
  const metadata = { ...networkMetadata(network), settings }
  return Buffer.concat([...encodeSafetensors('weights', weightTensors(weights), { metadata })])
}
