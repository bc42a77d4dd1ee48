/** The network as a table. Channels are those at width 1. */
import * as v from 'valibot'
import { choiceOf, integerOf, numberOf, setting } from '../../setting.ts'
import { FINE_BINS } from '../bins.ts'
import { CLASSES } from '../classifier.ts'

/** What the last layer says of a cell: its colour, or how likely each of the fine bins is. */
const HEADS = ['ab', 'bins'] as const

/** What tells one network of this kind from another. */
export const architectureSchema = v.object({
  /** The classifier that it looks through. */
  trunk: v.object({
    name: v.string(),
    sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'expected a checksum of 64 hexadecimal digits')),
  }),
  /** Length of the class vector. */
  classes: v.optional(integerOf(), CLASSES),
  /** Scales every channel count but those of the trunk, the class vector and the last layer. */
  width: setting(v.optional(numberOf({ exclusive: true }), 1), {
    flag: 'width',
    value: 'F',
    help: 'scales the channel counts of the decoder',
  }),
  head: setting(v.optional(choiceOf(HEADS), 'bins'), {
    flag: 'head',
    value: 'ab|bins',
    help: `the last layer gives a* and b*, or probabilities of ${FINE_BINS.count} colours, which paints stronger`,
  }),
  /** Without it none is. */
  fineTune: setting(v.optional(integerOf()), {
    ...{ flag: 'fine-tune', value: 'LAYERS' },
    help: "how many of the trunk's last convolutions are trained, too; weight files then hold these",
    usual: 'none',
  }),
  /** Whether it listens to the input `hints`. */
  hints: v.optional(v.boolean(), false),
})

export type Architecture = Readonly<v.InferOutput<typeof architectureSchema>>

/** A convolution without bias, a batch norm and, unless something is added first, a ReLU. */
export interface Block {
  readonly name: string
  readonly inputs: number
  readonly outputs: number
  readonly kernel: 1 | 3
  readonly stride: 1 | 2
}

export interface Layers {
  /** Of the taps at strides 4, 8 and 16. */
  readonly laterals: readonly Block[]
  /** Of the tap at stride 32. */
  readonly fusion: Block
  /** At strides 16, 8, 4 and 4. */
  readonly decoder: readonly Block[]
  /** At strides 4, 8, 16 and 32; empty in a network that takes no hints. */
  readonly hints: readonly Block[]
  readonly head: { readonly inputs: number; readonly outputs: number }
}

const LATERALS = [32, 64, 128] as const
const FUSION = 192
const DECODER = [128, 96, 64, 64] as const
const HINTS = [16, 32, 48, 64] as const

/** What the decoder sees of the lightness at stride 4: the four means of a cell's quarters. */
export const LIGHTNESS_CHANNELS = 4
/** What the layers for hints see: a*, b*, the mask, and the mean lightness. */
export const HINT_CHANNELS = 4

/** Kernels take channels by fours. */
const scaled = (count: number, width: number) => 4 * Math.max(1, Math.round((count * width) / 4))

/** @param taps channels of the trunk's taps, at strides 4, 8, 16 and 32 */
export function layersOf({ width, head, hints }: Architecture, taps: readonly number[]): Layers {
  const widths = (counts: readonly number[]) => counts.map((count) => scaled(count, width))
  const [laterals, decoder] = [widths(LATERALS), widths(DECODER)]
  const told = hints ? widths(HINTS) : [0, 0, 0, 0]
  const fusion = scaled(FUSION, width)
  // what the decoder joins at strides 16, 8 and 4, behind what comes from below
  const joined = [2, 1, 0].map(
    (level) => laterals[level]! + told[level]! + (level === 0 ? LIGHTNESS_CHANNELS : 0),
  )
  const below = [fusion + told[3]!, decoder[0]!, decoder[1]!]
  return {
    laterals: laterals.map((outputs, i) => pointwise(`lateral${4 << i}`, taps[i]!, outputs)),
    fusion: pointwise('fusion', taps[3]!, fusion),
    decoder: decoder.map((outputs, i) => ({
      name: i < 3 ? `decoder${16 >> i}` : 'decoder.last',
      inputs: i < 3 ? below[i]! + joined[i]! : decoder[2]!,
      ...{ outputs, kernel: 3, stride: 1 },
    })),
    hints: !hints
      ? []
      : told.map((outputs, i) => ({
          name: `hints${4 << i}`,
          inputs: i === 0 ? HINT_CHANNELS : told[i - 1]!,
          ...{ outputs, kernel: 3, stride: i === 0 ? 1 : 2 },
        })),
    head: { inputs: decoder[3]!, outputs: head === 'bins' ? FINE_BINS.count : 2 },
  }
}

const pointwise = (name: string, inputs: number, outputs: number): Block => ({
  ...{ name, inputs, outputs, kernel: 1, stride: 1 },
})
