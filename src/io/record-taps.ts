/**
 * What a trunk saw of a photograph, as features of its record. A view is a square part of the photograph, at the size and
 * place where it is trained on:
 *
 *   taps_trunk, taps_trunk_sha256   bytes, the classifier's name and the checksum of its file
 *   taps_size    int64   side S of the views in pixels
 *   taps_ranges  float   for each tap the value that byte 0 stands for, and that of byte 255
 *   taps_gray    bytes, for each view   S·S uint8, as image_gray
 *   taps_a_b     bytes, for each view   S·S·2 int8, a and b rounded to whole units
 *   taps         bytes, for each view those of every tap   h·w·channels uint8, see `tap-bytes.ts`
 */
import { TAP_STRIDES, type TapRange, type TrunkName } from '../model/trunk.ts'
import type { Example, Feature } from './example.ts'

export interface RecordTaps {
  readonly trunk: TrunkName
  /** Side of the views in pixels. */
  readonly size: number
  /** Of each tap, in the order of `TAP_STRIDES`. */
  readonly ranges: readonly TapRange[]
  readonly views: readonly TapView[]
}

/** What the trunk was shown, with its colours. */
export interface ViewPicture {
  /** [size,size] sRGB grey levels */
  readonly gray: Uint8Array
  /** [size,size,2], whole ab units */
  readonly ab: Int8Array
}

export interface TapView extends ViewPicture {
  /** Of each tap, in the order of `TAP_STRIDES`. */
  readonly taps: readonly Uint8Array[]
}

export function tapFeatures({ trunk, size, ranges, views }: RecordTaps): [string, Feature][] {
  const bytes = (...values: Uint8Array[]): Feature => ({ kind: 'bytes', values })
  const text = (value: string) => bytes(new TextEncoder().encode(value))
  return [
    ['taps_trunk', text(trunk.name)],
    ['taps_trunk_sha256', text(trunk.sha256)],
    ['taps_size', { kind: 'int64', values: [BigInt(size)] }],
    [
      'taps_ranges',
      { kind: 'float', values: Float32Array.from(ranges.flatMap(({ low, high }) => [low, high])) },
    ],
    ['taps_gray', bytes(...views.map(({ gray }) => gray))],
    ['taps_a_b', bytes(...views.map(({ ab }) => new Uint8Array(ab.buffer, ab.byteOffset, ab.length)))],
    ['taps', bytes(...views.flatMap(({ taps }) => taps))],
  ]
}

/** Null in records without taps, undefined where the features do not fit together. */
export function tapsIn(example: Example): RecordTaps | null | undefined {
  if (!example.has('taps')) return null
  const bytes = (name: string) => {
    const feature = example.get(name)
    return feature?.kind === 'bytes' ? feature.values : []
  }
  const [name, sha256] = ['taps_trunk', 'taps_trunk_sha256'].map((each) =>
    bytes(each).map((value) => new TextDecoder().decode(value)),
  )
  const [sizes, ends] = [example.get('taps_size'), example.get('taps_ranges')]
  const size = sizes?.kind === 'int64' ? Number(sizes.values[0]) : 0
  const ranges = ends?.kind === 'float' ? TAP_STRIDES.map((_, i) => rangeIn(ends.values, i)) : []
  const [gray, ab, taps] = [bytes('taps_gray'), bytes('taps_a_b'), bytes('taps')]
  const views = gray.map((levels, n) => ({
    gray: levels,
    ab: new Int8Array(ab[n]?.buffer ?? new ArrayBuffer(0), ab[n]?.byteOffset, ab[n]?.length),
    taps: taps.slice(n * TAP_STRIDES.length, (n + 1) * TAP_STRIDES.length),
  }))
  const isWhole =
    views.length > 0 &&
    taps.length === views.length * TAP_STRIDES.length &&
    views.every(({ gray, ab }) => gray.length === size * size && ab.length === 2 * size * size) &&
    ranges.length > 0 &&
    ranges.every(({ low, high }) => high > low)
  if (!isWhole || name![0] === undefined || sha256![0] === undefined) return undefined
  return { trunk: { name: name![0], sha256: sha256![0] }, size, ranges, views }
}

const rangeIn = (ends: Float32Array, i: number): TapRange => ({
  low: ends[2 * i] ?? Number.NaN,
  high: ends[2 * i + 1] ?? Number.NaN,
})
