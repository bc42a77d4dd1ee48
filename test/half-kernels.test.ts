import { describe, expect, it } from 'vitest'
import { inHalf, opNames, rowsOf, runsOn, useGpu, variantsOf } from './harness.ts'
import { verify } from './launch.ts'

const gpu = useGpu()

/** All is float16 in every row; where it meets float32 in some. */
const HALF = { inputs: true, output: true }
const BORDERS = [
  { inputs: false, output: true },
  { inputs: true, output: false },
]
const BORDER_ROWS = 4

const names = opNames.filter((name) => rowsOf(name)[0]!.op.half)

describe.each(names)('%s with float16 in memory', (name) => {
  const rows = rowsOf(name)
  const borders = rows
    .slice(0, BORDER_ROWS)
    .flatMap((row) => BORDERS.flatMap((half) => variantsOf(row).map((variant) => inHalf(variant, half))))
  const all = rows.flatMap(variantsOf).map((variant) => inHalf(variant, HALF))
  it.for([...all, ...borders])('equals its reference: $title', async (row, { skip }) => {
    skip(!gpu().has('shader-f16'), 'the adapter has no 16-bit floats')
    skip(!runsOn(gpu(), row), 'the adapter has no subgroups of 8 lanes')
    expect((await verify(gpu(), row)).problems).toEqual([])
  })
})
