/**
 * What a look at a photograph tells before it is coloured: whether it has colours of its own, which tone its grey has, how far
 * it has faded, and where its borders are.
 */
import type { Rect, Size } from '../rect.ts'
import { contentOf } from './border.ts'
import { grayLevel, lightness, srgbToLab } from './lab.ts'
import type { Photo } from './photo.ts'
import { type Raster, rasterOf, shown } from './raster.ts'

export interface Look {
  /** More than a tone of grey, such as sepia. */
  readonly isInColour: boolean
  /** [a, b] of the grey of a lightness: a cast, or the colour of a print. */
  readonly tone: (L: number) => readonly [number, number]
  /** Whether the grey has a tone that the eye sees. */
  readonly isToned: boolean
  /** The lightnesses that were black and white before it has faded; null where it has not. */
  readonly faded: readonly [darkest: number, lightest: number] | null
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
/**
 * A photograph has faded whose pixels have a narrower range of L*, but for a share at each end. Fog, sand and sky have as narrow ones
 * without having faded, and mostly get better colours, too, with more contrast: 27 such photographs of BSDS500 and Kodak an ab error
 * of 200 in place of 215, on the photographs by which this rule was chosen.
 */
const [FADED, OUTSIDE] = [65, 0.01]
/** The share at each end that becomes black or white: dust and scratches, too, have their own lightness. */
const CLIPPED = 0.02
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
    faded: at(1 - OUTSIDE) - at(OUTSIDE) < FADED ? [at(CLIPPED), at(1 - CLIPPED)] : null,
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

/** The range of L* that the network is shown a faded photograph with. */
const [TO_DARKEST, TO_LIGHTEST] = [5, 95]
/** A range that is narrower than this is stretched as if it were this: what it has is not much more than the rounding of levels. */
const LEAST_RANGE = 15
/** Shares of the range between which its mean is brought by a power, since prints darken or lighten as they fade. */
const [DARK_MEAN, LIGHT_MEAN] = [0.4, 0.6]
/** The largest power, and its inverse the smallest. */
const MOST_POWER = 2

/** What the network is shown of a picture: without a tone, and with the contrast that it has lost. */
export function forNetwork(photo: Photo, { isToned, isInColour, faded }: Look): Photo {
  if (!faded && (!isToned || isInColour)) return photo
  const L = lightness(photo.rgb)
  if (faded) stretch(L, faded)
  const rgb = new Uint8Array(photo.rgb.length)
  for (const [i, l] of L.entries()) rgb.fill(grayLevel(l), 3 * i, 3 * i + 3)
  return { ...photo, rgb }
}

/** In place, since the picture may be large. */
function stretch(L: Float32Array, [darkest, lightest]: NonNullable<Look['faded']>): void {
  const middle = (darkest + lightest) / 2
  const width = Math.max(LEAST_RANGE, lightest - darkest)
  let sum = 0
  for (let i = 0; i < L.length; i++) {
    L[i] = Math.min(1, Math.max(0, 0.5 + (L[i]! - middle) / width))
    sum += L[i]!
  }
  const mean = sum / L.length
  const wanted = Math.min(LIGHT_MEAN, Math.max(DARK_MEAN, mean))
  const power = Math.min(MOST_POWER, Math.max(1 / MOST_POWER, Math.log(wanted) / Math.log(mean)))
  for (let i = 0; i < L.length; i++) L[i] = TO_DARKEST + (TO_LIGHTEST - TO_DARKEST) * L[i]! ** power
}
