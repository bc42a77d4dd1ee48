/**
 * A prepared photograph as a tf.train.Example:
 *
 *   image_gray          bytes   S·S uint8: the sRGB grey level whose L* is the pixel's true L* (not an average of the
 *                               channels), so that L* is recovered from it to within half a level
 *   image_a_b           bytes   S·S·2 int8, a and b rounded to whole units, or
 *                       float   S·S·2 values, when image_a_b_encoding says so
 *   image_a_b_encoding  bytes   "int8" or "float32"
 *   embedding           float   the class vector, 1000 probabilities; those of several classifiers one behind the other; all 0
 *                               when there was none
 *   classifier, classifier_sha256, classifier_fit   bytes, for each class vector: which one made it, and how the picture came
 *                               into its square; left out when there was none
 *   label               bytes   the photograph's file name, UTF-8
 *   content_x, content_y, content_width, content_height   int64: where in the S×S square the picture lies; the rest
 *                               is white padding, which training leaves out
 *   taps …                      what a trunk saw, see `record-taps.ts`; left out when none was asked
 *
 * S = 299, the longest side of the picture, as in the report (Zhao 2019).
 */

import { GRAY_LIGHTNESS, grayLevel, labToSrgb, srgbToLab } from '../color/lab.ts'
import { contentRect, type Photo, padToSquare } from '../color/photo.ts'
import type { Resize } from '../color/resample.ts'
import { UserError } from '../errors.ts'
import { areOrigins, type ClassVectorOrigin } from '../model/classifier.ts'
import type { Rect } from '../rect.ts'
import { decodeExample, type Example, encodeExample, type Feature } from './example.ts'
import { type RecordTaps, tapFeatures, tapsIn } from './record-taps.ts'

export const RECORD_SIZE = 299
export const RECORD_CLASSES = 1000

export type AbEncoding = 'int8' | 'float32'

/** A photograph as a record holds it, the longest side as long as the square's. */
export interface Picture {
  size: number
  /** [size, size] sRGB grey levels */
  gray: Uint8Array
  /** [size, size, 2] in ab units */
  ab: Float32Array
  content: Rect
}

export interface PhotoRecord extends Picture {
  label: string
  /** one of each classifier; none when there was no classifier */
  vectors: readonly ClassVector[]
  /** what a trunk saw of it; left out when none was asked */
  taps?: RecordTaps | null
}

export interface ClassVector {
  /** [classes] */
  readonly probabilities: Float32Array
  /** null in records that do not say it */
  readonly origin: ClassVectorOrigin | null
}

/** A photograph made into a square: longest side `size`, centred, white around it. */
export async function pictureOf(photo: Photo, resize: Resize, size = RECORD_SIZE): Promise<Picture> {
  const content = contentRect(photo.width, photo.height, size)
  const small = await resize(photo, content.width, content.height)
  const { L, ab } = srgbToLab(padToSquare(small, size, content).rgb)
  const gray = new Uint8Array(L.length)
  for (let i = 0; i < gray.length; i++) gray[i] = grayLevel(L[i]!)
  return { size, gray, ab, content }
}

/** The picture inside a record's padding, as sRGB. */
export function photoOf({ gray, ab, size, content }: PhotoRecord): Photo {
  const { x, y, width, height } = content
  const L = new Float32Array(width * height)
  const colours = new Float32Array(2 * width * height)
  for (let row = 0; row < height; row++) {
    const from = (y + row) * size + x
    for (let i = 0; i < width; i++) L[row * width + i] = GRAY_LIGHTNESS[gray[from + i]!]!
    colours.set(ab.subarray(2 * from, 2 * (from + width)), 2 * row * width)
  }
  return { width, height, rgb: labToSrgb(L, colours) }
}

/** The bytes of a record, as the data of one TFRecord. */
export function encodeRecord(record: PhotoRecord, encoding: AbEncoding): Uint8Array {
  const { gray, ab, content, label, vectors, taps } = record
  const origins = vectors.flatMap(({ origin }) => origin ?? [])
  const number = (value: number): Feature => ({ kind: 'int64', values: [BigInt(value)] })
  const example: Example = new Map([
    ['image_gray', { kind: 'bytes', values: [gray] }],
    [
      'image_a_b',
      encoding === 'int8' ? { kind: 'bytes', values: [int8Of(ab)] } : { kind: 'float', values: ab },
    ],
    ['image_a_b_encoding', textFeature(encoding)],
    [
      'embedding',
      { kind: 'float', values: vectors.length ? joined(vectors) : new Float32Array(RECORD_CLASSES) },
    ],
    ...(origins.length ? originFeatures(origins) : []),
    ['label', textFeature(label)],
    ['content_x', number(content.x)],
    ['content_y', number(content.y)],
    ['content_width', number(content.width)],
    ['content_height', number(content.height)],
    ...(taps ? tapFeatures(taps) : []),
  ])
  return encodeExample(example)
}

const joined = (vectors: readonly ClassVector[]) =>
  Float32Array.from(vectors.flatMap(({ probabilities }) => [...probabilities]))

const originFeatures = (origins: readonly ClassVectorOrigin[]): [string, Feature][] => [
  ['classifier', textFeature(...origins.map(({ classifier }) => classifier))],
  ['classifier_sha256', textFeature(...origins.map(({ sha256 }) => sha256))],
  ['classifier_fit', textFeature(...origins.map(({ fit }) => fit))],
]

/** Null when the vectors cannot be shared out among the classifiers. */
function vectorsIn(example: Example): ClassVector[] | null {
  const feature = example.get('embedding')
  if (feature?.kind !== 'float') return []
  const { values } = feature
  const [classifiers, sums, fits] = ['classifier', 'classifier_sha256', 'classifier_fit'].map((name) =>
    textsIn(example, name),
  )
  const origins = sums!.map((sha256, i) => ({ classifier: classifiers![i], sha256, fit: fits![i] }))
  if (!origins.length || !areOrigins(origins)) return [{ probabilities: values, origin: null }]
  const classes = values.length / origins.length
  if (!Number.isInteger(classes)) return null
  return origins.map((origin, i) => ({ probabilities: values.slice(i * classes, (i + 1) * classes), origin }))
}

function textsIn(example: Example, name: string): string[] {
  const feature = example.get(name)
  return feature?.kind === 'bytes' ? feature.values.map((bytes) => new TextDecoder().decode(bytes)) : []
}

const textFeature = (...values: string[]): Feature => ({
  kind: 'bytes',
  values: values.map((value) => new TextEncoder().encode(value)),
})

/** int8 in two's complement; sRGB's a* and b* lie within -108…98, so nothing is cut off. */
function int8Of(ab: Float32Array): Uint8Array {
  const rounded = new Int8Array(ab.length)
  for (let i = 0; i < ab.length; i++) rounded[i] = Math.min(127, Math.max(-128, Math.round(ab[i]!)))
  return new Uint8Array(rounded.buffer)
}

/**
 * Reads a record, colours in either encoding; without content features the picture is taken to fill the square.
 * @param where names the record in errors, such as "photos-00000-of-00001.tfrecord, byte 0"
 * @throws UserError about weights naming the feature that is missing or does not fit
 */
export function decodeRecord(bytes: Uint8Array, where: string): PhotoRecord {
  const bad = (what: string) => new UserError(`${where}: ${what}`, 'weights')
  let example: Example
  try {
    example = decodeExample(bytes)
  } catch (error) {
    throw bad(`the record is not a tf.train.Example (${error instanceof Error ? error.message : error})`)
  }
  const gray = bytesIn(example, 'image_gray')
  if (!gray) throw bad('the record has no feature image_gray of bytes')
  const size = Math.sqrt(gray.length)
  if (!size || !Number.isInteger(size)) throw bad(`image_gray has ${gray.length} bytes, which are no square`)
  const ab = colours(example)
  if (!ab) throw bad('the record has no feature image_a_b as int8 bytes or floats')
  if (ab.length !== 2 * gray.length)
    throw bad(`image_a_b has ${ab.length} values, not the ${2 * gray.length} of ${size}x${size} pixels`)
  const content = contentOf(example, size)
  if (!content) throw bad('content_x, _y, _width and _height are not a rectangle inside the image')
  const vectors = vectorsIn(example)
  if (!vectors) throw bad('the values of embedding do not share out among its classifiers')
  const taps = tapsIn(example)
  if (taps === undefined) throw bad('the features taps… do not fit together')
  return { label: textsIn(example, 'label')[0] ?? '', size, gray, ab, vectors, content, taps }
}

function bytesIn(example: Example, name: string): Uint8Array | null {
  const feature = example.get(name)
  return feature?.kind === 'bytes' && feature.values.length === 1 ? feature.values[0]! : null
}

function colours(example: Example): Float32Array | null {
  const feature = example.get('image_a_b')
  const stated = textsIn(example, 'image_a_b_encoding')[0]
  if (feature?.kind === 'float' && (!stated || stated === 'float32')) return feature.values
  const bytes = bytesIn(example, 'image_a_b')
  if (!bytes || (stated && stated !== 'int8')) return null
  return new Float32Array(new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length))
}

function contentOf(example: Example, size: number): Rect | null {
  const names = ['content_x', 'content_y', 'content_width', 'content_height']
  const features = names.map((name) => example.get(name))
  if (features.every((feature) => feature === undefined)) return { x: 0, y: 0, width: size, height: size }
  const numbers = features.map((f) =>
    f?.kind === 'int64' && f.values.length === 1 ? Number(f.values[0]) : Number.NaN,
  )
  const [x, y, width, height] = numbers as [number, number, number, number]
  const inside = x >= 0 && y >= 0 && width >= 1 && height >= 1 && x + width <= size && y + height <= size
  return inside ? { x, y, width, height } : null
}
