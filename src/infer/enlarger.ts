import type { SmallAb } from '../color/guided.ts'
import { labToSrgb } from '../color/lab.ts'
import { type Lightness, type Photo, photoLightness } from '../color/photo.ts'
import type { Gpu } from '../device/gpu.ts'
import type { Size } from '../rect.ts'
import { Turns } from '../turns.ts'
import { type Band, Enlargement } from './enlargement.ts'
import { Recent } from './recent.ts'
import { smoothColours } from './smoothing.ts'

/** Sizes of pictures whose plans are kept; each holds the memory of about two bands. */
const MAX_PLANS = 4

/** Paints photographs in a network's colours, band by band, so that large ones need little memory. Calls may overlap: they are computed in turn. */
export class Enlarger {
  readonly #plans: Recent<Enlargement>
  readonly #turns = new Turns()

  constructor(private readonly gpu: Gpu) {
    this.#plans = new Recent(MAX_PLANS, () => gpu.pool.trim())
  }

  /** As `paint` of `color/paint.ts`, to the rounding of float32. */
  async paint(photo: Photo, small: SmallAb, saturation: number): Promise<Photo> {
    const rgb = new Uint8Array(photo.rgb.length)
    const saturated = { ...small, ab: small.ab.map((value) => value * saturation) }
    await this.enlarge(photoLightness(photo), saturated, ({ L, colours, first, last }) => {
      labToSrgb(L, colours, rgb.subarray(3 * photo.width * first, 3 * photo.width * last))
    })
    return { ...photo, rgb }
  }

  /** Gives the network's colours at the size of `photo`, band by band, to `take`, which may change them. */
  enlarge(photo: Lightness, small: SmallAb, take: (band: Band) => void | Promise<void>): Promise<void> {
    return this.#turns.take(async () => {
      const enlargement = await this.#enlargement(photo, small)
      for await (const band of enlargement.run(photo, small.ab)) await take(band)
    })
  }

  /** The network's colours smoothed along the lightness: see `smoothColours`. */
  smooth(photo: Photo, small: SmallAb): Promise<SmallAb> {
    return this.#turns.take(() => smoothColours(this.gpu, photo, small))
  }

  /** Not before the calls have ended. */
  destroy(): void {
    this.#plans.destroy()
  }

  #enlargement(photo: Size, small: Size): Promise<Enlargement> {
    const key = [photo.width, photo.height, small.width, small.height].join('×')
    return this.#plans.get(key, () => Enlargement.create(this.gpu, photo, small))
  }
}
