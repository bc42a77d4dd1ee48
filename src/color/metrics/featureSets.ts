/**
 * How unlike two sets of pictures are to a classifier, by its features: KID and FID. The sets are pairs, picture i of one
 * and picture i of the other, and all that is needed of the features are their scalar products.
 */
import { mean, sum } from '../../numbers.ts'
import type { Interval } from './bootstrap.ts'
import { singularValues } from './singularValues.ts'

/** Scalar products of the features of two sets x and y of `count` pictures each: [count, count]. */
export interface Products {
  readonly count: number
  /** Numbers that a picture's features have. */
  readonly length: number
  readonly xx: Float64Array
  readonly yy: Float64Array
  /** Row i, column j: xᵢ · yⱼ. */
  readonly xy: Float64Array
}

/** Of two sets of the same number of pictures. */
export function productsOf(x: readonly Float32Array[], y: readonly Float32Array[]): Products {
  const count = x.length
  const all = (rows: readonly Float32Array[], columns: readonly Float32Array[]) =>
    Float64Array.from({ length: count ** 2 }, (_, i) =>
      dot(rows[Math.floor(i / count)]!, columns[i % count]!),
    )
  return { count, length: x[0]?.length ?? 0, xx: all(x, x), yy: all(y, y), xy: all(x, y) }
}

function dot(x: Float32Array, y: Float32Array): number {
  let result = 0
  for (let i = 0; i < x.length; i++) result += x[i]! * y[i]!
  return result
}

/** 1 − cos of the angle between two pictures' features: 0 for equal ones, at most 1 where no feature is negative. */
export function cosineDistance(x: Float32Array, y: Float32Array): number {
  const lengths = Math.sqrt(dot(x, x) * dot(y, y))
  if (lengths > 0) return Math.max(0, 1 - dot(x, y) / lengths)
  return dot(x, x) === dot(y, y) ? 0 : 1
}

export interface Kid {
  readonly value: number
  /** None for fewer than three pairs. */
  readonly interval?: Interval
}

/** Standard errors between a mean and the ends of its 95% interval. */
const ERRORS_95 = 1.96

/**
 * Kernel Inception distance of at least two pairs: the squared maximum mean discrepancy with the kernel
 * k(x, y) = (x·y / length + 1)³, estimated without bias as the mean over i ≠ j of
 * k(xᵢ, xⱼ) + k(yᵢ, yⱼ) − k(xᵢ, yⱼ) − k(xⱼ, yᵢ). Below 0 by chance where the sets are alike. The interval is the
 * jackknife's: ±1.96 standard errors.
 *
 * Sources: Binkowski, Sutherland, Arbel and Gretton, "Demystifying MMD GANs", ICLR 2018, section 4; Gretton et al., "A
 * kernel two-sample test", JMLR 13, 2012, equation 4; Arvesen, "Jackknifing U-statistics", Annals of Mathematical
 * Statistics 40(6), 1969.
 */
export const kid = (products: Products): Kid => jackknife(kidWithout(products))

/**
 * KID of one set of results less that of another, both of the same originals in the same order: chance that both share does
 * not widen its interval.
 */
export function kidDifference(one: Products, other: Products): Kid {
  const [ours, theirs] = [kidWithout(one), kidWithout(other)]
  const without = ours.without.map((value, i) => value - theirs.without[i]!)
  return jackknife({ value: ours.value - theirs.value, without })
}

/** An estimate, and what it is without each pair in turn; nothing for fewer than three pairs. */
interface Estimate {
  readonly value: number
  readonly without: readonly number[]
}

function kidWithout({ count, length, xx, yy, xy }: Products): Estimate {
  const kernel = (product: number) => (product / length + 1) ** 3
  const rows: number[] = []
  for (let i = 0; i < count; i++) {
    let row = 0
    for (let j = 0; j < count; j++) {
      if (i === j) continue
      const [there, back] = [i * count + j, j * count + i]
      row += kernel(xx[there]!) + kernel(yy[there]!) - kernel(xy[there]!) - kernel(xy[back]!)
    }
    rows.push(row)
  }
  const total = sum(rows)
  return {
    value: total / (count * (count - 1)),
    without: count < 3 ? [] : rows.map((row) => (total - 2 * row) / ((count - 1) * (count - 2))),
  }
}

function jackknife({ value, without }: Estimate): Kid {
  if (without.length === 0) return { value }
  const [count, middle] = [without.length, mean(without)]
  const variance = ((count - 1) / count) * sum(without.map((one) => (one - middle) ** 2))
  const half = ERRORS_95 * Math.sqrt(variance)
  return { value, interval: [value - half, value + half] }
}

/**
 * Fréchet inception distance of at least two pairs: |μ₁ − μ₂|² + Tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½), covariances with count − 1.
 * The eigenvalues of Σ₁ Σ₂ are the squared singular values of X Yᵀ / (count − 1), where the rows of X and Y are the
 * features less their means; so the last trace is their sum.
 *
 * Source: Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", NIPS 2017,
 * equation 6.
 */
export function fid({ count, xx, yy, xy }: Products): number {
  const [centredX, centredY, centred] = [xx, yy, xy].map((products) => centre(products, count)) as Three
  const means = centredX.mean + centredY.mean - 2 * centred.mean
  const root = sum([...singularValues(centred.products, count)])
  const spread = trace(centredX.products, count) + trace(centredY.products, count) - 2 * root
  return Math.max(0, means + spread / (count - 1))
}

type Centred = ReturnType<typeof centre>
type Three = [Centred, Centred, Centred]

/** Products of features less their means, and the product of the means. */
function centre(products: Float64Array, count: number) {
  const rows = new Float64Array(count)
  const columns = new Float64Array(count)
  for (const [at, value] of products.entries()) {
    rows[Math.floor(at / count)]! += value / count
    columns[at % count]! += value / count
  }
  const middle = mean([...rows])
  const centred = products.map(
    (value, at) => value - rows[Math.floor(at / count)]! - columns[at % count]! + middle,
  )
  return { products: centred, mean: middle }
}

const trace = (matrix: Float64Array, count: number) =>
  sum(Array.from({ length: count }, (_, i) => matrix[i * count + i]!))
