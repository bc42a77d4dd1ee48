import { abError } from '../color/metrics/abError.ts'
import { GRAY } from '../color/paint.ts'
import type { Predictor } from '../infer/predictor.ts'
import { readAhead } from '../node/photos.ts'
import type { ClassVectors } from './batches.ts'

export interface Score {
  /** Mean over the pictures of each one's error, in ab units² at full resolution. */
  readonly abMse: number
  /** The same for leaving every picture grey. */
  readonly grayMse: number
}

/**
 * Colours every photograph, with its class vector where there are any, and compares it with its own colours.
 * Null when `signal` is raised before all of them have been seen.
 * @throws UserError when a photograph cannot be read
 */
export async function validate(
  predictor: Predictor,
  paths: readonly string[],
  vectors?: ClassVectors,
  signal?: AbortSignal,
): Promise<Score | null> {
  let [abMse, grayMse] = [0, 0]
  let i = 0
  for (const reading of readAhead(paths)) {
    if (signal?.aborted) return null
    const photo = await reading
    const features = (await vectors?.of(paths[i++]!)) ?? undefined
    abMse += abError(photo, await predictor.predict(photo, features)) / paths.length
    grayMse += abError(photo, GRAY) / paths.length
  }
  return { abMse, grayMse }
}
