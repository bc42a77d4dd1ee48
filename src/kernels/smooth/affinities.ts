import {
  ceilDiv,
  elems,
  expectRanks,
  expectSame,
  grid,
  input,
  type Op,
  output,
  ShapeError,
  scratch,
} from '../op.ts'

export interface AffinityAttrs {
  /** How much of the variance of a window counts: the less, the fewer colours cross its edges. */
  readonly share: number
  /** Added to what counts of the variance, so that noise makes no edges; in the lightness' unit, squared. */
  readonly noise: number
  /** Below this no affinity falls, so that no pixel is cut off from all others. */
  readonly least: number
  /** How strongly each pixel holds to its own target, beside its neighbours' affinities of at most 1. */
  readonly strength: number
}

/**
 * [L [N,H,W,1], free [N,H,W,1]] → weights [N,H,W,4], diagonal [N,H,W,1]: the matrix of `laplacian`. Neighbours r and s have
 * the affinity k = exp(−(L_r − L_s)² ⁄ (σ_r² + σ_s²)), where σ² is `noise` and a share of the variance of the lightness in the
 * 3 × 3 pixels around each: Levin, Lischinski and Weiss 2004, "Colorization using optimization", eq. 2, but that σ² is the
 * mean of both pixels', which makes the matrix symmetric. `weights` are those to the neighbours right, below left, below and below right,
 * 0 where there are none; `diagonal` is `strength` and the affinities to all eight, or 0 where `free` is not above 0: such
 * pixels keep their colours. Not differentiable.
 */
export const affinities: Op<AffinityAttrs> = {
  name: 'affinities',

  infer(inputs) {
    expectRanks('affinities', inputs, [4, 4])
    expectSame('affinities', inputs, 0, 1)
    const { shape } = inputs[0]!
    if (shape[3] !== 1) throw new ShapeError('affinities', 'the lightness must be [N,H,W,1]', inputs)
    return [{ shape: shape.with(3, 4) }, { shape }]
  },

  kernels([L], _outputs, attrs) {
    const [, H, W] = L!.shape as [number, number, number, number]
    const pixels = elems(L!)
    const workgroups = grid(ceilDiv(pixels, 64))
    const variance = scratch(0, pixels)
    return [
      {
        shader: 'window_variance',
        params: { pixels, H, W },
        bindings: [input(0), variance],
        workgroups,
      },
      {
        shader: 'affinities',
        params: { pixels, H, W, ...attrs },
        bindings: [input(0), input(1), variance, output(0), output(1)],
        workgroups,
      },
    ]
  },

  reference([L, free], [spec], { share, noise, least, strength }) {
    const [, H, W] = spec!.shape as [number, number, number, number]
    const variance = L!.map((_, pixel) => {
      const window = [pixel, ...neighboursOf(pixel, H, W).map(({ other }) => other)].map((i) => L![i]!)
      const mean = window.reduce((a, b) => a + b) / window.length
      return window.reduce((sum, l) => sum + (l - mean) ** 2, 0) / window.length
    })
    const weights = new Float64Array(4 * L!.length)
    const diagonal = L!.map((l, pixel) => {
      let sum = strength
      for (const { other, ahead } of neighboursOf(pixel, H, W)) {
        const spread = share * (variance[pixel]! + variance[other]!) + 2 * noise
        const k = Math.max(least, Math.exp(-((l - L![other]!) ** 2) / spread))
        if (ahead >= 0) weights[4 * pixel + ahead] = k
        sum += k
      }
      return free![pixel]! > 0 ? sum : 0
    })
    return [weights, diagonal]
  },
}

/** Rows down and columns to the right of the neighbours whose weights a pixel holds. */
const AHEAD = [
  [0, 1],
  [1, -1],
  [1, 0],
  [1, 1],
] as const

/** For references: the up to eight neighbours of a pixel; `ahead` is the place of one in the pixel's weights, or -1. */
export function neighboursOf(pixel: number, H: number, W: number): { other: number; ahead: number }[] {
  const [v, h] = [pixel % W, Math.floor(pixel / W) % H]
  const steps = AHEAD.flatMap(([down, across], ahead) => [
    { down, across, ahead },
    { down: -down, across: -across, ahead: -1 },
  ])
  return steps
    .filter(({ down, across }) => h + down >= 0 && h + down < H && v + across >= 0 && v + across < W)
    .map(({ down, across, ahead }) => ({ other: pixel + down * W + across, ahead }))
}
