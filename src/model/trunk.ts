/** The pretrained classifiers that a network can look through, without their last layers. */

import { UserError } from '../errors.ts'
import { Graph } from '../graph/graph.ts'
import type { Spec, Tensor } from '../kernels/op.ts'
import type { Size } from '../rect.ts'

/** Pixels of the picture, along each side, that a cell of each tap stands for. */
export const TAP_STRIDES = [4, 8, 16, 32] as const

/** Which classifier it is. */
export interface TrunkName {
  readonly name: string
  /** Of the classifier's file, hexadecimal. */
  readonly sha256: string
}

/** The name alone, without what else is known of a trunk. */
export const trunkName = ({ name, sha256 }: TrunkName): TrunkName => ({ name, sha256 })

/** What the values of a tap lie between. */
export interface TapRange {
  readonly low: number
  readonly high: number
}

/** A weight of a trunk as it lies on the GPU, with what stands behind its convolution, such as a batch norm, folded into it. */
export interface TrunkWeight extends Spec {
  /** "trunk.27.weight": of the 27th convolution. */
  readonly name: string
  readonly data: Float32Array
}

/** Weights of a trunk that stand in a graph for its own, by their names. */
export type OwnWeights = ReadonlyMap<string, Tensor>

export interface Trunk extends TrunkName {
  /** Of each tap, in the order of `TAP_STRIDES`. */
  readonly channels: readonly number[]
  /** Of each tap; null where its activation has no bounds. */
  readonly ranges: readonly (TapRange | null)[]
  /** Weight and bias, where it has one, of each convolution up to the last tap, in the order in which they are computed. */
  readonly layers: readonly (readonly TrunkWeight[])[]
  /**
   * Adds the layers up to the last tap to a graph. Their weights are constants, but for those that `own` has.
   * @param picture [N,H,W,1], grey, see the inputs in `network.ts`, or in colour [N,H,W,3]; H and W are multiples of the last
   *   stride
   * @returns the taps [N,h,w,channels] in the order of `TAP_STRIDES`; h and w are about H and W by the stride, and less
   *   behind convolutions without padding
   * @throws UserError about weights when a layer cannot be computed at this size
   */
  build(graph: Graph, picture: Tensor, own?: OwnWeights): readonly Tensor[]
}

/** Brings a trunk. Throws what `missingTrunk` gives where it is not here. */
export type LoadTrunk = (name: TrunkName) => Promise<Trunk>

export const missingTrunk = ({ name, sha256 }: TrunkName, cause?: unknown) =>
  new UserError(
    `this network looks through the classifier ${name} (sha256 ${sha256.slice(0, 8)}…), which is not here: bring its file`,
    'weights',
    { cause, mend: ['weights import FILE'] },
  )

/** What a graph is shown instead of the picture where the taps were computed before. */
export const TAP_INPUTS = ['tap4', 'tap8', 'tap16', 'tap32'] as const
export type TapInput = (typeof TAP_INPUTS)[number]

/** [h,w,channels] of each tap of a picture. Throws as `Trunk.build`. */
export function tapShapes(trunk: Trunk, { height, width }: Size): readonly (readonly number[])[] {
  const graph = new Graph()
  return trunk
    .build(graph, graph.input('gray', [1, height, width, 1]))
    .map((tap) => graph.shape(tap).slice(1))
}

/** How a graph comes to a trunk's taps. */
export type AddTaps = (
  graph: Graph,
  size: Size & { readonly batch: number },
  own?: OwnWeights,
) => readonly Tensor[]

/** By looking at the picture, which is the input `gray`. */
export const looking =
  (trunk: Trunk): AddTaps =>
  (graph, { batch, height, width }, own) =>
    trunk.build(graph, graph.input('gray', [batch, height, width, 1]), own)

/** As the inputs `TAP_INPUTS`: what the trunk saw before. */
export const remembering =
  (trunk: Trunk): AddTaps =>
  (graph, { batch, ...size }) =>
    tapShapes(trunk, size).map((shape, i) => graph.input(TAP_INPUTS[i]!, [batch, ...shape]))

/** What the channels of the last tap are multiplied by, [N,1,1,channels], in networks of `Network.leavingOutChannels`. */
export const CHANNELS_INPUT = 'channels'

/** With a last tap some of whose channels the input `CHANNELS_INPUT` leaves out. */
export const leavingOut =
  (addTaps: AddTaps): AddTaps =>
  (graph, size, own) => {
    const taps = addTaps(graph, size, own)
    const last = taps.at(-1)!
    const factors = graph.input(CHANNELS_INPUT, [size.batch, 1, 1, graph.shape(last)[3]!])
    return taps.with(-1, graph.op('binary', [last, factors], { kind: 'mul' }))
  }
