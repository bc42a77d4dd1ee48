import { describe, expect, test } from 'vitest'
import { inceptionResnetV2 } from '../bench/inception-resnet-v2.ts'
import { bestPeaks, checkClock, copyRateAt, measurePeaks, type Peaks } from '../bench/peaks.ts'
import { formatReport, type Report, rowOf, totalsOf } from '../bench/report.ts'
import { loadBenchShader, run } from '../bench/run.ts'
import { flopsOf, graphsOf, plansOf, type Work, workOf } from '../bench/workload.ts'
import { Timer } from '../src/device/timer.ts'
import { PORTABLE } from '../src/device/traits.ts'
import {
  CONV_DEFAULTS,
  type ConvAttrs,
  type ConvGeometry,
  convGeometry,
} from '../src/kernels/conv/convGeometry.ts'
import { allLayers, layersOf } from '../src/model/report/layers.ts'
import { openGpu } from '../src/node/dawn.ts'
import { median, product } from '../src/numbers.ts'
import { convolutionsOf } from '../src/tune/convolutions.ts'

const LIMIT = 2 ** 40

/** Multiply-adds of a convolution, counted one by one from its definition. */
function countMacs(x: number[], w: number[], attrs: ConvAttrs): number {
  const g = convGeometry('conv2d', { shape: x }, { shape: w }, attrs)
  let macs = 0
  for (let oh = 0; oh < g.OH; oh++) {
    for (let ow = 0; ow < g.OW; ow++) {
      for (let r = 0; r < g.R; r++) {
        for (let s = 0; s < g.S; s++) {
          const [h, v] = [oh * attrs.stride[0] + r * attrs.dilation[0] - g.padTop, ow * attrs.stride[1]]
          const column = v + s * attrs.dilation[1] - g.padLeft
          if (h >= 0 && h < g.H && column >= 0 && column < g.W) macs += g.N * w[2]! * w[3]!
        }
      }
    }
  }
  return macs
}

/** Multiply-adds of the network as its table says, padding included, at `size` px. */
function macsOfPaper(size: number): number {
  let side = size
  return allLayers(layersOf({ classes: 1000, width: 1 })).reduce((sum, layer) => {
    side /= layer.stride
    const macs = side ** 2 * layer.kernel ** 2 * layer.inputs * layer.outputs
    if (layer.after.includes('upsample')) side *= 2
    return sum + macs
  }, 0)
}

describe('work', () => {
  test.each([
    ['same padding', [2, 7, 9, 3], [3, 3, 3, 8], CONV_DEFAULTS],
    ['stride 2', [1, 8, 8, 4], [3, 3, 4, 4], { ...CONV_DEFAULTS, stride: [2, 2] }],
    ['unlike padding', [1, 6, 7, 4], [3, 2, 4, 4], { ...CONV_DEFAULTS, padding: [0, 2, 3, 1] }],
    ['dilation', [1, 9, 9, 4], [3, 3, 4, 4], { ...CONV_DEFAULTS, dilation: [2, 3] }],
    ['groups', [1, 5, 5, 8], [3, 3, 2, 12], { ...CONV_DEFAULTS, groups: 4 }],
  ] as [string, number[], number[], ConvAttrs][])(
    'products of real pixels are counted: %s',
    (_, x, w, attrs) => {
      const g = convGeometry('conv2d', { shape: x }, { shape: w }, attrs)
      expect(flopsOf({ shader: 'conv2d', params: { conv: g }, bindings: [], workgroups: [1, 1, 1] })).toBe(
        2 * countMacs(x, w, attrs),
      )
    },
  )

  test('a colouring at full size has the 7.6 billion multiply-adds of the paper', () => {
    const size = { width: 1, size: 224, batch: 1 }
    // without Winograd's detour
    const choices = new Map(convolutionsOf(graphsOf(size)).map(({ key }) => [key, 'tiled']))
    const work = workOf(plansOf(size, LIMIT, { ...PORTABLE, choices }))
    const flops = (plan: 'forward' | 'training') =>
      work.reduce((sum, { counts, flops }) => sum + counts[plan] * (flops ?? 0), 0)
    const padded = work.reduce((sum, { counts, dispatch, flops }) => {
      if (flops === null) return sum
      const { N, OH, OW, R, S, C, K } = dispatch.params.conv as ConvGeometry
      return sum + counts.forward * N * OH * OW * R * S * C * K
    }, 0)
    // the paper's repeats the class vector over all 28 × 28 pixels of the fusion layer; the last layer's 9 · 2 products for
    // each pixel and channel are filled up to whole vec4s
    const filled = 112 * 112 * 32 * 2
    // decoder.conv4 is four convolutions of 2 × 2 taps instead of one of 3 × 3 at twice the size
    const saved = (112 * 112 * 9 - 57 * 57 * 4 * 4) * 64 * 32
    expect(padded - filled + saved - 1000 * 256 + 28 * 28 * 1000 * 256).toBe(macsOfPaper(224))
    expect(macsOfPaper(224) / 1e9).toBeCloseTo(7.55, 2)
    expect(flops('forward') / 2).toBeLessThan(padded)
    expect(flops('forward') / 2).toBeGreaterThan(0.95 * padded)
    // backward twice as much again, but for the first layer's input
    expect(flops('training') / flops('forward')).toBeGreaterThan(2.95)
    expect(flops('training') / flops('forward')).toBeLessThan(3)
  })

  test('equal dispatches are one row, and none is lost', () => {
    const plans = plansOf({ width: 0.25, size: 64, batch: 2 }, LIMIT)
    const work = workOf(plans)
    for (const plan of ['forward', 'training'] as const) {
      expect(work.reduce((sum, { counts }) => sum + counts[plan], 0)).toBe(plans[plan].steps.length)
    }
    expect(work.length).toBeLessThan(plans.forward.steps.length + plans.training.steps.length)
    const shaders = new Set(plans.training.steps.map(({ dispatch }) => dispatch.shader))
    const measured = new Set(work.map(({ dispatch }) => dispatch.shader))
    expect([...shaders].filter((shader) => !measured.has(shader))).toEqual([])
  })

  test('memory bound twice counts once', () => {
    const work = workOf(plansOf({ width: 0.25, size: 64, batch: 1 }, LIMIT))
    const fusion = work.find(({ op, shape }) => op === 'conv2d' && shape.includes('1×64×64 → 1×64×64'))!
    // no bias: the weight is bound in its place
    expect(fusion.bindings[2]!.memory).toBe(1)
    expect(fusion.bytes).toBe(4 * (64 * 64 + 64 * 64 + 64 * 64))
  })
})

const peaks: Peaks = {
  gflops: 100,
  copies: [
    { bytes: 1000, gbPerSecond: 1 },
    { bytes: 1e6, gbPerSecond: 10 },
  ],
}
const work: Work = {
  op: 'conv2d',
  layers: ['encoder.conv1', 'encoder.conv2'],
  dispatch: { shader: 'conv2d_tiled', constants: { LX: 8 }, params: {}, bindings: [], workgroups: [1, 1, 1] },
  shape: '8×8×4 → 8×8×4, 3×3',
  bindings: [],
  counts: { forward: 1, training: 3 },
  flops: 40e6,
  bytes: 1e6,
}

describe('figures', () => {
  test('the share is the larger of arithmetic and copying', () => {
    const slow = rowOf(work, 1, peaks)
    expect([slow.gflops, slow.gbPerSecond, slow.share]).toEqual([40, 1, 0.4])
    const copy = rowOf({ ...work, flops: null }, 0.2, peaks)
    expect([copy.gflops, copy.gbPerSecond, copy.share]).toEqual([null, 5, 0.5])
  })

  test('a kernel is held against the copy of the nearest size', () => {
    expect([10, 1000, 20_000, 50_000, 1e9].map((bytes) => copyRateAt(peaks, bytes))).toEqual([
      1, 1, 1, 10, 10,
    ])
  })

  test('of two measurements of the adapter the better counts', () => {
    const other = { gflops: 90, copies: [{ bytes: 1000, gbPerSecond: 2 }, peaks.copies[1]!] }
    expect(bestPeaks(peaks, other)).toEqual({ gflops: 100, copies: [other.copies[0], peaks.copies[1]] })
  })

  test('medians, totals and the table', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5])
    const rows = [
      rowOf({ ...work, op: 'adam', layers: ['adam'], flops: null }, 1, peaks),
      rowOf(work, 2, peaks),
    ]
    const totals = totalsOf(rows)
    expect(totals).toEqual({ forward: 3, training: 9 })
    const report: Report = {
      adapter: 'some adapter',
      date: '2026-01-01T00:00:00.000Z',
      clock: 'wall',
      size: { width: 1, size: 224, batch: 1 },
      tuned: 0,
      peaks,
      rows,
      totals,
      whole: { forward: 4, training: 10 },
      classifiers: [{ name: 'some-net', weights: 'random', milliseconds: 50, gflop: 1.5, gflops: 30 }],
    }
    const text = formatReport(report)
    expect(text).toMatch(/conv2d: 67% of training, 67% of colouring\n {2}encoder\.conv1 \+1 +conv2d_tiled/)
    expect(text.indexOf('conv2d:')).toBeLessThan(text.indexOf('adam:'))
    expect(text).toContain('training step: kernels 9.00 ms, the whole plan in one submit 10.0 ms')
    expect(text).toContain('some-net, random weights: 50.0 ms, 30.0 GFLOP/s (1.50 GFLOP)')
    expect(formatReport({ ...report, rows: [] })).not.toContain('training step')
  })
})

test('the generated Inception-ResNet-v2 has the nodes and parameters of the published one', () => {
  const { node, initializer, output } = inceptionResnetV2(1).graph!
  const counts = new Map<string, number>()
  for (const { opType } of node!) counts.set(opType!, (counts.get(opType!) ?? 0) + 1)
  expect(Object.fromEntries(counts)).toEqual({
    ...{ Conv: 244, Relu: 243, Concat: 43, Add: 40, Mul: 40, Constant: 40 },
    ...{ MaxPool: 4, AveragePool: 1, GlobalAveragePool: 1, Flatten: 1, Gemm: 1 },
  })
  const sizes = initializer!.map(({ dims }) => product(dims as number[]))
  const stored = sizes.reduce((a, b) => a + b)
  // 55,843,464 as the network is trained: gamma and beta of 204 batch norms stand where one bias each is left here
  const isResidual = new Set(node!.filter(({ opType }) => opType === 'Mul').map(({ input }) => input![0]))
  const normed = node!.filter(({ opType, output }) => opType === 'Conv' && !isResidual.has(output![0]!))
  const biases = normed.map(({ input }) => sizes[initializer!.findIndex(({ name }) => name === input![2])]!)
  expect(normed).toHaveLength(204)
  expect(stored + biases.reduce((a, b) => a + b)).toBe(55_843_464)
  expect(output![0]!.name).toBe('logits')
})

describe('on the adapter', () => {
  test('a kernel takes time that grows with its work, and no buffer is left behind', async () => {
    const gpu = await openGpu({ adapter: process.env.COLORIZER_ADAPTER, loadShader: loadBenchShader })
    const timer = new Timer(gpu)
    try {
      await checkClock(gpu, timer)
      const dispatch = { shader: 'bench/fma', workgroups: [256, 1, 1] as const }
      const time = (iterations: number) => {
        const binding = { bytes: 256 * 64 * 16, memory: 0 }
        const params = { iterations, a: 0.999, b: 0.001 }
        return run(gpu, { ...dispatch, params }, [binding], (ready) => timer.median(ready, 0.2))
      }
      const [short, long] = [await time(20), await time(640)]
      expect(long).toBeGreaterThan(3 * short)
      const found = await measurePeaks(gpu, timer, [2 ** 17])
      expect(found.gflops).toBeGreaterThan(0.1)
      expect(found.copies.every(({ gbPerSecond }) => gbPerSecond > 0.01)).toBe(true)
      gpu.pool.trim()
      expect(gpu.pool.created).toBe(0)
    } finally {
      timer.destroy()
      gpu.destroy()
    }
  })
})
