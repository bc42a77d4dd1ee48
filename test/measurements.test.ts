import { describe, expect, test } from 'vitest'
import { type CandidateRow, CandidateTimer } from '../bench/measurements/candidates.ts'
import { formatMeasurements, type Measurements } from '../bench/measurements/document.ts'
import { cpuTime, machineOf } from '../bench/measurements/machine.ts'
import { layersBehindUpsampling, timePhases } from '../bench/measurements/phases.ts'
import { type PlanRow, plansOf, timePlans } from '../bench/measurements/plans.ts'
import { takeTurns } from '../bench/measurements/turns.ts'
import { rooflineOf } from '../bench/roofline.ts'
import { graphsOf } from '../bench/workload.ts'
import type { Gpu } from '../src/device/gpu.ts'
import { Timer } from '../src/device/timer.ts'
import { PORTABLE, type Traits } from '../src/device/traits.ts'
import { Graph } from '../src/graph/graph.ts'
import { conv2dDefaults } from '../src/kernels/conv/conv2d.ts'
import { layersOf } from '../src/model/report/layers.ts'
import { candidatesOf, convolutionsOf } from '../src/tune/convolutions.ts'
import { useGpu } from './device.ts'

const LLVMPIPE: Traits = { ...PORTABLE, subgroupLanes: 8 }
const size = { width: 1, size: 224, batch: 1 }
const convolutions = convolutionsOf(graphsOf(size))

/** Every candidate at 100 GFLOP/s but `slow`, at 2, and `fast`, at 200. */
async function timed(slow?: string, fast?: string) {
  const raced: string[][] = []
  const timer = new CandidateTimer(LLVMPIPE, 1, async ({ flops }, names) => {
    raced.push([...names])
    const gflops = (name: string) => (name === slow ? 2 : name === fast ? 200 : 100)
    return names.map((name) => [name, [flops / 1e6 / gflops(name)]])
  })
  const rows: CandidateRow[] = []
  for (const convolution of convolutions) rows.push(await timer.measure(convolution))
  return { raced, rows }
}

describe('candidates', () => {
  test('all that an operator offers on the adapter are raced and have a column', async () => {
    const { raced, rows } = await timed()
    const offered = convolutions.map((one) => candidatesOf(one, LLVMPIPE).map(({ name }) => name))
    expect(raced).toEqual(offered)
    expect(new Set(offered.flat())).toContain('winograd')
    const text = formatMeasurements(measurements(rows))
    for (const [i, { shape, milliseconds, kernel }] of rows.entries()) {
      expect(Object.keys(milliseconds)).toEqual(offered[i])
      expect(kernel).toBe(offered[i]![0])
      const lines = tables(text).flatMap(({ headings, lines }) =>
        lines
          .filter((cells) => cells[1] === shape)
          .map((cells) => headings.filter((_, c) => /^(\*\*)?100(\*\*)?$/.test(cells[c]!))),
      )
      expect(lines.map((names) => names.sort())).toContainEqual([...offered[i]!].sort())
    }
  })

  test('only one that is hopelessly slow is left out, and shown as left out', async () => {
    const { raced, rows } = await timed('tiled')
    const all = convolutions.map((one) => candidatesOf(one, LLVMPIPE).map(({ name }) => name))
    const missing = all.flatMap((names, i) => names.filter((name) => !raced[i]!.includes(name)))
    expect(missing.length).toBeGreaterThan(0)
    expect(new Set(missing)).toEqual(new Set(['tiled']))
    for (const [i, { milliseconds, flops }] of rows.entries()) {
      const isLeftOut = milliseconds.tiled === null
      expect(isLeftOut).toBe(all[i]!.includes('tiled') && !raced[i]!.includes('tiled'))
      if (isLeftOut) expect(flops / 2e9).toBeGreaterThan(1) // seconds
    }
    expect(formatMeasurements(measurements(rows))).toMatch(/encoder\.conv7 \| .* \| 3\.53 \|.* – \|/)
  })

  test('the one that is taken is bold, and one that is faster is named', async () => {
    const { rows } = await timed(undefined, 'subgroup')
    const text = formatMeasurements(measurements(rows))
    const [conv7] = /^\| encoder\.conv7 .*$/m.exec(text)!
    for (const cell of ['| 200 |', '| **100** |', '| subgroup |']) expect(conv7).toContain(cell)
    const count = rows.filter(
      ({ kernel, milliseconds }) => kernel !== 'subgroup' && 'subgroup' in milliseconds,
    ).length
    expect(text).toContain(`For ${count} of ${rows.length} convolutions another candidate`)
  })
})

describe('whole plans', () => {
  const has = { device: { limits: { maxStorageBufferBindingSize: 2 ** 30 } }, has: () => true }
  const small = { width: 0.25, size: 32, batch: 2 }

  test('are made in every way that makes a difference on the adapter', () => {
    const plans = plansOf({ ...has, traits: LLVMPIPE } as unknown as Gpu, 'training step', small)
    expect([...plans.keys()]).toEqual(['usual', 'portable', 'half'])
    const halved = [...plans.values()].map(({ nodeOutputs }) =>
      [...nodeOutputs.values()].flat().some(({ half }) => half),
    )
    expect(halved).toEqual([false, false, true])
    const plain = { ...has, traits: PORTABLE, has: () => false } as unknown as Gpu
    expect([...plansOf(plain, 'colouring', small).keys()]).toEqual(['usual'])
  })

  test('take turns, to and fro', async () => {
    const order: string[] = []
    const runner = (name: string) => ({ run: async () => order.push(name), times: [] as number[] })
    const runners = [runner('a'), runner('b')]
    await takeTurns(runners, 0)
    expect(order.join('')).toBe('abbaab')
    expect(runners[1]!.times).toEqual([2, 3, 6])
  })

  test('are held against the usual one of their work', () => {
    const row = (way: PlanRow['way'], times: number[], mib: number): PlanRow => ({
      ...{ work: 'colouring', size, way, times, bytes: mib * 2 ** 20 },
    })
    const plans = [row('usual', [30, 10, 20], 12.5), row('half', [50, 20, 30], 6)]
    const text = formatMeasurements({ ...measurements([]), plans })
    expect(text).toContain(
      '| colouring, width 1, 224 px, batch 1 | usual kernels | 3 | 20.0 (10.0) |  | 12.5 |',
    )
    expect(text).toContain('|  | float16 | 3 | 30.0 (20.0) | 1.50 (2.00) | 6.0 |')
  })
})

describe('on the adapter', () => {
  const gpu = useGpu()

  test('a timer goes by the clock that it is given', async () => {
    let now = 0
    const timer = new Timer(gpu(), () => (now += 8))
    const nothing = { encode() {} }
    await timer.check(nothing)
    expect([timer.clock, await timer.mean(nothing, 4)]).toEqual(['cpu', 2])
    timer.destroy()
  })

  test('a convolution is timed by every candidate', async () => {
    const graph = new Graph()
    const operands = [graph.input('x', [1, 8, 8, 16]), graph.input('w', [3, 3, 16, 16])]
    graph.output('y', graph.op('conv2d', operands, conv2dDefaults))
    const [convolution] = convolutionsOf([graph])
    const timer = new Timer(gpu(), cpuTime)
    const { milliseconds } = await CandidateTimer.on(gpu(), timer, 0).measure(convolution!)
    timer.destroy()
    const offered = candidatesOf(convolution!, gpu().traits).map(({ name }) => name)
    expect(Object.keys(milliseconds)).toEqual(offered)
    expect(offered.filter((name) => !(milliseconds[name]! > 0))).toEqual([])
  })

  test('a colouring is timed in every way, and no buffer is left behind', async () => {
    const rows = await timePlans(
      gpu(),
      'colouring',
      { width: 0.05, size: 8, batch: 1 },
      { seconds: 0, now: cpuTime },
    )
    expect(rows[0]!.way).toBe('usual')
    for (const { times } of rows) expect(times).toHaveLength(3)
    expect(gpu().pool.created).toBe(0)
    expect(formatMeasurements({ ...measurements([]), machine: machineOf(gpu()), plans: rows })).toContain(
      gpu().adapterName,
    )
  })
})

describe('phases', () => {
  const gpu = useGpu()
  const small = { width: 0.1, size: 16, batch: 1 }

  test('are those of every layer behind an upsampling', () => {
    const { decoder } = layersOf({ classes: 10, width: 1 })
    const behind = decoder.slice(0, -1).filter((_, i) => decoder[i - 1]?.after.includes('upsample'))
    expect(layersBehindUpsampling({ width: 1 })).toEqual(behind)
  })

  test('are timed against the layer as it is written, forward and with gradients, and leave no buffer behind', async () => {
    const timer = new Timer(gpu(), cpuTime)
    const rows = await timePhases({ gpu: gpu(), timer }, small, 0)
    timer.destroy()
    expect(rows.map(({ shape }) => shape)).toEqual(['1×2×2×13 → 4×4×6', '1×4×4×6 → 8×8×3'])
    for (const { forward, training } of rows)
      for (const times of [forward, training])
        expect(Math.min(times.written, times.phases)).toBeGreaterThan(0)
    const text = formatMeasurements({ ...measurements([]), phases: [{ size: small, rows }] })
    expect(text).toContain('1×4×4×6 → 8×8×3 | 2.0 |')
    expect(gpu().pool.created).toBe(0)
  })
})

/** A document with these rows, and little else. */
function measurements(rows: readonly CandidateRow[]): Measurements {
  const adapter = { name: 'some adapter', driver: 'some driver', vendor: '', architecture: '', features: [] }
  const peaks = { gflops: 100, copies: [{ bytes: 1e6, gbPerSecond: 10 }] }
  const head = { adapter: 'some adapter', date: '2026-01-01', clock: 'cpu' as const, size, tuned: 0 }
  const machine = {
    adapter,
    subgroupLanes: null,
    processor: 'some CPU',
    cores: 2,
    load: 0,
    system: 'x',
    node: '20',
  }
  return {
    machine: { ...machine, kernels: 'abc' } as unknown as Measurements['machine'],
    ...{ date: head.date, command: 'npm run bench:report', plans: [], peers: null },
    clocks: { convolutions: 'cpu', plans: 'cpu' },
    convolutions: [{ size, rows }],
    phases: [],
    roofline: { ...head, ...rooflineOf([], [], peaks, PORTABLE) },
  }
}

function tables(text: string) {
  return text.split('\n\n').flatMap((block) => {
    const [headings, rule, ...lines] = block
      .split('\n')
      .map((line) => line.split('|').map((cell) => cell.trim()))
    return rule?.[1] === '---'
      ? [{ headings: headings!.slice(1), lines: lines.map((cells) => cells.slice(1)) }]
      : []
  })
}
