import type { Traits } from '../../device/traits.ts'
import { blockedKernel, blockedWays, directWays, matrixWays, type ProductKernel } from '../matrix/gemm.ts'
import {
  ceilDiv,
  type Dispatch,
  elementwise,
  expectRanks,
  grid,
  input,
  type Op,
  output,
  type Ref,
  scratch,
} from '../op.ts'
import { ENOUGH_FOR_CPU, ENOUGH_WORKGROUPS, MAX_PARTIAL_ELEMS } from '../splits.ts'
import {
  type ConvAttrs,
  type ConvGeometry,
  chooseTile,
  convGeometry,
  expectOutputGrad,
  subgroupTile,
  takesSubgroups,
  transposeTaps,
} from './convGeometry.ts'
import { winogradGradWeight, withWinograd } from './winograd.ts'

export interface Conv2dGradWeightAttrs extends ConvAttrs {
  /** Shape of the convolution's weight, [R,S,C/groups,K]. */
  readonly shape: readonly number[]
}

/**
 * The gradient of a convolution with respect to its weight: x [N,H,W,C], dy [N,OH,OW,K] → dw [R,S,C/groups,K].
 * dw[r,s,c,k] = Σ_{n,oh,ow} x[n, oh·stride + r·dilation − pad, …, c] · dy[n,oh,ow,k]. The sum over output rows is split
 * over workgroups where there would be too few; partial sums are added in a fixed order, so the bits don't vary.
 */
export const conv2dGradWeight: Op<Conv2dGradWeightAttrs> = {
  name: 'conv2dGradWeight',
  half: 'all',
  fullOutput: true,

  infer(inputs, attrs) {
    expectRanks('conv2dGradWeight', inputs, [4, 4])
    const g = convGeometry('conv2dGradWeight', inputs[0]!, attrs, attrs)
    expectOutputGrad('conv2dGradWeight', g, inputs[1]!, inputs)
    return [{ shape: attrs.shape }]
  },

  kernels: (inputs, outputs, attrs, traits) =>
    conv2dGradWeight.candidates!(inputs, outputs, attrs, traits)[0]!.dispatches,

  candidates(inputs, _outputs, attrs, traits) {
    const g = convGeometry('conv2dGradWeight', inputs[0]!, attrs, attrs)
    const general = { name: 'general', dispatches: generalKernel(g, attrs.groups) }
    const swapped = swap(g, attrs.groups)
    if (swapped) return [{ name: 'swapped', dispatches: swappedKernels(swapped, traits) }, general]
    if (attrs.groups > 1 || g.K % 4 !== 0) return [general]
    const products = (kernel: ProductKernel) => productKernels(g, kernel)
    const ways = {
      subgroup: takesSubgroups(traits) ? [{ name: 'subgroup', dispatches: subgroupKernel(g) }] : [],
      tiled: [{ name: 'tiled', dispatches: tiledKernel(g) }],
      blocked: blockedWays(productOf(g), traits, products),
      general: [general],
    }
    const direct = directWays(ways)
    return [
      ...matrixWays(productOf(g), traits, products),
      ...withWinograd('conv2dGradWeight', g, direct, () => winogradGradWeight(g, traits)),
    ]
  },

  reference([x, dy], specs, attrs) {
    const g = convGeometry('conv2dGradWeight', specs[0]!, attrs, attrs)
    const perGroup = g.C / attrs.groups
    const dw = new Float64Array(g.R * g.S * perGroup * g.K)
    const correlate = correlation(g, x!, dy!)
    for (let r = 0; r < g.R; r++) {
      for (let s = 0; s < g.S; s++) {
        for (let c = 0; c < perGroup; c++) {
          for (let k = 0; k < g.K; k++) {
            const channel = Math.floor(k / (g.K / attrs.groups)) * perGroup + c
            dw[((r * g.S + s) * perGroup + c) * g.K + k] = correlate(r, s, channel, k)
          }
        }
      }
    }
    return [dw]
  },
}

/** Σ over all pixels of the input that tap (r,s) saw, times the gradient of the output it went to. */
function correlation(g: ConvGeometry, x: Float64Array, dy: Float64Array) {
  return (r: number, s: number, channel: number, k: number): number => {
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
}

function generalKernel(g: ConvGeometry, groups: number): Dispatch[] {
  const [x, y, z] = grid(ceilDiv(weightElems(g), 64))
  const dispatch: SplitKernel = (target, splits, rowsPerSplit) => ({
    shader: 'conv2d_grad_weight',
    params: { conv: g, outputsPerGroup: g.K / groups, rowsPerSplit },
    bindings: [input(0), input(1), target],
    workgroups: [x, y, splits],
  })
  return splitRows(g, dispatch, { workgroups: x * y * z, enough: ENOUGH_WORKGROUPS, dw: output(0) })
}

interface Operands {
  readonly x: Ref
  readonly dy: Ref
  readonly dw: Ref
}
const OPERANDS: Operands = { x: input(0), dy: input(1), dw: output(0) }

function tiledKernel(g: ConvGeometry, operands = OPERANDS): Dispatch[] {
  const { LX, LY, VEC, ROWS } = chooseTile(g.K, g.C)
  const workgroups = [ceilDiv(g.C, ROWS * LY) * ceilDiv(g.K / 4, LX * VEC), g.R * g.S] as const
  const constants = { LX, LY, VEC, CHANNELS: ROWS }
  return split(g, operands, { shader: 'conv2d_grad_weight_tiled', constants, workgroups }, ENOUGH_WORKGROUPS)
}

function subgroupKernel(g: ConvGeometry, operands = OPERANDS): Dispatch[] {
  const weights = g.R * g.S * g.C
  const { LX, LY, VEC, ROWS } = subgroupTile(g.K, weights)
  const workgroups = [ceilDiv(weights, ROWS * LY), ceilDiv(g.K / 4, LX * VEC)] as const
  const constants = { LX, LY, VEC, ROWS }
  return split(g, operands, { shader: 'conv2d_grad_weight_subgroup', constants, workgroups }, ENOUGH_FOR_CPU)
}

const productOf = (g: ConvGeometry) => ({ batches: 1, M: g.R * g.S * g.C, L: g.N * g.OH * g.OW, N: g.K })

function productKernels(
  g: ConvGeometry,
  { by, constants, blocks, splits }: ProductKernel,
  { x, dy, dw }: Operands = OPERANDS,
): Dispatch[] {
  const { M, L, N } = productOf(g)
  const kernel = (target: Ref): Dispatch => ({
    shader: `conv2d_grad_weight_${by}`,
    constants: { ...constants, TURNED: 1 },
    params: { conv: g, termsPerSplit: ceilDiv(L, splits) },
    bindings: [x, dy, target],
    workgroups: [...blocks, splits],
  })
  if (splits === 1) return [kernel(dw)]
  const sums = scratch(0, splits * M * N)
  return [kernel(sums), elementwise('sum_partials', M * N, [sums, dw], { params: { parts: splits } })]
}

interface Kernel {
  readonly shader: string
  readonly constants: Dispatch['constants'] & object
  readonly workgroups: readonly [number, number]
}

function split(g: ConvGeometry, { x, dy, dw }: Operands, kernel: Kernel, enough: number): Dispatch[] {
  const { shader, constants, workgroups } = kernel
  const dispatch: SplitKernel = (target, splits, rowsPerSplit) => ({
    shader,
    constants,
    params: { conv: g, rowsPerSplit },
    bindings: [x, dy, target],
    workgroups: [...workgroups, splits],
  })
  return splitRows(g, dispatch, { workgroups: workgroups[0] * workgroups[1], enough, dw })
}

/**
 * The geometry with x and dy in each other's place, for few output channels beside many input channels: what x[p + offset] is
 * to dy[p], dy[q − offset] is to x[q]. The result has its taps in reverse and its channels transposed. Null where that is no
 * convolution of the kernels' kind, or not worth it.
 */
function swap(g: ConvGeometry, groups: number): ConvGeometry | null {
  const isPlain = [groups, g.strideH, g.strideW, g.dilationH, g.dilationW].every((value) => value === 1)
  if (!isPlain || g.K % 4 === 0 || g.C % 4 !== 0 || g.padTop >= g.R || g.padLeft >= g.S) return null
  const sizes = { H: g.OH, W: g.OW, C: g.K, channelsPerGroup: g.K, OH: g.H, OW: g.W, K: g.C }
  return { ...g, ...sizes, padTop: g.R - 1 - g.padTop, padLeft: g.S - 1 - g.padLeft }
}

function directKernels(g: ConvGeometry, operands: Operands, traits: Traits): Dispatch[] {
  if (!traits.isSoftware) return productKernels(g, blockedKernel(productOf(g), traits), operands)
  return takesSubgroups(traits) ? subgroupKernel(g, operands) : tiledKernel(g, operands)
}

function swappedKernels(g: ConvGeometry, traits: Traits): Dispatch[] {
  const swapped = scratch(1, g.R * g.S * g.C * g.K)
  const operands = { x: input(1), dy: input(0), dw: swapped }
  const kernels = directKernels(g, operands, traits)
  return [...kernels, transposeTaps(g, swapped, output(0), true)]
}

const weightElems = (g: ConvGeometry) => g.R * g.S * g.channelsPerGroup * g.K

/** The dispatch that writes to `target` a sum for each of `splits` parts of the output rows. */
type SplitKernel = (target: Ref, splits: number, rowsPerSplit: number) => Dispatch

/**
 * One dispatch that writes `dw`; or one that writes partial sums, each over some output rows, and one that adds them up.
 * A part has `workgroups` workgroups, and there are as many parts as make `enough` of them.
 */
function splitRows(
  g: ConvGeometry,
  dispatch: SplitKernel,
  { workgroups, enough, dw }: { workgroups: number; enough: number; dw: Ref },
): Dispatch[] {
  const [rows, length] = [g.N * g.OH, weightElems(g)]
  const stride = ceilDiv(length, 4) * 4
  const wanted = Math.min(ceilDiv(enough, workgroups), rows, Math.floor(MAX_PARTIAL_ELEMS / stride))
  const rowsPerSplit = ceilDiv(rows, Math.max(wanted, 1))
  const splits = ceilDiv(rows, rowsPerSplit)
  if (splits === 1) return [dispatch(dw, 1, rowsPerSplit)]
  const partial = scratch(0, splits * stride)
  return [
    dispatch(partial, splits, rowsPerSplit),
    elementwise('sum_partials', length, [partial, dw], { params: { parts: splits } }),
  ]
}
