/** What the page asks its worker for. */
import type { TrainingProgress, TrainingSettings } from '../../../src/train/index.ts'
import type { Hint, PossibleColour, SeenClass } from '../../../src/web/index.ts'
import type { Look, Version } from '../look.ts'
import type { View } from './recombine.ts'

/** What is told while weights come. */
export interface Loading {
  readonly loaded: number
  readonly total: number
}

/** Which weights colour. */
export interface Wanted {
  /** Their name in the list of the package's weights. */
  readonly weights: string
  /** Weights of somebody's own, in place of these. */
  readonly file?: Blob | undefined
}

/** The network is here. */
export interface Started {
  /** What a person would call the adapter. */
  readonly adapter: string
  /** Whether the network has versions to choose from: it tells how likely each colour is. */
  readonly hasVersions: boolean
}

/** What was seen in a picture. */
export interface Seen {
  /** By the classifier, the likeliest first. */
  readonly classes: readonly SeenClass[]
  /** What people should know of the picture. */
  readonly notes: readonly string[]
  /** Whether it has a tone such as sepia, which may be kept. */
  readonly isToned: boolean
}

/** A picture that the worker has. */
export interface Opened {
  readonly picture: number
  readonly width: number
  readonly height: number
}

/** Pixels of a view, RGBA. */
export interface ViewPixels {
  readonly data: Uint8ClampedArray<ArrayBuffer>
}

/** A file that a picture is written to. */
export interface Format {
  /** Its media type. */
  readonly type: string
  /** 0 to 1 */
  readonly quality: number
}

/** What a training is asked for. */
export interface TrainingWish {
  readonly files: readonly File[]
  /** Whether it goes on where the last one stopped; `settings` are then those of the last one. */
  readonly goOn: boolean
  /** What it begins with otherwise. */
  readonly weights: Wanted
  readonly settings: Pick<TrainingSettings, 'size' | 'batch' | 'learningRate' | 'seed' | 'warmup'>
  readonly steps: number
  readonly validateEvery: number
}

/** A picture that is held out. */
export interface Comparison {
  readonly gray: ImageData
  readonly ours: ImageData
  readonly original: ImageData
}

export type TrainingNews =
  | ({ readonly kind: 'step' } & Pick<TrainingProgress, 'step' | 'total' | 'loss' | 'secondsLeft'>)
  | {
      readonly kind: 'validation'
      readonly step: number
      /** Errors in ab units²: the network's, and those of leaving all grey. */
      readonly abMse: number
      readonly grayMse: number
      readonly pictures: readonly Comparison[]
    }
  | { readonly kind: 'undecodable'; readonly reason: string }

export interface TrainingEnd {
  readonly step: number
}

/** What trainings have left, also those that failed. */
export interface TrainingKept {
  /** Whether there are weights. */
  readonly hasWeights: boolean
  /** Steps that were done where one can go on; null where there is nothing to go on with. */
  readonly step: number | null
}

type Of = { readonly picture: number }

export interface PageMethods {
  /** Loads weights and opens the adapter; tells `Loading`. */
  start: {
    input: Wanted
    value: Started
  }
  /** Names of the colourisers that come with the page. */
  networks: { input: null; value: readonly string[] }
  open: { input: { readonly file: Blob }; value: Opened }
  /** Asks the network; for a version only where it has any. */
  colour: {
    input: Of & { readonly hints: readonly Hint[]; readonly version: Version }
    value: Seen
  }
  original: { input: Of & { readonly view: View }; value: ViewPixels }
  coloured: { input: Of & { readonly view: View; readonly look: Look }; value: ViewPixels }
  /** Some colours that differ, the likeliest first. */
  likely: {
    input: Of & { readonly x: number; readonly y: number; readonly hints: readonly Hint[] }
    value: readonly PossibleColour[]
  }
  encode: { input: Of & { readonly look: Look; readonly format: Format }; value: Blob }
  close: { input: Of; value: undefined }
  /** Tells `TrainingNews`. Cancelled, it finishes the step in hand and ends. */
  train: { input: TrainingWish; value: TrainingEnd }
  kept: { input: null; value: TrainingKept }
  /** The last training's weights, as a file. */
  trained: { input: null; value: Blob }
}
