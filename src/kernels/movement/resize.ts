import { elementwise, elems, expectRanks, input, type Op, output } from '../op.ts'

/**
 * [x [N,H,W,C], rows [OH], columns [OW]] → y [N,OH,OW,C], y[n,oh,ow,c] = x[n, rows[oh], columns[ow], c]: a resize by nearest
 * neighbours, whose `nearestIndices` are constants of the graph, since on the GPU a quotient may fall on the wrong side of
 * a whole number. Indices outside the image are those of its border. Not differentiable; see `upsample`.
 */
export const resize: Op<object> = {
  name: 'resize',
  half: [0],

  infer(inputs) {
    expectRanks('resize', inputs, [4, 1, 1])
    const [N, , , C] = inputs[0]!.shape
    return [{ shape: [N!, inputs[1]!.shape[0]!, inputs[2]!.shape[0]!, C!] }]
  },

  kernels([x], [y]) {
    const [, H, W, C] = x!.shape as [number, number, number, number]
    const [, OH, OW] = y!.shape as [number, number, number, number]
    const vector = C % 4 === 0
    const params = { H, W, C: vector ? C / 4 : C, OH, OW }
    const bindings = [input(0), input(1), input(2), output(0)]
    return [elementwise('resize', elems(y!), bindings, params, { VECTOR: Number(vector) })]
  },

  reference([x, rows, columns], [spec]) {
    const [N, H, W, C] = spec!.shape as [number, number, number, number]
    const y: number[] = []
    const whole = (index: number, size: number) => Math.min(Math.max(Math.trunc(index), 0), size - 1)
    for (let n = 0; n < N; n++) {
      for (const row of rows!) {
        for (const column of columns!) {
          const pixel = (n * H + whole(row, H)) * W + whole(column, W)
          for (let c = 0; c < C; c++) y.push(x![pixel * C + c]!)
        }
      }
    }
    return [Float64Array.from(y)]
  },
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
 * For each of the `to` places the index of the element that is nearest, by the formulas of ONNX's Resize (opset 19) in
 * float32 as ONNX Runtime computes them, so that both choose the same one where two are as near.
 */
export function nearestIndices(how: Resampling): Float32Array {
  return Float32Array.from({ length: how.to }, (_, i) => {
    if (how.scale === 1) return Math.min(i, how.from - 1)
    const at = round(Math.fround(origin(i, how)), how.rounding)
    return Math.min(Math.max(at, 0), how.from - 1)
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
