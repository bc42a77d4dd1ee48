import { blockedWays, directWays, matrixWays, type ProductKernel } from '../matrix/gemm.ts'
import {
  ceilDiv,
  type Dispatch,
  expectRanks,
  fitsGrid,
  grid,
  input,
  type Op,
  output,
  type Ref,
  scratch,
} from '../op.ts'
import {
  type ConvAttrs,
  type ConvGeometry,
  chooseTile,
  convGeometry,
  expectOutputGrad,
  flattenPointwise,
  subgroupTile,
  takesSubgroups,
  transposeTaps,
} from './convGeometry.ts'
import { plainSums, sumSplits } from './epilogue.ts'
import { winogradGradInput, withWinograd } from './winograd.ts'

export interface Conv2dGradInputAttrs extends ConvAttrs {
  /** Shape of the convolution's input, [N,H,W,C]. */
  readonly shape: readonly number[]
}

/**
 * The gradient of a convolution with respect to its input: dy [N,OH,OW,K], w [R,S,C/groups,K] → dx [N,H,W,C].
 * dx[n,h,v,c] = Σ dy[n,oh,ow,k] · w[r,s,c,k] over all (r,oh), (s,ow) with oh·stride + r·dilation − pad = h, likewise v.
 */
export const conv2dGradInput: Op<Conv2dGradInputAttrs> = {
  name: 'conv2dGradInput',
  half: 'all',

  infer(inputs, attrs) {
    expectRanks('conv2dGradInput', inputs, [4, 4])
    const g = convGeometry('conv2dGradInput', attrs, inputs[1]!, attrs)
    expectOutputGrad('conv2dGradInput', g, inputs[0]!, inputs)
    return [{ shape: attrs.shape }]
  },

  kernels: (inputs, outputs, attrs, traits) =>
    conv2dGradInput.candidates!(inputs, outputs, attrs, traits)[0]!.dispatches,

  candidates(inputs, _outputs, attrs, traits) {
    const g = convGeometry('conv2dGradInput', attrs, inputs[1]!, attrs)
    const general = { name: 'general', dispatches: [generalKernel(g, attrs.groups)] }
    if (attrs.groups > 1 || g.C % 4 !== 0) return [general]
    const subgroup = subgroupKernel(g)
    const hasSubgroups = takesSubgroups(traits) && fitsGrid(subgroup)
    const products = (kernel: ProductKernel) => productKernels(g, kernel)
    const ways = {
      subgroup: hasSubgroups ? [{ name: 'subgroup', dispatches: onTransposed(g, subgroup) }] : [],
      tiled: [{ name: 'tiled', dispatches: onTransposed(g, tiledKernel(flattenPointwise(g))) }],
      blocked: hasPlainTaps(g) ? blockedWays(productOf(g), traits, products) : [],
      general: [general],
    }
    const direct = directWays(ways)
    return [
      ...(hasPlainTaps(g) ? matrixWays(productOf(g), traits, products) : []),
      ...withWinograd('conv2dGradInput', g, direct, () => winogradGradInput(g, traits)),
    ]
  },

  reference([dy, w], specs, attrs) {
    const g = convGeometry('conv2dGradInput', attrs, specs[1]!, attrs)
    const dx = new Float64Array(g.N * g.H * g.W * g.C)
    const scatter = scatterInto(dx, g, dy!, w!)
    for (let n = 0; n < g.N; n++) {
      for (let oh = 0; oh < g.OH; oh++) {
        for (let ow = 0; ow < g.OW; ow++) {
          for (let k = 0; k < g.K; k++) scatter(n, oh, ow, k)
        }
      }
    }
    return [dx]
  },
}

/** Adds what one output's gradient gives to every input that the output saw. */
function scatterInto(dx: Float64Array, g: ConvGeometry, dy: Float64Array, w: Float64Array) {
  const perGroup = g.channelsPerGroup
  const outputsPerGroup = (g.K * perGroup) / g.C
  return (n: number, oh: number, ow: number, k: number): void => {
    const grad = dy[((n * g.OH + oh) * g.OW + ow) * g.K + k]!
    const firstChannel = Math.floor(k / outputsPerGroup) * perGroup
    for (let r = 0; r < g.R; r++) {
      for (let s = 0; s < g.S; s++) {
        const h = oh * g.strideH - g.padTop + r * g.dilationH
        const v = ow * g.strideW - g.padLeft + s * g.dilationW
        if (h < 0 || h >= g.H || v < 0 || v >= g.W) continue
        for (let c = 0; c < perGroup; c++) {
          const tap = ((r * g.S + s) * perGroup + c) * g.K + k
          dx[((n * g.H + h) * g.W + v) * g.C + firstChannel + c]! += grad * w[tap]!
        }
      }
    }
  }
}

function generalKernel(g: ConvGeometry, groups: number): Dispatch {
  return {
    shader: 'conv2d_grad_input',
    params: { conv: g, outputsPerGroup: g.K / groups },
    bindings: [input(0), input(1), output(0)],
    workgroups: grid(ceilDiv(g.N * g.H * g.W * g.C, 64)),
  }
}

/** First w [R·S, C, K] → [R·S, K, C], so that lanes over c read it contiguously; it is small beside the products. */
function onTransposed(g: ConvGeometry, dispatch: Omit<Dispatch, 'bindings'>): Dispatch[] {
  const transposed = scratch(0, g.R * g.S * g.C * g.K)
  return [
    transposeTaps(g, input(1), transposed),
    { ...dispatch, bindings: [input(0), transposed, output(0)] },
  ]
}

function tiledKernel(g: ConvGeometry): Omit<Dispatch, 'bindings'> {
  const columns = ceilDiv(g.W, g.strideW)
  const { LX, LY, VEC, ROWS } = chooseTile(g.C, columns)
  return {
    shader: 'conv2d_grad_input_tiled',
    constants: { LX, LY, VEC, PIXELS: ROWS },
    params: { conv: g },
    workgroups: [g.strideW * ceilDiv(columns, ROWS * LY), g.N * g.H, ceilDiv(g.C / 4, LX * VEC)],
  }
}

function subgroupKernel(g: ConvGeometry): Omit<Dispatch, 'bindings'> {
  const pixels = g.N * ceilDiv(g.H, g.strideH) * ceilDiv(g.W, g.strideW)
  const { LX, LY, VEC, ROWS } = subgroupTile(g.C, pixels)
  return {
    shader: 'conv2d_grad_input_subgroup',
    constants: { LX, LY, VEC, PIXELS: ROWS },
    params: { conv: g },
    workgroups: [ceilDiv(pixels, ROWS * LY), g.strideH * g.strideW, ceilDiv(g.C / 4, LX * VEC)],
  }
}

/** Where strides meet dilations the taps that reach a phase are harder to count. */
const hasPlainTaps = (g: ConvGeometry) =>
  (g.strideH === 1 || g.dilationH === 1) && (g.strideW === 1 || g.dilationW === 1)

/** For each phase of the strides a product; its terms are those of the phase that most taps reach. */
function productOf(g: ConvGeometry) {
  const phases = g.strideH * g.strideW
  const M = g.N * ceilDiv(g.H, g.strideH) * ceilDiv(g.W, g.strideW)
  const L = ceilDiv(g.R, g.strideH) * ceilDiv(g.S, g.strideW) * g.K
  return { batches: phases, M, L, N: g.C }
}

function productKernels(g: ConvGeometry, { by, constants, blocks, splits }: ProductKernel): Dispatch[] {
  const transposed = scratch(0, g.R * g.S * g.C * g.K)
  const kernel = (target: Ref): Dispatch => ({
    shader: `conv2d_grad_input_${by}`,
    constants,
    params: { conv: g, splits },
    bindings: [input(0), transposed, target],
    workgroups: [...blocks, g.strideH * g.strideW * splits],
  })
  const first = transposeTaps(g, input(1), transposed)
  if (splits === 1) return [first, kernel(output(0))]
  const pixels = g.N * g.H * g.W
  const sums = scratch(1, splits * pixels * g.C)
  // bias and residual are not looked at
  const epilogue = { ...plainSums(g.C), bindings: [sums, sums, sums, sums, output(0)] }
  return [first, kernel(sums), sumSplits(sums, { splits, rows: pixels, channels: g.C }, epilogue)]
}
