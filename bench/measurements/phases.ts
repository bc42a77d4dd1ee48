import { backward } from '../../src/autograd/backward.ts'
import { repeatsFor } from '../../src/device/timer.ts'
import { compile } from '../../src/graph/compile.ts'
import { Executor, Variables } from '../../src/graph/execute.ts'
import { Graph } from '../../src/graph/graph.ts'
import { elems } from '../../src/kernels/op.ts'
import { type ConvLayer, layersOf } from '../../src/model/report/layers.ts'
import { asPhases, asWritten } from '../../src/model/report/upsampled.ts'
import { median } from '../../src/numbers.ts'
import type { Bench } from '../measure.ts'
import { CLASSES, type Size } from '../workload.ts'
import { type Runner, takeTurns } from './turns.ts'

/** Side of the picture over that of what the decoder's second and fourth convolutions see before it is upsampled. */
const REDUCED: Readonly<Record<string, number>> = { 'decoder.conv2': 8, 'decoder.conv4': 4 }
const BUILDS = { written: asWritten, phases: asPhases } as const
type Build = keyof typeof BUILDS

/** A convolution behind an upsampling, computed as it is written and as phases. */
export interface PhaseRow {
  readonly layer: string
  /** "1×56×56×64 → 112×112×32" */
  readonly shape: string
  /** C·K ⁄ (C + K) */
  readonly breadth: number
  /** Median milliseconds forward, and forward with all gradients. */
  readonly forward: Readonly<Record<Build, number>>
  readonly training: Readonly<Record<Build, number>>
}

/** The layers of the network that stand behind an upsampling. */
export const layersBehindUpsampling = ({ width }: Pick<Size, 'width'>): ConvLayer[] =>
  layersOf({ classes: CLASSES, width }).decoder.filter(({ name }) => name in REDUCED)

type Clocked = Pick<Bench, 'gpu' | 'timer'>

/** @param seconds about how long both ways of one piece of work may take turns */
export async function timePhases(bench: Clocked, size: Size, seconds: number): Promise<PhaseRow[]> {
  const rows: PhaseRow[] = []
  for (const { name, inputs: C, outputs: K } of layersBehindUpsampling(size)) {
    const side = size.size / REDUCED[name]!
    const race = (withGradients: boolean) =>
      raceOf(bench, [size.batch, side, side, C], K, withGradients, seconds)
    rows.push({
      layer: name,
      shape: `${size.batch}×${side}×${side}×${C} → ${2 * side}×${2 * side}×${K}`,
      breadth: (C * K) / (C + K),
      forward: await race(false),
      training: await race(true),
    })
  }
  return rows
}

async function raceOf(
  { gpu, timer }: Clocked,
  x: readonly number[],
  K: number,
  withGradients: boolean,
  seconds: number,
): Promise<Record<Build, number>> {
  const variables = new Variables(gpu)
  const runners: (Runner & { readonly build: Build; readonly executor: Executor })[] = []
  try {
    for (const build of Object.keys(BUILDS) as Build[]) {
      const graph = graphOf(build, x, K, withGradients)
      const plan = compile(graph, gpu.device.limits.maxStorageBufferBindingSize, gpu.traits, {
        everyRun: true,
      })
      for (const [name, shape] of plan.variables)
        variables.set(
          name,
          Float32Array.from({ length: elems({ shape }) }, (_, i) => ((i * 0.618) % 1) - 0.3),
        )
      const executor = await Executor.create(gpu, plan, variables)
      await timer.once(executor) // a driver may compile
      const repeats = repeatsFor(await timer.once(executor))
      runners.push({ build, executor, run: () => timer.mean(executor, repeats), times: [] })
    }
    await takeTurns(runners, seconds)
    return Object.fromEntries(runners.map(({ build, times }) => [build, median(times)])) as Record<
      Build,
      number
    >
  } finally {
    for (const { executor } of runners) executor.destroy()
    variables.destroy()
    gpu.pool.trim()
  }
}

function graphOf(build: Build, x: readonly number[], K: number, withGradients: boolean): Graph {
  const [N, H, W, C] = x as [number, number, number, number]
  const graph = new Graph()
  const operands = [
    graph.variable('x', x),
    graph.variable('w', [3, 3, C, K]),
    graph.variable('b', [K]),
  ] as const
  const y = BUILDS[build](graph, operands, { activation: 'relu' })
  if (!withGradients) {
    graph.output('y', y)
    return graph
  }
  const loss = graph.op('mse', [y, graph.variable('target', [N, 2 * H, 2 * W, K])], {})
  for (const [i, gradient] of backward(graph, loss, operands).entries()) graph.output(`${i}`, gradient)
  return graph
}
