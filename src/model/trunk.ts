/** The pretrained classifiers that a network can look through, without their last layers. */
import { UserError } from '../errors.ts'
import type { Graph } from '../graph/graph.ts'
import type { Tensor } from '../kernels/op.ts'

/** Pixels of the picture, along each side, that a cell of each tap stands for. */
export const TAP_STRIDES = [4, 8, 16, 32] as const

/** Which classifier it is. */
export interface TrunkName {
  readonly name: string
  /** Of the classifier's file, hexadecimal. */
  readonly sha256: string
}

export interface Trunk extends TrunkName {
  /** Of each tap, in the order of `TAP_STRIDES`. */
  readonly channels: readonly number[]
  /**
   * Adds the layers up to the last tap to a graph. Their weights are constants.
   * @param gray [N,H,W,1], see the inputs in `network.ts`; H and W are multiples of the last stride
   * @returns the taps [N,h,w,channels] in the order of `TAP_STRIDES`; h and w are about H and W by the stride, and less
   *   behind convolutions without padding
   * @throws UserError about weights when a layer cannot be computed at this size
   */
  build(graph: Graph, gray: Tensor): readonly Tensor[]
}

/** Brings a trunk. Throws what `missingTrunk` gives where it is not here. */
export type LoadTrunk = (name: TrunkName) => Promise<Trunk>

export const missingTrunk = ({ name, sha256 }: TrunkName, cause?: unknown) =>
  new UserError(
    `this network looks through the classifier ${name} (sha256 ${sha256.slice(0, 8)}…), which is not here: bring it, or name its file`,
    'weights',
    { cause, mend: ['trunk'] },
  )
