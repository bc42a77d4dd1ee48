/** Training samples of several sources, of each a share that its weight decides. */
import { sum } from '../numbers.ts'
import { epochOrder, STREAM, shuffled, uniform4 } from '../random.ts'

export interface Part {
  /** Samples that it has. */
  readonly length: number
  /** Its share among the weights of all parts is its share of the samples. Above 0. */
  readonly weight: number
}

const TWO_32 = 2 ** 32

/**
 * Samples that an epoch takes from each part. An epoch has as many samples as all parts together have; shares that are no
 * whole numbers are rounded down, and what is left over goes to those with the largest remainders.
 */
export function quotasOf(parts: readonly Part[]): number[] {
  const [samples, weights] = [sum(parts.map(({ length }) => length)), sum(parts.map(({ weight }) => weight))]
  const shares = parts.map(({ weight }) => (samples * weight) / weights)
  const quotas = shares.map(Math.floor)
  const byRemainder = parts.map((_, i) => i).sort((a, b) => (shares[b]! % 1) - (shares[a]! % 1) || a - b)
  for (const i of byRemainder.slice(0, samples - sum(quotas))) quotas[i]!++
  return quotas
}

/**
 * The samples of an epoch in their order; those of the second part count on from those of the first one, and so on. A part
 * is gone through from its first sample to its last in an order by chance, then again in another one, and an epoch goes
 * on where the last one stopped: so all samples of a part are shown equally often. A pure function of its arguments.
 */
export function mixedOrder(seed: number, epoch: number, parts: readonly Part[]): Uint32Array {
  const chosen: number[] = []
  let first = 0
  for (const [i, quota] of quotasOf(parts).entries()) {
    const { length } = parts[i]!
    for (let at = epoch * quota; at < (epoch + 1) * quota; ) {
      const pass = Math.floor(at / length)
      const order = shuffled(length, (place) => uniform4(seed, STREAM.mixture, place + i * TWO_32, pass)[0])
      const end = Math.min((pass + 1) * length, (epoch + 1) * quota)
      for (; at < end; at++) chosen.push(first + order[at - pass * length]!)
    }
    first += length
  }
  return epochOrder(seed, epoch, chosen.length).map((place) => chosen[place]!)
}
