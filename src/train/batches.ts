/** Training batches in an order set by a seed, decoded ahead of the GPU. Who decodes, and what, is handed in. */
import { type Trouble, UserError } from '../errors.ts'
import type { Network } from '../model/network.ts'
import { tapShapes, trunkName } from '../model/trunk.ts'
import { epochOrder, STREAM, uniform4 } from '../random.ts'
import type { SampleFit } from './framing.ts'
import { mixedOrder, type Part } from './mixture.ts'
import type { BatchTask, DecodedBatch, WantedTaps } from './samples.ts'
import { stepBatch, type TrainingSettings } from './settings.ts'

/** How far a training has come in its data: `position` samples of epoch `epoch` (from 0) have been handed out. */
export interface DataPosition {
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
  /** of each tap, where batches are made of stored taps: [N, h, w, channels] */
  taps?: readonly Float32Array[] | undefined
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
   * Batches without end from `from` on: the same (seed, epoch, position) gives the same bits, however many are decoded at
   * the same time. Ends when the source is closed. Throws a `UserError` when no sample can be decoded.
   */
  batches(from: DataPosition): AsyncGenerator<Batch, void>
  /** Stops decoding at once. */
  close(): Promise<void>
}

/** Class probabilities of photographs, by their paths; null for one that has none. */
export interface ClassVectors {
  of(path: string): Promise<Float32Array | null>
}

export interface BatchOptions {
  size: number
  batch: number
  seed: number
  classes: number
  /** mirror, scale and crop at random; without it the centre */
  augment: boolean
  /** crop: the shorter side fills the square; pad: the longer one does, white around (the report's way) */
  fit: SampleFit
  /** how much the lightness of a sample may change, see `jitterLightness`; 0 by default: not at all */
  lightnessJitter?: number
  /** the share of samples that are made to look like old photographs, see `age`; 0 by default */
  aged?: number | undefined
  /** the share of samples whose class vector is left out, 0 by default; 1 leaves out all of them */
  classDropout?: number
  /** records' stored taps instead of their pictures; `augment` then chooses one of a record's views */
  taps?: WantedTaps | undefined
}

/** How the batches for these settings are made. */
export function sourceOptions(
  { classes, trunk }: Pick<Network, 'classes' | 'trunk'>,
  settings: TrainingSettings,
): BatchOptions {
  const { size, seed, fit, lightnessJitter, aged, classVectors, classDropout } = settings
  return {
    ...{ size, seed, fit, lightnessJitter, aged, classes },
    batch: stepBatch(settings),
    augment: fit === 'crop', // the report did not augment what it padded
    classDropout: classVectors.length ? classDropout : 1, // records may carry vectors that this training leaves out
    ...(settings.taps && trunk
      ? { taps: { trunk: trunkName(trunk), shapes: tapShapes(trunk, { height: size, width: size }) } }
      : {}),
  }
}

/** What batches are made of. */
export interface SampleSet<Source> {
  readonly what: 'photographs' | 'records'
  /** The kind of trouble when none of them can be decoded. */
  readonly trouble: Trouble
  readonly length: number
  /** Where the samples are of several sources that are mixed by weight; together they have `length` samples. */
  readonly parts?: readonly Part[]
  at(index: number): Source
  /** the class vector that the sample itself does not carry, of one of the classifiers: `draw` in [0, 1) says which */
  classVector(index: number, draw: number): Promise<Float32Array | null>
  /** Called once for each sample that cannot be decoded. May throw to stop; else the next sample takes its place. */
  undecodable(reason: string): void
}

/** Decodes several batches at the same time, as workers do. */
export interface Decoder<Source> {
  decode(task: BatchTask<Source>): Promise<DecodedBatch>
  /** Stops at once; what is being decoded or waits rejects. */
  close(): Promise<void>
}

/**
 * The batches of `set`. The last, partial batch of an epoch is dropped.
 * @param ahead batches decoded ahead at most, the one being waited for included
 */
export function trainingSource<Source>(
  set: SampleSet<Source>,
  decoder: Decoder<Source>,
  ahead: number,
  options: BatchOptions,
): TrainingSource {
  const loader = new BatchLoader(set, options, decoder.decode)
  const told = new Set<number>()
  const tell = (undecodable: ReadonlyMap<number, string>) => {
    for (const [index, reason] of undecodable) {
      if (!told.has(index)) set.undecodable(reason)
      told.add(index)
    }
  }
  let isClosed = false
  return {
    length: set.length,
    batchesPerEpoch: Math.max(1, Math.floor(set.length / options.batch)),
    async *batches(from) {
      try {
        for await (const { batch, undecodable } of loader.ahead(from, ahead)) {
          tell(undecodable)
          yield batch
        }
      } catch (error) {
        if (!isClosed) throw error
      }
    },
    async close() {
      isClosed = true
      await decoder.close()
    },
  }
}

/** A batch, and why samples that were to be in it, by their indices, cannot be decoded. */
interface Loaded {
  readonly batch: Batch
  readonly undecodable: Map<number, string>
}

/** The samples of the batch at a place. */
interface Chosen extends DataPosition {
  /** Of the epoch. */
  readonly order: Uint32Array
  readonly indices: number[]
  readonly undecodable: Map<number, string>
}

class BatchLoader<Source> {
  /** Why, by the samples' indices. */
  readonly #undecodable = new Map<number, string>()
  readonly #orderOf: (epoch: number) => Uint32Array

  constructor(
    private readonly set: SampleSet<Source>,
    private readonly options: BatchOptions,
    private readonly decode: Decoder<Source>['decode'],
  ) {
    const { length, parts } = set
    this.#orderOf = rememberLast((epoch) =>
      parts ? mixedOrder(options.seed, epoch, parts) : epochOrder(options.seed, epoch, length),
    )
  }

  /**
   * Keeps `count` batches under way and hands them out in order. A sample that cannot be decoded is reported with the batch
   * that it was meant for. So the reports do not depend on how far ahead decoding is when training ends.
   */
  async *ahead(from: DataPosition, count: number): AsyncGenerator<Loaded, void> {
    const underWay: Promise<Loaded>[] = []
    let place = from
    for (;;) {
      while (underWay.length < count) {
        const { epoch, position } = this.#batchStart(place)
        const loading = this.#load({ epoch, position })
        loading.catch(() => {}) // looked at when its turn comes, which may be never
        underWay.push(loading)
        place = { epoch, position: position + this.options.batch }
      }
      yield await underWay.shift()!
    }
  }

  /** Where the batch at `place` starts: there, or with the next epoch when too few samples are left. */
  #batchStart({ epoch, position }: DataPosition): DataPosition {
    const isUsed = position > 0 && position + this.options.batch > this.set.length
    return isUsed ? { epoch: epoch + 1, position: 0 } : { epoch, position }
  }

  async #load({ epoch, position }: DataPosition): Promise<Loaded> {
    const { batch, classes } = this.options
    const undecodable = new Map<number, string>()
    const chosen: Chosen = { epoch, position, order: this.#orderOf(epoch), indices: [], undecodable }
    for (let n = 0; n < batch; n++) chosen.indices.push(this.#sampleAt(chosen, n))
    const decoded = await this.#decode(chosen, 0, batch)
    await this.#replaceUndecodable(chosen, decoded)
    const features = featuresOf(await this.#classVectors(chosen, decoded), classes)
    const after = position + batch
    const { L, ab, taps } = decoded
    const lastOfEpoch = after + batch > this.set.length
    const shown = { L, ab, features, ...(taps ? { taps } : {}) }
    return { batch: { ...shown, epoch, position: after, lastOfEpoch }, undecodable }
  }

  /** The first sample from the batch's place `n` of the order on that is not known to be undecodable. */
  #sampleAt({ order, position, undecodable }: Chosen, n: number): number {
    const { length, what, trouble } = this.set
    for (let step = 0; step < length; step++) {
      const index = order[(position + n + step) % length]!
      const reason = this.#undecodable.get(index)
      if (reason === undefined) return index
      undecodable.set(index, reason)
    }
    const [reason] = undecodable.values()
    throw new UserError(`none of the ${length} ${what} to train on can be decoded: ${reason}`, trouble)
  }

  /** Samples `from` to `to` of the batch. */
  #decode({ indices, epoch, position }: Chosen, from: number, to: number): Promise<DecodedBatch> {
    const { seed, augment, lightnessJitter: strength = 0, aged: share = 0, size, fit, taps } = this.options
    const samples = indices.slice(from, to).map((index, i) => {
      const draw = (stream: number) => uniform4(seed, stream, position + from + i, epoch)
      const [chance, ...key] = share ? draw(STREAM.age) : [1, 0, 0]
      return {
        source: this.set.at(index),
        draws: augment ? draw(STREAM.augment) : null,
        aged: chance < share ? ([key[0]!, key[1]!] as const) : null,
        jitter: strength ? { strength, draws: draw(STREAM.lightness) } : null,
      }
    })
    return this.decode({ samples, size, fit, ...(taps ? { taps } : {}) })
  }

  /** Puts the next samples of the order where one could not be decoded. */
  async #replaceUndecodable(chosen: Chosen, decoded: DecodedBatch): Promise<void> {
    const { indices } = chosen
    for (const n of indices.keys()) {
      for (let reason = decoded.errors[n]; reason; ) {
        this.#undecodable.set(indices[n]!, reason)
        indices[n] = this.#sampleAt(chosen, n)
        const one = await this.#decode(chosen, n, n + 1)
        decoded.L.set(one.L, n * one.L.length)
        decoded.ab.set(one.ab, n * one.ab.length)
        for (const [i, tap] of one.taps?.entries() ?? []) decoded.taps![i]!.set(tap, n * tap.length)
        decoded.vectors[n] = one.vectors[0]!
        reason = one.errors[0]
      }
    }
  }

  #classVectors({ indices, epoch, position }: Chosen, { vectors }: DecodedBatch) {
    const { seed, classDropout = 0 } = this.options
    const ofSamples = indices.map((index, n) => {
      const [dropped, which] = uniform4(seed, STREAM.classVector, position + n, epoch)
      if (dropped < classDropout) return null
      return pick(vectors[n]!, which) ?? this.set.classVector(index, which)
    })
    return Promise.all(ofSamples)
  }
}

/** The one of `choices` that a draw in [0, 1) means; undefined where there are none. */
export const pick = <T>(choices: readonly T[], draw: number): T | undefined =>
  choices[Math.floor(draw * choices.length)]

/** [N, 1, 1, classes] of N class vectors, zeros where there is none. */
function featuresOf(vectors: (Float32Array | null)[], classes: number): Float32Array {
  const features = new Float32Array(vectors.length * classes)
  vectors.forEach((vector, n) => {
    if (vector && vector.length !== classes)
      throw new UserError(
        `a class vector has ${vector.length} classes where the network takes ${classes}`,
        'weights',
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
