/** Image files of coloured pictures: as the files that they came from, as far as the format allows. */
import { isDeep, type Raster, rasterAt } from '../../color/raster.ts'
import { UserError } from '../../errors.ts'
import type { History } from '../../io/image/history.ts'
import { MOST_PIXEL_BYTES } from '../../io/image/tiff.ts'
import { mergedPages } from '../../io/image/tiff-metadata.ts'
import {
  type Beside,
  exifAndXmp,
  lostOf,
  type Written,
  writeMetadata,
} from '../../io/image/write-metadata.ts'
import type { Size } from '../../rect.ts'
import { bitsOf, type Encoding, encodeFrames } from './encode.ts'
import type { OutputFormat } from './kinds.ts'
import { inProfile, srgbProfile } from './profile.ts'
import type { OpenPicture } from './read.ts'

export interface Writing extends Encoding {
  readonly bits?: 8 | 16 | undefined
  /** Whether the original's RGB profile is kept, in place of sRGB. */
  readonly keepProfile?: boolean | undefined
  /** null where nothing is to be said of this program. */
  readonly history: History | null
}

const AVIF_LOSES = ['photoshop', 'comments', 'texts'] as const
/** Formats without a place for a profile: readers take their pixels for sRGB. */
const WITHOUT_PROFILE: readonly OutputFormat[] = ['avif', 'gif']
const ANIMATED: readonly OutputFormat[] = ['gif', 'webp']

/** Whether a file of this format has all pages; otherwise it has the first one. */
export const hasAllPages = ({ animation }: Pick<OpenPicture, 'animation'>, format: OutputFormat): boolean =>
  animation ? ANIMATED.includes(format) : format === 'tiff'

/** Collects the pages of a picture, and makes a file of them. Pages are encoded as they come, frames together. */
export class PictureWriter {
  readonly #frames: Raster[] = []
  readonly #files: Uint8Array[] = []
  #size: Size | null = null

  constructor(
    private readonly source: OpenPicture,
    private readonly writing: Writing,
  ) {}

  /** The profile that the result's pixels are in; null for sRGB. */
  get #ownProfile(): Uint8Array | null {
    const { keepProfile, format } = this.writing
    return keepProfile && !WITHOUT_PROFILE.includes(format) ? this.source.profile : null
  }

  /** @throws UserError where the format cannot hold it */
  async add(page: Raster): Promise<void> {
    const { source, writing } = this
    const { format, bits } = writing
    const raster = rasterAt(page, bitsOf(source, format, bits))
    const pixels = this.#ownProfile ? await inProfile(raster, this.#ownProfile) : raster
    this.#size ??= { width: page.width, height: page.height }
    if (source.animation) this.#frames.push(pixels)
    else this.#files.push(await this.#encoded([pixels]))
    const bytes = this.#files.reduce((sum, { length }) => sum + length, 0)
    if (bytes > MOST_PIXEL_BYTES)
      throw new UserError(
        `${source.name} becomes too large for a TIFF, which has at most 4 GiB: divide its pages among several files`,
        'input',
        { mend: isDeep(raster) ? ['bits'] : [] },
      )
  }

  /** The file, in parts, and what is lost in it. */
  async finish(): Promise<Written> {
    const { source, writing } = this
    if (source.animation) this.#files.push(await this.#encoded(this.#frames))
    const bytes = this.#files.length > 1 ? mergedPages(this.#files) : this.#files[0]!
    const { parts, lost } =
      writing.format === 'avif'
        ? { parts: [bytes], lost: lostOf(source.metadata, AVIF_LOSES) }
        : writeMetadata(bytes, writing.format, await this.#beside())
    const losesProfile = writing.keepProfile && source.profile && !this.#ownProfile
    return { parts, lost: losesProfile ? [...lost, 'a colour profile'] : lost }
  }

  async #encoded(frames: readonly Raster[]): Promise<Uint8Array> {
    const { format } = this.writing
    const said = format === 'avif' ? exifAndXmp(await this.#beside()) : undefined
    return encodeFrames(frames, this.source, { ...this.writing, said })
  }

  async #beside(): Promise<Beside> {
    const { metadata } = this.source
    const kept = this.#ownProfile
    const icc = kept ?? (await srgbProfile())
    return { ...{ metadata, icc, ...this.#size! }, isSrgb: kept === null, history: this.writing.history }
  }
}
