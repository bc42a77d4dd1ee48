import {
  ceilDiv,
  type Dispatch,
  elems,
  expectRanks,
  grid,
  input,
  type Op,
  output,
  type Ref,
  ShapeError,
  type Spec,
} from './op.ts'

export interface ConcatAttrs {
  readonly axis: number
}

/** y = the inputs one behind the other along one axis, each written by a dispatch of its own. */
export const concat: Op<ConcatAttrs> = {
  name: 'concat',

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
      return x.slice ? [] : [write(x, input(i), y!, output(0), axis, start - x.shape[axis]!)]
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
    const outer = shape.slice(0, axis).reduce((a, b) => a * b, 1)
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

export interface CopyIntoAttrs {
  readonly axis: number
  readonly start: number
}

/** [y, x] → y with [start, start + x's length) along one axis replaced by x, in place. Not differentiable. */
export const copyInto: Op<CopyIntoAttrs> = {
  name: 'copyInto',
  inPlace: [0],

  infer(inputs, { axis, start }) {
    expectRanks('copyInto', inputs, [null, null])
    const [y, x] = [inputs[0]!.shape, inputs[1]!.shape]
    const fits = x.length === y.length && x.every((d, i) => i === axis || d === y[i])
    if (!fits || !(axis in x) || start < 0 || start + x[axis]! > y[axis]!) {
      throw new ShapeError('copyInto', `no place for it at ${start} along axis ${axis}`, inputs)
    }
    return [inputs[0]!]
  },

  kernels: ([, x], [y], { axis, start }) => [write(x!, input(1), y!, output(0), axis, start)],

  reference([y, x], [spec, piece], { axis, start }) {
    const inner = spec!.shape.slice(axis + 1).reduce((a, b) => a * b, 1)
    const [length, size] = [spec!.shape[axis]!, piece!.shape[axis]!]
    return [
      y!.map((value, at) => {
        const j = (Math.floor(at / inner) % length) - start
        if (j < 0 || j >= size) return value
        return x![(Math.floor(at / (inner * length)) * size + j) * inner + (at % inner)]!
      }),
    ]
  },
}

/** Writes x into [start, start + x's length) of y along one axis. */
function write(x: Spec, from: Ref, y: Spec, to: Ref, axis: number, start: number): Dispatch {
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
    bindings: [from, to],
    workgroups: grid(ceilDiv(elems(x), 64)),
  }
}
