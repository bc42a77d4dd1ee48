import {
  type ConvAttrs,
  type ConvGeometry,
  chooseTile,
  convGeometry,
  expectOutputGrad,
} from './convGeometry.ts'
import {
  ceilDiv,
  type Dispatch,
  elementwise,
  elems,
  expectRanks,
  grid,
  input,
  type Op,
  output,
  scratch,
} from './op.ts'

export interface Conv2dGradWeightAttrs extends ConvAttrs {
  /** Shape of the convolution's weight, [R,S,C/groups,K]. */
  readonly shape: readonly number[]
}

/** Workgroups that keep any adapter busy; below that the sum over pixels is split. */
const ENOUGH_WORKGROUPS = 1024
/** A split's partial sums take at most this much memory. */
const MAX_PARTIAL_ELEMS = 2 ** 22

/**
 * The gradient of a convolution with respect to its weight: x [N,H,W,C], dy [N,OH,OW,K] → dw [R,S,C/groups,K].
 * dw[r,s,c,k] = Σ_{n,oh,ow} x[n, oh·stride + r·dilation − pad, …, c] · dy[n,oh,ow,k]. The sum over output rows is split
 * over workgroups where there would be too few; partial sums are added in a fixed order, so the bits don't vary.
 */
export const conv2dGradWeight: Op<Conv2dGradWeightAttrs> = {
  name: 'conv2dGradWeight',

  infer(inputs, attrs) {
    expectRanks('conv2dGradWeight', inputs, [4, 4])
    const g = convGeometry('conv2dGradWeight', inputs[0]!, attrs, attrs)
    expectOutputGrad('conv2dGradWeight', g, inputs[1]!, inputs)
    return [{ shape: attrs.shape }]
  },

  kernels(inputs, outputs, attrs) {
    const g = convGeometry('conv2dGradWeight', inputs[0]!, attrs, attrs)
    const length = elems(outputs[0]!)
    if (attrs.groups === 1 && g.K % 4 === 0) return tiled(g, length)
    const [x, y, z] = grid(ceilDiv(length, 64))
    return splitRows(g.N * g.OH, x * y * z, length, (target, splits, rowsPerSplit) => ({
      shader: 'conv2d_grad_weight',
      params: {
        ...g,
        channelsPerGroup: g.C / attrs.groups,
        outputsPerGroup: g.K / attrs.groups,
        rowsPerSplit,
      },
      bindings: [input(0), input(1), target],
      workgroups: [x, y, splits],
    }))
  },

  reference([x, dy], specs, attrs) {
    const g = convGeometry('conv2dGradWeight', specs[0]!, attrs, attrs)
    const perGroup = g.C / attrs.groups
    const dw = new Float64Array(g.R * g.S * perGroup * g.K)
    for (let r = 0; r < g.R; r++) {
      for (let s = 0; s < g.S; s++) {
        for (let c = 0; c < perGroup; c++) {
          for (let k = 0; k < g.K; k++) {
            const channel = Math.floor(k / (g.K / attrs.groups)) * perGroup + c
            dw[((r * g.S + s) * perGroup + c) * g.K + k] = correlate(g, x!, dy!, r, s, channel, k)
          }
        }
      }
    }
    return [dw]
  },
}

/** Σ over all pixels of the input that tap (r,s) saw, times the gradient of the output it went to. */
function correlate(
  g: ConvGeometry,
  x: Float64Array,
  dy: Float64Array,
  r: number,
  s: number,
  channel: number,
  k: number,
): number {
  let sum = 0
  for (let n = 0; n < g.N; n++) {
    for (let oh = 0; oh < g.OH; oh++) {
      for (let ow = 0; ow < g.OW; ow++) {
        const h = oh * g.strideH - g.padTop + r * g.dilationH
        const v = ow * g.strideW - g.padLeft + s * g.dilationW
        if (h < 0 || h >= g.H || v < 0 || v >= g.W) continue
        sum += x[((n * g.H + h) * g.W + v) * g.C + channel]! * dy[((n * g.OH + oh) * g.OW + ow) * g.K + k]!
      }
    }
  }
  return sum
}

function tiled(g: ConvGeometry, length: number): Dispatch[] {
  const { LX, LY, VEC, ROWS } = chooseTile(g.K, g.C)
  const groups = [ceilDiv(g.C, ROWS * LY) * ceilDiv(g.K / 4, LX * VEC), g.R * g.S] as const
  return splitRows(g.N * g.OH, groups[0] * groups[1], length, (target, splits, rowsPerSplit) => ({
    shader: 'conv2d_grad_weight_tiled',
    constants: { LX, LY, VEC, CHANNELS: ROWS },
    params: { ...g, rowsPerSplit },
    bindings: [input(0), input(1), target],
    workgroups: [...groups, splits],
  }))
}

/** One dispatch that writes the result, or one that writes partial sums over some output rows each and their sum. */
function splitRows(
  rows: number,
  workgroups: number,
  length: number,
  dispatch: (
    target: ReturnType<typeof output> | ReturnType<typeof scratch>,
    splits: number,
    rows: number,
  ) => Dispatch,
): Dispatch[] {
  const stride = ceilDiv(length, 4) * 4
  const wanted = Math.min(
    ceilDiv(ENOUGH_WORKGROUPS, workgroups),
    rows,
    Math.floor(MAX_PARTIAL_ELEMS / stride),
  )
  const rowsPerSplit = ceilDiv(rows, Math.max(wanted, 1))
  const splits = ceilDiv(rows, rowsPerSplit)
  if (splits === 1) return [dispatch(output(0), 1, rowsPerSplit)]
  const partial = scratch(0, splits * stride)
  return [
    dispatch(partial, splits, rowsPerSplit),
    elementwise('sum_partials', length, [partial, output(0)], { parts: splits }),
  ]
}
