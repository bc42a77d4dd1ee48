/** The classifiers whose class probabilities the colouriser's fusion layer takes: what they see, what they say. */
import type { Rect } from '../rect.ts'

/** ImageNet's classes, in their usual sorted order. */
export const CLASSES = 1000

export interface ClassifierSpec {
  readonly name: string
  /** Side of the square picture that it sees, in pixels. */
  readonly size: number
}

/**
 * Those with a name, the best one first. All of them take a grey picture as three equal channels of level/127.5 − 1 and
 * give logits, so the softmax is ours.
 */
export const CLASSIFIERS: readonly ClassifierSpec[] = [
  { name: 'inception-resnet-v2', size: 299 },
  { name: 'inception-v3', size: 299 },
  { name: 'mobilenet-v1', size: 224 },
]

/** How a picture comes into the square: distorted, whole with white beside it, or its middle only. */
export const FITS = ['stretch', 'pad', 'crop'] as const
export type Fit = (typeof FITS)[number]

/** Where class vectors come from: kept in records and checkpoints, so that nobody mixes them unawares. */
export interface ClassVectorOrigin {
  /** The classifier's name, or that of its file. */
  readonly classifier: string
  /** Of the classifier's file, hexadecimal. */
  readonly sha256: string
  readonly fit: Fit
}

export const sameOrigin = (a: ClassVectorOrigin, b: ClassVectorOrigin) =>
  a.sha256 === b.sha256 && a.fit === b.fit

export const sameOrigins = (a: readonly ClassVectorOrigin[], b: readonly ClassVectorOrigin[]) =>
  a.length === b.length && a.every((origin, i) => sameOrigin(origin, b[i]!))

/** "class vectors of mobilenet-v1 (stretch) and inception-v3 (stretch)" */
export const describeOrigins = (origins: readonly ClassVectorOrigin[]) =>
  origins.length
    ? `class vectors of ${origins.map(({ classifier, fit }) => `${classifier} (${fit})`).join(' and ')}`
    : 'no class vectors'

export const areOrigins = (value: unknown): value is ClassVectorOrigin[] =>
  Array.isArray(value) && value.every(isOrigin)

function isOrigin(value: unknown): value is ClassVectorOrigin {
  if (typeof value !== 'object' || value === null) return false
  const { classifier, sha256, fit } = value as Partial<ClassVectorOrigin>
  return typeof classifier === 'string' && typeof sha256 === 'string' && FITS.includes(fit as Fit)
}

/** Which part of a width × height picture is shown, and where in the size × size square. */
export function placement(width: number, height: number, size: number, fit: Fit): { from: Rect; to: Rect } {
  const whole = { x: 0, y: 0, width, height }
  const square = { x: 0, y: 0, width: size, height: size }
  if (fit === 'stretch') return { from: whole, to: square }
  if (fit === 'crop') {
    const side = Math.min(width, height)
    return { from: centred(width, height, side, side), to: square }
  }
  const scaled = (side: number) => Math.max(1, Math.round((side * size) / Math.max(width, height)))
  return { from: whole, to: centred(size, size, scaled(width), scaled(height)) }
}

function centred(outerWidth: number, outerHeight: number, width: number, height: number): Rect {
  return { x: (outerWidth - width) >> 1, y: (outerHeight - height) >> 1, width, height }
}

/**
 * A classifier's input.
 * @param levels sRGB levels [to.height, to.width] of a grey picture, or [to.height, to.width, 3]
 * @param to where they lie in the square; the rest of it is white
 * @returns [1, size, size, 3], level/127.5 − 1, of a grey picture in three equal channels
 */
export function preprocess(levels: Uint8Array, size: number, to: Rect): Float32Array {
  const channels = levels.length / (to.width * to.height)
  if (channels !== 1 && channels !== 3) {
    throw new RangeError(`${levels.length} levels do not fill ${to.width}×${to.height} pixels`)
  }
  const input = new Float32Array(size * size * 3).fill(1)
  for (let y = 0; y < to.height; y++) {
    for (let x = 0; x < to.width; x++) {
      const from = channels * (y * to.width + x)
      const at = 3 * ((to.y + y) * size + to.x + x)
      for (let c = 0; c < 3; c++) input[at + c] = levels[channels === 3 ? from + c : from]! / 127.5 - 1
    }
  }
  return input
}

export interface ClassProbability {
  /** Among the 1000 classes, from 0. */
  readonly index: number
  readonly probability: number
}

/** A class that the classifier saw in a photograph. */
export interface SeenClass {
  readonly name: string
  readonly probability: number
}

/** The `count` likeliest classes, the likeliest first; of equals, the first one. */
export function topClasses(probabilities: Float32Array, count = 5): ClassProbability[] {
  return [...probabilities]
    .map((probability, index) => ({ index, probability }))
    .sort((a, b) => b.probability - a.probability || a.index - b.index)
    .slice(0, count)
}
