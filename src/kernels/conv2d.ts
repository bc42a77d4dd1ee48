import {
  CONV_DEFAULTS,
  type ConvAttrs,
  type ConvGeometry,
  chooseTile,
  convAttrs,
  convGeometry,
  flattenPointwise,
} from './convGeometry.ts'
import { ceilDiv, type Dispatch, elems, grid, input, type Op, output, ShapeError } from './op.ts'

export interface Conv2dAttrs extends ConvAttrs {
  readonly activation: 'none' | 'relu'
}

export const conv2dDefaults: Conv2dAttrs = { ...CONV_DEFAULTS, activation: 'none' }

/**
 * y = act(x ∗ w + b): x [N,H,W,C], w [R,S,C/groups,K], optional b [K] → y [N,OH,OW,K]. Cross-correlation, as every
 * framework's convolution.
 */
export const conv2d: Op<Conv2dAttrs> = {
  name: 'conv2d',

  infer(inputs, attrs) {
    if (inputs.length < 2 || inputs.length > 3)
      throw new ShapeError('conv2d', 'needs x, w and maybe a bias', inputs)
    const { N, OH, OW, K } = convGeometry('conv2d', inputs[0]!, inputs[1]!, attrs)
    const bias = inputs[2]?.shape
    if (bias && (bias.length !== 1 || bias[0] !== K))
      throw new ShapeError('conv2d', `the bias must be [${K}]`, inputs)
    return [{ shape: [N, OH, OW, K] }]
  },

  kernels(inputs, outputs, attrs) {
    const g = convGeometry('conv2d', inputs[0]!, inputs[1]!, attrs)
    const bindings = [input(0), input(1), input(inputs.length === 3 ? 2 : 1), output(0)]
    const constants = { HAS_BIAS: inputs.length === 3 ? 1 : 0, RELU: attrs.activation === 'relu' ? 1 : 0 }
    if (attrs.groups === 1 && g.K % 4 === 0) return [tiled(flattenPointwise(g), bindings, constants)]
    const params = { ...g, channelsPerGroup: g.C / attrs.groups, outputsPerGroup: g.K / attrs.groups }
    return [
      { shader: 'conv2d', constants, params, bindings, workgroups: grid(ceilDiv(elems(outputs[0]!), 64)) },
    ]
  },

  grad(b, attrs) {
    const [x, w, bias] = [b.inputs[0]!, b.inputs[1]!, b.inputs[2]]
    const dy =
      attrs.activation === 'relu'
        ? b.op('reluGrad', [b.outputGrads[0]!, b.outputs[0]!], {})
        : b.outputGrads[0]!
    const conv = convAttrs(attrs)
    return [
      b.needs(0) ? b.op('conv2dGradInput', [dy, w], { ...conv, shape: b.shape(x) }) : null,
      b.needs(1) ? b.op('conv2dGradWeight', [x, dy], { ...conv, shape: b.shape(w) }) : null,
      bias !== undefined && b.needs(2) ? b.op('sumRows', [dy], { keepBatch: false }) : null,
    ]
  },

  reference([x, w, bias], specs, attrs) {
    const g = convGeometry('conv2d', specs[0]!, specs[1]!, attrs)
    const y = new Float64Array(g.N * g.OH * g.OW * g.K)
    let at = 0
    for (let n = 0; n < g.N; n++) {
      for (let oh = 0; oh < g.OH; oh++) {
        for (let ow = 0; ow < g.OW; ow++) {
          for (let k = 0; k < g.K; k++, at++) {
            const sum = referenceTaps(g, attrs.groups, x!, w!, n, oh, ow, k) + (bias?.[k] ?? 0)
            y[at] = attrs.activation === 'relu' && sum <= 0 ? 0 : sum
          }
        }
      }
    }
    return [y]
  },
}

/** One output of the convolution before bias and activation, straight from the definition. */
function referenceTaps(
  g: ConvGeometry,
  groups: number,
  x: Float64Array,
  w: Float64Array,
  n: number,
  oh: number,
  ow: number,
  k: number,
): number {
  const perGroup = g.C / groups
  const firstChannel = Math.floor(k / (g.K / groups)) * perGroup
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

function tiled(g: ConvGeometry, bindings: Dispatch['bindings'], flags: Record<string, number>): Dispatch {
  const { LX, LY, VEC, ROWS } = chooseTile(g.K, g.OW)
  return {
    shader: 'conv2d_tiled',
    constants: { ...flags, LX, LY, VEC, PIXELS: ROWS },
    params: { ...g },
    bindings,
    workgroups: [ceilDiv(g.OW, ROWS * LY), g.N * g.OH, ceilDiv(g.K / 4, LX * VEC)],
  }
}
