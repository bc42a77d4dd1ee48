/** What becomes of a photograph on its way into a record, up to its class vector: work for `prepare-worker.ts`. */
import { createHash } from 'node:crypto'
import { grayLevel, srgbToLab } from '../../color/lab.ts'
import type { Photo } from '../../color/photo.ts'
import { UserError } from '../../errors.ts'
import { inputOf } from '../../infer/classifier-input.ts'
import type { ViewPicture } from '../../io/record-taps.ts'
import { type Picture, pictureOf } from '../../io/records.ts'
import type { Fit } from '../../model/classifier.ts'
import type { Draws } from '../../train/framing.ts'
import { type OpenedSample, squareOf } from '../../train/samples.ts'
import { readPhotoFile, sharpResize } from '../image.ts'
import { decodePhoto, editPhoto } from '../pixels.ts'
import { framed } from './decode.ts'

export interface PrepareTask {
  /** The photograph's file: its path, or its bytes. */
  readonly file: string | Uint8Array
  /** What it is called where it is left out. */
  readonly name: string
  /** Pictures whose shorter side has fewer pixels are left out. */
  readonly minSide: number
  /** What each classifier wants to see. */
  readonly classifiers: readonly { readonly size: number; readonly fit: Fit }[]
  /** The parts of the photograph that a trunk is to be shown: the centre where there are no draws. */
  readonly views: readonly { readonly size: number; readonly draws: Draws | null }[]
}

/** Why a photograph is left out. */
export const SKIPS = ['undecodable', 'gray', 'tiny', 'duplicate'] as const
export type Skip = (typeof SKIPS)[number]

export type Outcome =
  | {
      readonly picture: Picture
      /** Of the file, hexadecimal: the same file twice would count twice. */
      readonly sha256: string
      /** The classifiers' inputs, see `inputOf`. */
      readonly seen: readonly Float32Array[]
      readonly views: readonly ViewPicture[]
    }
  | { readonly skip: Skip; readonly reason: string }

/** Mean chroma below which nothing can be learnt about colours, in ab units: noise of grey scans stays below. */
const MIN_CHROMA = 2

export async function prepareSample(task: PrepareTask): Promise<Outcome> {
  const { file, name, minSide, classifiers } = task
  try {
    const bytes = typeof file === 'string' ? await readPhotoFile(file, name) : file
    const photo = await decodePhoto(bytes, name)
    const { width, height } = photo
    if (Math.min(width, height) < minSide) {
      return { skip: 'tiny', reason: `${name} has ${width}×${height} pixels, fewer than ${minSide}` }
    }
    const picture = await pictureOf(photo, sharpResize)
    const chroma = meanChroma(picture)
    if (chroma < MIN_CHROMA)
      return { skip: 'gray', reason: `${name} is grey (mean chroma ${chroma.toFixed(1)})` }
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const inputs = classifiers.map((square) => inputOf(photo, { ...square, resize: sharpResize }))
    const seen = await Promise.all(inputs)
    const views: ViewPicture[] = []
    for (const { size, draws } of task.views) views.push(await viewOf(photo, size, draws))
    return { picture, sha256, seen, views }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { skip: 'undecodable', reason: error.message }
  }
}

/** As training crops it, whose augmentation the draws mean. */
async function viewOf(photo: Photo, size: number, draws: Draws | null): Promise<ViewPicture> {
  const { width, height } = photo
  const decode: OpenedSample['decode'] = (...scaled) => editPhoto(photo, framed(...scaled))
  const { rgb } = await squareOf({ width, height, decode }, size, 'crop', draws)
  const { L, ab } = srgbToLab(rgb)
  return { gray: Uint8Array.from(L, grayLevel), ab: Int8Array.from(ab, Math.round) }
}

/** Of the pixels inside the padding, whose own chroma is zero. */
function meanChroma({ ab, content }: Picture): number {
  let sum = 0
  for (let i = 0; i < ab.length; i += 2) sum += Math.hypot(ab[i]!, ab[i + 1]!)
  return sum / (content.width * content.height)
}
