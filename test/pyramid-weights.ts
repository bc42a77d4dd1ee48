/** Weights of a small network `pyramid` on the carried classifier: untrained but for random numbers, so that it paints something. */
import { encodeSafetensors } from '../src/io/safetensors.ts'
import { networkMetadata, weightTensors } from '../src/io/weights.ts'
import { USUAL_TRUNK } from '../src/model/pyramid/index.ts'
import { NODE_NETWORKS } from '../src/node/store/networks.ts'
import { seeded } from './harness.ts'

/** The bytes of a weight file, of a training with pictures of 64 pixels and no class vectors. */
export async function pyramidWeights({
  seed = 'pyramid weights',
  ...architecture
}: {
  readonly hints: boolean
  readonly fineTune?: number
  readonly head?: 'ab' | 'bins'
  readonly seed?: string
}): Promise<Buffer> {
  const trunk = USUAL_TRUNK
  const network = await NODE_NETWORKS.get('pyramid')!.create({ trunk, width: 0.1, ...architecture })
  const random = seeded(seed)
  const { parameters, statistics } = network.initial(random)
  const weights = { network, statistics, parameters: parameters.map((value) => value || random() - 0.5) }
  const settings = JSON.stringify({ size: 64, classVectors: [] })
  const metadata = { ...networkMetadata(network), settings }
  return Buffer.concat([...encodeSafetensors('weights', weightTensors(weights), { metadata })])
}
