import { describe, expect, it } from 'vitest'
import { PORTABLE } from '../src/device/traits.ts'
import { convGeometry } from '../src/kernels/conv/convGeometry.ts'
import { winogradConvolution, winogradGradWeight } from '../src/kernels/conv/winograd.ts'
import { type Dispatch, input, output } from '../src/kernels/op.ts'
import { useGpu } from './device.ts'
import { type Row, rowsOf, runsOn } from './harness.ts'
import { verify } from './launch.ts'

const gpu = useGpu()

/** The row of an operator whose first inputs have these shapes, computed by the given dispatches. */
function rowBy(name: 'conv2d' | 'conv2dGradWeight', shapes: string, dispatches: Dispatch[]): Row {
  const row = rowsOf(name).find(
    ({ specs }) => specs.map(({ shape }) => shape.join('×')).join(' ') === shapes,
  )!
  return { ...row, dispatches }
}

// 3 images of 3 × 2 tiles
const attrs = { stride: [1, 1], dilation: [1, 1], padding: 'same', groups: 1 } as const
const g = convGeometry('conv2d', { shape: [3, 9, 7, 12] }, { shape: [3, 3, 12, 20] }, attrs)
const partsOf = (dispatches: Dispatch[]) =>
  dispatches.filter(({ shader }) => shader === 'winograd_input').map(({ params }) => params.tiles)

const LLVMPIPE = { ...PORTABLE, subgroupLanes: 8 }
const PARTS: [number, number[]][] = [
  [1e6, [18]],
  [36 * 20 * 7, [6, 6, 6]],
  [36 * 20 * 5, [5, 5, 5, 3]],
  [1, Array(18).fill(1)],
]

describe.each([
  ['llvmpipe', LLVMPIPE],
  ['any adapter', PORTABLE],
])('with the products of %s', (_, traits) => {
  it.for(PARTS)('tiles are taken in parts of at most %i elements', async ([partElems, parts], { skip }) => {
    const forward = winogradConvolution(
      g,
      {
        constants: { HAS_BIAS: 1, HAS_RESIDUAL: 0, ACTIVATION: 1 },
        params: { yStart: 0, yChannels: 20, residualScale: 1, low: 0, high: 0 },
        bindings: [input(0), input(1), input(2), input(1), output(0)],
      },
      traits,
      { partElems },
    )
    const backward = winogradGradWeight(g, traits, partElems)
    expect([partsOf(forward), partsOf(backward)]).toEqual([parts, parts])
    const rows = [
      rowBy('conv2d', '3×9×7×12 3×3×12×20 20', forward),
      rowBy('conv2dGradWeight', '3×9×7×12 3×9×7×20', backward),
    ]
    skip(!rows.every((row) => runsOn(gpu(), row)), 'the adapter has no subgroups of 8 lanes')
    for (const row of rows) expect((await verify(gpu(), row)).problems).toEqual([])
  })
})
