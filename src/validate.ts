import type { ClassVectors } from './io/dataset.ts'
import { type Photo, readPhoto } from './io/image.ts'
import { abError, type Predictor, type SmallAb } from './predict.ts'

/** Photographs decoded ahead while the GPU works on one. */
const AHEAD = 3

export interface Score {
  /** Mean over the pictures of each one's error, in ab units² at full resolution. */
  readonly abMse: number
  /** The same for leaving every picture grey. */
  readonly grayMse: number
}

const GRAY: SmallAb = { ab: new Float32Array(2), width: 1, height: 1 }

/**
 * Colours every photograph, with its class vector where there are any, and compares it with its own colours.
 * @throws UserError when a photograph cannot be read
 */
export async function validate(
  predictor: Predictor,
  paths: readonly string[],
  vectors?: ClassVectors,
): Promise<Score> {
  let [abMse, grayMse] = [0, 0]
  let i = 0
  for await (const photo of decoded(paths)) {
    const features = (await vectors?.of(paths[i++]!)) ?? undefined
    abMse += abError(photo, await predictor.predict(photo, features)) / paths.length
    grayMse += abError(photo, GRAY) / paths.length
  }
  return { abMse, grayMse }
}

/** The photographs in order, a few of them decoded ahead. */
async function* decoded(paths: readonly string[]): AsyncGenerator<Photo> {
  const begun: Promise<Photo>[] = []
  const begin = (path: string) => {
    const photo = readPhoto(path)
    photo.catch(() => {}) // thrown where it is awaited
    begun.push(photo)
  }
  for (const path of paths.slice(0, AHEAD)) begin(path)
  for (let i = 0; i < paths.length; i++) {
    const next = paths[i + AHEAD]
    if (next !== undefined) begin(next)
    yield await begun.shift()!
  }
}
