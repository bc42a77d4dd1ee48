/** Weights before any step. */

/**
 * Half the range of uniform weights [R,S,C,K] (Glorot and Bengio 2010, equation 16).
 * @param shape of a convolution's weight on the GPU
 */
export function glorotLimit(shape: readonly number[]): number {
  const [R, S, C, K] = shape as [number, number, number, number]
  return Math.sqrt(6 / (R * S * (C + K)))
}
