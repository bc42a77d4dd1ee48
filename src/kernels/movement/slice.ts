import { elementwise, elems, expectRanks, input, type Op, output, ShapeError, type Spec } from '../op.ts'

export interface SliceAttrs {
  readonly axis: number
  readonly start: number
  /** Length along the axis of the result: of the piece for `slice`, of the whole for `embed`. */
  readonly size: number
}

/** y = x cut to [start, start + size) along one axis. */
export const slice: Op<SliceAttrs> = {
  name: 'slice',
  half: 'all',

  infer(inputs, { axis, start, size }) {
    expectRanks('slice', inputs, [null])
    const shape = [...inputs[0]!.shape]
    if (axis < 0 || axis >= shape.length || start < 0 || start + size > shape[axis]!) {
      throw new ShapeError('slice', `no [${start}, ${start + size}) along axis ${axis}`, inputs)
    }
    shape[axis] = size
    return [{ shape }]
  },

  kernels: ([x], [y], attrs) => [
    elementwise('slice', elems(y!), [input(0), output(0)], place(y!, x!, attrs)),
  ],

  grad(b, { axis, start }) {
    const size = b.shape(b.inputs[0]!)[axis]!
    return [b.op('embed', [b.outputGrads[0]!], { axis, start, size })]
  },

  reference([x], [spec], { axis, start, size }) {
    const { outer, length, inner } = around(spec!, axis)
    const y: number[] = []
    for (let o = 0; o < outer; o++) {
      for (let j = start; j < start + size; j++) {
        for (let i = 0; i < inner; i++) y.push(x![(o * length + j) * inner + i]!)
      }
    }
    return [Float64Array.from(y)]
  },
}

/** y = zeros with x put into [start, start + x's length) along one axis that is `size` long: the transpose of slice. */
export const embed: Op<SliceAttrs> = {
  name: 'embed',
  half: 'all',

  infer(inputs, { axis, start, size }) {
    expectRanks('embed', inputs, [null])
    const shape = [...inputs[0]!.shape]
    if (axis < 0 || axis >= shape.length || start < 0 || start + shape[axis]! > size) {
      throw new ShapeError('embed', `does not fit at ${start} into ${size} along axis ${axis}`, inputs)
    }
    shape[axis] = size
    return [{ shape }]
  },

  kernels: ([x], [y], attrs) => [
    elementwise('embed', elems(y!), [input(0), output(0)], place(x!, y!, attrs)),
  ],

  grad(b, { axis, start }) {
    const size = b.shape(b.inputs[0]!)[axis]!
    return [b.op('slice', [b.outputGrads[0]!], { axis, start, size })]
  },

  reference([x], [spec], { axis, start, size }) {
    const { outer, length, inner } = around(spec!, axis)
    const y = new Float64Array(outer * size * inner)
    for (let o = 0; o < outer; o++) {
      for (let j = 0; j < length; j++) {
        for (let i = 0; i < inner; i++)
          y[(o * size + start + j) * inner + i] = x![(o * length + j) * inner + i]!
      }
    }
    return [y]
  },
}

/** The kernels know a piece [outer, run] and the whole [outer, stride] that it lies in from `start` on. */
function place(piece: Spec, whole: Spec, { axis, start }: SliceAttrs) {
  const inner = elems({ shape: whole.shape.slice(axis + 1) })
  const lengths = [piece.shape[axis]! * inner, whole.shape[axis]! * inner, start * inner] as const
  const vector = lengths.every((length) => length % 4 === 0)
  const [run, stride, first] = lengths.map((length) => (vector ? length / 4 : length))
  return {
    params: { run: run!, stride: stride!, start: first! },
    constants: { VECTOR: Number(vector) },
  }
}

function around({ shape }: Spec, axis: number) {
  let [outer, inner] = [1, 1]
  shape.forEach((d, i) => {
    if (i < axis) outer *= d
    if (i > axis) inner *= d
  })
  return { outer, length: shape[axis]!, inner }
}
