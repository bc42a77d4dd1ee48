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
  ShapeError,
  type Spec,
  scratch,
  type Tensor,
} from '../op.ts'

export interface ResizeAttrs {
  /** What stands at a position that is no whole number: the element before it, or the mean of both by their nearness. */
  readonly mode: 'nearest' | 'linear'
}

/**
 * [x [N,H,W,C], rows [OH], columns [OW]] → y [N,OH,OW,C], y[n,oh,ow,c] = x[n, rows[oh], columns[ow], c]. The positions are
 * constants of the graph, `positions`, since on the GPU a quotient may fall on the wrong side of a whole number; they
 * need no order. Those outside the image are those of its border.
 */
export const resize: Op<ResizeAttrs> = {
  name: 'resize',
  half: [0],

  infer(inputs) {
    expectRanks('resize', inputs, [4, 1, 1])
    const [N, , , C] = inputs[0]!.shape
    return [{ shape: [N!, inputs[1]!.shape[0]!, inputs[2]!.shape[0]!, C!] }]
  },

  kernels([x], [y], { mode }) {
    const { params, constants } = kernelSizes(x!, y!, mode)
    const bindings = [input(0), input(1), input(2), output(0)]
    return [elementwise('resize', elems(y!), bindings, { params, constants })]
  },

  grad(b, { mode }) {
    const [x, rows, columns] = b.inputs as [Tensor, Tensor, Tensor]
    const [, H, W] = b.shape(x) as [number, number, number, number]
    return [b.op('resizeGrad', [b.outputGrads[0]!, rows, columns], { mode, size: [H, W] }), null, null]
  },

  reference([x, rows, columns], [spec], { mode }) {
    const [N, H, W, C] = spec!.shape as [number, number, number, number]
    const y: number[] = []
    for (let n = 0; n < N; n++) {
      for (const row of rows!) {
        for (const column of columns!) {
          for (let c = 0; c < C; c++) {
            let value = 0
            for (const [h, down] of sources(row, H, mode)) {
              for (const [v, across] of sources(column, W, mode))
                value += down * across * x![((n * H + h) * W + v) * C + c]!
            }
            y.push(value)
          }
        }
      }
    }
    return [Float64Array.from(y)]
  },
}

export interface ResizeGradAttrs extends ResizeAttrs {
  /** Height and width of x. */
  readonly size: readonly [number, number]
}

/** [dy [N,OH,OW,C], rows [OH], columns [OW]] → dx [N,H,W,C]: the sum of what each pixel gave to the pixels of y. */
export const resizeGrad: Op<ResizeGradAttrs> = {
  name: 'resizeGrad',
  half: [0],

  infer(inputs, { size }) {
    expectRanks('resizeGrad', inputs, [4, 1, 1])
    const [N, OH, OW, C] = inputs[0]!.shape
    if (inputs[1]!.shape[0] !== OH || inputs[2]!.shape[0] !== OW)
      throw new ShapeError('resizeGrad', `the positions must be [${OH}] and [${OW}]`, inputs)
    return [{ shape: [N!, ...size, C!] }]
  },

  kernels([dy], [dx], { mode }) {
    const { params, constants } = kernelSizes(dx!, dy!, mode)
    const { H, W, OH, OW } = params
    const ranges = scratch(0, 2 * (H + W))
    const search: Dispatch = {
      shader: 'resize_ranges',
      constants: { LINEAR: constants.LINEAR },
      params: { H, W, OH, OW },
      bindings: [input(1), input(2), ranges],
      workgroups: grid(ceilDiv(H + W, 64)),
      isPreparation: true,
    }
    const bindings = [input(0), input(1), input(2), ranges, output(0)]
    return [search, elementwise('resize_grad', elems(dx!), bindings, { params, constants })]
  },

  grad: (b, { mode }) => [
    b.op('resize', [b.outputGrads[0]!, b.inputs[1]!, b.inputs[2]!], { mode }),
    null,
    null,
  ],

  reference([dy, rows, columns], [spec], { mode, size: [H, W] }) {
    const [N, , , C] = spec!.shape as [number, number, number, number]
    const dx = new Float64Array(N * H * W * C)
    let at = 0
    for (let n = 0; n < N; n++) {
      for (const row of rows!) {
        for (const column of columns!) {
          for (let c = 0; c < C; c++, at++) {
            for (const [h, down] of sources(row, H, mode)) {
              for (const [v, across] of sources(column, W, mode))
                dx[((n * H + h) * W + v) * C + c]! += down * across * dy![at]!
            }
          }
        }
      }
    }
    return [dx]
  },
}

/** For references: the elements of an axis that a position takes, and how much of each. */
function sources(position: number, size: number, mode: ResizeAttrs['mode']): [number, number][] {
  const inside = Math.min(Math.max(position, 0), size - 1)
  const before = Math.floor(inside)
  if (mode === 'nearest' || inside === before) return [[before, 1]]
  return [
    [before, before + 1 - inside],
    [before + 1, inside - before],
  ]
}

/** Of an image x and what it is resized to. */
function kernelSizes(x: Spec, y: Spec, mode: ResizeAttrs['mode']) {
  const [, H, W, C] = x.shape as [number, number, number, number]
  const [, OH, OW] = y.shape as [number, number, number, number]
  const vector = C % 4 === 0
  return {
    params: { H, W, C: vector ? C / 4 : C, OH, OW },
    constants: { VECTOR: Number(vector), LINEAR: Number(mode === 'linear') },
  }
}

/** ONNX's `coordinate_transformation_mode`, `nearest_mode` and what they need to know of an axis. */
export interface Resampling {
  readonly coordinates:
    | 'half_pixel'
    | 'half_pixel_symmetric'
    | 'pytorch_half_pixel'
    | 'tf_half_pixel_for_nn'
    | 'align_corners'
    | 'asymmetric'
  readonly rounding: 'round_prefer_floor' | 'round_prefer_ceil' | 'floor' | 'ceil'
  /** Elements along the axis before and after. */
  readonly from: number
  readonly to: number
  /** As the model gives it, or to / from. */
  readonly scale: number
}

/**
 * For each of the `to` places where it lies among the elements, by the formulas of ONNX's Resize (opset 19) in float32 as ONNX
 * Runtime computes them; for `nearest` the index of the nearest one, so that both choose the same where two are as near.
 */
export function positions(mode: ResizeAttrs['mode'], how: Resampling): Float32Array {
  return Float32Array.from({ length: how.to }, (_, i) => {
    if (how.scale === 1) return Math.min(i, how.from - 1)
    const at = Math.fround(origin(i, how))
    return Math.min(Math.max(mode === 'nearest' ? round(at, how.rounding) : at, 0), how.from - 1)
  })
}

/** Where place i lies among the elements before the resize. */
function origin(i: number, { coordinates, from, to, scale }: Resampling): number {
  const f32 = Math.fround
  const centre = f32(f32(i + 0.5) / f32(scale))
  switch (coordinates) {
    case 'half_pixel':
      return centre - 0.5
    case 'half_pixel_symmetric': {
      const adjustment = f32(to / f32(f32(scale) * from))
      return f32(f32(from / 2) * f32(1 - adjustment)) + (i + 0.5) / f32(scale) - 0.5
    }
    case 'pytorch_half_pixel':
      return to > 1 ? centre - 0.5 : 0
    case 'tf_half_pixel_for_nn':
      return centre
    case 'align_corners':
      return to > 1 ? f32(i * (from - 1)) / (to - 1) : 0
    case 'asymmetric':
      return i / f32(scale)
  }
}

function round(x: number, rounding: Resampling['rounding']): number {
  if (rounding === 'floor') return Math.floor(x)
  if (rounding === 'ceil') return Math.ceil(x)
  const tie = x - Math.floor(x) === 0.5
  if (tie) return rounding === 'round_prefer_floor' ? Math.floor(x) : Math.ceil(x)
  return Math.round(x)
}
