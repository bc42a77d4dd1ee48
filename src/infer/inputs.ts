/** What networks are shown of pictures: the inputs that `model/network.ts` lists. */
import { networkGray } from '../color/photo.ts'
import type { NetworkInput } from '../model/network.ts'

export interface Shown {
  /** [N,H,W,1] */
  readonly L: Float32Array
  /** [N,1,1,classes] */
  readonly features: Float32Array
  /** [N,H/4,W/4,3]; without it no colour is told. */
  readonly hints?: Float32Array
  /** For a network that is shown what its trunk saw, each [N,h,w,channels]. */
  readonly taps?: readonly Float32Array[] | undefined
}

/** Given, or made when it is asked for. */
type Value = Float32Array | (() => Float32Array)

/** The inputs by name. What only some networks take is made when it is asked for. */
export const networkInputs = ({ L, features, hints, taps = [] }: Shown): Record<NetworkInput, Value> => ({
  ...{ L, features },
  gray: () => networkGray(L),
  hints: () => hints ?? new Float32Array((3 * L.length) / 16),
  tap4: () => taps[0]!,
  tap8: () => taps[1]!,
  tap16: () => taps[2]!,
  tap32: () => taps[3]!,
})

/** What a network is shown of the mirror image, left for right, of a picture that is `width` pixels wide. */
export const mirrorImage = ({ L, hints, ...shown }: Shown, width: number): Shown => ({
  ...shown,
  L: mirrorRows(L, width, 1),
  ...(hints ? { hints: mirrorRows(hints, width / 4, 3) } : {}),
})

/** An image [rows, width, channels] with each row from right to left. */
export function mirrorRows(image: Float32Array, width: number, channels: number): Float32Array {
  const result = new Float32Array(image.length)
  for (let i = 0; i < image.length; i += channels) {
    const column = (i / channels) % width
    result.set(image.subarray(i, i + channels), i + channels * (width - 1 - 2 * column))
  }
  return result
}
