import { abError } from '../color/metrics/abError.ts'
import { GRAY } from '../color/paint.ts'
import type { Photo } from '../color/photo.ts'
import type { Predictor } from '../infer/predictor.ts'

export interface Score {
  /** Mean over the pictures of each one's error, in ab units² at full resolution. */
  readonly abMse: number
  /** The same for leaving every picture grey. */
  readonly grayMse: number
}

/** A photograph, and the class vector with which it is shown to the network, if it has one. */
export interface ShownPhoto {
  readonly photo: Photo
  readonly features?: Float32Array | undefined
}

/**
 * Colours every photograph, of which there must be one, and compares it with its own colours. Null when `signal` is raised
 * before all of them have been seen. Throws what `photos` throws.
 */
export async function validate(
  predictor: Predictor,
  photos: Iterable<ShownPhoto> | AsyncIterable<ShownPhoto>,
  signal?: AbortSignal,
): Promise<Score | null> {
  let [count, abSum, graySum] = [0, 0, 0]
  for await (const { photo, features } of photos) {
    if (signal?.aborted) return null
    count++
    abSum += abError(photo, await predictor.predict(photo, features))
    graySum += abError(photo, GRAY)
  }
  return { abMse: abSum / count, grayMse: graySum / count }
}
