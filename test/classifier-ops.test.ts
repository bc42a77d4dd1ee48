import { describe, expect, it } from 'vitest'
import { compile } from '../src/graph/compile.ts'
import { Executor, Variables } from '../src/graph/execute.ts'
import { Graph } from '../src/graph/graph.ts'
import { positions, type Resampling } from '../src/kernels/movement/resize.ts'
import { type Pool2dAttrs, pool2d } from '../src/kernels/pool/pool2d.ts'
import { useGpu } from './device.ts'

// What kernels and references share, or what is worked out on the host, is held against numbers worked out by hand.

describe('windows of a pool', () => {
  const plain: Pool2dAttrs = {
    kind: 'average',
    kernel: [1, 2],
    stride: [1, 2],
    dilation: [1, 1],
    padding: [0, 0, 0, 0],
    ceilMode: false,
    countIncludePad: false,
  }
  /** Pools one row of pixels. */
  const pooled = (row: number[], attrs: Partial<Pool2dAttrs>) => {
    const specs = [{ shape: [1, 1, row.length, 1] }]
    const all = { ...plain, ...attrs }
    const [y] = pool2d.reference([Float64Array.from(row)], specs, all)
    expect(pool2d.infer(specs, all)[0]!.shape).toEqual([1, 1, y!.length, 1])
    return [...y!]
  }
  const row = [1, 2, 3, 4, 5]

  it('leave the rest of a row out, or with ceilMode reach beyond it without counting what is not there', () => {
    expect(pooled(row, {})).toEqual([1.5, 3.5])
    expect(pooled(row, { ceilMode: true })).toEqual([1.5, 3.5, 5])
    expect(pooled(row, { ceilMode: true, countIncludePad: true })).toEqual([1.5, 3.5, 5])
    expect(pooled(row, { ceilMode: true, kind: 'max' })).toEqual([2, 4, 5])
  })

  it('start before the right padding', () => {
    // windows at −1, 1, 3 and 5: the last would see nothing but padding
    const padding = [0, 1, 0, 1] as const
    expect(pooled(row, { padding, ceilMode: true })).toEqual([1, 2.5, 4.5])
    expect(pooled(row, { padding, ceilMode: true, countIncludePad: true })).toEqual([0.5, 2.5, 4.5])
    // at −1, 2, 5 with three taps: the last one starts where the padding does
    expect(pooled(row, { padding, kernel: [1, 3], stride: [1, 3], ceilMode: true })).toEqual([1.5, 4])
  })

  it('count padding where asked, but never what lies beyond it', () => {
    // at −1, 1, 3: two of the first window's three taps are pixels, and of the last one's
    const attrs = { padding: [0, 1, 0, 1], kernel: [1, 3] } as const
    expect(pooled(row, attrs)).toEqual([1.5, 3, 4.5])
    expect(pooled(row, { ...attrs, countIncludePad: true })).toEqual([1, 3, 3])
    // at −1 and 3 with four taps, the last on pixels 3, 4, the padding 5, and nothing at 6
    const wide = { padding: [0, 1, 0, 1], kernel: [1, 4], stride: [1, 4], ceilMode: true } as const
    expect(pooled(row, { ...wide, countIncludePad: true })).toEqual([1.5, 3])
  })

  it('may see no pixel at all where dilation steps over a small image', () => {
    const attrs = { kernel: [1, 2], dilation: [1, 3], stride: [1, 1], padding: [0, 1, 0, 2] } as const
    expect(pooled([7], attrs)).toEqual([0])
  })

  it('are refused when they are larger than the padded image', () => {
    expect(() => pool2d.infer([{ shape: [1, 1, 1, 3] }], plain)).toThrow('the window is larger than')
  })
})

describe('nearest neighbours as ONNX chooses them', () => {
  const indices = (from: number, to: number, how: Partial<Resampling>) => [
    ...positions('nearest', {
      coordinates: 'half_pixel',
      rounding: 'round_prefer_floor',
      from,
      to,
      scale: to / from,
      ...how,
    }),
  ]

  it('by coordinates', () => {
    // (i + 0.5) / 1.75 − 0.5 = −0.21, 0.36, 0.93, 1.5, 2.07, 2.64, 3.21
    expect(indices(4, 7, {})).toEqual([0, 0, 1, 1, 2, 3, 3])
    // i · 3 / 6 = 0, 0.5, 1, 1.5, 2, 2.5, 3
    expect(indices(4, 7, { coordinates: 'align_corners' })).toEqual([0, 0, 1, 1, 2, 2, 3])
    // i / 1.75 = 0, 0.57, 1.14, 1.71, 2.29, 2.86, 3.43
    expect(indices(4, 7, { coordinates: 'asymmetric' })).toEqual([0, 1, 1, 2, 2, 3, 3])
    // (i + 0.5) / 1.75 = 0.29, 0.86, 1.43, 2, 2.57, 3.14, 3.71
    expect(indices(4, 7, { coordinates: 'tf_half_pixel_for_nn', rounding: 'floor' })).toEqual([
      0, 0, 1, 2, 2, 3, 3,
    ])
    // of 5 places at scale 1.4 the middle one is the middle: 1.5 + (i − 2) / 1.4 = 0.07, 0.79, 1.5, 2.21, 2.93
    const symmetric = { coordinates: 'half_pixel_symmetric', scale: 1.4 } as const
    expect(indices(4, 5, symmetric)).toEqual([0, 1, 1, 2, 3])
  })

  it('one place alone looks at the first element, or at the middle', () => {
    expect(indices(5, 1, { coordinates: 'pytorch_half_pixel' })).toEqual([0])
    expect(indices(5, 1, { coordinates: 'align_corners' })).toEqual([0])
    expect(indices(5, 1, {})).toEqual([2])
  })

  it('by rounding', () => {
    // (i + 0.5) · 2 − 0.5 = 0.5, 2.5, 4.5
    expect(indices(6, 3, {})).toEqual([0, 2, 4])
    expect(indices(6, 3, { rounding: 'round_prefer_ceil' })).toEqual([1, 3, 5])
    expect(indices(6, 3, { rounding: 'floor' })).toEqual([0, 2, 4])
    expect(indices(6, 3, { rounding: 'ceil' })).toEqual([1, 3, 5])
    // −0.25, 0.25, 0.75, 1.25
    expect(indices(2, 4, { rounding: 'ceil' })).toEqual([0, 1, 1, 1])
    expect(indices(2, 4, { rounding: 'floor' })).toEqual([0, 0, 0, 1])
  })

  it('in float32: 3 / 0.6 is 5, though float32 has no 0.6', () => {
    expect(indices(10, 6, { coordinates: 'asymmetric', rounding: 'floor', scale: 0.6 })[3]).toBe(5)
  })

  it('leaves an axis of scale 1 as it is', () => {
    expect(indices(3, 3, { coordinates: 'tf_half_pixel_for_nn', rounding: 'ceil' })).toEqual([0, 1, 2])
  })
})

describe('a reshape', () => {
  const gpu = useGpu()

  it('is a view of whatever tensor, also of one that a node computes and of one that is an output', async () => {
    const graph = new Graph()
    const x = graph.input('x', [2, 3, 4])
    const reshape = (t: typeof x, shape: number[]) => graph.op('view', [t], { offset: 0, shape })
    graph.output('of input', reshape(x, [24]))
    const doubled = graph.op('scale', [reshape(x, [6, 4])], { factor: 2 })
    const wide = reshape(doubled, [3, 8])
    // more work in between: the planner must not give away what the view still shows
    const noise = graph.op('scale', [graph.op('scale', [x], { factor: 5 })], { factor: 7 })
    graph.output('noise', noise)
    const one = graph.constant(Float32Array.of(1, 10, 100), [3])
    const sum = graph.op('binary', [wide, reshape(one, [3, 1])], { kind: 'add' })
    graph.output('of node', reshape(sum, [2, 2, 6]))
    graph.output(
      'sums',
      graph.op('reduce', [reshape(sum, [2, 12])], { kind: 'sum', axes: [1], keepDims: false }),
    )
    const executor = await Executor.create(gpu(), compile(graph, 2 ** 27), new Variables(gpu()))
    const data = Float32Array.from({ length: 24 }, (_, i) => i)
    executor.upload('x', data)
    const names = ['of input', 'of node', 'sums', 'noise']
    const [ofInput, ofNode, sums, seven] = await executor.run(names)
    executor.destroy()
    const want = data.map((value, i) => 2 * value + [1, 10, 100][Math.floor(i / 8)]!)
    expect(ofInput).toEqual(data)
    expect(ofNode).toEqual(want)
    const total = (values: Float32Array) => values.reduce((a, b) => a + b)
    expect(sums).toEqual(Float32Array.of(total(want.subarray(0, 12)), total(want.subarray(12))))
    expect(seven).toEqual(data.map((value) => 35 * value))
  })
})
