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
import { type Part, quotasOf } from '../../train/mixture.ts'
import type { BatchTask, DecodedBatch } from '../../train/samples.ts'
import { openWorkerPool, usualWorkers, workerUrl } from '../worker-pool.ts'
import type { SampleSource } from './decode.ts'
import { indexShards, type RecordSource } from './shards.ts'

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

/** A folder of record shards. */
export interface RecordFolder {
  readonly folder: string
  /** Its share among the weights of all folders is its share of the samples. */
  readonly weight?: number
}

/**
 * Training batches from record shards, of which only the records' places are kept in memory. Records bring their own class
 * vectors. Of several folders either all have weights or none; then every record is shown once in an epoch. Without
 * `onUndecodable` a damaged record ends the batches with a `UserError` about weights.
 */
export async function openRecords(
  folders: string | readonly RecordFolder[],
  options: SourceOptions,
): Promise<TrainingSource> {
  const sources = typeof folders === 'string' ? [{ folder: folders }] : folders
  const records: RecordSource[] = []
  const lengths: number[] = []
  for (const { folder } of sources) {
    const found = await indexShards(folder, options.onUndecodable)
    for (const record of found) records.push(record)
    lengths.push(found.length)
  }
  const parts = partsOf(sources, lengths)
  return openSource(options, {
    ...{ what: 'records', trouble: 'weights' },
    length: records.length,
    ...(parts ? { parts } : {}),
    at: (index) => records[index]!,
    classVector: async () => null,
    undecodable: options.onUndecodable ?? refuse,
  })
}

/** Null where no folder has a weight. */
function partsOf(folders: readonly RecordFolder[], lengths: readonly number[]): Part[] | null {
  const weights = folders.flatMap(({ weight }) => weight ?? [])
  if (weights.length === 0) return null
  if (weights.length < folders.length || !weights.every((weight) => weight > 0 && Number.isFinite(weight)))
    throw new UserError(
      'of several folders of records either each has a weight above 0 or none has one',
      'usage',
    )
  const parts = weights.map((weight, i) => ({ weight, length: lengths[i]! }))
  const none = quotasOf(parts).indexOf(0)
  if (none === -1) return parts
  throw new UserError(
    `no record of ${folders[none]!.folder} would be shown in an epoch: give it a greater weight`,
    'usage',
  )
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
