import { product } from '../../numbers.ts'
import { ceilDiv, type Dispatch, elems, grid, input, type Op, output, ShapeError, type Spec } from '../op.ts'

export interface ConcatAttrs {
  readonly axis: number
}

/** y = the inputs one behind the other along one axis, each written by a dispatch of its own. */
export const concat: Op<ConcatAttrs> = {
  name: 'concat',
  half: 'all',

  infer(inputs, { axis }) {
    const shape = inputs[0]?.shape
    if (!shape) throw new ShapeError('concat', 'needs at least one input', inputs)
    if (!(axis in shape)) throw new ShapeError('concat', `there is no axis ${axis}`, inputs)
    const fits = (other: readonly number[]) =>
      other.length === shape.length && other.every((d, i) => i === axis || d === shape[i])
    if (!inputs.every((x) => fits(x.shape))) {
      throw new ShapeError('concat', `the inputs may differ along axis ${axis} only`, inputs)
    }
    const size = inputs.reduce((sum, x) => sum + x.shape[axis]!, 0)
    return [{ shape: shape.map((d, i) => (i === axis ? size : d)) }]
  },

  kernels(inputs, [y], { axis }) {
    let start = 0
    return inputs.flatMap((x, i) => {
      start += x.shape[axis]!
      // what has a slice of its own was written there by the operator that computed it
      return x.slice
        ? []
        : [{ ...write(x, y!, axis, start - x.shape[axis]!), bindings: [input(i), output(0)] }]
    })
  },

  writesSlice: (_inputs, y, { axis }) => axis === y.shape.length - 1,

  grad(b, { axis }) {
    let start = 0
    return b.inputs.map((x, i) => {
      const size = b.shape(x)[axis]!
      start += size
      return b.needs(i) ? b.op('slice', [b.outputGrads[0]!], { axis, start: start - size, size }) : null
    })
  },

  reference(inputs, specs, { axis }) {
    const { shape } = specs[0]!
    const outer = product(shape.slice(0, axis))
    const y: number[] = []
    for (let o = 0; o < outer; o++) {
      for (const x of inputs) {
        const run = x.length / outer
        for (let j = 0; j < run; j++) y.push(x[o * run + j]!)
      }
    }
    return [Float64Array.from(y)]
  },
}

/** Writes x into [start, start + x's length) of y along one axis. */
function write(x: Spec, y: Spec, axis: number, start: number): Omit<Dispatch, 'bindings'> {
  const inner = elems({ shape: y.shape.slice(axis + 1) })
  const { channels, offset } = y.slice ?? { channels: y.shape[axis]!, offset: 0 }
  return {
    shader: 'concat',
    params: {
      elems: elems(x),
      run: x.shape[axis]! * inner,
      stride: channels * inner,
      start: (offset + start) * inner,
    },
    workgroups: grid(ceilDiv(elems(x), 64)),
  }
}
