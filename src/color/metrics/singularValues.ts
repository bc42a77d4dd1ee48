/** Two rows count as orthogonal below this cosine, and a row as zero below this share of the largest one. */
const PRECISION = 1e-12
const MAX_SWEEPS = 60

/**
 * The singular values of a square matrix [count, count], in no order: rows are rotated two by two until all are orthogonal;
 * then they are the rows' lengths.
 *
 * Source: Hestenes, "Inversion of matrices by biorthogonalization and related results", Journal of the Society for
 * Industrial and Applied Mathematics 6(1), 1958; the angle as in Golub and Van Loan, "Matrix computations", section 8.5.2.
 */
export function singularValues(matrix: Float64Array, count: number): Float64Array {
  const rows = Array.from({ length: count }, (_, i) => matrix.slice(i * count, (i + 1) * count))
  const zero = (PRECISION * Math.sqrt(Math.max(0, ...rows.map((row) => dot(row, row))))) ** 2
  for (let sweep = 0, isDone = false; !isDone; sweep++) {
    if (sweep === MAX_SWEEPS) throw new Error('the rows of a matrix did not become orthogonal')
    isDone = true
    for (let i = 0; i < count; i++) {
      for (let j = i + 1; j < count; j++) if (rotate(rows[i]!, rows[j]!, zero)) isDone = false
    }
  }
  return Float64Array.from(rows, (row) => Math.sqrt(dot(row, row)))
}

/** Makes two rows orthogonal. False when they are already. */
function rotate(x: Float64Array, y: Float64Array, zero: number): boolean {
  const [xx, yy, xy] = [dot(x, x), dot(y, y), dot(x, y)]
  if (xx <= zero || yy <= zero || Math.abs(xy) <= PRECISION * Math.sqrt(xx * yy)) return false
  const ratio = (yy - xx) / (2 * xy)
  const tangent = (ratio < 0 ? -1 : 1) / (Math.abs(ratio) + Math.hypot(1, ratio))
  const cosine = 1 / Math.hypot(1, tangent)
  const sine = cosine * tangent
  for (let i = 0; i < x.length; i++) {
    const [before, beside] = [x[i]!, y[i]!]
    x[i] = cosine * before - sine * beside
    y[i] = sine * before + cosine * beside
  }
  return true
}

function dot(x: Float64Array, y: Float64Array): number {
  let result = 0
  for (let i = 0; i < x.length; i++) result += x[i]! * y[i]!
  return result
}
