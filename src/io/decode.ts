/** One batch of training samples, from files to the tensors the network takes. Runs in the decoding workers. */
import type { Sharp } from 'sharp'
import { UserError } from '../errors.ts'
import { contentRect, decodePhoto, type Photo, padToSquare, photoSize, readPhotoFile } from './image.ts'
import { srgbToLab } from './lab.ts'

/** Four numbers in [0, 1) that decide a sample's augmentation: mirror, scale, left, top. */
export type Draws = readonly [number, number, number, number]

export interface SampleTask {
  path: string
  /** null: no augmentation, the centre of the picture */
  draws: Draws | null
}

export interface BatchTask {
  samples: SampleTask[]
  size: number
  fit: 'crop' | 'pad'
}

export interface DecodedBatch {
  /** [N, size, size, 1], lightness / 50 - 1 */
  L: Float32Array<ArrayBuffer>
  /** [N, size, size, 2], ab units */
  ab: Float32Array<ArrayBuffer>
  /** per sample: why it could not be decoded (its part of L and ab is then meaningless), or null */
  errors: (string | null)[]
}

/** How a picture is scaled, which size x size window of it is taken, and whether that is mirrored. */
interface Framing {
  width: number
  height: number
  left: number
  top: number
  mirror: boolean
}

/** With augmentation the shorter side is scaled to between size and this many times size. */
const MAX_SCALE = 1.3

/** Decodes every sample. A sample that fails is reported in `errors`; anything unexpected is thrown. */
export async function decodeBatch({ samples, size, fit }: BatchTask): Promise<DecodedBatch> {
  const pixels = size * size
  const L = new Float32Array(samples.length * pixels)
  const ab = new Float32Array(samples.length * pixels * 2)
  const decodeInto = async (sample: SampleTask, n: number): Promise<string | null> => {
    try {
      const { rgb } = await decodeSample(sample, size, fit)
      const lightness = L.subarray(n * pixels, (n + 1) * pixels)
      srgbToLab(rgb, { L: lightness, ab: ab.subarray(2 * n * pixels, 2 * (n + 1) * pixels) })
      for (let i = 0; i < pixels; i++) lightness[i] = lightness[i]! / 50 - 1
      return null
    } catch (error) {
      if (error instanceof UserError) return error.message
      throw error
    }
  }
  return { L, ab, errors: await Promise.all(samples.map(decodeInto)) }
}

async function decodeSample({ path, draws }: SampleTask, size: number, fit: 'crop' | 'pad'): Promise<Photo> {
  const bytes = await readPhotoFile(path)
  const shown = await photoSize(bytes, path)
  const framing = fit === 'crop' ? cropFraming(shown, size, draws) : padFraming(shown, size, draws)
  const photo = await decodePhoto(bytes, path, (image) => frame(image, framing, size))
  if (framing.mirror) mirrorRows(photo)
  return fit === 'crop' ? photo : padToSquare(photo, size, contentRect(shown.width, shown.height, size))
}

/** A size x size window of the picture scaled to fill it: the centre, or where the draws say. */
export function cropFraming(
  { width, height }: { width: number; height: number },
  size: number,
  draws: Draws | null,
): Framing {
  const [mirror, zoom, across, down] = draws ?? [1, 0, 0.5, 0.5]
  const shorter = Math.round(size * (1 + (MAX_SCALE - 1) * zoom))
  const scale = shorter / Math.min(width, height)
  const scaled = {
    width: Math.max(shorter, Math.round(width * scale)),
    height: Math.max(shorter, Math.round(height * scale)),
  }
  const left = Math.floor(across * (scaled.width - size + 1))
  const top = Math.floor(down * (scaled.height - size + 1))
  return { ...scaled, left, top, mirror: mirror < 0.5 }
}

/** The whole picture, its longest side scaled to size; all that augmentation may do is mirror it. */
function padFraming(
  { width, height }: { width: number; height: number },
  size: number,
  draws: Draws | null,
): Framing {
  const scaled = contentRect(width, height, size)
  return {
    width: scaled.width,
    height: scaled.height,
    left: 0,
    top: 0,
    mirror: draws !== null && draws[0] < 0.5,
  }
}

function frame(image: Sharp, { width, height, left, top }: Framing, size: number): Sharp {
  const window = { left, top, width: Math.min(size, width), height: Math.min(size, height) }
  return image.resize(width, height, { fit: 'fill', kernel: 'lanczos3' }).extract(window)
}

function mirrorRows({ rgb, width, height }: Photo): void {
  for (let y = 0; y < height; y++) {
    for (let left = 3 * y * width, right = 3 * ((y + 1) * width - 1); left < right; left += 3, right -= 3) {
      for (let c = 0; c < 3; c++) {
        const level = rgb[left + c]!
        rgb[left + c] = rgb[right + c]!
        rgb[right + c] = level
      }
    }
  }
}
