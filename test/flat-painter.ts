/** A painter of one colour, without a GPU: for tests of what becomes of files. */
import { oneColour } from '../src/color/paint.ts'
import { bands, type Lightness, type Photo } from '../src/color/photo.ts'
import type { Painter } from '../src/infer/colorizer.ts'
import type { Band } from '../src/infer/enlargement.ts'

/** @param seen is given every picture that the network is shown */
export function flatPainter(seen: (photo: Photo) => void = () => {}, [a, b] = [14, -10]): Painter {
  const predict = async (photo: Photo) => {
    seen(photo)
    return oneColour(a!, b!)
  }
  const enlarge = async (
    photo: Lightness,
    { ab }: { ab: Float32Array },
    take: (band: Band) => void | Promise<void>,
  ) => {
    for (const { first, last } of bands(photo)) {
      const L = await photo.rows(first, last)
      await take({
        first,
        last,
        L,
        colours: Float32Array.from({ length: 2 * L.length }, (_, i) => ab[i % 2]!),
      })
    }
  }
  const unused = { classifier: null, classNames: () => [], saturation: 1 }
  return { ...unused, predictor: { predict }, enlarger: { enlarge } } as unknown as Painter
}
