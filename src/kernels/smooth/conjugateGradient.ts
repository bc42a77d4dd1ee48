import {
  ceilDiv,
  elems,
  expectRanks,
  expectSame,
  grid,
  input,
  type Op,
  output,
  ShapeError,
  scratch,
} from '../op.ts'

/** Pixels that one lane of a workgroup sums up. */
const PIXELS = 16

/**
 * [x, r, p [N,H,W,2], rz [2], Ap [N,H,W,2], diagonal [N,H,W,1]] → x, r, p, rz, in place: one step of conjugate gradients for
 * A x = b, preconditioned by the diagonal (Hestenes and Stiefel 1952; Saad 2003, algorithm 9.1). x is the solution so far,
 * r = b − A x what is missing, p the direction and rz = Σ r² ⁄ diagonal, the squared length of r; a and b are solved side by
 * side. A solution begins with p = 0 and rz = 0, and the first step only finds the direction. Pixels whose diagonal is not
 * above 0 keep their x. Not differentiable.
 */
export const conjugateGradient: Op<object> = {
  name: 'conjugateGradient',
  inPlace: [0, 1, 2, 3],

  infer(inputs) {
    expectRanks('conjugateGradient', inputs, [4, 4, 4, 1, 4, 4])
    for (const i of [1, 2, 4]) expectSame('conjugateGradient', inputs, 0, i)
    const [x, , , rz, , diagonal] = inputs
    const isWrong = x!.shape[3] !== 2 || x!.shape.with(3, 1).some((d, i) => d !== diagonal!.shape[i])
    if (isWrong || rz!.shape[0] !== 2)
      throw new ShapeError('conjugateGradient', 'needs colours [N,H,W,2], rz [2], diagonal [N,H,W,1]', inputs)
    return inputs.slice(0, 4)
  },

  kernels([, , , , , diagonal]) {
    const pixels = elems(diagonal!)
    const parts = ceilDiv(pixels, 64 * PIXELS)
    const [x, r, p, rz] = [0, 1, 2, 3].map(output)
    const [partial, factor] = [scratch(0, 2 * parts), scratch(1, 2)]
    const sums = { constants: { PIXELS }, params: { pixels, parts }, workgroups: grid(parts) }
    const scalars = { shader: 'gradient_factor', params: { parts }, workgroups: [1, 1, 1] as const }
    return [
      { ...sums, shader: 'gradient_dot', bindings: [p!, input(4), partial] },
      { ...scalars, constants: { DIRECTION: 0 }, bindings: [partial, rz!, factor] },
      { ...sums, shader: 'gradient_move', bindings: [x!, r!, p!, input(4), input(5), factor, partial] },
      { ...scalars, constants: { DIRECTION: 1 }, bindings: [partial, rz!, factor] },
      {
        shader: 'gradient_turn',
        params: { pixels },
        bindings: [r!, input(5), factor, p!],
        workgroups: grid(ceilDiv(pixels, 64)),
      },
    ]
  },

  reference([x0, r0, p0, rz0, Ap, diagonal]) {
    const [x, r, p, rz] = [x0!.slice(), r0!.slice(), p0!.slice(), rz0!.slice()]
    for (const c of [0, 1]) {
      const own = Array.from(diagonal!, (d, pixel) => ({ d, i: 2 * pixel + c }))
      const bend = own.reduce((sum, { i }) => sum + p[i]! * Ap![i]!, 0)
      const alpha = bend > 0 ? rz[c]! / bend : 0
      let length = 0
      for (const { d, i } of own) {
        x[i]! += alpha * p[i]!
        r[i]! -= alpha * Ap![i]!
        if (d > 0) length += r[i]! ** 2 / d
      }
      const beta = rz[c]! > 0 ? length / rz[c]! : 0
      for (const { d, i } of own) p[i] = d > 0 ? r[i]! / d + beta * p[i]! : 0
      rz[c] = length
    }
    return [x, r, p, rz]
  },
}
