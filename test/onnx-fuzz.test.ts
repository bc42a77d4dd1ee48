import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { useFolder } from './onnx-models.ts'
import { importMutant, mutant, ORIGINALS } from './onnx-mutants.ts'

// test/fuzz-onnx.ts reads 20,000 of them, with an eye on time and memory
const COUNT = 600
/** Seeds that once ended in a bug: a transpose of more axes than a kernel can walk. */
const CAUGHT = [107_830]
const path = join(useFolder(), 'mutant.onnx')

describe('damaged models', () => {
  it('are told from whole ones', async () => {
    for (const original of ORIGINALS) expect(await importMutant(path, original)).toBe('')
  })

  it(`${COUNT} of them end in a sentence or in a model, in time`, async () => {
    let rejected = 0
    for (const seed of [...Array(COUNT).keys(), ...CAUGHT]) {
      const begin = performance.now()
      const told = await importMutant(path, mutant(seed)).catch((bug: Error) => {
        throw new Error(`seed ${seed}: ${bug.stack}`)
      })
      if (told !== '') rejected++
      expect(told.length, `seed ${seed}`).toBeLessThan(20_000)
      expect(performance.now() - begin, `seed ${seed}`).toBeLessThan(5_000)
    }
    // a mutation that nobody notices is rare: most hit a name, a length or a shape
    expect(rejected).toBeGreaterThan(COUNT / 2)
    expect(rejected).toBeLessThan(COUNT)
  })

  it('are the same for the same seed', () => {
    expect(mutant(7)).toEqual(mutant(7))
    expect(mutant(7)).not.toEqual(mutant(9))
  })
})
