import { ceilDiv, elems, expectRanks, grid, input, type Op, output, ShapeError } from '../op.ts'

export interface EncodeBinsAttrs {
  /** Distance between neighbouring bins along a and b. */
  readonly step: number
}

/**
 * Colours as distributions over bins: ab [N,H,W,2], centres of the bins [Q,2] → [N,H,W,Q], where bin q gets
 * (1 − |a − a_q| ⁄ step)⁺ (1 − |b − b_q| ⁄ step)⁺, the weight that bilinear interpolation gives it. On a square grid it has
 * at most four bins, sums up to 1, and its mean is the colour itself. Not differentiable.
 */
export const encodeBins: Op<EncodeBinsAttrs> = {
  name: 'encodeBins',

  infer(inputs) {
    expectRanks('encodeBins', inputs, [4, 2])
    const [ab, centres] = inputs
    if (ab!.shape[3] !== 2 || centres!.shape[1] !== 2)
      throw new ShapeError('encodeBins', 'needs colours [N,H,W,2] and bins [Q,2]', inputs)
    return [{ shape: [...ab!.shape.slice(0, 3), centres!.shape[0]!] }]
  },

  kernels([, centres], [y], { step }) {
    const params = { elems: elems(y!), bins: centres!.shape[0]!, step }
    const bindings = [input(0), input(1), output(0)]
    return [{ shader: 'encode_bins', params, bindings, workgroups: grid(ceilDiv(elems(y!), 64)) }]
  },

  reference([ab, centres], _specs, { step }) {
    const hat = (distance: number) => Math.max(0, 1 - Math.abs(distance) / step)
    const y: number[] = []
    for (let pixel = 0; pixel < ab!.length; pixel += 2) {
      for (let q = 0; q < centres!.length; q += 2)
        y.push(hat(ab![pixel]! - centres![q]!) * hat(ab![pixel + 1]! - centres![q + 1]!))
    }
    return [Float64Array.from(y)]
  },
}
