import type { Traits } from '../src/device/traits.ts'
import { alignColumns } from '../src/table.ts'
import { type Convolution, candidatesOf, formatConvolution } from '../src/tune/convolutions.ts'
import type { Peaks } from './peaks.ts'
import { formatHead, type Head, percent, short } from './report.ts'

export const KINDS = { conv2d: 'forward', conv2dGradInput: 'dx', conv2dGradWeight: 'dw' } as const
export type Kind = (typeof KINDS)[keyof typeof KINDS]

/** A convolution of the network, or one of its gradients, all of its kernels together. */
export interface Described {
  readonly kind: Kind
  /** The layers that compute it. */
  readonly layers: readonly string[]
  readonly shape: string
  /** The candidate that a plan takes for it. */
  readonly kernel: string
  /** Of the direct convolution. */
  readonly flops: number
}

/** One against its floor. */
export interface RooflineRow extends Described {
  /** Inputs, weights and outputs, each once. */
  readonly bytes: number
  /** What flops or bytes, whichever is more, take at the adapter's best rates. */
  readonly floor: number
  /** Median milliseconds. */
  readonly milliseconds: number
  /** floor / milliseconds: above 1 where an algorithm needs fewer operations than the direct one. */
  readonly share: number
}

export interface Roofline extends Head {
  /** The adapter's multiply-adds, and its fastest copy: GFLOP/s and GB/s. */
  readonly gflops: number
  readonly gbPerSecond: number
  readonly rows: readonly RooflineRow[]
}

export function describe(convolution: Convolution, traits: Traits): Described {
  const { op, key, layers, geometry, flops } = convolution
  return {
    kind: KINDS[op as keyof typeof KINDS],
    layers: [...new Set(layers.map((layer) => layer.replace(/\.grad$/, '')))],
    shape: formatConvolution(geometry),
    kernel: traits.choices?.get(key) ?? candidatesOf(convolution, traits)[0]!.name,
    flops,
  }
}

/** @param times median milliseconds of each convolution */
export function rooflineOf(
  convolutions: readonly Convolution[],
  times: readonly number[],
  peaks: Peaks,
  traits: Traits,
): Omit<Roofline, keyof Head> {
  const { gflops } = peaks
  const gbPerSecond = Math.max(...peaks.copies.map((copy) => copy.gbPerSecond))
  const rows = convolutions.map((convolution, i): RooflineRow => {
    const { flops, bytes } = convolution
    const milliseconds = times[i]!
    const floor = Math.max(flops / gflops, bytes / gbPerSecond) / 1e6
    return { ...describe(convolution, traits), bytes, floor, milliseconds, share: floor / milliseconds }
  })
  return { gflops, gbPerSecond, rows }
}

/** "encoder.conv1 +2" */
export const layerNames = ([first, ...others]: readonly string[]) =>
  others.length ? `${first} +${others.length}` : first!

const HEADINGS = ['convolution', 'kernel', 'of', 'GFLOP', 'MB', 'floor ms', 'ms', 'GFLOP/s', 'share']
const TEXT_COLUMNS = 3

export function formatRoofline(roofline: Roofline): string {
  const { gflops, gbPerSecond, rows } = roofline
  const cells = rows.map(({ kind, layers, kernel, shape, flops, bytes, floor, milliseconds, share }) => [
    `${kind} ${layerNames(layers)}`,
    kernel,
    shape,
    ...[flops / 1e9, bytes / 1e6, floor, milliseconds, flops / 1e6 / milliseconds].map(short),
    percent(share),
  ])
  const total = (of: 'floor' | 'milliseconds') => rows.reduce((sum, row) => sum + row[of], 0)
  return [
    ...formatHead(roofline),
    `peaks: ${short(gflops)} GFLOP/s multiply-add; copy ${short(gbPerSecond)} GB/s`,
    '',
    ...alignColumns([HEADINGS, ...cells], TEXT_COLUMNS),
    '',
    `all of them once: ${short(total('milliseconds'))} ms, the floor is ${short(total('floor'))} ms`,
  ].join('\n')
}
