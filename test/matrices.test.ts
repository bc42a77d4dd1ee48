import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openGpu } from '../src/io/dawn.ts'
import type { Gpu } from '../src/kernels/gpu.ts'
import type { OpName } from '../src/kernels/index.ts'
import { byMatrices, dispatchesOf, inHalf, type Row, rowsOf } from './harness.ts'
import { verify } from './launch.ts'
import { loadEmulated, MATRICES } from './matrices.ts'

const OPERATORS: readonly OpName[] = ['conv2d', 'conv2dGradInput', 'conv2dGradWeight']

/** An adapter with subgroups' matrices, or one that can emulate llvmpipe's; null where there is neither. */
async function openWithMatrices(): Promise<Gpu | null> {
  const gpu = await openGpu({ subgroupMatrices: true })
  if (gpu.matrices) return gpu
  const canEmulate = gpu.subgroupLanes === MATRICES.lanes && gpu.has('shader-f16')
  gpu.destroy()
  return canEmulate ? openGpu({ loadShader: loadEmulated }) : null
}

const gpu = await openWithMatrices()
const matrices = gpu?.matrices ?? MATRICES
beforeAll(() => gpu?.check())
afterAll(() => gpu?.destroy())

/** Of the same kernels the last row: emulated ones take seconds to compile. */
function fewOf(rows: readonly Row[]): Row[] {
  const kernels = (row: Row) => dispatchesOf(row).map(({ shader }) => shader)
  return [...new Map(rows.map((row) => [kernels(row).join(), row])).values()]
}

// operands that float16 has are multiplied exactly, so sums are as exact as any kernel's
describe.each(OPERATORS)('%s by the subgroups\u2019 matrices', (name) => {
  const all = rowsOf(name).flatMap((row) => byMatrices(row, matrices))
  const rows = gpu?.matrices ? all : fewOf(all)
  it.for(rows.map((row) => inHalf(row, { inputs: true, output: true })))(
    'equals its reference: $title',
    async (row, { skip }) => {
      if (!gpu) return skip('the adapter has neither matrices nor subgroups of 8 lanes')
      expect((await verify(gpu, row)).problems).toEqual([])
    },
  )
})
