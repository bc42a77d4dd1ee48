import { describe, expect, it } from 'vitest'
import { cosineDistance, fid, kid, kidDifference, productsOf } from '../src/color/metrics/featureSets.ts'
import { singularValues } from '../src/color/metrics/singularValues.ts'

const rows = (...values: number[][]) => values.map((row) => Float32Array.from(row))
const pattern = (count: number, length: number, seed: number, scale = 1, offset = 0) =>
  Array.from({ length: count }, (_, i) =>
    Float32Array.from(
      { length },
      (_, k) => (scale * ((7 * i * i + 13 * k + 5 * i * k + seed * i * k * k) % 11)) / 4 + offset,
    ),
  )

/**
 * [pictures, features, FID, KID, half of its interval], by NumPy 2.4.6: FID with SciPy's sqrtm of Σ₁Σ₂ where there are more
 * pictures than features, and with NumPy's singular values where there are not, since Σ₁Σ₂ has no accurate root then.
 */
const COMPUTED = [
  [12, 4, 0.5658939541966186, 2.469105044676162, 6.497605899965583],
  [5, 8, 4.4518488683811395, -0.7237853688304341, 5.356796069821414],
  [3, 3, 1.6930121574444084, -2.1923387963094925, 6.586831027885492],
] as const

describe('FID', () => {
  it('of one feature is (μ₁ − μ₂)² + (σ₁ − σ₂)², however the pictures are paired', () => {
    // means 1 and 2, variances 2 and 8
    for (const y of [rows([0], [4]), rows([4], [0])])
      expect(fid(productsOf(rows([0], [2]), y))).toBeCloseTo(1 + 2, 10)
  })

  it.each(COMPUTED)('of %d pictures with %d features is what others compute', (count, length, wanted) => {
    const products = productsOf(pattern(count, length, 1), pattern(count, length, 3, 0.75, 0.25))
    expect(fid(products)).toBeCloseTo(wanted, 10)
  })

  it('of equal sets is 0', () => {
    const x = pattern(6, 9, 2)
    expect(fid(productsOf(x, x))).toBeCloseTo(0, 10)
  })
})

describe('KID', () => {
  it('of two pairs with one feature is 26', () => {
    // (0 + 1)³ + (1 · 2 + 1)³ − 1 − 1
    expect(kid(productsOf(rows([0], [0]), rows([1], [2])))).toEqual({ value: 26 })
  })

  it.each(COMPUTED)(
    'of %d pictures with %d features is what others compute, and so is its interval',
    (count, length, _fid, wanted, half) => {
      const products = productsOf(pattern(count, length, 1), pattern(count, length, 3, 0.75, 0.25))
      const { value, interval } = kid(products)
      expect(value).toBeCloseTo(wanted, 10)
      expect(interval![0]).toBeCloseTo(wanted - half, 10)
      expect(interval![1]).toBeCloseTo(wanted + half, 10)
    },
  )

  it('of one set less that of another has the interval of the differences without each pair in turn', () => {
    const x = pattern(7, 5, 1)
    const [y, z] = [pattern(7, 5, 3, 0.75, 0.25), pattern(7, 5, 2, 1.25)]
    const { value, interval } = kidDifference(productsOf(x, y), productsOf(x, z))
    const without = (k?: number) => {
      const rest = <T>(all: readonly T[]) => all.filter((_, i) => i !== k)
      const of = (painted: readonly Float32Array[]) => kid(productsOf(rest(x), rest(painted))).value
      return of(y) - of(z)
    }
    const each = x.map((_, k) => without(k))
    const middle = each.reduce((a, b) => a + b) / 7
    const error = Math.sqrt((6 / 7) * each.reduce((sum, one) => sum + (one - middle) ** 2, 0))
    expect(value).toBeCloseTo(without(), 10)
    expect(interval![0]).toBeCloseTo(without() - 1.96 * error, 10)
    expect(interval![1]).toBeCloseTo(without() + 1.96 * error, 10)
    expect(kidDifference(productsOf(x, y), productsOf(x, y))).toEqual({ value: 0, interval: [0, 0] })
  })

  it('of equal sets is 0, since what one picture shares with itself does not count', () => {
    const x = pattern(6, 9, 2)
    expect(kid(productsOf(x, x))).toEqual({ value: 0, interval: [0, 0] })
  })
})

describe('the cosine distance', () => {
  it('is 0 for features of one direction, 1 for those at right angles', () => {
    const [x, y, z, none] = rows([3, 4], [6, 8], [4, -3], [0, 0]) as [Float32Array, ...Float32Array[]]
    expect(cosineDistance(x, y!)).toBeCloseTo(0, 12)
    expect(cosineDistance(x, z!)).toBeCloseTo(1, 12)
    expect(cosineDistance(x, Float32Array.of(5, 0))).toBeCloseTo(0.4, 12)
    expect([cosineDistance(none!, none!), cosineDistance(x, none!)]).toEqual([0, 1])
  })
})

describe('singular values', () => {
  const sorted = (matrix: number[]) =>
    [...singularValues(Float64Array.from(matrix), Math.sqrt(matrix.length))].sort((a, b) => a - b)

  it('of [[3, 0], [4, 5]] are √5 and √45', () => {
    const [small, large] = sorted([3, 0, 4, 5])
    expect(small).toBeCloseTo(Math.sqrt(5), 12)
    expect(large).toBeCloseTo(Math.sqrt(45), 12)
  })

  it('may be 0, one or all', () => {
    const [small, large] = sorted([1, 2, 2, 4])
    expect(small).toBeCloseTo(0, 12)
    expect(large).toBeCloseTo(5, 12)
    expect(sorted([0, 0, 0, 0])).toEqual([0, 0])
  })
})
