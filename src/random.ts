/**
 * Counter-based random numbers: a pure function of (seed, stream, counter), so that nothing but the seed and the
 * place in the epoch has to be stored to continue a run to the same bits, whatever the number of workers.
 *
 * Source: Philox 4x32-10, Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
 */

/** What a number is drawn for; draws of one stream never coincide with those of another. */
export const STREAM = {
  shuffle: 1,
  augment: 2,
  weights: 3,
  classVector: 4,
  bootstrap: 5,
  lightness: 6,
  hints: 7,
  pairs: 8,
  mixture: 9,
  views: 10,
  toldPlaces: 11,
  variants: 12,
  channels: 13,
  age: 14,
} as const

const [MULTIPLY_0, MULTIPLY_1] = [0xd2511f53, 0xcd9e8d57]
const [WEYL_0, WEYL_1] = [0x9e3779b9, 0xbb67ae85]
const ROUNDS = 10
const TWO_32 = 2 ** 32

type Four = [number, number, number, number]

/** The Philox 4x32-10 block of `counter` (four uint32) under `key` (two uint32): four independent uint32. */
export function philox(counter: Readonly<Four>, key: readonly [number, number]): Four {
  let [a, b, c, d] = counter
  let [k0, k1] = key
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLY_0, a)
    const high1 = multiplyHigh(MULTIPLY_1, c)
    const low0 = Math.imul(MULTIPLY_0, a)
    const low1 = Math.imul(MULTIPLY_1, c)
    a = high1 ^ b ^ k0
    b = low1
    c = high0 ^ d ^ k1
    d = low0
    k0 = (k0 + WEYL_0) | 0
    k1 = (k1 + WEYL_1) | 0
  }
  return [a >>> 0, b >>> 0, c >>> 0, d >>> 0]
}

/**
 * Four independent numbers in [0, 1), multiples of 2^-32, for place `counter` of `stream`. `seed`, `counter` and
 * `subcounter` (an epoch, say) are non-negative integers; seed and counter up to 2^53.
 */
export function uniform4(seed: number, stream: number, counter: number, subcounter = 0): Four {
  const words: Four = [counter >>> 0, (counter / TWO_32) >>> 0, subcounter >>> 0, stream >>> 0]
  const [a, b, c, d] = philox(words, [seed >>> 0, (seed / TWO_32) >>> 0])
  return [a / TWO_32, b / TWO_32, c / TWO_32, d / TWO_32]
}

/** The order in which an epoch visits `n` samples: a permutation of 0…n-1, by (seed, epoch). */
export const epochOrder = (seed: number, epoch: number, n: number): Uint32Array =>
  shuffled(n, (i) => uniform4(seed, STREAM.shuffle, i, epoch)[0])

/** A permutation of 0…n-1 (Fisher and Yates). `draw` gives a number in [0, 1) for each place. */
export function shuffled(n: number, draw: (place: number) => number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(draw(i) * (i + 1))
    const swapped = order[i]!
    order[i] = order[j]!
    order[j] = swapped
  }
  return order
}

/** The upper 32 bits of the 64-bit product of two uint32, as an int32 pattern. */
function multiplyHigh(x: number, y: number): number {
  const [xh, xl, yh, yl] = [x >>> 16, x & 0xffff, y >>> 16, y & 0xffff]
  const middle = xh * yl + ((xl * yl) >>> 16) // below 2^32: (2^16 - 1)^2 + 2^16 - 1
  const carry = (middle & 0xffff) + xl * yh
  return (xh * yh + Math.floor(middle / 65536) + Math.floor(carry / 65536)) | 0
}
