/** The samples of a batch, from opened pictures to the tensors that a network takes. */

import { GRAY_LIGHTNESS, srgbToLab } from '../color/lab.ts'
import { contentRect, type Photo, padToSquare } from '../color/photo.ts'
import { UserError } from '../errors.ts'
import type { RecordTaps, TapView } from '../io/record-taps.ts'
import { fromBytes } from '../io/tap-bytes.ts'
import { elems } from '../kernels/op.ts'
import type { TapRange, TrunkName } from '../model/trunk.ts'
import type { Rect } from '../rect.ts'
import { type AgeKey, age } from './aged.ts'
import { cropFraming, type Draws, mirrorPhoto, padFraming, type SampleFit, windowOf } from './framing.ts'
import { jitterLightness, type LightnessJitter } from './lightness-jitter.ts'

/** `Source` says where the picture is: a file, say, or a record in its shard. */
export interface Sample<Source> {
  source: Source
  /** null: no augmentation, the centre of the picture */
  draws: Draws | null
  /** What makes it look old; null: it looks as it is. Cropped pictures only. */
  aged: AgeKey | null
  /** null: the picture's own lightness */
  jitter: LightnessJitter | null
}

/** Whose taps are wanted instead of the pictures. */
export interface WantedTaps {
  readonly trunk: TrunkName
  /** [h,w,channels] of each tap. */
  readonly shapes: readonly (readonly number[])[]
}

export interface BatchTask<Source> {
  samples: Sample<Source>[]
  size: number
  fit: SampleFit
  /** Then samples are views that were stored with their taps, of which the first draw chooses one. */
  taps?: WantedTaps | undefined
}

export interface DecodedBatch {
  /** [N, size, size, 1], lightness / 50 - 1 */
  L: Float32Array
  /** [N, size, size, 2], ab units */
  ab: Float32Array
  /** per sample: why it could not be decoded (its part of L and ab is then meaningless), or null */
  errors: (string | null)[]
  /** per sample: the class vectors that came with it */
  vectors: Float32Array[][]
  /** of each tap, where taps are wanted: [N, h, w, channels] */
  taps?: Float32Array[] | undefined
}

/** A picture that is not decoded yet, whose size is known. */
export interface OpenedSample {
  width: number
  height: number
  /** the class vectors that came with it */
  vectors: Float32Array[]
  /** what a trunk saw of it, and what errors call it; left out where nothing is stored */
  stored?: { readonly where: string; readonly taps: RecordTaps | null }
  /** Decodes the picture scaled to `width` x `height`, and of that the part `window`. */
  decode(width: number, height: number, window: Rect): Promise<Photo>
}

/** Decodes every sample. A UserError of one is reported in `errors`; anything unexpected is thrown. */
export async function decodeBatch<Source>(
  { samples, size, fit, taps: wanted }: BatchTask<Source>,
  open: (source: Source) => Promise<OpenedSample>,
): Promise<DecodedBatch> {
  const pixels = size * size
  const L = new Float32Array(samples.length * pixels)
  const ab = new Float32Array(samples.length * pixels * 2)
  const errors: (string | null)[] = samples.map(() => null)
  const vectors: Float32Array[][] = samples.map(() => [])
  const taps = wanted?.shapes.map((shape) => new Float32Array(samples.length * elems({ shape })))
  const decodeInto = async ({ source, draws, aged, jitter }: Sample<Source>, n: number) => {
    try {
      const opened = await open(source)
      const lightness = L.subarray(n * pixels, (n + 1) * pixels)
      const shown = { L: lightness, ab: ab.subarray(2 * n * pixels, 2 * (n + 1) * pixels) }
      if (wanted) showView(storedView(opened, wanted, size, draws), shown, partsOf(taps!, samples.length, n))
      else srgbToLab((await squareOf(opened, size, fit, draws)).rgb, shown)
      if (aged) age(lightness, shown.ab, aged)
      for (let i = 0; i < pixels; i++) lightness[i] = lightness[i]! / 50 - 1
      if (jitter) jitterLightness(lightness, jitter)
      vectors[n] = opened.vectors
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      errors[n] = error.message
    }
  }
  await Promise.all(samples.map(decodeInto))
  return { L, ab, errors, vectors, ...(taps ? { taps } : {}) }
}

/** Of each array, in which `count` samples lie one behind the other, that of sample `n`. */
const partsOf = (arrays: readonly Float32Array[], count: number, n: number) =>
  arrays.map((all) => all.subarray((n * all.length) / count, ((n + 1) * all.length) / count))

interface StoredView {
  readonly view: TapView
  readonly ranges: readonly TapRange[]
}

/** A view that was stored. Throws a `UserError` about weights when it is not what is wanted. */
function storedView(
  { stored }: OpenedSample,
  { trunk, shapes }: WantedTaps,
  size: number,
  draws: Draws | null,
): StoredView {
  const taps = stored?.taps
  const bad = (what: string) => new UserError(`${stored?.where ?? 'a photograph'} ${what}`, 'weights')
  if (!taps) throw bad('has no taps')
  if (taps.trunk.sha256 !== trunk.sha256)
    throw bad(`has taps of ${taps.trunk.name}, the network looks through ${trunk.name}`)
  if (taps.size !== size) throw bad(`has taps of ${taps.size} px, the training is of ${size} px`)
  const view = taps.views[Math.floor((draws?.[0] ?? 0) * taps.views.length)]!
  if (shapes.some((shape, i) => view.taps[i]!.length !== elems({ shape })))
    throw bad('has taps with other numbers of values than its trunk gives')
  return { view, ranges: taps.ranges }
}

/** @param shown L* and, in ab units, a* and b* */
function showView(
  { view, ranges }: StoredView,
  shown: { readonly L: Float32Array; readonly ab: Float32Array },
  taps: readonly Float32Array[],
): void {
  for (const [i, level] of view.gray.entries()) shown.L[i] = GRAY_LIGHTNESS[level]!
  shown.ab.set(view.ab)
  for (const [i, tap] of taps.entries()) fromBytes(view.taps[i]!, ranges[i]!, tap)
}

/** The square part of a picture that the network is shown: the centre, or where the draws say. */
export async function squareOf(
  opened: Pick<OpenedSample, 'width' | 'height' | 'decode'>,
  size: number,
  fit: SampleFit,
  draws: Draws | null,
): Promise<Photo> {
  const framing = fit === 'crop' ? cropFraming(opened, size, draws) : padFraming(opened, size)
  const photo = await opened.decode(framing.width, framing.height, windowOf(framing, size))
  if (framing.mirror) mirrorPhoto(photo)
  return fit === 'crop' ? photo : padToSquare(photo, size, contentRect(opened.width, opened.height, size))
}
