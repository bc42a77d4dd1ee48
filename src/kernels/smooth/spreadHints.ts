import { ceilDiv, elems, expectRanks, grid, input, type Op, output, ShapeError } from '../op.ts'

export interface SpreadHintsAttrs {
  /** What the hints' colours are multiplied by to be in the units of `ab`. */
  readonly unit: number
  /** Standard deviations of the weights: by distance, in cells, … */
  readonly space: number
  /** … by the difference of lightness, in the units of `L`, … */
  readonly range: number
  /** … and by the difference of colours, in the units of `ab`. */
  readonly color: number
  /** Above 0: what stands against the sum of the weights, so that far from all hints nothing changes. */
  readonly prior: number
}

/**
 * [ab [N,h,w,2], L [N,h,w,1], hints [N,h,w,3]] → [N,h,w,2]: what hints ask for beyond the colours that are there goes on to the
 * cells around that are alike in lightness and colour. `hints` has two colours and a mask, 0 where nothing is told. The change of a
 * cell is the weighted mean of the told cells' changes (Nadaraya 1964; Watson 1964), with the weights of a bilateral
 * filter (Tomasi and Manduchi 1998). Not differentiable.
 */
export const spreadHints: Op<SpreadHintsAttrs> = {
  name: 'spreadHints',

  infer(inputs) {
    expectRanks('spreadHints', inputs, [4, 4, 4])
    const cells = inputs[0]!.shape.slice(0, 3)
    const wanted = [2, 1, 3].map((channels) => [...cells, channels].join())
    if (inputs.some(({ shape }, i) => shape.join() !== wanted[i]))
      throw new ShapeError('spreadHints', 'needs ab [N,h,w,2], L [N,h,w,1] and hints [N,h,w,3]', inputs)
    return [inputs[0]!]
  },

  kernels([ab], _outputs, { unit, space, range, color, prior }) {
    const [, H, W] = ab!.shape as [number, number, number, number]
    const cells = elems(ab!) / 2
    const weights = { near: 1 / (2 * space ** 2), like: 1 / (2 * range ** 2), akin: 1 / (2 * color ** 2) }
    return [
      {
        shader: 'spread_hints',
        params: { cells, H, W, unit, ...weights, prior },
        bindings: [input(0), input(1), input(2), output(0)],
        workgroups: grid(ceilDiv(cells, 64)),
      },
    ]
  },

  reference([ab, L, hints], [spec], { unit, space, range, color, prior }) {
    const [, H, W] = spec!.shape as [number, number, number, number]
    const y = Float64Array.from(ab!)
    const told = Array.from(L!, (_, cell) => cell).filter((cell) => hints![3 * cell + 2]! > 0)
    const placeOf = (cell: number) => [Math.floor(cell / W) % H, cell % W] as const
    for (let cell = 0; cell < L!.length; cell++) {
      const [row, column] = placeOf(cell)
      let weights = prior
      const sums = [0, 0]
      for (const at of told.filter((at) => Math.floor(at / (H * W)) === Math.floor(cell / (H * W)))) {
        const [h, v] = placeOf(at)
        const apart = ((row - h) ** 2 + (column - v) ** 2) / (2 * space ** 2)
        const unlike = (L![cell]! - L![at]!) ** 2 / (2 * range ** 2)
        const other = [0, 1].reduce((sum, c) => sum + (ab![2 * cell + c]! - ab![2 * at + c]!) ** 2, 0)
        const weight = hints![3 * at + 2]! * Math.exp(-apart - unlike - other / (2 * color ** 2))
        weights += weight
        for (const c of [0, 1]) sums[c]! += weight * (unit * hints![3 * at + c]! - ab![2 * at + c]!)
      }
      for (const c of [0, 1]) y[2 * cell + c]! += sums[c]! / weights
    }
    return [y]
  },
}
