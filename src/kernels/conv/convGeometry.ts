import type { Traits } from '../../device/traits.ts'
import { ceilDiv, type Dispatch, grid, type Ref, ShapeError, type Spec } from '../op.ts'

export interface ConvAttrs {
  /** [vertical, horizontal] */
  readonly stride: readonly [number, number]
  readonly dilation: readonly [number, number]
  /** 'same' as TensorFlow places it (the odd pixel goes right and bottom), or [top, left, bottom, right]. */
  readonly padding: 'same' | readonly [number, number, number, number]
  readonly groups: number
}

export const CONV_DEFAULTS: ConvAttrs = { stride: [1, 1], dilation: [1, 1], padding: 'same', groups: 1 }

/** All sizes of a convolution: the parameters `struct Conv` of `shaders/lib/conv_params.wgsl`. */
export type ConvGeometry = Readonly<
  Record<
    | ('N' | 'H' | 'W' | 'C' | 'OH' | 'OW' | 'K' | 'R' | 'S' | 'channelsPerGroup')
    | ('strideH' | 'strideW' | 'dilationH' | 'dilationW' | 'padTop' | 'padLeft'),
    number
  >
>

/**
 * Sizes of the convolution of x [N,H,W,C] with w [R,S,C/groups,K]. Throws a `ShapeError` when they don't fit.
 */
export function convGeometry(op: string, x: Spec, w: Spec, attrs: ConvAttrs): ConvGeometry {
  const fail = (problem: string) => new ShapeError(op, problem, [x, w])
  if (x.shape.length !== 4) throw fail('the image must be [N,H,W,C]')
  if (w.shape.length !== 4) throw fail('the weight must be [R,S,C/groups,K]')
  const [N, H, W, C] = x.shape as [number, number, number, number]
  const [R, S, channelsPerGroup, K] = w.shape as [number, number, number, number]
  const { groups } = attrs
  if (C !== channelsPerGroup * groups) {
    throw fail(`the image has ${C} channels, the weight needs ${channelsPerGroup} × ${groups} group(s)`)
  }
  if (K % groups !== 0) throw fail(`${K} output channels do not divide into ${groups} groups`)
  const [strideH, strideW] = attrs.stride
  const [dilationH, dilationW] = attrs.dilation
  const [padTop, OH] = outputSize(H, R, attrs, 0)
  const [padLeft, OW] = outputSize(W, S, attrs, 1)
  if (OH < 1 || OW < 1) throw fail('the kernel is larger than the padded image')
  const taps = { R, S, strideH, strideW, dilationH, dilationW, padTop, padLeft }
  return { N, H, W, C, OH, OW, K, channelsPerGroup, ...taps }
}

/** Throws a `ShapeError` unless `dy`, the gradient of the convolution's output, has that output's shape. */
export function expectOutputGrad(op: string, g: ConvGeometry, dy: Spec, inputs: readonly Spec[]): void {
  const expected = [g.N, g.OH, g.OW, g.K]
  if (expected.some((d, i) => d !== dy.shape[i])) {
    throw new ShapeError(op, `dy must be [${expected}] for x [${[g.N, g.H, g.W, g.C]}]`, inputs)
  }
}

/** [padding before, output size] along one axis (0 vertical, 1 horizontal). */
function outputSize(size: number, kernel: number, attrs: ConvAttrs, axis: 0 | 1): [number, number] {
  const { padding } = attrs
  const stride = attrs.stride[axis]
  const extent = (kernel - 1) * attrs.dilation[axis] + 1
  if (padding === 'same') {
    const out = Math.ceil(size / stride)
    return [Math.floor(Math.max((out - 1) * stride + extent - size, 0) / 2), out]
  }
  const [before, after] = [padding[axis], padding[axis + 2]!]
  return [before, Math.floor((size + before + after - extent) / stride) + 1]
}

/** A 1×1 convolution of stride 1 sees no neighbours: all its pixels can stand in one row, which tiles better. */
export function flattenPointwise(g: ConvGeometry): ConvGeometry {
  const pointwise =
    g.R === 1 && g.S === 1 && g.strideH === 1 && g.strideW === 1 && g.OH === g.H && g.OW === g.W
  if (!pointwise || g.padTop !== 0 || g.padLeft !== 0) return g
  const pixels = g.N * g.H * g.W
  return { ...g, N: 1, H: 1, W: pixels, OH: 1, OW: pixels }
}

/** Lanes and register tile of a tiled kernel whose `columns` run over vec4s of output channels. */
export interface Tile {
  /** Invocations of a workgroup along the channels, and along groups of pixels. */
  LX: number
  LY: number
  /** vec4s of channels, and pixels (or input channels), that one invocation holds in registers. */
  VEC: number
  ROWS: number
}

/**
 * A tile that keeps 8 lanes busy: wide layers put them over channels (two vec4s each), narrow ones fill the rest with
 * groups of pixels. `rows` pixels are cut with the least waste. Measured on llvmpipe; see `docs/performance.md`.
 */
export function chooseTile(channels: number, rows: number): Tile {
  const vectors = channels / 4
  const VEC = vectors % 2 === 0 && vectors >= 16 ? 2 : 1
  const LX = [8, 4, 2].find((lanes) => vectors / VEC >= lanes) ?? 1
  return { LX, LY: 8 / LX, VEC, ROWS: leastWaste(rows) }
}

/** Lanes of the subgroups that the subgroup kernels are written for: llvmpipe's. */
export const SUBGROUP_LANES = 8

/** Whether an adapter takes the subgroup kernels: one that pays for loads, as llvmpipe does. */
export const takesSubgroups = ({ isSoftware, subgroupLanes }: Traits) =>
  isSoftware && subgroupLanes === SUBGROUP_LANES

/**
 * The tile of a subgroup kernel: `ROWS` of `rows` pixels (or rows of weights) for each of LY groups of lanes. 32 × 2 sums of
 * vec4s are the most that llvmpipe still keeps apart; narrow layers put lanes over pixels instead of over channels that
 * are not there.
 */
export function subgroupTile(channels: number, rows: number): Tile {
  const vectors = channels / 4
  const LX = [8, 4, 2].find((lanes) => vectors >= (lanes === 8 ? 16 : lanes)) ?? 1
  const LY = SUBGROUP_LANES / LX
  const VEC = vectors >= 2 * LX && LX > 2 ? 2 : 1
  // llvmpipe's instructions for one step of all tiles: 250 to load a vec4 of weights, 100 an f32 of the other operand, and
  // 5 for each f32 that is summed
  const cost = (height: number) => ceilDiv(rows, height * LY) * (250 * VEC + height * (100 / LX + 20 * VEC))
  const heights = LX === 1 ? [16, 8] : [32, 24, 16, 8]
  const ROWS = heights.reduce((best, height) => (cost(height) < cost(best) ? height : best))
  return { LX, LY, VEC, ROWS }
}

/** The tile height of 14 down to 8 that covers `rows` with the fewest left over; small ones are covered at once. */
function leastWaste(rows: number): number {
  if (rows < 8) return rows
  const waste = (height: number) => ceilDiv(rows, height) * height - rows
  return [14, 13, 12, 11, 10, 9, 8].reduce((best, height) => (waste(height) < waste(best) ? height : best))
}

/** x [R·S, C, K] → y [R·S, K, C], the taps in reverse if asked for. */
export function transposeTaps({ R, S, C, K }: ConvGeometry, x: Ref, y: Ref, reversed = false): Dispatch {
  return {
    shader: 'transpose_matrix',
    constants: { REVERSED: Number(reversed) },
    params: { batch: R * S, rows: C, columns: K },
    bindings: [x, y],
    workgroups: grid(ceilDiv(R * S * C * K, 64)),
  }
}

/** The part of the attributes that the gradient operators share with the convolution. */
export const convAttrs = ({ stride, dilation, padding, groups }: ConvAttrs): ConvAttrs => ({
  stride,
  dilation,
  padding,
  groups,
})
