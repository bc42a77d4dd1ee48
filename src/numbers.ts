export const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)

/** 1 for no values: that of a shape is its number of elements, of a scalar's too. */
export const product = (values: readonly number[]) => values.reduce((a, b) => a * b, 1)

export const mean = (values: readonly number[]) => sum(values) / values.length

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
