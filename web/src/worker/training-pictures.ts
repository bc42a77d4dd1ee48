/** Photographs in colour, to train on and to hold out. */
import type { Photo } from '../../../src/color/photo.ts'
import { resize } from '../../../src/color/resample.ts'
import type { OpenedSample, SampleSet } from '../../../src/train/index.ts'
import { photoOf } from '../../../src/web/images.ts'

/** Photographs whose pixels are kept; others are decoded each time. */
const KEPT = 1000
/** Kept and held-out photographs have shorter sides of at most this many sides of a sample: augmentation takes up to 1.3. */
const REDUCED = 2.6

export interface PicturesOptions {
  /** Of a sample, in pixels. */
  readonly side: number
  /** Every so many pictures one is held out … */
  readonly every: number
  /** … and this many at most. */
  readonly most: number
}

export class TrainingPictures {
  readonly trained: readonly File[]
  readonly #held: readonly File[]
  readonly #kept = new Map<File, Promise<Photo>>()

  /** @param files in any order: they are taken by their paths */
  constructor(
    files: readonly File[],
    private readonly options: PicturesOptions,
  ) {
    const { every, most } = options
    const sorted = [...files].sort((one, other) => (pathOf(one) < pathOf(other) ? -1 : 1))
    const isHeld = (i: number) => i % every === every - 1 && i / every < most
    this.trained = sorted.filter((_, i) => !isHeld(i))
    this.#held = sorted.filter((_, i) => isHeld(i))
  }

  set(undecodable: (reason: string) => void): SampleSet<() => Promise<Photo>> {
    return {
      ...{ what: 'photographs', trouble: 'input', length: this.trained.length, undecodable },
      at: (index) => () => this.#photo(this.trained[index]!),
      classVector: async () => null,
    }
  }

  /** Those that can be decoded. */
  async heldOut(): Promise<readonly Photo[]> {
    const photos = this.#held.map((file) => this.#photo(file).catch(() => null))
    return (await Promise.all(photos)).flatMap((photo) => photo ?? [])
  }

  #photo(file: File): Promise<Photo> {
    const kept = this.#kept.get(file)
    if (kept) return kept
    const photo = this.#reduced(file)
    if (this.#kept.size < KEPT) this.#kept.set(file, photo)
    return photo
  }

  async #reduced(file: File): Promise<Photo> {
    const photo = await photoOf(file)
    const scale = (REDUCED * this.options.side) / Math.min(photo.width, photo.height)
    if (scale >= 1) return photo
    return resize(photo, Math.round(photo.width * scale), Math.round(photo.height * scale))
  }
}

const pathOf = ({ name, webkitRelativePath }: File) => webkitRelativePath || name

/** Throws a `UserError` when the browser cannot decode the photograph. */
export async function openSample(open: () => Promise<Photo>): Promise<OpenedSample> {
  const photo = await open()
  return {
    ...{ width: photo.width, height: photo.height, vectors: [] },
    decode: async (width, height, window) => {
      const { x, y, ...size } = window
      const scaled = resize(photo, width, height)
      const rgb = new Uint8Array(3 * size.width * size.height)
      for (let row = 0; row < size.height; row++) {
        const from = 3 * ((y + row) * width + x)
        rgb.set(scaled.rgb.subarray(from, from + 3 * size.width), 3 * row * size.width)
      }
      return { ...size, rgb }
    },
  }
}
