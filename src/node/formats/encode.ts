/** Pixels as image files, without what stands beside them. */
import { isDeep, type Raster } from '../../color/raster.ts'
import { UserError } from '../../errors.ts'
import { type Said, withSaid } from './avif.ts'
import type { OutputFormat } from './kinds.ts'
import { imageOf } from './pixels.ts'
import type { Animation, OpenPicture } from './read.ts'

/** Where a file has no quality of its own, and the least of a JPEG that comes from one. */
const QUALITY = { jpeg: 92, webp: 92, avif: 85 } as const
const DEEP_FORMATS: readonly OutputFormat[] = ['png', 'tiff', 'avif']

/** From that many pixels on memory counts more than a file that is a tenth smaller. */
const LARGE_PIXELS = 2 ** 25

export interface Encoding {
  readonly format: OutputFormat
  /** 1 to 100, of JPEG, WebP and AVIF. */
  readonly quality?: number | undefined
  /** What an AVIF says beside its pixels, which is written with them. */
  readonly said?: Said | undefined
}

/** Bits of a level in a result. Throws a UserError (trouble 'usage') where the format does not have those that are asked for. */
export function bitsOf(
  { name, bits }: Pick<OpenPicture, 'name' | 'bits'>,
  format: OutputFormat,
  asked: 8 | 16 | undefined,
): 8 | 16 {
  const hasDeep = DEEP_FORMATS.includes(format)
  if (asked === 16 && !hasDeep)
    throw new UserError(`${name}: ${format.toUpperCase()} has no 16 bits, write PNG or TIFF`, 'usage', {
      mend: ['format'],
    })
  return asked ?? (bits > 8 && hasDeep ? 16 : 8)
}

/**
 * Encodes a picture, or the frames of an animation, which are equally large.
 * @param source whose compression it follows
 * @throws UserError where the format cannot hold it
 */
export async function encodeFrames(
  frames: readonly Raster[],
  source: Pick<OpenPicture, 'name' | 'animation' | 'bits' | 'compression'>,
  encoding: Encoding,
): Promise<Uint8Array> {
  const [first] = frames
  const image = imageOf(frames.length > 1 ? stacked(frames) : first!, frames.length)
  const kind = { isLarge: first!.width * first!.height > LARGE_PIXELS, isDeep: isDeep(first!) }
  try {
    return await ENCODERS[encoding.format](
      image,
      source,
      { ...encoding, ...kind },
      frames.length > 1 ? source.animation : null,
    )
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const size = `${first!.width}x${first!.height}`
    throw new UserError(
      `${source.name}: cannot write ${size} pixels as ${encoding.format}: ${why}`,
      'input',
      { cause: error },
    )
  }
}

type Encoder = (
  image: ReturnType<typeof imageOf>,
  source: Pick<OpenPicture, 'bits' | 'compression'>,
  encoding: Encoding & { readonly isLarge: boolean; readonly isDeep: boolean },
  animation: Animation | null,
) => Promise<Uint8Array>

const ENCODERS: Record<OutputFormat, Encoder> = {
  // colour at full resolution, and what is not visible white
  jpeg: (image, { compression }, { quality, isLarge }) =>
    image
      .flatten({ background: '#ffffff' })
      .jpeg({
        quality: quality ?? Math.max(QUALITY.jpeg, compression.quality ?? 0),
        chromaSubsampling: '4:4:4',
        // both need the whole picture in memory a second time, in numbers of twice the length
        optimiseCoding: !isLarge,
        progressive: compression.isProgressive && !isLarge,
      })
      .toBuffer(),
  png: (image) => image.png().toBuffer(),
  tiff: (image) => image.tiff({ compression: 'lzw', predictor: 'horizontal' }).toBuffer(),
  webp: (image, { compression }, { quality }, animation) =>
    image
      .webp({
        ...{ quality: quality ?? QUALITY.webp, smartSubsample: true, exact: true, ...animation },
        lossless: compression.isLossless && quality === undefined,
      })
      .toBuffer(),
  avif: (image, { bits }, { quality = QUALITY.avif, said, isDeep }) =>
    withSaid(image.avif({ quality, bitdepth: isDeep ? (bits === 10 ? 10 : 12) : 8 }), said),
  gif: (image, _, __, animation) => image.gif(animation ?? {}).toBuffer(),
}

/** Frames one below the other. */
function stacked(frames: readonly Raster[]): Raster {
  const { width, height, channels } = frames[0]!
  const pixels = width * height
  const levels = new Uint8Array(frames.length * channels * pixels)
  const alpha = frames.some((frame) => frame.alpha) ? new Uint8Array(frames.length * pixels).fill(255) : null
  for (const [i, frame] of frames.entries()) {
    levels.set(frame.levels, i * channels * pixels)
    if (frame.alpha) alpha!.set(frame.alpha, i * pixels)
  }
  return { width, height: frames.length * height, channels, levels, alpha }
}
