import type { Gpu } from '../device/gpu.ts'
import { compile } from '../graph/compile.ts'
import { Executor, Variables } from '../graph/execute.ts'
import { Graph } from '../graph/graph.ts'
import type { Bins } from '../model/bins.ts'
import { averaged, encoded, type Rarity } from '../model/losses.ts'
import type { Network } from '../model/network.ts'
import type { TrainingSource } from './batches.ts'
import type { TrainingSettings } from './settings.ts'

/** Pictures of the first epoch whose colours are counted. */
const PICTURES = 512
/**
 * λ of Zhang, Isola and Efros 2016, section 2.2: how much of the uniform distribution is mixed in, so that weights stay
 * bounded. That of settings which do not say it, as those of older checkpoints.
 */
const USUAL_LAMBDA = 0.5

type Sizes = Pick<TrainingSettings, 'batch' | 'accumulate' | 'size' | 'rarity'> &
  Pick<Network, 'colourStride'>

export interface RarityOptions extends Sizes {
  readonly bins: Bins
  readonly signal?: AbortSignal | undefined
}

/**
 * How rare the bins' colours are among the training pictures, as weights w ∝ ((1 − λ) p + λ ⁄ Q)⁻¹ with mean 1 over the
 * pictures (equation 4). The same source gives the same bits. Null when `signal` is raised before all are counted.
 */
export async function countRarity(
  gpu: Gpu,
  source: TrainingSource,
  { batch, accumulate, size, rarity, bins, colourStride, signal }: RarityOptions,
): Promise<Rarity | null> {
  const graph = new Graph()
  const colours = averaged(graph, graph.input('ab', [batch, size, size, 2]), colourStride)
  const shares = encoded(graph, colours, bins)
  graph.output('counts', graph.op('sumRows', [shares], { keepBatch: false }))
  const plan = compile(graph, gpu.device.limits.maxStorageBufferBindingSize, gpu.traits)
  const executor = await Executor.create(gpu, plan, new Variables(gpu))
  const counts = new Float64Array(bins.count)
  const partElems = 2 * batch * size * size
  try {
    let left = Math.min(Math.ceil(PICTURES / (batch * accumulate)), source.batchesPerEpoch)
    for await (const { ab } of source.batches({ epoch: 0, position: 0 })) {
      if (signal?.aborted) return null
      for (let part = 0; part < accumulate; part++) {
        executor.upload('ab', ab.subarray(part * partElems, (part + 1) * partElems))
        const [counted] = await executor.run(['counts'])
        counted!.forEach((count, q) => {
          counts[q]! += count
        })
      }
      if (--left === 0) break
    }
  } finally {
    executor.destroy()
  }
  return { bins, weights: rarityOf(counts, rarity) }
}

/** The weights of bins that hold so many pixels each. */
export function rarityOf(counts: Float64Array, lambda = USUAL_LAMBDA): Float32Array {
  const all = counts.reduce((sum, count) => sum + count, 0)
  const shares = counts.map((count) => count / all)
  const raw = shares.map((share) => 1 / ((1 - lambda) * share + lambda / counts.length))
  const mean = raw.reduce((sum, weight, q) => sum + weight * shares[q]!, 0)
  return Float32Array.from(raw, (weight) => weight / mean)
}
