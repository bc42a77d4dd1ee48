import type { Traits } from '../../device/traits.ts'
import {
  type ActivationAttrs,
  activate,
  activationGrad,
  activationKernel,
} from '../elementwise/activation.ts'
import { blockedWays, directWays, matrixWays, type ProductKernel, type ProductSizes } from '../matrix/gemm.ts'
import {
  type Candidate,
  ceilDiv,
  type Dispatch,
  fitsGrid,
  grid,
  input,
  type Op,
  output,
  type Ref,
  ShapeError,
  type Spec,
  scratch,
} from '../op.ts'
import {
  CONV_DEFAULTS,
  type ConvAttrs,
  type ConvGeometry,
  chooseTile,
  convAttrs,
  convGeometry,
  flattenPointwise,
  subgroupTile,
  takesSubgroups,
} from './convGeometry.ts'
import { type Epilogue, plainSums, sumSplits } from './epilogue.ts'
import { winogradConvolution, withWinograd } from './winograd.ts'

export interface Conv2dAttrs extends ConvAttrs, ActivationAttrs {
  /** What the convolution is multiplied by before the residual is added; 1 unless given. */
  readonly residualScale?: number
}

export const conv2dDefaults: Conv2dAttrs = { ...CONV_DEFAULTS, activation: 'none' }

/**
 * y = act(x ∗ w + b): x [N,H,W,C], w [R,S,C/groups,K], optional b [K] → y [N,OH,OW,K]. Cross-correlation, as every
 * framework's convolution. With a fourth input [N,OH,OW,K] y = act(residual + residualScale · (x ∗ w + b)), the end of
 * a residual block.
 */
export const conv2d: Op<Conv2dAttrs> = {
  name: 'conv2d',
  half: [0, 1, 3],

  infer: (inputs, attrs) => [{ shape: convShape('conv2d', inputs, attrs) }],

  kernels: (inputs, outputs, attrs, traits) =>
    conv2d.candidates!(inputs, outputs, attrs, traits)[0]!.dispatches,

  candidates(inputs, [y], attrs, traits) {
    const refs = inputs.map((_, i) => input(i))
    const { channels, offset } = y!.slice ?? { channels: y!.shape[3]!, offset: 0 }
    return convolutions(inputs, { inputs: refs, result: output(0), start: offset, channels }, attrs, traits)
  },

  // a slice that is not aligned to vec4s would cost a convolution its vec4s: then copying is cheaper
  writesSlice: (_inputs, { shape }, _attrs, { channels, offset }) =>
    shape[3]! % 4 !== 0 || (channels % 4 === 0 && offset % 4 === 0),

  grad(b, attrs) {
    const [x, w, bias, residual] = [b.inputs[0]!, b.inputs[1]!, b.inputs[2], b.inputs[3]]
    const sum = activationGrad(b, attrs)
    const dy = residual === undefined ? sum : b.op('scale', [sum], { factor: attrs.residualScale ?? 1 })
    const conv = convAttrs(attrs)
    return [
      b.needs(0) ? b.op('conv2dGradInput', [dy, w], { ...conv, shape: b.shape(x) }) : null,
      b.needs(1) ? b.op('conv2dGradWeight', [x, dy], { ...conv, shape: b.shape(w) }) : null,
      bias !== undefined && b.needs(2) ? b.op('sumRows', [dy], { keepBatch: false }) : null,
      residual === undefined ? null : sum,
    ]
  },

  reference([x, w, bias, residual], specs, attrs) {
    const g = convGeometry('conv2d', specs[0]!, specs[1]!, attrs)
    const y = new Float64Array(g.N * g.OH * g.OW * g.K)
    const sumOfTaps = referenceTaps(g, x!, w!)
    let at = 0
    for (let n = 0; n < g.N; n++) {
      for (let oh = 0; oh < g.OH; oh++) {
        for (let ow = 0; ow < g.OW; ow++) {
          for (let k = 0; k < g.K; k++, at++) {
            const sum = sumOfTaps(n, oh, ow, k) + (bias?.[k] ?? 0)
            y[at] = activate(residual ? residual[at]! + (attrs.residualScale ?? 1) * sum : sum, attrs)
          }
        }
      }
    }
    return [y]
  },
}

/** Computes one output of the convolution before bias and activation, straight from the definition. */
function referenceTaps(g: ConvGeometry, x: Float64Array, w: Float64Array) {
  const perGroup = g.channelsPerGroup
  const outputsPerGroup = (g.K * perGroup) / g.C
  return (n: number, oh: number, ow: number, k: number): number => {
    const firstChannel = Math.floor(k / outputsPerGroup) * perGroup
    let sum = 0
    for (let r = 0; r < g.R; r++) {
      for (let s = 0; s < g.S; s++) {
        const h = oh * g.strideH - g.padTop + r * g.dilationH
        const v = ow * g.strideW - g.padLeft + s * g.dilationW
        if (h < 0 || h >= g.H || v < 0 || v >= g.W) continue
        for (let c = 0; c < perGroup; c++) {
          sum +=
            x[((n * g.H + h) * g.W + v) * g.C + firstChannel + c]! *
            w[((r * g.S + s) * perGroup + c) * g.K + k]!
        }
      }
    }
    return sum
  }
}

/** The shape of x ∗ w for inputs [x, w, maybe a bias, maybe a residual]; throws a `ShapeError` when they don't fit. */
function convShape(op: string, inputs: readonly Spec[], attrs: ConvAttrs): number[] {
  const [x, w, bias, residual] = inputs
  if (!x || !w || inputs.length > 4) {
    throw new ShapeError(op, 'needs x, w and maybe a bias and a residual', inputs)
  }
  const { N, OH, OW, K } = convGeometry(op, x, w, attrs)
  const shape = [N, OH, OW, K]
  const differs = (spec: Spec | undefined, wanted: readonly number[]) =>
    spec && (spec.shape.length !== wanted.length || wanted.some((d, i) => d !== spec.shape[i]))
  if (differs(bias, [K])) throw new ShapeError(op, `the bias must be [${K}]`, inputs)
  if (differs(residual, shape)) throw new ShapeError(op, `the residual must be [${shape}]`, inputs)
  return shape
}

/** What a convolution's kernels read and write. */
export interface Bound {
  readonly inputs: readonly Ref[]
  readonly result: Ref
  /** Where in the result its channels go: to `start` and behind it, of `channels` in each pixel. */
  readonly start: number
  readonly channels: number
}

/** The ways to convolve inputs [x, w, maybe a bias, maybe a residual]; the fastest first. */
export function convolutions(
  inputs: readonly Spec[],
  { inputs: refs, result, start, channels }: Bound,
  attrs: Conv2dAttrs,
  traits: Traits,
): Candidate[] {
  const g = convGeometry('conv2d', inputs[0]!, inputs[1]!, attrs)
  const activation = activationKernel(attrs)
  // what is missing is not looked at: the weight stands in for it
  const [x, w, bias = w, residual = w] = refs as [Ref, Ref, Ref?, Ref?]
  const flags = { HAS_BIAS: Number(refs.length > 2), HAS_RESIDUAL: Number(refs.length > 3) }
  const work: Epilogue = {
    bindings: [x, w, bias, residual, result],
    constants: { ...flags, ...activation.constants },
    params: {
      yStart: start,
      yChannels: channels,
      residualScale: attrs.residualScale ?? 1,
      ...activation.params,
    },
  }
  const general = { name: 'general', dispatches: [generalKernel(g, attrs.groups, work)] }
  const hasVectors = [g.K, start, channels].every((count) => count % 4 === 0)
  if (attrs.groups === g.C && g.K === g.C && hasVectors) {
    return [{ name: 'depthwise', dispatches: [depthwiseKernel(g, work)] }, general]
  }
  if (isThin(g, attrs.groups)) return [{ name: 'thin', dispatches: thinKernels(g, work, traits) }, general]
  if (attrs.groups > 1 || !hasVectors) return [general]
  const subgroup = subgroupKernel(g, work)
  const hasSubgroups = takesSubgroups(traits) && fitsGrid(subgroup)
  const sizes = { batches: 1, M: g.N * g.OH * g.OW, L: g.R * g.S * g.C, N: g.K }
  const products = (kernel: ProductKernel) => productKernels(g, work, sizes, kernel)
  const ways = {
    subgroup: hasSubgroups ? [{ name: 'subgroup', dispatches: [subgroup] }] : [],
    tiled: [{ name: 'tiled', dispatches: [tiledKernel(flattenPointwise(g), work)] }],
    blocked: blockedWays(sizes, traits, products),
    general: [general],
  }
  const direct = directWays(ways)
  const winograd = () => winogradConvolution(g, work, traits)
  return [...matrixWays(sizes, traits, products), ...withWinograd('conv2d', g, direct, winograd)]
}

function generalKernel(g: ConvGeometry, groups: number, { constants, params, bindings }: Epilogue): Dispatch {
  return {
    shader: 'conv2d',
    constants,
    params: { conv: g, outputsPerGroup: g.K / groups, epilogue: params },
    bindings,
    workgroups: grid(ceilDiv(g.N * g.OH * g.OW * g.K, 64)),
  }
}

/** Pixels of a row that an invocation of the depthwise kernel sums. */
const DEPTHWISE_PIXELS = 4

function depthwiseKernel(g: ConvGeometry, { constants, params, bindings }: Epilogue): Dispatch {
  const invocations = g.N * g.OH * ceilDiv(g.OW, DEPTHWISE_PIXELS) * (g.C / 4)
  return {
    shader: 'conv2d_depthwise',
    constants: { ...constants, PIXELS: DEPTHWISE_PIXELS },
    params: { conv: g, epilogue: params },
    bindings,
    workgroups: grid(ceilDiv(invocations, 64)),
  }
}

/** Elements of what the pixels add: WebGPU's guaranteed `maxStorageBufferBindingSize`, 128 MiB. */
const MAX_THIN_ELEMS = 2 ** 25

/** Few output channels, no whole vec4s: one product for each tap and output channel is still a narrow layer. */
const isThin = (g: ConvGeometry, groups: number) =>
  groups === 1 &&
  g.K % 4 !== 0 &&
  g.K <= 8 &&
  g.R * g.S > 1 &&
  g.C >= 4 &&
  g.N * g.H * g.W * ceilDiv(g.R * g.S * g.K, 4) * 4 <= MAX_THIN_ELEMS

/** A 1×1 convolution computes what every pixel adds by every tap, which is then gathered: each x is loaded once, not R·S times. */
function thinKernels(g: ConvGeometry, work: Epilogue, traits: Traits): Dispatch[] {
  const { N, H, W, C, K } = g
  const taps = g.R * g.S
  const columns = ceilDiv(taps * K, 4) * 4
  const [x, w, bias, residual, y] = work.bindings as [Ref, Ref, Ref, Ref, Ref]
  const [wide, z] = [scratch(0, C * columns), scratch(1, N * H * W * columns)]
  const pointwise = [{ shape: [N, H, W, C] }, { shape: [1, 1, C, columns] }]
  const bound = { inputs: [x, wide], result: z, start: 0, channels: columns }
  return [
    {
      shader: 'thin_weight',
      params: { taps, C, K, columns },
      bindings: [w, wide],
      workgroups: grid(ceilDiv(C * columns, 64)),
      isPreparation: true,
    },
    ...convolutions(pointwise, bound, conv2dDefaults, traits)[0]!.dispatches,
    {
      shader: 'thin_sum',
      constants: work.constants,
      params: { conv: g, taps, columns, epilogue: work.params },
      bindings: [z, bias, residual, y],
      workgroups: grid(ceilDiv(N * g.OH * g.OW * K, 64)),
    },
  ]
}

function tiledKernel(g: ConvGeometry, { constants, params, bindings }: Epilogue): Dispatch {
  const { LX, LY, VEC, ROWS } = chooseTile(g.K, g.OW)
  return {
    shader: 'conv2d_tiled',
    constants: { ...constants, LX, LY, VEC, PIXELS: ROWS },
    params: { conv: g, weightVectors: 0, epilogue: params },
    bindings,
    workgroups: [ceilDiv(g.OW, ROWS * LY), g.N * g.OH, ceilDiv(g.K / 4, LX * VEC)],
  }
}

function subgroupKernel(g: ConvGeometry, { constants, params, bindings }: Epilogue): Dispatch {
  const pixels = g.N * g.OH * g.OW
  const { LX, LY, VEC, ROWS } = subgroupTile(g.K, pixels)
  return {
    shader: 'conv2d_subgroup',
    constants: { ...constants, LX, LY, VEC, PIXELS: ROWS },
    params: { conv: g, pixels, epilogue: params },
    bindings,
    workgroups: [ceilDiv(pixels, ROWS * LY), 1, ceilDiv(g.K / 4, LX * VEC)],
  }
}

function productKernels(
  g: ConvGeometry,
  work: Epilogue,
  sizes: ProductSizes,
  { by, constants, blocks, splits }: ProductKernel,
): Dispatch[] {
  const [x, w, bias, residual, y] = work.bindings as [Ref, Ref, Ref, Ref, Ref]
  const kernel = (end: Pick<Epilogue, 'constants' | 'params'>, bindings: Ref[]): Dispatch => ({
    shader: `conv2d_${by}`,
    constants: { ...end.constants, ...constants },
    params: { conv: g, termsPerSplit: ceilDiv(sizes.L, splits), epilogue: end.params },
    bindings,
    workgroups: [...blocks, splits],
  })
  if (splits === 1) return [kernel(work, [x, w, bias, residual, y])]
  const sums = scratch(0, splits * sizes.M * g.K)
  const sum = sumSplits(sums, { splits, rows: sizes.M, channels: g.K }, work)
  return [kernel(plainSums(g.K), [x, w, w, w, sums]), sum]
}
