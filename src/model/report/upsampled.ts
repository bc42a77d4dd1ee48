import type { Graph } from '../../graph/graph.ts'
import { conv2dDefaults } from '../../kernels/conv/conv2d.ts'
import type { ActivationAttrs } from '../../kernels/elementwise/activation.ts'
import type { Tensor } from '../../kernels/op.ts'

/** x [N,H,W,C] at the low resolution, w [3,3,C,K] and bias [K]. */
export type Operands = readonly [x: Tensor, weight: Tensor, bias: Tensor]

/**
 * Up to which C·K ⁄ (C + K) the phases measured faster, forward and gradients together. Winograd's way, which wide layers take, has
 * fewer products, but its transforms, in which narrow layers spend their time, see every pixel of the upsampled image.
 */
const MOST_CHANNELS = 32

/** y [N,2H,2W,K] = act(upsampled x ∗ w + bias), nearest neighbours at twice the size, in the way that measured faster. */
export function convolveUpsampled(graph: Graph, operands: Operands, attrs: ActivationAttrs): Tensor {
  const [, , C, K] = graph.shape(operands[1]) as [number, number, number, number]
  return C * K <= MOST_CHANNELS * (C + K)
    ? asPhases(graph, operands, attrs)
    : asWritten(graph, operands, attrs)
}

/** The upsampled image, then the convolution. */
export function asWritten(graph: Graph, [x, weight, bias]: Operands, attrs: ActivationAttrs): Tensor {
  const upsampled = graph.op('upsample', [x], { factor: 2 })
  return graph.op('conv2d', [upsampled, weight, bias], { ...conv2dDefaults, ...attrs })
}

/**
 * The same at the low resolution: each of the four outputs over a pixel sees 2 × 2 pixels instead of 3 × 3, which makes one
 * convolution of four times the channels with 2.25 times fewer products, and no upsampled image.
 */
export function asPhases(graph: Graph, [x, weight, bias]: Operands, attrs: ActivationAttrs): Tensor {
  const phases = graph.op('phaseWeight', [weight], {})
  const padded = { ...conv2dDefaults, padding: [1, 1, 1, 1] } as const
  return graph.op('interleave', [graph.op('conv2d', [x, phases], padded), bias], attrs)
}
