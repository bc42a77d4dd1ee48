import { elems, input, type Op, output, ShapeError, scratch } from '../op.ts'
import { chunkRows, foldRows, partialElems, reduceChunks } from './chunks.ts'

export interface SumRowsAttrs {
  /** true: the rows of each sample by themselves, [N,…,C] → [N,1,1,C]. false: all rows, […,C] → [C]. */
  readonly keepBatch: boolean
}

/** Below this many rows the first stage isn't worth a dispatch. */
const ONE_STAGE_ROWS = 64

/** The sum over all rows (pixels) of each channel, in two stages and always in the same order. Not differentiable. */
export const sumRows: Op<SumRowsAttrs> = {
  name: 'sumRows',
  half: 'all',
  fullOutput: true,

  infer(inputs, { keepBatch }) {
    const shape = inputs[0]?.shape ?? []
    if (inputs.length !== 1 || shape.length < 1 || (keepBatch && shape.length < 2)) {
      throw new ShapeError('sumRows', `needs one tensor [${keepBatch ? 'N,…,C' : '…,C'}]`, inputs)
    }
    const C = shape.at(-1)!
    return [{ shape: keepBatch ? [shape[0]!, 1, 1, C] : [C] }]
  },

  kernels([x], _outputs, { keepBatch }) {
    const C = x!.shape.at(-1)!
    const groups = keepBatch ? x!.shape[0]! : 1
    const rows = elems(x!) / (groups * C)
    const aligned = groups === 1 || (rows * C) % 4 === 0
    if (rows <= ONE_STAGE_ROWS || !aligned) {
      return [foldRows(input(0), output(0), { groups, rows, channels: C })]
    }

    const cut = chunkRows(rows, C)
    const partial = scratch(0, groups * partialElems(cut))
    const { chunks, superRow } = cut
    return [
      reduceChunks('sum_rows_partial', cut, [input(0), partial], { elems: rows * C, groups, chunks }),
      foldRows(partial, output(0), { groups, rows: chunks * superRow, channels: C }),
    ]
  },

  reference([x], [spec], { keepBatch }) {
    const C = spec!.shape.at(-1)!
    const groups = keepBatch ? spec!.shape[0]! : 1
    const y = new Float64Array(groups * C)
    const perGroup = x!.length / groups
    for (let i = 0; i < x!.length; i++) y[Math.floor(i / perGroup) * C + (i % C)]! += x![i]!
    return [y]
  },
}
