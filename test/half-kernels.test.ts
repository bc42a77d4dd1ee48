import { describe, expect, it } from 'vitest'
import { entryInHalf, partOf } from './covering.ts'
import { useGpu } from './device.ts'
import { HALF_STORAGE, inHalf, named, opNames, rowsOf, runsOn, variantsOf } from './harness.ts'
import { verify } from './launch.ts'

const gpu = useGpu()

const variants = opNames
  .flatMap(rowsOf)
  .filter(({ op }) => op.half)
  .flatMap(variantsOf)
const rows = HALF_STORAGE.flatMap((half) => variants.map((row) => inHalf(row, half)))

describe('with float16 in memory', () => {
  it.for(partOf(rows, entryInHalf).map(named))('%s equals its reference', async ([, row], { skip }) => {
    skip(!gpu().has('shader-f16'), 'the adapter has no 16-bit floats')
    skip(!runsOn(gpu(), row), 'the adapter has no subgroups of 8 lanes')
    expect((await verify(gpu(), row)).problems).toEqual([])
  })
})
