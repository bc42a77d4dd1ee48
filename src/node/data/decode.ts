/** One batch of training samples, from files to the tensors the network takes. Runs in the decoding workers. */
import type { Sharp } from 'sharp'
import { srgbToLab } from '../../color/lab.ts'
import { contentRect, type Photo, padToSquare } from '../../color/photo.ts'
import { UserError } from '../../errors.ts'
import { decodeRecord, photoOf } from '../../io/records.ts'
import { jitterLightness, type LightnessJitter } from '../../train/lightness-jitter.ts'
import { decodePhoto, editPhoto, photoSize, readPhotoFile } from '../image.ts'
import { type RecordSource, readShardAt } from './shards.ts'

/** Four numbers in [0, 1) that decide a sample's augmentation: mirror, scale, left, top. */
export type Draws = readonly [number, number, number, number]

/** A photograph's file, or a record in its shard. */
export type SampleSource = { path: string } | RecordSource

export interface SampleTask {
  source: SampleSource
  /** null: no augmentation, the centre of the picture */
  draws: Draws | null
  /** null: the picture's own lightness */
  jitter: LightnessJitter | null
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
  /** per sample: the class vectors that came with it */
  vectors: Float32Array[][]
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
  const errors: (string | null)[] = samples.map(() => null)
  const vectors: Float32Array[][] = samples.map(() => [])
  const decodeInto = async (sample: SampleTask, n: number) => {
    try {
      const { photo, vectors: own } = await decodeSample(sample, size, fit)
      const lightness = L.subarray(n * pixels, (n + 1) * pixels)
      srgbToLab(photo.rgb, { L: lightness, ab: ab.subarray(2 * n * pixels, 2 * (n + 1) * pixels) })
      for (let i = 0; i < pixels; i++) lightness[i] = lightness[i]! / 50 - 1
      if (sample.jitter) jitterLightness(lightness, sample.jitter)
      vectors[n] = own
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      errors[n] = error.message
    }
  }
  await Promise.all(samples.map(decodeInto))
  return { L, ab, errors, vectors }
}

/** A source opened: its size as shown, and how to decode it scaled and cropped. */
interface Opened {
  width: number
  height: number
  vectors: Float32Array[]
  decode(edit: (image: Sharp) => Sharp): Promise<Photo>
}

async function openPhoto(path: string): Promise<Opened> {
  const bytes = await readPhotoFile(path)
  const shown = await photoSize(bytes, path)
  return { ...shown, vectors: [], decode: (edit) => decodePhoto(bytes, path, edit) }
}

async function openRecord({ shard, ...place }: RecordSource): Promise<Opened> {
  const record = decodeRecord(await readShardAt(shard, place), `${shard}, record at byte ${place.offset}`)
  const photo = photoOf(record)
  const { width, height } = photo
  const vectors = record.vectors.map(({ probabilities }) => probabilities)
  return { width, height, vectors, decode: (edit) => editPhoto(photo, edit) }
}

async function decodeSample({ source, draws }: SampleTask, size: number, fit: 'crop' | 'pad') {
  const opened = 'path' in source ? await openPhoto(source.path) : await openRecord(source)
  const framing = fit === 'crop' ? cropFraming(opened, size, draws) : padFraming(opened, size, draws)
  const photo = await opened.decode((image) => frame(image, framing, size))
  if (framing.mirror) mirrorRows(photo)
  const square =
    fit === 'crop' ? photo : padToSquare(photo, size, contentRect(opened.width, opened.height, size))
  return { photo: square, vectors: opened.vectors }
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
