import { ceilDiv, elems, expectRanks, grid, input, type Op, output } from '../op.ts'
import { expectPlaces } from './guidedApply.ts'
import { expectGuide } from './guidedFit.ts'

export interface JointBilateralAttrs {
  /** Cells that the window reaches to each side of the cell that a pixel is nearest to. */
  readonly radius: number
  /** Standard deviation of the weights by distance, in cells. */
  readonly space: number
  /** Standard deviation of the weights by the difference of guides, in the guide's units. */
  readonly range: number
}

/**
 * [ab [N,h,w,2], guide [N,h,w,1], L [N,H,W,1], rows [H], columns [W]] → [N,H,W,2]: each pixel's colour is the mean of the
 * cells around it, weighted with how near they are and how like the pixel's own lightness theirs is. `rows` and `columns`
 * say where among the cells each pixel lies; those outside are taken for the border. Kopf, Cohen, Lischinski and Uyttendaele 2007, "Joint bilateral upsampling", eq. 3.
 * Not differentiable.
 */
export const jointBilateral: Op<JointBilateralAttrs> = {
  name: 'jointBilateral',

  infer(inputs) {
    expectRanks('jointBilateral', inputs, [4, 4, 4, 1, 1])
    expectGuide('jointBilateral', inputs, 0)
    expectPlaces('jointBilateral', inputs, 2)
    return [{ shape: inputs[2]!.shape.with(3, 2) }]
  },

  kernels([ab], [y], { radius, space, range }) {
    const [, CH, CW] = ab!.shape as [number, number, number, number]
    const [, H, W] = y!.shape as [number, number, number, number]
    const pixels = elems(y!) / 2
    const weights = { near: 1 / (2 * space ** 2), like: 1 / (2 * range ** 2) }
    return [
      {
        shader: 'joint_bilateral',
        params: { pixels, H, W, CH, CW, radius, ...weights },
        bindings: [input(0), input(1), input(2), input(3), input(4), output(0)],
        workgroups: grid(ceilDiv(pixels, 64)),
      },
    ]
  },

  reference([ab, guide, L, rows, columns], [spec], { radius, space, range }) {
    const [N, CH, CW] = spec!.shape as [number, number, number, number]
    const y: number[] = []
    for (let n = 0; n < N; n++) {
      for (const row of rows!.map((at) => inside(at, CH))) {
        for (const column of columns!.map((at) => inside(at, CW))) {
          const l = L![y.length / 2]!
          const cells = around(row, CH, radius).flatMap((h) =>
            around(column, CW, radius).map((v) => {
              const cell = (n * CH + h) * CW + v
              const apart = ((row - h) ** 2 + (column - v) ** 2) / (2 * space ** 2)
              return { cell, exponent: -apart - (l - guide![cell]!) ** 2 / (2 * range ** 2) }
            }),
          )
          const largest = Math.max(...cells.map(({ exponent }) => exponent))
          const weights = cells.map(({ exponent }) => Math.exp(exponent - largest))
          const whole = weights.reduce((a, b) => a + b)
          for (const c of [0, 1])
            y.push(cells.reduce((sum, { cell }, i) => sum + (weights[i]! / whole) * ab![2 * cell + c]!, 0))
        }
      }
    }
    return [Float64Array.from(y)]
  },
}

const inside = (position: number, size: number) => Math.min(Math.max(position, 0), size - 1)

/** For the reference: the elements of an axis within `radius` of the one nearest to a position. */
const around = (position: number, size: number, radius: number): number[] => {
  const nearest = Math.floor(position + 0.5)
  return Array.from({ length: size }, (_, i) => i).filter((i) => Math.abs(i - nearest) <= radius)
}
