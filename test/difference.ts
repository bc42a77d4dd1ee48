export const largest = (values: Iterable<number>) => [...values].reduce((a, b) => Math.max(a, b), 0)

/** Of two arrays, the largest that there is at one place. */
export const difference = (a: Float32Array, b: Float32Array) =>
  largest(a.map((value, i) => Math.abs(value - b[i]!)))
