import { luminanceOf } from '../color/luminance.ts'
import type { Photo } from '../color/photo.ts'
import type { Resize } from '../color/resample.ts'
import { type Fit, placement, preprocess } from '../model/classifier.ts'

export interface InputOptions {
  /** Side of the square that the classifier sees, in pixels. */
  readonly size: number
  readonly fit: Fit
  readonly resize: Resize
  /** Whether the classifier sees colours; else only the picture's luminance. */
  readonly inColor?: boolean
}

/** The photograph in the classifier's square: [1, size, size, 3], see `preprocess`. */
export async function inputOf(photo: Photo, options: InputOptions): Promise<Float32Array> {
  const { size, fit, resize, inColor = false } = options
  const { from, to } = placement(photo.width, photo.height, size, fit)
  const { rgb } = await resize(inColor ? photo : luminanceOf(photo), to.width, to.height, from)
  return preprocess(rgb, size, to)
}
