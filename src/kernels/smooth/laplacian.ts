import { ceilDiv, expectRanks, grid, input, type Op, output, ShapeError } from '../op.ts'
import { neighboursOf } from './affinities.ts'

/**
 * [u [N,H,W,2], weights [N,H,W,4], diagonal [N,H,W,1]] → diagonal · u − Σ k · u over each pixel's eight neighbours, as
 * `affinities` gives them; 0 where the diagonal is not above 0. On the other pixels it is a symmetric matrix, and positive
 * definite when `strength` is above 0 or a pixel is fixed. Not differentiable.
 */
export const laplacian: Op<object> = {
  name: 'laplacian',

  infer(inputs) {
    expectRanks('laplacian', inputs, [4, 4, 4])
    const wanted = [2, 4, 1].map((channels) => inputs[0]!.shape.with(3, channels))
    if (wanted.some((shape, i) => shape.some((d, axis) => d !== inputs[i]!.shape[axis])))
      throw new ShapeError(
        'laplacian',
        'needs colours [N,H,W,2], weights [N,H,W,4], diagonal [N,H,W,1]',
        inputs,
      )
    return [inputs[0]!]
  },

  kernels([u]) {
    const [N, H, W] = u!.shape as [number, number, number, number]
    const pixels = N * H * W
    const bindings = [input(0), input(1), input(2), output(0)]
    return [
      { shader: 'laplacian', params: { pixels, H, W }, bindings, workgroups: grid(ceilDiv(pixels, 64)) },
    ]
  },

  reference([u, weights, diagonal], [spec]) {
    const [, H, W] = spec!.shape as [number, number, number, number]
    const y = u!.map((value, i) => diagonal![i >> 1]! * value)
    for (let pixel = 0; pixel < diagonal!.length; pixel++) {
      for (const { other, ahead } of neighboursOf(pixel, H, W)) {
        if (ahead < 0) continue
        const k = weights![4 * pixel + ahead]!
        for (const c of [0, 1]) {
          y[2 * pixel + c]! -= k * u![2 * other + c]!
          y[2 * other + c]! -= k * u![2 * pixel + c]!
        }
      }
    }
    return [y.map((value, i) => (diagonal![i >> 1]! > 0 ? value : 0))]
  },
}
