import { ceilDiv, elems, expectRanks, grid, input, type Op, output, ShapeError, type Spec } from '../op.ts'

/**
 * [line [N,h,w,4], L [N,H,W,1], rows [H], columns [W]] → [N,H,W,2]: the lines of `guidedFit` enlarged bilinearly and applied to
 * the guide at full size, ab = slope · L + offset. `rows` and `columns` say where among the cells each pixel lies; those outside
 * are taken for the border. Not differentiable.
 */
export const guidedApply: Op<object> = {
  name: 'guidedApply',

  infer(inputs) {
    expectRanks('guidedApply', inputs, [4, 4, 1, 1])
    const [line, L] = inputs
    if (line!.shape[3] !== 4) throw new ShapeError('guidedApply', 'the lines must be [N,h,w,4]', inputs)
    expectPlaces('guidedApply', inputs, 1)
    return [{ shape: L!.shape.with(3, 2) }]
  },

  kernels([line], [ab]) {
    const [, CH, CW] = line!.shape as [number, number, number, number]
    const [, H, W] = ab!.shape as [number, number, number, number]
    const pixels = elems(ab!) / 2
    return [
      {
        shader: 'guided_apply',
        constants: { LINEAR: 1 },
        params: { pixels, H, W, CH, CW },
        bindings: [input(0), input(1), input(2), input(3), output(0)],
        workgroups: grid(ceilDiv(pixels, 64)),
      },
    ]
  },

  reference([line, L, rows, columns], [spec]) {
    const [N, CH, CW] = spec!.shape as [number, number, number, number]
    const ab: number[] = []
    for (let n = 0; n < N; n++) {
      for (const row of rows!) {
        for (const column of columns!) {
          const l = L![ab.length / 2]!
          const both = [0, 1, 2, 3].map((c) => {
            let value = 0
            for (let h = 0; h < CH; h++)
              for (let v = 0; v < CW; v++)
                value += hat(row, h, CH) * hat(column, v, CW) * line![((n * CH + h) * CW + v) * 4 + c]!
            return value
          }) as [number, number, number, number]
          ab.push(both[0] * l + both[2], both[1] * l + both[3])
        }
      }
    }
    return [Float64Array.from(ab)]
  },
}

/** The share of element i in linear interpolation at a position on an axis of `size` elements. */
const hat = (position: number, i: number, size: number) =>
  Math.max(0, 1 - Math.abs(Math.min(Math.max(position, 0), size - 1) - i))

/** At `first` stands the guide at full size, [N,H,W,1], and behind it the rows and columns; N is that of input 0. */
export function expectPlaces(op: string, inputs: readonly Spec[], first: number): void {
  const [N, H, W, C] = inputs[first]!.shape
  const [rows, columns] = [inputs[first + 1]!.shape[0], inputs[first + 2]!.shape[0]]
  if (C !== 1 || N !== inputs[0]!.shape[0] || rows !== H || columns !== W)
    throw new ShapeError(op, 'needs a guide [N,H,W,1] and positions [H] and [W]', inputs)
}
