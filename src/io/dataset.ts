/** Training and validation samples: photographs decoded by workers ahead of the GPU, in an order set by a seed. */
import { availableParallelism } from 'node:os'
import { UserError } from '../errors.ts'
import type { BatchTask, DecodedBatch, SampleTask } from './decode.ts'
import { networkInput, type Rect, readPhoto } from './image.ts'
import { srgbToLab } from './lab.ts'
import { epochOrder, STREAM, uniform4 } from './random.ts'
import { openWorkerPool, PoolClosed, type WorkerPool, workerUrl } from './worker-pool.ts'

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

/** Class probabilities of photographs, by the path that names them; null for one that has none. */
export interface ClassVectors {
  readonly classes: number
  of(name: string): Float32Array | null
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
  workers?: number
  /** batches decoded ahead at most, the one being waited for included */
  ahead?: number
  classVectors?: ClassVectors
  /** told once per photograph that cannot be decoded; the next one in the order takes its place */
  onUndecodable?: (reason: string) => void
  signal?: AbortSignal
}

const MAX_WORKERS = 8

/** A source of training batches from photographs. The last, partial batch of an epoch is dropped. */
export async function openPhotos(paths: readonly string[], options: SourceOptions): Promise<TrainingSource> {
  if (!paths.length) throw new UserError('there is no photograph to train on')
  const workers = options.workers ?? Math.min(MAX_WORKERS, availableParallelism())
  const pool = openWorkerPool<BatchTask, DecodedBatch>(workerUrl('decode-worker', import.meta.url), workers)
  const load = batchLoader(paths, options, pool)
  const ahead = options.ahead ?? workers + 1
  const close = () => pool.close()
  if (options.signal?.aborted) await close()
  options.signal?.addEventListener('abort', close, { once: true })
  return {
    length: paths.length,
    batchesPerEpoch: Math.max(1, Math.floor(paths.length / options.batch)),
    batches: (from) => prefetch(from, paths.length, options.batch, ahead, load),
    async close() {
      options.signal?.removeEventListener('abort', close)
      await close()
    },
  }
}

/** Keeps `ahead` batches under way and hands them out in order. */
async function* prefetch(
  from: Place,
  length: number,
  batch: number,
  ahead: number,
  load: (place: Place) => Promise<Batch>,
): AsyncGenerator<Batch, void> {
  const underWay: Promise<Batch>[] = []
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
      yield await underWay.shift()!
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
  paths: readonly string[],
  { size, batch, seed, classes, augment, fit, classVectors, onUndecodable }: SourceOptions,
  pool: WorkerPool<BatchTask, DecodedBatch>,
): (place: Place) => Promise<Batch> {
  const undecodable = new Set<number>()
  let order: { epoch: number; samples: Uint32Array } = { epoch: -1, samples: new Uint32Array(0) }

  const orderOf = (epoch: number) => {
    if (order.epoch !== epoch) order = { epoch, samples: epochOrder(seed, epoch, paths.length) }
    return order.samples
  }

  /** The first sample from place `position` of the order on that is not known to be undecodable. */
  function sampleAt(samples: Uint32Array, position: number): number {
    for (let step = 0; step < samples.length; step++) {
      const index = samples[(position + step) % samples.length]!
      if (!undecodable.has(index)) return index
    }
    throw new UserError(`none of the ${paths.length} photographs to train on can be decoded`)
  }

  function reject(index: number, reason: string): void {
    if (undecodable.has(index)) return // another batch has found out, too
    undecodable.add(index)
    onUndecodable?.(reason)
  }

  return async ({ epoch, position }) => {
    const samples = orderOf(epoch)
    const draws = (n: number) => (augment ? uniform4(seed, STREAM.augment, position + n, epoch) : null)
    const task = (index: number, n: number): SampleTask => ({ path: paths[index]!, draws: draws(n) })
    const chosen = Array.from({ length: batch }, (_, n) => sampleAt(samples, position + n))
    const decoded = await pool.run({ samples: chosen.map(task), size, fit })
    for (let n = 0; n < batch; n++) {
      for (let reason = decoded.errors[n]; reason; ) {
        reject(chosen[n]!, reason)
        chosen[n] = sampleAt(samples, position + n)
        const one = await pool.run({ samples: [task(chosen[n]!, n)], size, fit })
        decoded.L.set(one.L, n * one.L.length)
        decoded.ab.set(one.ab, n * one.ab.length)
        reason = one.errors[0]
      }
    }
    const features = new Float32Array(batch * classes)
    chosen.forEach((index, n) => {
      features.set(classVectors?.of(paths[index]!) ?? [], n * classes)
    })
    const after = position + batch
    const lastOfEpoch = after + batch > paths.length
    return { L: decoded.L, ab: decoded.ab, features, epoch, position: after, lastOfEpoch }
  }
}

export interface ValidationSample {
  name: string
  /** what the network sees: [S, S, 1], lightness / 50 - 1, the picture in white (+1) */
  input: Float32Array
  /** where in `input` the picture is */
  content: Rect
  width: number
  height: number
  /** the truth at full resolution: lightness [height, width] in 0…100 and colours [height, width, 2] */
  L: Float32Array
  ab: Float32Array
  /** and as sRGB levels [height, width, 3] */
  rgb: Uint8Array
}

/**
 * Photographs one after the other, as the network is shown them and as they really are; the next is read ahead.
 * @param onUndecodable told of photographs that are passed over; without it they are thrown (UserError)
 */
export async function* validationSamples(
  paths: readonly string[],
  size: number,
  onUndecodable?: (reason: string) => void,
): AsyncGenerator<ValidationSample, void> {
  const load = (path: string | undefined) => {
    const loading = path === undefined ? null : validationSample(path, size)
    loading?.catch(() => {}) // looked at when its turn comes
    return loading
  }
  let next = load(paths[0])
  for (let n = 0; n < paths.length; n++) {
    const current = next
    next = load(paths[n + 1])
    try {
      yield (await current)!
    } catch (error) {
      if (!(onUndecodable && error instanceof UserError)) throw error
      onUndecodable(error.message)
    }
  }
}

async function validationSample(name: string, size: number): Promise<ValidationSample> {
  const photo = await readPhoto(name)
  const { L: input, content } = await networkInput(photo, size)
  return { name, input, content, ...photo, ...srgbToLab(photo.rgb) }
}
