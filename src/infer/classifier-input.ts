import { type Fit, placement, preprocess } from '../model/classifier.ts'
import { editPhoto, type Photo } from '../node/image.ts'

/** The photograph, made grey (by its true lightness) unless `inColor`, in the classifier's square: [1, size, size, 3]. */
export async function inputOf(photo: Photo, size: number, fit: Fit, inColor = false): Promise<Float32Array> {
  const { from, to } = placement(photo.width, photo.height, size, fit)
  const region = { left: from.x, top: from.y, width: from.width, height: from.height }
  const { rgb: levels } = await editPhoto(photo, (image) =>
    image
      .extract(region)
      .resize(to.width, to.height, { fit: 'fill', kernel: 'lanczos3' })
      .greyscale(!inColor),
  )
  return preprocess(levels, size, to)
}
