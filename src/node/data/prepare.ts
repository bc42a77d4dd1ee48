/** Photographs → TFRecord shards, with class vectors. */
import { basename, join } from 'node:path'
import { UserError } from '../../errors.ts'
import type { Classifier } from '../../infer/classifier.ts'
import type { RecordTaps } from '../../io/record-taps.ts'
import { type AbEncoding, type ClassVector, encodeRecord, type PhotoRecord } from '../../io/records.ts'
import { type Lock, lock } from '../lock.ts'
import { makeFolder } from '../save.ts'
import { openWorkerPool, usualWorkers, type WorkerPool, workerUrl } from '../worker-pool.ts'
import { ImpossibleSet, type Manifest, RecordSet, type SetSettings, type TapSettings } from './record-set.ts'
import type { Outcome, PrepareTask } from './sample.ts'
import { expectRoom, recordBytes, type TapOptions, tapSettings, tapsOf, viewsOf } from './taps.ts'

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
  /** A trunk, and how many views of each photograph it is shown; without it the records have no taps. */
  readonly taps?: TapOptions | undefined
  /** Called once, before the first photograph, with the bytes that records with taps take at most. */
  readonly onSize?: (bytes: number) => void
  /** Photographs that are decoded at the same time. */
  readonly workers?: number | undefined
  readonly onProgress?: (done: number, total: number) => void
  /** Told why it takes a while to begin. */
  readonly onWait?: (line: string) => void
  readonly signal?: AbortSignal
  /** Folder to which the photographs' paths are relative; the current one by default. What is written names them without it. */
  readonly base?: string | undefined
  /** Reads a photograph where these lie in no folder; null where it is not there. */
  readonly read?: ((name: string) => Promise<Uint8Array | null>) | undefined
  /** Place of the first photograph in the whole set, of which this is a part; 0 by default. */
  readonly first?: number | undefined
}

type Pool = WorkerPool<PrepareTask, Outcome>
type Source = Pick<PrepareOptions, 'base' | 'read'>
/** What is to be done with a photograph that is named. */
type Named = Omit<PrepareTask, 'file'>
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
  return withFolder(options, async (held) =>
    withSet(paths, options, async (set, pool) => {
      if (options.taps) await planRoom(set, options.taps, paths.length - set.done, options)
      await fill(set, paths, { ...options, check: () => held.check() }, pool)
      held.check()
      return published(set, paths.length)
    }),
  )
}

/** The settings of a set by options; of taps those that are not to be measured. */
export const recordSettings = ({
  shardSize = DEFAULTS.shardSize,
  ab = DEFAULTS.ab,
  minSide = DEFAULTS.minSide,
  classifiers = [],
  taps: { settings: taps } = {},
}: Pick<PrepareOptions, 'shardSize' | 'ab' | 'minSide'> & {
  readonly classifiers?: readonly Pick<VectorMaker, 'origin'>[] | undefined
  readonly taps?: Pick<TapOptions, 'settings'> | undefined
}): SetSettings => ({
  ...{ shardSize, ab, minSide },
  classVectors: classifiers.map(({ origin }) => origin),
  ...(taps ? { taps } : {}),
})

/** The settings of a set's taps, for those who prepare its parts. */
export const measuredTaps = (
  paths: readonly string[],
  options: Source & Pick<PrepareOptions, 'workers'> & { readonly taps: TapOptions },
): Promise<TapSettings> => withPool(options, (pool) => measured(paths, options, pool))

const measured = (
  paths: readonly string[],
  { taps, ...source }: Source & { readonly taps: TapOptions },
  pool: Pool,
): Promise<TapSettings> => tapSettings(taps, paths, (task) => outcomeOf(task, source, pool))

async function outcomeOf(task: Named, { base, read }: Source, pool: Pool): Promise<Outcome> {
  const { name } = task
  if (!read) return pool.run({ ...task, file: base === undefined ? name : join(base, name) })
  const file = await read(name)
  if (file === null) return { skip: 'undecodable', reason: `cannot read ${name}: no such file` }
  return pool.run({ ...task, file })
}

/** Runs `work` with threads that decode. */
async function withPool<T>(
  { workers = usualWorkers() }: Pick<PrepareOptions, 'workers'>,
  work: (pool: Pool) => Promise<T>,
): Promise<T> {
  const pool = openWorkerPool<PrepareTask, Outcome>(workerUrl('prepare-worker', import.meta.url), workers)
  try {
    return await work(pool)
  } finally {
    await pool.close()
  }
}

/** Runs `work` while no other process works on the folder, which is made if need be. */
export async function withFolder<T>(
  { out, onWait }: Pick<PrepareOptions, 'out' | 'onWait'>,
  work: (held: Pick<Lock, 'check'>) => Promise<T>,
): Promise<T> {
  await makeFolder(out)
  const held = await lock(join(out, 'prepare.lock'), out, { onWait })
  try {
    return await work(held)
  } finally {
    await held.release()
  }
}

/** Runs `work` on the set of `paths`, as far as an earlier run has written it, with threads that decode. */
async function withSet<T>(
  paths: readonly string[],
  options: PrepareOptions,
  work: (set: RecordSet, pool: Pool) => Promise<T>,
): Promise<T> {
  return withPool(options, async (pool) => {
    const { out, taps } = options
    const settings = taps?.settings ?? (taps && (await measured(paths, { ...options, taps }, pool)))
    const set = await RecordSet.open(out, paths, recordSettings({ ...options, taps: { settings } }))
    return await work(set, pool).finally(() => set.close())
  })
}

/** Publishes a set of `total` photographs. Throws an `ImpossibleSet` where none of them can be used. */
export async function published(set: RecordSet, total: number): Promise<Manifest> {
  if (set.counts.records > 0) return await set.publish()
  await set.discard()
  throw new ImpossibleSet(
    `none of the ${total} photographs can be used: ${describeSkipped(set.counts.skipped)}`,
  )
}

/** Tells how much is still to be written, and throws a `UserError` when it is more than the disk has. */
async function planRoom(
  { settings }: RecordSet,
  taps: TapOptions,
  left: number,
  { out, onSize }: PrepareOptions,
): Promise<void> {
  const sizes = { ab: settings.ab, classifiers: settings.classVectors.length }
  const bytes = left * recordBytes(taps, sizes)
  onSize?.(bytes)
  await expectRoom(out, bytes)
}

/** "3 undecodable, 1 gray" */
export function describeSkipped(skipped: Manifest['skipped']): string {
  const counts = Object.entries(skipped).filter(([, count]) => count > 0)
  return counts.map(([skip, count]) => `${count} ${skip}`).join(', ')
}

interface Filling extends PrepareOptions {
  check(): void
  /** Whether the same file twice is two records: a part of a set does not know the others. */
  readonly keepsTwins?: boolean
}

/** Decoding runs ahead; classifying and writing keep the photographs' order. */
async function fill(set: RecordSet, paths: readonly string[], options: Filling, pool: Pool): Promise<void> {
  const { classifiers = [], signal, onProgress, workers = usualWorkers() } = options
  const decode = (task: Named) => outcomeOf(task, options, pool)
  const decoded = decodeAhead(tasksFrom(set, paths, options), decode, 2 * workers + CLASSIFIER_BATCH)
  while (set.done < paths.length) {
    if (signal?.aborted) throw interrupted(set.done, paths.length)
    const batch: Outcome[] = []
    while (batch.length < CLASSIFIER_BATCH && set.done + batch.length < paths.length) {
      batch.push(await decoded.next().value!)
    }
    const vectors = await classVectors(batch, classifiers)
    const taps = await tapsIn(batch, set.settings.taps, options.taps)
    options.check()
    for (const [i, outcome] of batch.entries()) {
      if (options.keepsTwins || !('sha256' in outcome) || !(await set.skipTwin(outcome.sha256)))
        await store(set, paths[set.done]!, outcome, { vectors: vectors[i]!, taps: taps[i] ?? null })
      onProgress?.(set.done, paths.length)
    }
  }
}

/** What is to be done with the photographs whose fate is not known. */
function* tasksFrom(
  { done, settings: { minSide, taps } }: RecordSet,
  paths: readonly string[],
  { classifiers = [], first = 0 }: Pick<PrepareOptions, 'classifiers' | 'first'>,
): Generator<Named, void> {
  const squares = classifiers.map(({ size, origin }) => ({ size, fit: origin.fit }))
  for (let index = done; index < paths.length; index++) {
    const views = taps ? viewsOf(first + index, taps.size, taps.views) : []
    yield { name: paths[index]!, minSide, classifiers: squares, views }
  }
}

const interrupted = (done: number, total: number) =>
  new UserError(`interrupted after ${done} of ${total}; the same command goes on from there`, 'interrupted')

function* decodeAhead(
  tasks: Iterable<Named>,
  decode: (task: Named) => Promise<Outcome>,
  ahead: number,
): Generator<Promise<Outcome>, void> {
  const begun: Promise<Outcome>[] = []
  for (const task of tasks) {
    const outcome = decode(task)
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

/** For each outcome what the trunk sees; undefined for those that are left out, and where no trunk is asked. */
async function tapsIn(
  batch: readonly Outcome[],
  settings: TapSettings | undefined,
  options: TapOptions | undefined,
): Promise<(RecordTaps | undefined)[]> {
  const views = batch.map((outcome) => ('picture' in outcome ? outcome.views : []))
  if (!settings || !options || views.every((each) => each.length === 0)) return []
  const found = (await tapsOf(options, settings, views)).values()
  return views.map((each) => {
    const taps = found.next().value
    return each.length ? taps : undefined
  })
}

async function store(
  set: RecordSet,
  path: string,
  outcome: Outcome,
  seen: Pick<PhotoRecord, 'vectors' | 'taps'>,
): Promise<void> {
  if ('skip' in outcome) return set.skip(outcome.skip, outcome.reason)
  const { picture, sha256 } = outcome
  const record = { ...picture, label: basename(path), ...seen }
  await set.add(encodeRecord(record, set.settings.ab), sha256)
}

/**
 * One part of a set that is put together later (`joinParts`), which stays unpublished in its own folder. Goes on where an earlier
 * try has stopped. Throws as `prepareRecords`, but nothing where no photograph can be used.
 */
export async function preparePart(paths: readonly string[], options: PrepareOptions): Promise<void> {
  await withFolder(options, async (held) =>
    withSet(paths, options, async (set, pool) => {
      await fill(set, paths, { ...options, check: () => held.check(), keepsTwins: true }, pool)
      await set.sync()
    }),
  )
}
