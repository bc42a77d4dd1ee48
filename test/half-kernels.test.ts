import { describe, expect, it } from 'vitest'
import { useGpu } from './device.ts'
import { dispatchesOf, inHalf, opNames, type Row, rowsOf, runsOn, variantsOf } from './harness.ts'
import { verify } from './launch.ts'

const gpu = useGpu()

/** All is float16 in every row; where it meets float32 in some. */
const HALF = { inputs: true, output: true }
const BORDERS = [
  { inputs: false, output: true },
  { inputs: true, output: false },
]
const BORDER_ROWS = 4

/** Each sequence of kernels once. */
function fewOf(variants: readonly Row[]): Row[] {
  const kernels = (row: Row) => dispatchesOf(row).map(({ shader }) => shader)
  return [...new Map(variants.toReversed().map((row) => [kernels(row).join(), row])).values()]
}

/** Of gradients and of GPUs' kernels few: float16 is in their loads and stores, and all else has all rows in float32. */
function variantsFor(name: string, rows: readonly Row[]): Row[] {
  const all = rows.flatMap(variantsOf)
  if (name.endsWith('Grad') || name.startsWith('conv2dGrad')) return fewOf(all)
  const isForGpus = ({ title }: Row) => title.startsWith('GPU ')
  return [...all.filter((row) => !isForGpus(row)), ...fewOf(all.filter(isForGpus))]
}

const names = opNames.filter((name) => rowsOf(name)[0]!.op.half)

describe.each(names)('%s with float16 in memory', (name) => {
  const rows = rowsOf(name)
  const borders = rows
    .slice(0, BORDER_ROWS)
    .flatMap((row) =>
      BORDERS.flatMap((half) => variantsFor(name, [row]).map((variant) => inHalf(variant, half))),
    )
  const all = variantsFor(name, rows).map((variant) => inHalf(variant, HALF))
  it.for([...all, ...borders])('equals its reference: $title', async (row, { skip }) => {
    skip(!gpu().has('shader-f16'), 'the adapter has no 16-bit floats')
    skip(!runsOn(gpu(), row), 'the adapter has no subgroups of 8 lanes')
    expect((await verify(gpu(), row)).problems).toEqual([])
  })
})
