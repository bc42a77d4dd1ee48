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
  scratch,
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
 * Not differentiable.
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
      return dispatch(kind, stage, last ? mean : 1, from, to)
    })
  },

  reference([x], [spec], { kind, axes }) {
    const { shape } = spec!
    const y = new Map<string, number[]>()
    x!.forEach((value, at) => {
      let rest = at
      const place = shape.map(() => 0)
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        if (!axes.includes(axis)) place[axis] = rest % shape[axis]!
        rest = Math.floor(rest / shape[axis]!)
      }
      const seen = y.get(place.join())
      if (seen) seen.push(value)
      else y.set(place.join(), [value])
    })
    const sum = (values: number[]) => values.reduce((a, b) => a + b)
    return [
      Float64Array.from(y.values(), (values) => {
        if (kind === 'max') return values.reduce((a, b) => Math.max(a, b))
        return kind === 'mean' ? sum(values) / values.length : sum(values)
      }),
    ]
  },
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
    const outer = shape.slice(0, axis + 1).reduce((a, b) => a * b, 1)
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

function dispatch(kind: ReduceAttrs['kind'], stage: Stage, factor: number, from: Ref, to: Ref): Dispatch {
  const { outer, rows, inner, splits } = stage
  const rowsPerSplit = splits > 1 ? ROWS_PER_SPLIT : rows
  const LANES = [1, 2, 4, 8].find((lanes) => lanes >= inner) ?? MOST_LANES
  return {
    shader: 'reduce',
    constants: { LANES, MAX: Number(kind === 'max') },
    params: { outer, rows, inner, splits, rowsPerSplit, factor },
    bindings: [from, to],
    workgroups: grid(outer * splits * ceilDiv(inner, LANES)),
  }
}
