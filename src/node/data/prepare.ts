/** Photographs → TFRecord shards, with class vectors. */
import { basename, join } from 'node:path'
import { UserError } from '../../errors.ts'
import type { Classifier } from '../../infer/classifier.ts'
import { type AbEncoding, type ClassVector, encodeRecord } from '../../io/records.ts'
import { lock } from '../lock.ts'
import { makeFolder } from '../save.ts'
import { openWorkerPool, usualWorkers, type WorkerPool, workerUrl } from '../worker-pool.ts'
import { type Manifest, RecordSet } from './record-set.ts'
import type { Outcome, PrepareTask } from './sample.ts'

export interface PrepareOptions {
  /** The folder for the set; made when it is not there. A set that is in it is replaced once the new one is whole. */
  readonly out: string
  /** Photographs a shard. */
  readonly shardSize?: number | undefined
  readonly ab?: AbEncoding | undefined
  /** Photographs with a shorter side are left out, in pixels. */
  readonly minSide?: number | undefined
  /** Who computes class vectors, one each; zeros without any. */
  readonly classifiers?: readonly VectorMaker[]
  /** Photographs that are decoded at the same time. */
  readonly workers?: number | undefined
  readonly onProgress?: (done: number, total: number) => void
  readonly signal?: AbortSignal
}

type VectorMaker = Pick<Classifier, 'size' | 'origin' | 'probabilities'>

const DEFAULTS = { shardSize: 256, ab: 'int8', minSide: 32 } as const
/** Photographs that are shown to the classifier at once. */
export const CLASSIFIER_BATCH = 8

/**
 * Writes every photograph that can be learnt from as a record; the others are counted, and their reasons kept. A run
 * that is stopped or killed is continued by the next one with the same photographs and settings.
 * @throws UserError: no photograph is left, the file system refuses (disk full …), another process is at work on the
 *   folder, interrupted (trouble 'interrupted')
 */
export async function prepareRecords(paths: readonly string[], options: PrepareOptions): Promise<Manifest> {
  const { out, classifiers = [] } = options
  await makeFolder(out)
  const unlock = await lock(join(out, 'prepare.lock'), out)
  try {
    const set = await RecordSet.open(out, paths, {
      shardSize: options.shardSize ?? DEFAULTS.shardSize,
      ab: options.ab ?? DEFAULTS.ab,
      minSide: options.minSide ?? DEFAULTS.minSide,
      classVectors: classifiers.map(({ origin }) => origin),
    })
    try {
      await fill(set, paths, options)
      if (set.counts.records > 0) return await set.publish()
      await set.discard()
      throw new UserError(
        `none of the ${paths.length} photographs can be used: ${describeSkipped(set.counts.skipped)}`,
      )
    } finally {
      await set.close()
    }
  } finally {
    await unlock()
  }
}

/** "3 undecodable, 1 gray" */
export function describeSkipped(skipped: Manifest['skipped']): string {
  const counts = Object.entries(skipped).filter(([, count]) => count > 0)
  return counts.map(([skip, count]) => `${count} ${skip}`).join(', ')
}

/** Decoding runs ahead; classifying and writing keep the photographs' order. */
async function fill(set: RecordSet, paths: readonly string[], options: PrepareOptions): Promise<void> {
  const { classifiers = [], signal, onProgress } = options
  if (set.done === paths.length) return
  const workers = options.workers ?? usualWorkers()
  const pool = openWorkerPool<PrepareTask, Outcome>(workerUrl('prepare-worker', import.meta.url), workers)
  const wanted = {
    minSide: set.settings.minSide,
    classifiers: classifiers.map(({ size, origin }) => ({ size, fit: origin.fit })),
  }
  const decoded = decodeAhead(pool, paths.slice(set.done), wanted, 2 * workers + CLASSIFIER_BATCH)
  try {
    while (set.done < paths.length) {
      if (signal?.aborted) throw interrupted(set.done, paths.length)
      const batch: Outcome[] = []
      while (batch.length < CLASSIFIER_BATCH && set.done + batch.length < paths.length) {
        batch.push(await decoded.next().value!)
      }
      const vectors = await classVectors(batch, classifiers)
      for (const [i, outcome] of batch.entries()) {
        await store(set, paths[set.done]!, outcome, vectors[i]!)
        onProgress?.(set.done, paths.length)
      }
    }
  } finally {
    await pool.close()
  }
}

const interrupted = (done: number, total: number) =>
  new UserError(`interrupted after ${done} of ${total}; the same command goes on from there`, 'interrupted')

function* decodeAhead(
  pool: WorkerPool<PrepareTask, Outcome>,
  paths: readonly string[],
  wanted: Omit<PrepareTask, 'path'>,
  ahead: number,
): Generator<Promise<Outcome>, void> {
  const begun: Promise<Outcome>[] = []
  for (const path of paths) {
    const outcome = pool.run({ path, ...wanted })
    outcome.catch(() => {}) // thrown where it is awaited
    begun.push(outcome)
    if (begun.length >= ahead) yield begun.shift()!
  }
  yield* begun
}

/** For each outcome its class vectors, none for those that are left out. */
async function classVectors(
  batch: readonly Outcome[],
  classifiers: readonly VectorMaker[],
): Promise<ClassVector[][]> {
  const vectors: ClassVector[][] = batch.map(() => [])
  const used = batch.flatMap((outcome, n) =>
    'picture' in outcome ? [{ seen: outcome.seen, of: vectors[n]! }] : [],
  )
  if (!used.length) return vectors
  for (const [c, { origin, probabilities }] of classifiers.entries()) {
    const all = await probabilities(used.map(({ seen }) => seen[c]!))
    for (const [i, { of }] of used.entries()) of.push({ probabilities: all[i]!, origin })
  }
  return vectors
}

async function store(
  set: RecordSet,
  path: string,
  outcome: Outcome,
  vectors: readonly ClassVector[],
): Promise<void> {
  if ('skip' in outcome) return set.skip(outcome.skip, outcome.reason)
  const { picture, sha256 } = outcome
  const twin = set.twinOf(sha256)
  if (twin !== undefined) return set.skip('duplicate', `${path} is the same file as ${twin}`)
  const record = { ...picture, label: basename(path), vectors }
  await set.add(encodeRecord(record, set.settings.ab), sha256)
}
