import { elementwise, elems, expectRanks, expectSame, input, type Op, output, ShapeError } from '../op.ts'
import { geometry, type Pool2dAttrs, pool2d, taps } from './pool2d.ts'

export interface Pool2dGradAttrs extends Pool2dAttrs {
  /** Shape of x. */
  readonly shape: readonly number[]
}

/**
 * [dy, x, y] → dx of a maximum, [dy] → dx of an average; y is the output of the pool. A window's dy goes to its first element,
 * row by row, that equals y, or in equal parts to all that its mean counts. All is float32: x and y rounded to float16 in
 * different places would not be equal.
 */
export const pool2dGrad: Op<Pool2dGradAttrs> = {
  name: 'pool2dGrad',

  infer(inputs, attrs) {
    const { shape } = attrs
    expectRanks('pool2dGrad', inputs, attrs.kind === 'max' ? [4, 4, 4] : [4])
    const [y] = pool2d.infer([{ shape }], attrs)
    if (y!.shape.some((size, axis) => size !== inputs[0]!.shape[axis]))
      throw new ShapeError('pool2dGrad', `dy must be [${y!.shape.join('×')}]`, inputs)
    if (attrs.kind === 'max') {
      expectSame('pool2dGrad', inputs, 0, 2)
      if (shape.some((size, axis) => size !== inputs[1]!.shape[axis]))
        throw new ShapeError('pool2dGrad', `x must be [${shape.join('×')}]`, inputs)
    }
    return [{ shape }]
  },

  kernels(_inputs, [dx], attrs) {
    const C = dx!.shape[3]!
    const vector = C % 4 === 0
    const isMax = attrs.kind === 'max'
    const constants = {
      VECTOR: Number(vector),
      AVERAGE: Number(!isMax),
      COUNT_PAD: Number(attrs.countIncludePad),
    }
    // an average does not look at x and y: dy stands in for them
    const bindings = [input(0), input(isMax ? 1 : 0), input(isMax ? 2 : 0), output(0)]
    const params = { pool: { ...geometry(dx!, attrs), C: vector ? C / 4 : C } }
    return [elementwise('pool2d_grad', elems(dx!), bindings, { params, constants })]
  },

  reference([dy, x, y], _specs, attrs) {
    const [N, H, W, C] = attrs.shape as [number, number, number, number]
    const { OH, OW } = geometry(attrs, attrs)
    const dx = new Float64Array(N * H * W * C)
    for (let window = 0; window < N * OH * OW; window++) {
      const [n, oh, ow] = [Math.floor(window / (OH * OW)), Math.floor(window / OW) % OH, window % OW]
      const pixels = taps(attrs, 0, oh, H).flatMap((h) => taps(attrs, 1, ow, W).map((v) => [h, v] as const))
      const seen = pixels.filter(([h, v]) => h >= 0 && h < H && v >= 0 && v < W)
      const places = seen.map(([h, v]) => ((n * H + h) * W + v) * C)
      const divisor = attrs.countIncludePad ? pixels.length : seen.length
      for (let c = 0; c < C; c++) {
        const [largest, slope] = [y?.[window * C + c], dy![window * C + c]!]
        if (attrs.kind === 'average') for (const place of places) dx[place + c]! += slope / divisor
        else {
          const first = places.find((place) => x![place + c] === largest)
          if (first !== undefined) dx[first + c]! += slope
        }
      }
    }
    return [dx]
  },
}
