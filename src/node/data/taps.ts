/** What a trunk sees of photographs that are prepared: how its values become bytes, and the room that they take. */
import { statfs } from 'node:fs/promises'
import { UserError } from '../../errors.ts'
import type { TapMaker } from '../../infer/tap-maker.ts'
import type { RecordTaps, ViewPicture } from '../../io/record-taps.ts'
import { type AbEncoding, RECORD_CLASSES, RECORD_SIZE } from '../../io/records.ts'
import { fittingRange, toBytes } from '../../io/tap-bytes.ts'
import { elems } from '../../kernels/op.ts'
import { sum } from '../../numbers.ts'
import { STREAM, uniform4 } from '../../random.ts'
import { fileTrouble } from '../trouble.ts'
import type { TapSettings } from './record-set.ts'
import type { Outcome, PrepareTask } from './sample.ts'

export interface TapOptions {
  readonly maker: Omit<TapMaker, 'destroy'>
  /** Of each photograph; 1 by default. */
  readonly views?: number | undefined
  /** Those of the whole set, for a part of it; by default they are measured on the photographs. */
  readonly settings?: TapSettings | undefined
}

/** Photographs by which the ranges of taps are measured that have no bounds of their own. */
const MEASURED = 32
/** Labels, names and lengths of a record, at most. */
const OTHER_BYTES = 2048

/**
 * The views of photograph `index`: the centre, unmirrored, and as many others as are asked for, each as training would
 * crop, scale and mirror it by chance.
 */
export const viewsOf = (index: number, size: number, count: number): PrepareTask['views'] =>
  Array.from({ length: count }, (_, view) => ({
    size,
    draws: view === 0 ? null : uniform4(0, STREAM.views, index, view),
  }))

/** The settings of a set with taps, as far as they are known without photographs: null where a range is open. */
export function knownTapSettings(
  { trunk, size, ranges }: Pick<TapMaker, 'trunk' | 'size' | 'ranges'>,
  views = 1,
): TapSettings | null {
  const known = ranges.flatMap((range) => range ?? [])
  return known.length === ranges.length ? { trunk, size, ranges: known, views } : null
}

/**
 * The settings of a set with taps. Ranges that are open are measured on some of the photographs, evenly spread: the same
 * ones give the same ranges.
 */
export async function tapSettings(
  { maker, views = 1 }: TapOptions,
  paths: readonly string[],
  decode: (task: Omit<PrepareTask, 'file'>) => Promise<Outcome>,
): Promise<TapSettings> {
  const known = knownTapSettings(maker, views)
  if (known) return known
  const { trunk, size } = maker
  const count = Math.min(MEASURED, paths.length)
  const some = Array.from({ length: count }, (_, i) => paths[Math.floor((i * paths.length) / count)]!)
  const outcomes = await Promise.all(
    some.map((name) => decode({ name, minSide: 1, classifiers: [], views: viewsOf(0, size, 1) })),
  )
  const pictures = outcomes.flatMap((outcome) => ('views' in outcome ? outcome.views : []))
  const looked = await maker.look(pictures.map(({ gray }) => gray))
  const ranges = maker.ranges.map((range, i) => range ?? fittingRange(looked.map((taps) => taps[i]!)))
  return { trunk, size, ranges, views }
}

/** What the trunk sees of photographs' views, for each photograph. */
export async function tapsOf(
  { maker }: TapOptions,
  { trunk, size, ranges }: TapSettings,
  photographs: readonly (readonly ViewPicture[])[],
): Promise<RecordTaps[]> {
  const looked = await maker.look(photographs.flat().map(({ gray }) => gray))
  const next = looked.values()
  return photographs.map((views) => ({
    ...{ trunk, size, ranges },
    views: views.map((view) => ({
      ...view,
      taps: next.next().value!.map((tap, i) => toBytes(tap, ranges[i]!)),
    })),
  }))
}

/** The bytes of a record with taps, at most. */
export function recordBytes(
  {
    maker,
    views = 1,
  }: { readonly maker: Pick<TapMaker, 'size' | 'shapes'>; readonly views?: number | undefined },
  { ab, classifiers }: { readonly ab: AbEncoding; readonly classifiers: number },
): number {
  const pixel = ab === 'int8' ? 3 : 9
  const view = 3 * maker.size ** 2 + sum(maker.shapes.map((shape) => elems({ shape })))
  return pixel * RECORD_SIZE ** 2 + 4 * RECORD_CLASSES * Math.max(1, classifiers) + views * view + OTHER_BYTES
}

/** Throws a `UserError` when the disk of `folder` has less room than `bytes`. */
export async function expectRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder).catch((error) => {
    throw fileTrouble('read', folder, error)
  })
  const free = bavail * bsize
  if (bytes <= free) return
  throw new UserError(
    `the records with their taps take up to ${gigabytes(bytes)}, and the disk of ${folder} has ${gigabytes(free)} free: choose another disk, smaller taps or fewer views`,
    'input',
    { mend: ['taps-size', 'taps-views'] },
  )
}

/** "9.07 GB" */
export const gigabytes = (bytes: number) => `${(bytes / 1e9).toPrecision(3)} GB`
