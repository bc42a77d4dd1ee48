import { product } from '../../numbers.ts'
import {
  ceilDiv,
  type Dispatch,
  elems,
  expectRanks,
  type GradBuilder,
  grid,
  input,
  type Op,
  output,
  type Ref,
  ShapeError,
  scratch,
  type Tensor,
} from '../op.ts'

export interface ReduceAttrs {
  readonly kind: 'mean' | 'sum' | 'max'
  /** In any order, counted from 0. */
  readonly axes: readonly number[]
  /** Whether the axes stay, with size 1. */
  readonly keepDims: boolean
}

/** More rows than this are reduced in two stages, of this many rows the first. */
const ROWS_PER_SPLIT = 256
/** Neighbours that a workgroup reads side by side. */
const MOST_LANES = 16

/**
 * Mean, sum or maximum over some axes, always in the same order; a global pool is that over the axes of height and width.
 */
export const reduce: Op<ReduceAttrs> = {
  name: 'reduce',
  half: 'all',

  infer(inputs, { axes, keepDims }) {
    expectRanks('reduce', inputs, [null])
    const { shape } = inputs[0]!
    if (axes.some((axis) => !(axis in shape)) || new Set(axes).size < axes.length) {
      throw new ShapeError('reduce', `axes ${axes.join(', ')} are not ${axes.length} of the input's`, inputs)
    }
    const kept = shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
    return [{ shape: keepDims ? kept : kept.filter((_, axis) => !axes.includes(axis)) }]
  },

  kernels([x], [y], { kind, axes }) {
    const mean = kind === 'mean' ? elems(y!) / elems(x!) : 1
    const stages = runsOf(x!.shape, axes).flatMap(inStages)
    return stages.map((stage, i) => {
      const last = i === stages.length - 1
      const from = i ? scratch(i - 1, resultElems(stages[i - 1]!)) : input(0)
      const to = last ? output(0) : scratch(i, resultElems(stage))
      return dispatch(kind, stage, last ? mean : 1, [from, to])
    })
  },

  grad(b, attrs) {
    const x = b.shape(b.inputs[0]!)
    const kept = x.map((size, axis) => (attrs.axes.includes(axis) ? 1 : size))
    if (attrs.kind === 'max') return [maxGrad(b, attrs.axes)]
    const dy = b.op('view', [b.outputGrads[0]!], { offset: 0, shape: kept })
    // repeats dy along the axes that are gone
    const repeated = x.map((size, axis) => size / kept[axis]!)
    const count = elems({ shape: repeated })
    const factors = new Float32Array(count).fill(attrs.kind === 'mean' ? 1 / count : 1)
    return [b.op('binary', [dy, b.constant(factors, repeated)], { kind: 'mul' })]
  },

  reference([x], [spec], { kind, axes }) {
    const { shape } = spec!
    const strides = shape.map(() => 0) // of y along the axes of x
    let count = 1
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (axes.includes(axis)) continue
      strides[axis] = count
      count *= shape[axis]!
    }
    const y = new Float64Array(count).fill(kind === 'max' ? Number.NEGATIVE_INFINITY : 0)
    for (let i = 0; i < x!.length; i++) {
      let [rest, at] = [i, 0]
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        at += (rest % shape[axis]!) * strides[axis]!
        rest = Math.floor(rest / shape[axis]!)
      }
      y[at] = kind === 'max' ? Math.max(y[at]!, x![i]!) : y[at]! + x![i]!
    }
    return [kind === 'mean' ? y.map((sum) => (sum * count) / x!.length) : y]
  },
}

/**
 * A maximum gives its gradient to the first element that has it, as that of a pool whose only window is [rows, 1] large: x as
 * images [rows, 1, inner], after the axes that are gone have been brought together if they are no neighbours.
 */
function maxGrad(b: GradBuilder, axes: readonly number[]): Tensor {
  const [x, y, dy] = [b.inputs[0]!, b.outputs[0]!, b.outputGrads[0]!]
  const shape = b.shape(x)
  const gone = axes.toSorted((p, q) => p - q)
  const first = gone[0] ?? 0
  const areNeighbours = gone.every((axis, i) => axis === first + i)
  const others = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis))
  const perm = [...others, ...gone]
  const sizeOf = (list: readonly number[]) => elems({ shape: list.map((axis) => shape[axis]!) })
  const inner = areNeighbours ? sizeOf(others.filter((axis) => axis > first)) : 1
  const [rows, outer] = [sizeOf(gone), sizeOf(others) / inner]
  const view = (tensor: Tensor, as: readonly number[]) => b.op('view', [tensor], { offset: 0, shape: as })
  const seen = areNeighbours ? x : b.op('transpose', [x], { perm })
  const [image, result] = [
    [outer, rows, 1, inner],
    [outer, 1, 1, inner],
  ] as const
  const operands = [view(dy, result), view(seen, image), view(y, result)]
  const window = { stride: [1, 1], dilation: [1, 1], padding: [0, 0, 0, 0], kernel: [rows, 1] } as const
  const plain = { kind: 'max', ceilMode: false, countIncludePad: false } as const
  const dx = b.op('pool2dGrad', operands, { ...window, ...plain, shape: image })
  if (areNeighbours) return view(dx, shape)
  const turned = view(
    dx,
    perm.map((axis) => shape[axis]!),
  )
  return b.op('transpose', [turned], { perm: perm.map((_, axis) => perm.indexOf(axis)) })
}

/** x [outer, rows, inner] → [outer, splits, inner] */
interface Stage {
  readonly outer: number
  readonly rows: number
  readonly inner: number
  readonly splits: number
}

const resultElems = ({ outer, splits, inner }: Stage) => outer * splits * inner

/** Each run of neighbouring axes by itself, the last run first, so that the axes before it stay as they are. */
function runsOf(shape: readonly number[], axes: readonly number[]): Stage[] {
  const runs: Stage[] = []
  let [rows, inner] = [1, 1]
  for (let axis = shape.length - 1; axis >= -1; axis--) {
    if (axes.includes(axis)) {
      rows *= shape[axis]!
      continue
    }
    const outer = product(shape.slice(0, axis + 1))
    if (rows > 1 || (axis < 0 && !runs.length)) runs.push({ outer, rows, inner, splits: 1 })
    rows = 1
    inner *= shape[axis] ?? 1
  }
  return runs
}

/** Many rows are first reduced to one row for each split. */
function inStages(run: Stage): Stage[] {
  if (run.rows <= 2 * ROWS_PER_SPLIT) return [run]
  const splits = ceilDiv(run.rows, ROWS_PER_SPLIT)
  return [
    { ...run, splits },
    { ...run, rows: splits },
  ]
}

function dispatch(kind: ReduceAttrs['kind'], stage: Stage, factor: number, bindings: Ref[]): Dispatch {
  const { outer, rows, inner, splits } = stage
  const rowsPerSplit = splits > 1 ? ROWS_PER_SPLIT : rows
  const LANES = [1, 2, 4, 8].find((lanes) => lanes >= inner) ?? MOST_LANES
  return {
    shader: 'reduce',
    constants: { LANES, MAX: Number(kind === 'max') },
    params: { outer, rows, inner, splits, rowsPerSplit, factor },
    bindings,
    workgroups: grid(outer * splits * ceilDiv(inner, LANES)),
  }
}
