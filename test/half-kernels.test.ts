import { describe, expect, it } from 'vitest'
import { type Entry, entryOf, partOf } from './covering.ts'
import { useGpu } from './device.ts'
import { inHalf, opNames, type Row, rowsOf, runsOn, variantsOf } from './harness.ts'
import { verify } from './launch.ts'

const gpu = useGpu()

/** Everything in float16; what is written alone; what is read alone. */
const STORAGE = [
  { inputs: true, output: true },
  { inputs: false, output: true },
  { inputs: true, output: false },
]

/**
 * Each kernel with everything in float16, alone and with a residual, and each operator where float16 meets float32. Only loads and stores
 * differ from float32, in which all else is covered.
 */
function entryInHalf(row: Row): Entry {
  const { covers, compiles } = entryOf(row)
  const isAll = row.half!.inputs && row.half!.output
  const kernels = covers.filter((pair) => / (half|HAS_RESIDUAL)=/.test(pair))
  return { covers: isAll ? kernels : [`${row.name} ${JSON.stringify(row.half)}`], compiles }
}

const variants = opNames
  .flatMap(rowsOf)
  .filter(({ op }) => op.half)
  .flatMap(variantsOf)
const rows = STORAGE.flatMap((half) => variants.map((row) => inHalf(row, half)))

describe('with float16 in memory', () => {
  it.for(partOf(rows, entryInHalf))('$name equals its reference: $title', async (row, { skip }) => {
    skip(!gpu().has('shader-f16'), 'the adapter has no 16-bit floats')
    skip(!runsOn(gpu(), row), 'the adapter has no subgroups of 8 lanes')
    expect((await verify(gpu(), row)).problems).toEqual([])
  })
})
