import { afterAll, describe, expect, it } from 'vitest'
import type { Gpu } from '../src/device/gpu.ts'
import { PORTABLE } from '../src/device/traits.ts'
import { compile } from '../src/graph/compile.ts'
import { Graph } from '../src/graph/graph.ts'
import { conv2dDefaults } from '../src/kernels/conv/conv2d.ts'
import { fitsMatrixBlock, matricesOf } from '../src/kernels/matrix/gemm.ts'
import type { OpName } from '../src/kernels/op.ts'
import { choiceKey } from '../src/kernels/op.ts'
import { openGpu } from '../src/node/dawn.ts'
import { type Entry, entryOf, partOf } from './covering.ts'
import { byMatrices, inHalf, named, type Row, rowsOf } from './harness.ts'
import { verify } from './launch.ts'
import { loadEmulated, MATRICES } from './matrices.ts'

const OPERATORS: readonly OpName[] = ['conv2d', 'conv2dGradInput', 'conv2dGradWeight']

/** An adapter with subgroups' matrices, or one that can emulate llvmpipe's; null where there is neither. */
async function openWithMatrices(): Promise<Gpu | null> {
  const gpu = await openGpu({ subgroupMatrices: true })
  if (matricesOf(gpu.traits)) return gpu
  const canEmulate = gpu.traits.subgroupLanes === MATRICES.lanes && gpu.has('shader-f16')
  gpu.destroy()
  return canEmulate ? openGpu({ loadShader: loadEmulated }) : null
}

const gpu = await openWithMatrices()
const found = gpu && matricesOf(gpu.traits)
const matrices = found ?? MATRICES
afterAll(() => gpu?.destroy())

/** Each kernel, and as the network has it: emulated ones take seconds to compile, and their constants are covered in `blocked` ones. */
function entryByMatrices(row: Row): Entry {
  const entry = entryOf(row)
  return { ...entry, covers: entry.covers.filter((pair) => / half=| as in the network$/.test(pair)) }
}

const all = OPERATORS.flatMap(rowsOf)
  .flatMap((row) => byMatrices(row, matrices))
  .map((row) => inHalf(row, { inputs: true, output: true }))
const rows = found ? all : partOf(all, entryByMatrices)

// operands that float16 has are multiplied exactly, so sums are as exact as any kernel's
describe('by the subgroups\u2019 matrices', () => {
  it.for(rows.map(named))('%s equals its reference', async ([, row], { skip }) => {
    if (!gpu) return skip('the adapter has neither matrices nor subgroups of 8 lanes')
    expect((await verify(gpu, row)).problems).toEqual([])
  })
})

describe('a plan', () => {
  const shapes = [{ shape: [1, 16, 16, 32] }, { shape: [1, 1, 32, 32] }]
  const graph = new Graph()
  graph.output(
    'y',
    graph.op(
      'conv2d',
      [graph.input('x', shapes[0]!.shape), graph.variable('w', shapes[1]!.shape)],
      conv2dDefaults,
    ),
  )
  const choices = new Map([[choiceKey('conv2d', shapes, conv2dDefaults), 'general']])
  const shadersOf = (precision: 'f32' | 'f16') =>
    compile(graph, 2 ** 27, { ...PORTABLE, matrices: [MATRICES], choices }, { precision }).steps.map(
      ({ dispatch }) => dispatch.shader,
    )

  it('takes them in float16, whatever was tuned in float32, and in float32 never', () => {
    expect(shadersOf('f16')).toEqual(['conv2d_matrix'])
    expect(shadersOf('f32')).toEqual(['conv2d'])
  })
})

describe('of an adapter\u2019s matrices', () => {
  it.each([
    [{ M: 16, N: 16, K: 16, lanes: 32 }, true],
    [{ M: 16, N: 8, K: 16, lanes: 32 }, true],
    [{ M: 8, N: 8, K: 8, lanes: 8 }, true],
    [{ M: 16, N: 16, K: 16, lanes: 64 }, true],
    [{ M: 64, N: 64, K: 16, lanes: 32 }, false], // one does not divide a block among four subgroups
    [{ M: 16, N: 16, K: 64, lanes: 32 }, false],
    [{ M: 12, N: 16, K: 16, lanes: 32 }, false],
  ])('%j fit into blocks: %s', (kind, fits) => {
    expect(fitsMatrixBlock(kind)).toBe(fits)
  })

  it('the largest is taken that fits, and none where none does', () => {
    const of = (size: number) => ({ M: size, N: size, K: size, lanes: 32 })
    expect(matricesOf({ matrices: [of(8), of(64), of(16)] })).toEqual(of(16))
    expect(matricesOf({ matrices: [of(64)] })).toBeNull()
    expect(matricesOf(PORTABLE)).toBeNull()
  })
})
