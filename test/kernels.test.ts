import { afterAll, describe, expect, it } from 'vitest'
import { entryOf, partOf } from './covering.ts'
import { useGpu } from './device.ts'
import { named, opNames, rowsOf, runsOn, variantsOf } from './harness.ts'
import { verify } from './launch.ts'
import { Shares } from './shares.ts'

const gpu = useGpu()
const shares = new Shares()
afterAll(() => shares.print())

const rows = opNames.flatMap(rowsOf).filter(({ op }) => op.alias === undefined)

describe('on the GPU', () => {
  it.for(partOf(rows.flatMap(variantsOf), entryOf).map(named))(
    '%s equals its reference',
    async ([, row], { skip }) => {
      skip(!runsOn(gpu(), row), 'the adapter has no subgroups of 8 lanes')
      const { comparisons, problems } = await verify(gpu(), row)
      for (const comparison of comparisons) shares.record(row.name, row.title, comparison)
      expect(problems).toEqual([])
    },
  )
})
