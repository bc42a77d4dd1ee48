/**
 * The network as a table: 6.58 million parameters and 7.55 GMAC forward at 224 × 224 with 1000 classes.
 *
 * Source: Zhao 2019, figure 4, after Baldassarre et al. 2017 ("Deep Koalarization"), table 1; `docs/network.md`
 * says where and why this differs.
 */

import * as v from 'valibot'
import { choiceOf, integerOf, numberOf, setting } from '../../setting.ts'
import { COARSE_BINS } from '../bins.ts'
import { CLASSES } from '../classifier.ts'

/** What the last layer says of a pixel: its colour, or how likely each of some colours is. */
const HEADS = ['ab', 'bins'] as const

/** What tells one network of this kind from another. */
export const architectureSchema = v.object({
  /** Length of the class vector. */
  classes: v.optional(integerOf(), CLASSES),
  /** Scales every channel count but 1, 2 and the class count; 1 is the paper's network, `lite` is 0.25. */
  width: setting(v.optional(numberOf({ exclusive: true }), 1), {
    flag: 'width',
    value: 'F',
    help: 'scales the channel counts; 0.25 is "lite"',
  }),
  /**
   * The fusion layer sees the squares of the class probabilities, so that what the classifier is unsure of hardly
   * counts. The tensors don't show it.
   */
  squaredClasses: setting(v.optional(v.boolean(), false), {
    flag: 'class-power',
    value: '1|2',
    help: 'the network sees the class probabilities or their squares, so that unsure ones hardly count',
    texts: { 1: false, 2: true },
  }),
  head: setting(v.optional(choiceOf(HEADS), 'ab'), {
    flag: 'head',
    value: 'ab|bins',
    help: `the last layer gives a* and b*, or probabilities of ${COARSE_BINS.count} colours, which paints stronger`,
  }),
})

/** Without `squaredClasses` and `head` the report's own: plain probabilities, a* and b*. */
export type Architecture = Readonly<
  Pick<v.InferOutput<typeof architectureSchema>, 'classes' | 'width'> &
    Partial<v.InferOutput<typeof architectureSchema>>
>

export interface ConvLayer {
  readonly name: string
  readonly inputs: number
  readonly outputs: number
  readonly kernel: 1 | 3
  readonly stride: 1 | 2
  /** What stands behind the convolution's ReLU, in order. */
  readonly after: readonly ('norm' | 'upsample')[]
  /** The name of the batch norm, where there is one. */
  readonly norm?: string
}

/** Channel counts at width 1. */
const ENCODER = [64, 128, 128, 256, 256, 512, 512, 256] as const
const FUSION = 256
const DECODER = [128, 64, 64, 32] as const

/** Channels at `width`: rounded half to even, at least one. */
export function scaledChannels(count: number, width: number): number {
  const exact = count * width
  const floor = Math.floor(exact)
  const rounded = exact - floor === 0.5 ? floor + (floor % 2) : Math.round(exact)
  return Math.max(1, rounded)
}

export interface Layers {
  readonly encoder: readonly ConvLayer[]
  readonly fusion: ConvLayer
  readonly decoder: readonly ConvLayer[]
}

export function layersOf({ classes, width, head }: Architecture): Layers {
  const scaled = (count: number) => scaledChannels(count, width)
  const encoder = ENCODER.map((count, i): ConvLayer => {
    const number = i + 1
    const downsampling = number === 1 || number === 3 || number === 5
    return {
      name: `encoder.conv${number}`,
      inputs: i === 0 ? 1 : scaled(ENCODER[i - 1]!),
      outputs: scaled(count),
      kernel: 3,
      stride: downsampling ? 2 : 1,
      ...(downsampling ? { after: ['norm'], norm: `encoder.bn${number}` } : { after: [] }),
    }
  })
  const fusion: ConvLayer = {
    name: 'fusion.conv',
    inputs: scaled(256) + classes,
    outputs: scaled(FUSION),
    kernel: 1,
    stride: 1,
    after: [],
  }
  const decoder = DECODER.map((count, i): ConvLayer => {
    const number = i + 1
    const upsampling = number === 1 || number === 3
    return {
      name: `decoder.conv${number}`,
      inputs: scaled(i === 0 ? FUSION : DECODER[i - 1]!),
      outputs: scaled(count),
      kernel: 3,
      stride: 1,
      ...(upsampling ? { after: ['upsample', 'norm'], norm: `decoder.bn${number}` } : { after: [] }),
    }
  })
  const last: ConvLayer = {
    name: 'decoder.conv5',
    inputs: scaled(32),
    outputs: head === 'bins' ? COARSE_BINS.count : 2,
    kernel: 3,
    stride: 1,
    after: [],
  }
  return { encoder, fusion, decoder: [...decoder, last] }
}

export const allLayers = ({ encoder, fusion, decoder }: Layers): ConvLayer[] => [
  ...encoder,
  fusion,
  ...decoder,
]

/**
 * The architecture whose tensors have the given shapes, or null when no width gives them. Several widths round to the
 * same channel counts; the middle of them is returned.
 * @param shapeOf shape of a tensor of the weight file, [K,C,R,S] for convolutions
 */
export function architectureOf(
  shapeOf: (name: string) => readonly number[] | undefined,
): Architecture | null {
  let [low, high] = [0, Number.POSITIVE_INFINITY]
  const outputs = (name: string) => shapeOf(`${name}.weight`)?.[0]
  const full = layersOf({ classes: 0, width: 1 })
  for (const layer of allLayers(full).filter(({ name }) => name !== 'decoder.conv5')) {
    const count = outputs(layer.name)
    if (count === undefined) return null
    low = Math.max(low, count === 1 ? 0 : (count - 0.5) / layer.outputs)
    high = Math.min(high, (count + 0.5) / layer.outputs)
  }
  if (low > high) return null
  const width = low <= 1 && 1 <= high ? 1 : (low + high) / 2
  const fusionInputs = shapeOf('fusion.conv.weight')?.[1] ?? 0
  const classes = fusionInputs - scaledChannels(256, width)
  const head = outputs('decoder.conv5') === COARSE_BINS.count ? 'bins' : 'ab'
  return classes >= 1 ? { classes, width, head } : null
}
