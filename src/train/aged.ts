/**
 * Training pictures that look like old ones: tones of other film and of prints that have faded, grain, blur, vignettes, scratches
 * and dust. A network that has seen only clean photographs takes these for signs of sepia. The colours to be learnt stay.
 */
import {
  addGrain,
  addScratch,
  addVignette,
  blur,
  changeTone,
  type Scratch,
  sensitize,
  type Vignette,
} from '../color/ageing.ts'
import { philox } from '../random.ts'

/** Two numbers in [0, 1), multiples of 2^-32, from which all that happens to a picture follows. */
export type AgeKey = readonly [number, number]

/** Share of the aged pictures that each of these happens to. */
const CHANCE = { plate: 0.4, blur: 0.6, vignette: 0.5, grain: 0.8, scratches: 0.5 }
const MOST_SCRATCHES = 3
const MOST_SPECKS = 8
const TWO_32 = 2 ** 32
/** What the counters of random blocks say they are for. */
const [CHOICES, GRAIN] = [0, 1]
/** Pixels that one block of random bits is enough for, 16 bits each. */
const PIXELS = 8

/**
 * Ages L* (0…100) of a square picture in place.
 * @param ab [pixels, 2] its colours, of which films saw some better than others
 */
export function age(L: Float32Array, ab: Float32Array, key: AgeKey): void {
  const side = Math.sqrt(L.length)
  const words = [key[0] * TWO_32, key[1] * TWO_32] as const
  const draw = new Draws(words)
  if (draw.happens(CHANCE.plate)) sensitize(L, ab, draw.between(0.2, 1))
  if (draw.happens(CHANCE.blur)) blur(L, side, draw.between(0.4, 1.2))
  if (draw.happens(CHANCE.vignette)) addVignette(L, side, vignette(side, draw))
  if (draw.happens(CHANCE.grain)) {
    const grain = { deviation: 0.5 + 5 * draw.low(), size: Math.max(0, draw.between(-0.4, 0.9)) }
    addGrain(L, side, noise(L.length, words), grain)
  }
  changeTone(L, {
    exposure: 1 + 0.35 * draw.low(),
    gamma: 2 ** draw.between(-0.5, 0.6),
    black: 28 * draw.low(),
    white: 100 - 25 * draw.low(),
  })
  if (!draw.happens(CHANCE.scratches)) return
  for (let n = draw.upTo(MOST_SCRATCHES); n > 0; n--) addScratch(L, side, scratch(side, draw))
  for (let n = draw.upTo(MOST_SPECKS); n > 0; n--) addScratch(L, side, speck(side, draw))
}

/** Its centre is anywhere: the picture may be a part of a larger one. Rarely edges are faded, instead of dark. */
const vignette = (side: number, draw: Draws): Vignette => ({
  ...{ x: side * draw.next(), y: side * draw.next(), radius: side * draw.between(0.6, 1.2) },
  strength: draw.happens(0.3) ? -0.3 * draw.next() : 0.6 * draw.next(),
})

/** Lines that a film's way through a camera leaves, or nearly so in any direction. */
const scratch = (side: number, draw: Draws): Scratch => ({
  ...{ x: side * draw.next(), y: side * draw.between(-0.3, 0.7) },
  angle: draw.happens(0.6) ? Math.PI / 2 + 0.1 * (draw.next() - 0.5) : Math.PI * draw.next(),
  length: side * draw.between(0.1, 1.3),
  ...damage(draw, draw.between(0, 0.5)),
})

const speck = (side: number, draw: Draws): Scratch => ({
  ...{ x: side * draw.next(), y: side * draw.next(), angle: 0, length: 0 },
  ...damage(draw, draw.between(0.3, 1.2)),
})

/** Mostly light: what is missing of a print, and dust on a negative. */
const damage = (draw: Draws, radius: number) => ({
  ...{ radius, lightness: draw.happens(0.7) ? draw.between(75, 100) : draw.between(0, 25) },
  cover: draw.between(0.15, 0.75),
})

/** Of each pixel, mean 0 and variance 1: the sum of two evenly distributed bytes. */
function noise(length: number, key: readonly [number, number]): Float32Array {
  const values = new Float32Array(length)
  for (let first = 0; first < length; first += PIXELS) {
    const words = philox([first / PIXELS, GRAIN, 0, 0], key)
    for (let i = first; i < Math.min(first + PIXELS, length); i++) {
      const bits = words[(i - first) >> 1]! >>> (16 * (i & 1))
      values[i] = (((bits & 255) + ((bits >>> 8) & 255) - 255) * Math.sqrt(6)) / 256
    }
  }
  return values
}

/** Numbers one after the other. */
class Draws {
  #count = 0
  #block: readonly number[] = []

  constructor(private readonly key: readonly [number, number]) {}

  /** In [0, 1). */
  next(): number {
    const at = this.#count++ % 4
    if (at === 0) this.#block = philox([this.#count >>> 2, CHOICES, 0, 0], this.key)
    return this.#block[at]! / TWO_32
  }

  happens = (chance: number): boolean => this.next() < chance
  between = (low: number, high: number): number => low + (high - low) * this.next()
  /** In [0, 1), more often low. */
  low = (): number => this.next() ** 2
  /** A whole number from 0 to `most`. */
  upTo = (most: number): number => Math.floor((most + 1) * this.next())
}
