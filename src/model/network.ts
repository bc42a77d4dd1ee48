import type * as v from 'valibot'
import type { Graph } from '../graph/graph.ts'
import type { Tensor } from '../kernels/op.ts'
import type { Layout, NamedTensor } from './arena.ts'
import type { Bins, Odds } from './bins.ts'
import type { TapInput, Trunk } from './trunk.ts'

export interface ImageSize {
  readonly batch: number
  /** Both are multiples of the network's `multiple`. */
  readonly height: number
  readonly width: number
}

/**
 * What a network may be shown of pictures, as inputs of its graph. Each takes what it needs:
 * - `L` [N,H,W,1] is the lightness, L*⁄50 − 1;
 * - `gray` [N,H,W,1] is the same picture as classifiers see it, sRGB level⁄127.5 − 1;
 * - `features` [N,1,1,classes] is the class vector, zeros where there is none;
 * - `hints` [N,H/4,W/4,3] is a*⁄50, b*⁄50 and 1 where a person has told the colour, and 0, 0, 0 elsewhere;
 * - `tap4` … `tap32` [N,h,w,channels] is what a trunk saw of the picture, see `Network.fromTaps`.
 */
export type NetworkInput = 'L' | 'gray' | 'features' | 'hints' | TapInput

/** What a network adds to a graph. */
export interface Painting {
  /** Predicted a*, b* in ab units, [N,H/s,W/s,2] with a whole number s. */
  readonly ab: Tensor
  /** Of the head `bins`, what the last layer says of each bin, [N,H/s,W/s,bins]; s may be another. */
  readonly logits: Tensor | null
  /** The probabilities of the bins whose mean `ab` is, place by place, [N,H/s,W/s,bins]; null of a network that does not tell them. */
  readonly shares: Tensor | null
  /** The input `hints`, which has the places of `ab`; null of a network that takes none. */
  readonly hints: Tensor | null
  /** Mean lightness of the places of `ab`, [N,H/s,W/s,1], as in the input `L`; null of a network that does not tell it. */
  readonly cellLightness: Tensor | null
  /** By what the logits are divided for the probabilities whose mean `ab` is; 1 where there are none. */
  readonly temperature: number
  /** The weights by name, as views of the variable `parameters`. */
  readonly parameters: ReadonlyMap<string, Tensor>
  /** Batch means and variances by the names of the running statistics; empty outside training. */
  readonly batchStatistics: ReadonlyMap<string, Tensor>
}

/** Probabilities of the bins become those of logits ⁄ temperature, with odds multiplied. */
export interface BinChange extends Odds {
  /** Above 1, colours that a network is too sure of become less strong; 1 changes nothing. */
  readonly temperature: number
}

/** How far a class vector's influence goes in weights that are passed on. */
export interface ClassInfluence {
  /** What the weights for the class vector are multiplied by. */
  readonly strength: number
  /** Standard deviation, in classes, over which those weights are averaged; 0 leaves them. */
  readonly smoothing: number
}

/** A network of one architecture: all that the rest of the program knows of it. */
export interface Network {
  /** "report": weight files say it. */
  readonly name: string
  /** What tells it from others of its name, as files keep it. */
  readonly architecture: Readonly<Record<string, unknown>>
  readonly layout: Layout
  /** Length of the class vector; 0 where it takes none. */
  readonly classes: number
  /** Sides of pictures are multiples of this many pixels. */
  readonly multiple: number
  /** The colours that its last layer gives probabilities of; null where it gives a* and b*. */
  readonly bins: Bins | null
  /** Side, in pixels, of the squares whose mean colours are compared with bins, and counted for rarity: that of a logit. */
  readonly colourStride: number
  /** Whether a person can tell it colours: it has the input `hints`. */
  readonly takesHints: boolean
  /** How much of a batch's statistics goes into the running ones. */
  readonly statisticsRate: number
  /**
   * Adds the network to a graph: its inputs, see `NetworkInput`, and the variables `parameters` and, outside training,
   * `statistics`.
   * @param mode in `train` batch norms use the batch's statistics, in `infer` the running ones
   */
  build(graph: Graph, size: ImageSize, mode: 'train' | 'infer'): Painting
  /** Weights before any step. `uniform` gives a number in [0, 1) for the i-th element of the arena. */
  initial(uniform: (index: number) => number): { parameters: Float32Array; statistics: Float32Array }
  /** Whether these weights were trained: an untrained network paints grey. */
  isTrained(parameters: Float32Array): boolean
  /** The network of this architecture with some of its parts changed. */
  variant(change: Readonly<Record<string, unknown>>): Network
  /** What it looks at the picture through; missing where it looks at it itself. */
  readonly trunk?: Trunk
  /** Of one whose trunk is fine-tuned: where in the layout's parameters the trunk's weights begin, which lie behind all others. */
  readonly fineTunedFrom?: number
  /**
   * Of one with a trunk that stays as it is: the same network, which is shown the trunk's taps instead of the picture `gray`,
   * square ones.
   */
  fromTaps?(): Network
  /** Of one with a trunk: the same network for training, whose last tap's channels are multiplied by the input `channels`. */
  leavingOutChannels?(): Network
  /** Changes what the last layer says of each bin, in tensors in the layout of files. Missing where there are no bins. */
  adjustBins?(tensors: ReadonlyMap<string, NamedTensor>, change: BinChange): void
  /** Weakens what the class vector does, in tensors in the layout of files. Missing where there is no such thing. */
  adjustClasses?(tensors: ReadonlyMap<string, NamedTensor>, influence: ClassInfluence): void
}

/** What a weight file says of its network. */
export interface WeightDescription {
  /** Shape of a tensor, [K,C,R,S] for convolutions; undefined when there is none of that name. */
  shapeOf(name: string): readonly number[] | undefined
  /** The architecture as the file's metadata have it; undefined in files from before they did. */
  readonly architecture: unknown
  /** The settings of the training that the file comes from, in files from before there was `architecture`. */
  readonly settings: Readonly<Record<string, unknown>>
}

/** Weights that are not those of the network that they are said to be of; the message says why. */
export class MisfitError extends Error {
  override readonly name = 'MisfitError'
}

export const misshapen = (name: string, found: readonly number[] | undefined, wanted: readonly number[]) =>
  `the tensor ${name} is ${found ? `[${found}], expected [${wanted}]` : 'missing'}`

/** Networks that differ in their architecture alone. */
export interface NetworkKind<A extends object = object> {
  readonly name: string
  /** An architecture: its types, limits and defaults, and what the command line calls its parts. */
  readonly schema: v.ObjectSchema<v.ObjectEntries, undefined>
  /** What is trained unless told otherwise: on a CPU in reasonable time, and on a GPU. */
  readonly sizes: Readonly<Record<'lite' | 'full', A>>
  /** The network of an architecture that the schema has checked. Throws a UserError where what it is built on is not here. */
  create(architecture: A): Network | Promise<Network>
  /** The network whose weights a file holds. Throws a `MisfitError` that says what does not fit, and as `create`. */
  read(file: WeightDescription): Network | Promise<Network>
}
