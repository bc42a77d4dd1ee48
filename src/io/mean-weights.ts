/** The mean of weights that began as the same. */
import { UserError } from '../errors.ts'
import { misshapen, type Network } from '../model/network.ts'
import { inVariant, pretrained, type Weights } from './weights.ts'

/** Weights, and what errors call them. */
export interface NamedWeights {
  readonly path: string
  readonly weights: Weights
}

/**
 * The mean of the weights of several trainings that began with the same weights: mostly better than each of them, and as fast
 * as one (Wortsman et al. 2022, "Model soups", section 2, the uniform soup). Where they have fine-tuned fewer layers of a trunk
 * than the deepest of them, those layers count as the trunk has them.
 * @throws UserError naming the file whose network is another one
 */
export function meanWeights(all: readonly NamedWeights[]): Weights {
  const deepest = all.reduce((a, b) => (sizeOf(b) > sizeOf(a) ? b : a))
  const { network } = deepest.weights
  const parts = all.map(({ path, weights }) => {
    const other = difference(network, weights.network)
    if (other)
      throw new UserError(
        `the mean of ${deepest.path} and ${path} would mean nothing: in the second, ${other}`,
        'weights',
      )
    return weights.network === network ? weights : inVariant(network, weights)
  })
  return {
    network,
    parameters: mean(parts.map(({ parameters }) => parameters)),
    statistics: mean(parts.map(({ statistics }) => statistics)),
  }
}

const sizeOf = ({ weights }: NamedWeights) => weights.parameters.length

/** Why weights of `other` are not those of `network`, perhaps with fewer layers fine-tuned; null where they are. */
function difference(network: Network, other: Network): string | null {
  if (other.name !== network.name) return `the network is ${other.name}, not ${network.name}`
  const [trunk, otherTrunk] = [network.trunk, other.trunk]
  if (otherTrunk?.sha256 !== trunk?.sha256)
    return `the trunk is ${otherTrunk?.name ?? 'none'}, not ${trunk?.name ?? 'none'}`
  const fromTrunk = pretrained(network)
  const [wanted, found] = [shapesOf(network), shapesOf(other)]
  for (const [name, shape] of wanted) {
    const there = found.get(name)
    const isSame = there ? there.join() === shape.join() : fromTrunk.has(name)
    if (!isSame) return misshapen(name, there, shape)
  }
  const extra = [...found.keys()].find((name) => !wanted.has(name))
  return extra === undefined ? null : `there is a tensor ${extra}`
}

const shapesOf = ({ layout: { parameters, statistics } }: Network) =>
  new Map(
    [...parameters.tensors, ...statistics.tensors].map(({ name, fileShape }) => [name, fileShape] as const),
  )

function mean(arrays: readonly Float32Array[]): Float32Array {
  const sum = new Float64Array(arrays[0]!.length)
  for (const array of arrays) for (let i = 0; i < sum.length; i++) sum[i]! += array[i]!
  return Float32Array.from(sum, (value) => value / arrays.length)
}
