import { ceilDiv, expectRanks, grid, input, type Op, output, ShapeError, type Spec } from '../op.ts'

export interface GuidedFitAttrs {
  /** Cells that a window reaches to each side. */
  readonly radius: number
  /** ε against steep slopes, in units of the guide's variance. */
  readonly epsilon: number
}

/**
 * [ab [N,H,W,2], guide [N,H,W,1]] → [N,H,W,4]: for the window around each cell the line ab ≈ slope · guide + offset by least
 * squares, the slopes of a and b before their offsets. He, Sun and Tang 2010, "Guided image filtering", eqs. 5 and 6; the mean
 * over windows (eq. 8) is `pool2d`. Not differentiable.
 */
export const guidedFit: Op<GuidedFitAttrs> = {
  name: 'guidedFit',

  infer(inputs) {
    expectRanks('guidedFit', inputs, [4, 4])
    expectGuide('guidedFit', inputs, 0)
    return [{ shape: inputs[0]!.shape.with(3, 4) }]
  },

  kernels([ab], _outputs, { radius, epsilon }) {
    const [N, H, W] = ab!.shape as [number, number, number, number]
    const cells = N * H * W
    const params = { cells, H, W, radius, epsilon }
    const bindings = [input(0), input(1), output(0)]
    return [{ shader: 'guided_fit', params, bindings, workgroups: grid(ceilDiv(cells, 64)) }]
  },

  reference([ab, guide], [spec], { radius, epsilon }) {
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length
    const lines = Array.from(guide!, (_, cell) => {
      const cells = neighbours(spec!, cell, radius)
      const centre = mean(cells.map((i) => guide![i]!))
      const variance = mean(cells.map((i) => (guide![i]! - centre) ** 2))
      const fits = [0, 1].map((c) => {
        const colour = mean(cells.map((i) => ab![2 * i + c]!))
        const covariance = mean(cells.map((i) => (guide![i]! - centre) * (ab![2 * i + c]! - colour)))
        const slope = covariance / (variance + epsilon)
        return { slope, offset: colour - slope * centre }
      })
      return [...fits.map(({ slope }) => slope), ...fits.map(({ offset }) => offset)]
    })
    return [Float64Array.from(lines.flat())]
  },
}

/** Colours [N,H,W,2] stand at `first`, a guide [N,H,W,1] behind them. */
export function expectGuide(op: string, inputs: readonly Spec[], first: number): void {
  const [ab, guide] = [inputs[first]!.shape, inputs[first + 1]!.shape]
  if (ab[3] !== 2 || guide[3] !== 1 || ab.some((d, i) => i < 3 && d !== guide[i]))
    throw new ShapeError(op, 'needs colours [N,H,W,2] and a guide [N,H,W,1]', inputs)
}

/** For references: the cells of an image that are at most `radius` rows and columns away. */
function neighbours({ shape: [, H, W] }: Spec, cell: number, radius: number): number[] {
  const [h, v, n] = [Math.floor(cell / W!) % H!, cell % W!, Math.floor(cell / W! / H!)]
  const found: number[] = []
  for (let row = 0; row < H!; row++) {
    for (let column = 0; column < W!; column++) {
      if (Math.abs(row - h) <= radius && Math.abs(column - v) <= radius)
        found.push((n * H! + row) * W! + column)
    }
  }
  return found
}
