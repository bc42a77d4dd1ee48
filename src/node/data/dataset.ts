/** Training batches, from photographs or records, decoded by workers ahead of the GPU in an order set by a seed. */
import { availableParallelism } from 'node:os'
import { EXIT, type ExitCode, UserError } from '../../errors.ts'
import { epochOrder, STREAM, uniform4 } from '../../random.ts'
import { openWorkerPool, PoolClosed, type WorkerPool, workerUrl } from '../worker-pool.ts'
import type { BatchTask, DecodedBatch, SampleSource } from './decode.ts'
import { indexShards } from './shards.ts'

/** A place in training: `position` samples of epoch `epoch` (from 0) have been handed out. */
export interface Place {
  epoch: number
  position: number
}

export interface Batch {
  /** [N, S, S, 1], lightness / 50 - 1 */
  L: Float32Array
  /** [N, S, S, 2], ab units */
  ab: Float32Array
  /** [N, 1, 1, classes], zeros for samples without a class vector */
  features: Float32Array
  epoch: number
  /** the place after this batch is {epoch, position}: continue from there for the batch that follows */
  position: number
  lastOfEpoch: boolean
}

export interface TrainingSource {
  /** samples in the set */
  readonly length: number
  readonly batchesPerEpoch: number
  /**
   * Batches without end from `from` on: the same (seed, epoch, position) gives the same bits, whatever the number of
   * workers. Ends when the source is closed. Throws UserError when not one sample can be decoded.
   */
  batches(from: Place): AsyncGenerator<Batch, void>
  /** Stops the workers at once. */
  close(): Promise<void>
}

/** Class probabilities of photographs, by their paths; null for one that has none. */
export interface ClassVectors {
  of(path: string): Promise<Float32Array | null>
}

export interface SourceOptions {
  size: number
  batch: number
  seed: number
  classes: number
  /** mirror, scale and crop at random; without it the centre */
  augment: boolean
  /** crop: the shorter side fills the square; pad: the longer one does, white around (the report's way) */
  fit: 'crop' | 'pad'
  /** how much the lightness of a sample may change, see `jitterLightness`; 0 by default: not at all */
  lightnessJitter?: number
  workers?: number
  /** batches decoded ahead at most, the one being waited for included */
  ahead?: number
  /** of each classifier; a sample is shown with its vector of one of them */
  classVectors?: readonly ClassVectors[]
  /** the share of samples whose class vector is left out, 0 by default; 1 leaves out all of them */
  classDropout?: number
  /** told once per photograph or record that cannot be decoded; unless it throws, the next one in the order takes its place */
  onUndecodable?: (reason: string) => void
  signal?: AbortSignal
}

const MAX_WORKERS = 8

/** What batches are made of. */
interface SampleSet {
  readonly what: 'photographs' | 'records'
  /** Where none is left to train on. */
  readonly exitCode: ExitCode
  readonly length: number
  at(index: number): SampleSource
  /** the class vector that the sample itself does not carry, of one of the classifiers: `draw` in [0, 1) says which */
  classVector(index: number, draw: number): Promise<Float32Array | null>
  /** told why a sample cannot be decoded, once each: may throw to stop, else the next one takes its place */
  undecodable(reason: string): void
}

/** Training batches from photographs. The last, partial batch of an epoch is dropped. */
export async function openPhotos(paths: readonly string[], options: SourceOptions): Promise<TrainingSource> {
  if (!paths.length) throw new UserError('there is no photograph to train on')
  return openSource(options, {
    ...{ what: 'photographs', exitCode: EXIT.someInputFailed },
    length: paths.length,
    at: (index) => ({ path: paths[index]! }),
    classVector: async (index, draw) => pick(options.classVectors ?? [], draw)?.of(paths[index]!) ?? null,
    undecodable: (reason) => options.onUndecodable?.(reason),
  })
}

/**
 * Training batches from the record shards in `folder`, of which only the records' places are kept in memory. Records
 * bring their own class vectors. Where nobody is to be told of a damaged one, it ends the batches with a UserError (exit
 * code 4).
 */
export async function openRecords(folder: string, options: SourceOptions): Promise<TrainingSource> {
  const records = await indexShards(folder, options.onUndecodable)
  return openSource(options, {
    ...{ what: 'records', exitCode: EXIT.badWeightsOrRecords },
    length: records.length,
    at: (index) => records[index]!,
    classVector: async () => null,
    undecodable: options.onUndecodable ?? refuse,
  })
}

function refuse(reason: string): never {
  throw new UserError(reason, EXIT.badWeightsOrRecords)
}

async function openSource(options: SourceOptions, set: SampleSet): Promise<TrainingSource> {
  const {
    batch,
    signal,
    workers = Math.min(MAX_WORKERS, availableParallelism()),
    ahead = workers + 1,
  } = options
  const pool = openWorkerPool<BatchTask, DecodedBatch>(workerUrl('decode-worker', import.meta.url), workers)
  const load = batchLoader(set, options, pool)
  const told = new Set<number>()
  const tell = (undecodable: ReadonlyMap<number, string>) => {
    for (const [index, reason] of undecodable) {
      if (!told.has(index)) set.undecodable(reason)
      told.add(index)
    }
  }
  const abort = () => void pool.close()
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted) await pool.close()
  return {
    length: set.length,
    batchesPerEpoch: Math.max(1, Math.floor(set.length / batch)),
    batches: (from) => prefetch(from, set.length, batch, ahead, load, tell),
    async close() {
      signal?.removeEventListener('abort', abort)
      await pool.close()
    },
  }
}

/** A batch, and why samples that were to be in it, by their indices, cannot be decoded. */
interface Loaded {
  readonly batch: Batch
  readonly undecodable: ReadonlyMap<number, string>
}

/**
 * Keeps `ahead` batches under way and hands them out in order. What cannot be decoded is told with the batch that it was to be
 * in, so that it does not matter how far ahead one has come when training ends.
 */
async function* prefetch(
  from: Place,
  length: number,
  batch: number,
  ahead: number,
  load: (place: Place) => Promise<Loaded>,
  tell: (undecodable: Loaded['undecodable']) => void,
): AsyncGenerator<Batch, void> {
  const underWay: Promise<Loaded>[] = []
  let place = from
  for (;;) {
    while (underWay.length < ahead) {
      place = batchStart(place, length, batch)
      const loading = load(place)
      loading.catch(() => {}) // looked at when its turn comes, which may be never
      underWay.push(loading)
      place = { epoch: place.epoch, position: place.position + batch }
    }
    try {
      const loaded = await underWay.shift()!
      tell(loaded.undecodable)
      yield loaded.batch
    } catch (error) {
      if (error instanceof PoolClosed) return
      throw error
    }
  }
}

/** Where the batch at `place` starts: there, or with the next epoch when too few samples are left. */
function batchStart({ epoch, position }: Place, length: number, batch: number): Place {
  const used = position > 0 && position + batch > length
  return used ? { epoch: epoch + 1, position: 0 } : { epoch, position }
}

function batchLoader(
  set: SampleSet,
  {
    size,
    batch,
    seed,
    classes,
    augment,
    fit,
    classDropout = 0,
    lightnessJitter: strength = 0,
  }: SourceOptions,
  pool: WorkerPool<BatchTask, DecodedBatch>,
): (place: Place) => Promise<Loaded> {
  const undecodable = new Map<number, string>()
  const orderOf = rememberLast((epoch) => epochOrder(seed, epoch, set.length))

  /** The first sample from place `position` of the order on that is not known to be undecodable; the others go to `found`. */
  function sampleAt(order: Uint32Array, position: number, found: Map<number, string>): number {
    for (let step = 0; step < set.length; step++) {
      const index = order[(position + step) % set.length]!
      const reason = undecodable.get(index)
      if (reason === undefined) return index
      found.set(index, reason)
    }
    const [reason] = found.values()
    throw new UserError(
      `none of the ${set.length} ${set.what} to train on can be decoded: ${reason}`,
      set.exitCode,
    )
  }

  return async ({ epoch, position }) => {
    const order = orderOf(epoch)
    const found = new Map<number, string>()
    const decode = (indices: number[], first: number) => {
      const draws = (n: number) => (augment ? uniform4(seed, STREAM.augment, position + n, epoch) : null)
      const jitter = (n: number) =>
        strength ? { strength, draws: uniform4(seed, STREAM.lightness, position + n, epoch) } : null
      const samples = indices.map((index, n) => ({
        source: set.at(index),
        draws: draws(first + n),
        jitter: jitter(first + n),
      }))
      return pool.run({ samples, size, fit })
    }
    const chosen = Array.from({ length: batch }, (_, n) => sampleAt(order, position + n, found))
    const decoded = await decode(chosen, 0)
    for (let n = 0; n < batch; n++) {
      for (let reason = decoded.errors[n]; reason; ) {
        undecodable.set(chosen[n]!, reason)
        chosen[n] = sampleAt(order, position + n, found)
        const one = await decode([chosen[n]!], n)
        decoded.L.set(one.L, n * one.L.length)
        decoded.ab.set(one.ab, n * one.ab.length)
        decoded.vectors[n] = one.vectors[0]!
        reason = one.errors[0]
      }
    }
    const vectors = chosen.map((index, n) => {
      const [dropped, which] = uniform4(seed, STREAM.classVector, position + n, epoch)
      if (dropped < classDropout) return null
      return pick(decoded.vectors[n]!, which) ?? set.classVector(index, which)
    })
    const features = featuresOf(await Promise.all(vectors), classes)
    const after = position + batch
    const lastOfEpoch = after + batch > set.length
    const { L, ab } = decoded
    return { batch: { L, ab, features, epoch, position: after, lastOfEpoch }, undecodable: found }
  }
}

/** The one of `choices` that a draw in [0, 1) means; undefined where there are none. */
const pick = <T>(choices: readonly T[], draw: number): T | undefined =>
  choices[Math.floor(draw * choices.length)]

/** [N, 1, 1, classes] of N class vectors, zeros where there is none. */
function featuresOf(vectors: (Float32Array | null)[], classes: number): Float32Array {
  const features = new Float32Array(vectors.length * classes)
  vectors.forEach((vector, n) => {
    if (vector && vector.length !== classes)
      throw new UserError(
        `a class vector has ${vector.length} classes where the network takes ${classes}`,
        EXIT.badWeightsOrRecords,
      )
    if (vector) features.set(vector, n * classes)
  })
  return features
}

function rememberLast<T>(make: (key: number) => T): (key: number) => T {
  let last: { key: number; value: T } | null = null
  return (key) => {
    if (last?.key !== key) last = { key, value: make(key) }
    return last.value
  }
}
