/** The samples of a batch, from opened pictures to the tensors that a network takes. */

import { srgbToLab } from '../color/lab.ts'
import { contentRect, type Photo, padToSquare } from '../color/photo.ts'
import { UserError } from '../errors.ts'
import type { Rect } from '../rect.ts'
import { cropFraming, type Draws, mirrorRows, padFraming, type SampleFit, windowOf } from './framing.ts'
import { jitterLightness, type LightnessJitter } from './lightness-jitter.ts'

/** `Source` says where the picture is: a file, say, or a record in its shard. */
export interface Sample<Source> {
  source: Source
  /** null: no augmentation, the centre of the picture */
  draws: Draws | null
  /** null: the picture's own lightness */
  jitter: LightnessJitter | null
}

export interface BatchTask<Source> {
  samples: Sample<Source>[]
  size: number
  fit: SampleFit
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
}

/** A picture that is not decoded yet, whose size is known. */
export interface OpenedSample {
  width: number
  height: number
  /** the class vectors that came with it */
  vectors: Float32Array[]
  /** Decodes the picture scaled to `width` x `height`, and of that the part `window`. */
  decode(width: number, height: number, window: Rect): Promise<Photo>
}

/** Decodes every sample. A UserError of one is reported in `errors`; anything unexpected is thrown. */
export async function decodeBatch<Source>(
  { samples, size, fit }: BatchTask<Source>,
  open: (source: Source) => Promise<OpenedSample>,
): Promise<DecodedBatch> {
  const pixels = size * size
  const L = new Float32Array(samples.length * pixels)
  const ab = new Float32Array(samples.length * pixels * 2)
  const errors: (string | null)[] = samples.map(() => null)
  const vectors: Float32Array[][] = samples.map(() => [])
  const decodeInto = async ({ source, draws, jitter }: Sample<Source>, n: number) => {
    try {
      const opened = await open(source)
      const { rgb } = await squareOf(opened, size, fit, draws)
      const lightness = L.subarray(n * pixels, (n + 1) * pixels)
      srgbToLab(rgb, { L: lightness, ab: ab.subarray(2 * n * pixels, 2 * (n + 1) * pixels) })
      for (let i = 0; i < pixels; i++) lightness[i] = lightness[i]! / 50 - 1
      if (jitter) jitterLightness(lightness, jitter)
      vectors[n] = opened.vectors
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      errors[n] = error.message
    }
  }
  await Promise.all(samples.map(decodeInto))
  return { L, ab, errors, vectors }
}

async function squareOf(opened: OpenedSample, size: number, fit: SampleFit, draws: Draws | null) {
  const framing = fit === 'crop' ? cropFraming(opened, size, draws) : padFraming(opened, size, draws)
  const photo = await opened.decode(framing.width, framing.height, windowOf(framing, size))
  if (framing.mirror) mirrorRows(photo)
  return fit === 'crop' ? photo : padToSquare(photo, size, contentRect(opened.width, opened.height, size))
}
