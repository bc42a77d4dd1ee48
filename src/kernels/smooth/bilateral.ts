import { ceilDiv, elems, expectRanks, grid, input, type Op, output, ShapeError } from '../op.ts'

export interface BilateralAttrs {
  /** Cells that the window reaches to each side. */
  readonly radius: number
  /** Only every so many rows and columns of the window count, from its middle on: 1 for all. */
  readonly step: number
  /** Standard deviations of the weights: by distance, in cells, … */
  readonly space: number
  /** … by the difference of lightness, in the units of `L`, … */
  readonly range: number
  /** … and by the difference of colours, in the units of `ab`. */
  readonly color: number
}

/**
 * [ab [N,h,w,2], L [N,h,w,1]] → [N,h,w,2]: the colour of each cell is the mean of those around it, weighted with how near and
 * how like it they are in lightness and colour, so that colours are evened out within things and not across their edges.
 * Of the window around it, every `step`-th row and column counts. Tomasi and Manduchi 1998, "Bilateral filtering for gray and
 * color images", eqs. 5 and 6. Not differentiable.
 * Throws a `ShapeError` for other shapes and for a step below 1, with which the shader would not end.
 */
export const bilateral: Op<BilateralAttrs> = {
  name: 'bilateral',

  infer(inputs, { step }) {
    expectRanks('bilateral', inputs, [4, 4])
    if (!(step >= 1)) throw new ShapeError('bilateral', `has a step of ${step}, where 1 is the least`, inputs)
    const cells = inputs[0]!.shape.slice(0, 3)
    const wanted = [2, 1].map((channels) => [...cells, channels].join())
    if (inputs.some(({ shape }, i) => shape.join() !== wanted[i]))
      throw new ShapeError('bilateral', 'needs ab [N,h,w,2] and L [N,h,w,1]', inputs)
    return [inputs[0]!]
  },

  kernels([ab], _outputs, { radius, step, space, range, color }) {
    const [, H, W] = ab!.shape as [number, number, number, number]
    const cells = elems(ab!) / 2
    const weights = { near: 1 / (2 * space ** 2), like: 1 / (2 * range ** 2), akin: 1 / (2 * color ** 2) }
    return [
      {
        shader: 'bilateral',
        params: { cells, H, W, radius, step, ...weights },
        bindings: [input(0), input(1), output(0)],
        workgroups: grid(ceilDiv(cells, 64)),
      },
    ]
  },

  reference([ab, L], [spec], { radius, step, space, range, color }) {
    const [N, H, W] = spec!.shape as [number, number, number, number]
    const y: number[] = []
    for (let at = 0; at < N * H * W; at++) {
      const [image, row, column] = [Math.floor(at / (H * W)), Math.floor(at / W) % H, at % W]
      let weights = 0
      const sums = [0, 0]
      for (let h = Math.max(0, row - radius); h <= Math.min(H - 1, row + radius); h++) {
        for (let v = Math.max(0, column - radius); v <= Math.min(W - 1, column + radius); v++) {
          if ((row - h) % step || (column - v) % step) continue
          const q = (image * H + h) * W + v
          const apart = ((row - h) ** 2 + (column - v) ** 2) / (2 * space ** 2)
          const unlike = (L![at]! - L![q]!) ** 2 / (2 * range ** 2)
          const other = [0, 1].reduce((sum, c) => sum + (ab![2 * at + c]! - ab![2 * q + c]!) ** 2, 0)
          const weight = Math.exp(-apart - unlike - other / (2 * color ** 2))
          weights += weight
          for (const c of [0, 1]) sums[c]! += weight * ab![2 * q + c]!
        }
      }
      y.push(...sums.map((sum) => sum / weights))
    }
    return [Float64Array.from(y)]
  },
}
