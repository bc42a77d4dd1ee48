/**
 * What a look at a photograph tells before it is coloured: whether it has colours of its own, which tone its grey has, how far
 * it has faded, and where its borders are.
 */
import type { Rect, Size } from '../rect.ts'
import { contentOf } from './border.ts'
import { grayLevel, srgbToLab } from './lab.ts'
import type { Photo } from './photo.ts'
import { type Raster, rasterOf, shown } from './raster.ts'

export interface Look {
  /** More than a tone of grey, such as sepia. */
  readonly isInColour: boolean
  /** [a, b] of the grey of a lightness: a cast, or the colour of a print. */
  readonly tone: (L: number) => readonly [number, number]
  /** Whether the grey has a tone that the eye sees. */
  readonly isToned: boolean
  /** The lightnesses between which nearly all pixels lie. */
  readonly range: readonly [darkest: number, lightest: number]
  /** 0 for a surface without anything on it, of which nobody can tell the colour, to 1. */
  readonly structure: number
  /** Without borders. */
  readonly content: Rect
}

/** Pixels of a preview. */
export const PREVIEW_PIXELS = 2 ** 20
/** Pixels that are looked at. */
const PIXELS = 2 ** 18
/** Steps of lightness in each of which the tone is measured. */
const STEPS = 10
/** Chroma between a pixel and the tone that is a colour of its own, and the share of pixels that must have one. */
const [OWN_CHROMA, OWN_SHARE] = [15, 0.01]
/** Chroma of a tone that is seen. */
const SEEN_CHROMA = 2
/** Near black and white colours of stored pixels say little. */
const [DARK, LIGHT] = [8, 96]
/** Of pixels, that may lie outside of the range at each end. */
const OUTSIDE = 0.005
/** Standard deviations of L* at which there is no structure, and all of it. */
const [FLAT, STRUCTURED] = [0.5, 3]

/** A picture at a size for eyes, which is enough for `lookAt`, too. */
export const previewOf = (picture: Raster): Photo => shown(picture, PREVIEW_PIXELS)

/**
 * @param preview the picture, perhaps at a smaller size
 * @param full the size that it has
 */
export function lookAt(preview: Photo, full: Size): Look {
  const raster = rasterOf(preview)
  const inside = contentOf(shown(raster, PIXELS), preview)
  const { L, ab } = srgbToLab(shown(raster, PIXELS, inside).rgb)
  const tone = toneOf(L, ab)
  const chromas = L.map((l, i) => {
    const [a, b] = tone(l)
    return l < DARK || l > LIGHT ? 0 : Math.hypot(ab[2 * i]! - a, ab[2 * i + 1]! - b)
  })
  const sorted = L.toSorted()
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!
  return {
    isInColour: chromas.filter((chroma) => chroma > OWN_CHROMA).length > OWN_SHARE * L.length,
    tone,
    isToned: Array.from({ length: STEPS }, (_, i) => tone((100 * (i + 0.5)) / STEPS)).some(
      ([a, b]) => Math.hypot(a, b) > SEEN_CHROMA,
    ),
    range: [at(OUTSIDE), at(1 - OUTSIDE)],
    structure: Math.min(1, Math.max(0, (deviation(L) - FLAT) / (STRUCTURED - FLAT))),
    content: enlarged(inside, preview, full),
  }
}

/** A part of a picture in pixels of another size; edges that are the picture's stay so. */
function enlarged({ x, y, width, height }: Rect, from: Size, to: Size): Rect {
  const across = (at: number) => (at === from.width ? to.width : Math.floor((at * to.width) / from.width))
  const down = (at: number) => (at === from.height ? to.height : Math.floor((at * to.height) / from.height))
  const [left, top] = [across(x), down(y)]
  return { x: left, y: top, width: across(x + width) - left, height: down(y + height) - top }
}

function deviation(values: Float32Array): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
}

/** Medians of a* and b* for each step of lightness, and straight lines between them. */
function toneOf(L: Float32Array, ab: Float32Array): Look['tone'] {
  const steps = Array.from({ length: STEPS }, () => ({ a: [] as number[], b: [] as number[] }))
  for (const [i, l] of L.entries()) {
    const { a, b } = steps[Math.min(STEPS - 1, Math.floor((l * STEPS) / 100))]!
    a.push(ab[2 * i]!)
    b.push(ab[2 * i + 1]!)
  }
  const enough = L.length / 1000
  const known = steps.flatMap(({ a, b }, i) =>
    a.length > enough ? { L: (100 * (i + 0.5)) / STEPS, a: median(a), b: median(b) } : [],
  )
  return (l) => {
    const after = known.findIndex((step) => step.L > l)
    if (after <= 0) {
      const { a, b } = known.at(after)! // the first, or the last one
      return [a, b]
    }
    const [from, to] = [known[after - 1]!, known[after]!]
    const share = (l - from.L) / (to.L - from.L)
    return [from.a + share * (to.a - from.a), from.b + share * (to.b - from.b)]
  }
}

const median = (values: number[]) => values.sort((x, y) => x - y)[values.length >> 1]!

/**
 * Ranges of L* that are narrower are stretched for the network, to this one, by a factor of at most MOST_STRETCH. Photographs of fog,
 * sand or sky have a range of 50 to 65 without having faded: stretched, most of them get worse colours.
 */
const FADED = 45
const [TO_DARKEST, TO_LIGHTEST] = [5, 95]
const MOST_STRETCH = 3

/** What the network is shown of a picture: without a tone, and with the contrast that it has lost. */
export function forNetwork(photo: Photo, { isToned, isInColour, range: [darkest, lightest] }: Look): Photo {
  const isFaded = lightest - darkest < FADED && lightest > darkest
  if (!isFaded && (!isToned || isInColour)) return photo
  const { L } = srgbToLab(photo.rgb)
  const stretch = isFaded ? Math.min(MOST_STRETCH, (TO_LIGHTEST - TO_DARKEST) / (lightest - darkest)) : 1
  const middle = (darkest + lightest) / 2
  // as far towards the middle of the scale as the stretched range needs
  const reach = (stretch * (lightest - darkest)) / 2
  const to = isFaded ? Math.min(TO_LIGHTEST - reach, Math.max(TO_DARKEST + reach, middle)) : middle
  const rgb = new Uint8Array(photo.rgb.length)
  for (const [i, l] of L.entries()) rgb.fill(grayLevel(to + stretch * (l - middle)), 3 * i, 3 * i + 3)
  return { ...photo, rgb }
}
