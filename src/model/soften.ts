import type { Network } from './network.ts'

/** A network's `soften`, where these tensors are its last layer. */
export const softenBy =
  (lastLayer: readonly string[]): NonNullable<Network['soften']> =>
  (tensors, temperature) => {
    for (const name of lastLayer) {
      const { data } = tensors.get(name)!
      for (let i = 0; i < data.length; i++) data[i]! /= temperature
    }
  }
