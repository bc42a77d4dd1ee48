/** Training batches from photographs or records on the disk, decoded by workers. */
import { UserError } from '../../errors.ts'
import {
  type BatchOptions,
  type ClassVectors,
  pick,
  type SampleSet,
  type TrainingSource,
  trainingSource,
} from '../../train/batches.ts'
import type { BatchTask, DecodedBatch } from '../../train/samples.ts'
import { openWorkerPool, usualWorkers, workerUrl } from '../worker-pool.ts'
import type { SampleSource } from './decode.ts'
import { indexShards } from './shards.ts'

export interface SourceOptions extends BatchOptions {
  workers?: number
  /** batches decoded ahead at most, the one being waited for included */
  ahead?: number
  /** of each classifier; a sample is shown with its vector of one of them */
  classVectors?: readonly ClassVectors[]
  /** told once per photograph or record that cannot be decoded; unless it throws, the next one in the order takes its place */
  onUndecodable?: (reason: string) => void
  signal?: AbortSignal
}

/** Training batches from photographs. The last, partial batch of an epoch is dropped. */
export async function openPhotos(paths: readonly string[], options: SourceOptions): Promise<TrainingSource> {
  if (!paths.length) throw new UserError('there is no photograph to train on')
  return openSource(options, {
    ...{ what: 'photographs', trouble: 'input' },
    length: paths.length,
    at: (index) => ({ path: paths[index]! }),
    classVector: async (index, draw) => pick(options.classVectors ?? [], draw)?.of(paths[index]!) ?? null,
    undecodable: (reason) => options.onUndecodable?.(reason),
  })
}

/**
 * Training batches from the record shards in `folder`, of which only the records' places are kept in memory. Records
 * bring their own class vectors. Without `onUndecodable` a damaged record ends the batches with a `UserError` about
 * weights.
 */
export async function openRecords(folder: string, options: SourceOptions): Promise<TrainingSource> {
  const records = await indexShards(folder, options.onUndecodable)
  return openSource(options, {
    ...{ what: 'records', trouble: 'weights' },
    length: records.length,
    at: (index) => records[index]!,
    classVector: async () => null,
    undecodable: options.onUndecodable ?? refuse,
  })
}

function refuse(reason: string): never {
  throw new UserError(reason, 'weights')
}

async function openSource(options: SourceOptions, set: SampleSet<SampleSource>): Promise<TrainingSource> {
  const { signal, workers = usualWorkers(), ahead = workers + 1 } = options
  const url = workerUrl('decode-worker', import.meta.url)
  const pool = openWorkerPool<BatchTask<SampleSource>, DecodedBatch>(url, workers)
  const source = trainingSource(set, { decode: pool.run, close: pool.close }, ahead, options)
  const abort = () => void source.close()
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted) await source.close()
  return {
    ...source,
    async close() {
      signal?.removeEventListener('abort', abort)
      await source.close()
    },
  }
}
