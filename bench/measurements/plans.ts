import type { Gpu } from '../../src/device/gpu.ts'
import { PORTABLE } from '../../src/device/traits.ts'
import { compile, type Plan } from '../../src/graph/compile.ts'
import { rewriteForInference } from '../../src/graph/rewrite.ts'

import { matricesOf } from '../../src/kernels/matrix/gemm.ts'
import { inferenceGraph, trainingGraph } from '../../src/model/graphs.ts'
import { reportNetwork } from '../../src/model/report/index.ts'
import { randomWeights, Whole } from '../whole.ts'
import { CLASSES, type Size } from '../workload.ts'
import { type Runner, takeTurns } from './turns.ts'

export const WORKS = ['colouring', 'training step'] as const
type Work = (typeof WORKS)[number]

/** The ways to do a piece of work; the first is what the commands do unless told otherwise. */
export const WAYS = {
  usual: 'usual kernels',
  portable: "any adapter's kernels",
  half: 'float16',
  matrices: "float16 in the subgroups' matrices",
} as const
type Way = keyof typeof WAYS

/** A whole plan, in one of the ways. */
export interface PlanRow {
  readonly work: Work
  readonly size: Size
  readonly way: Way
  /** Of the plan, and of the weights and moments that outlive a run. */
  readonly bytes: number
  /** Milliseconds of each turn. */
  readonly times: readonly number[]
}

/**
 * Runs a colouring or a training step in all ways that differ on the adapter, in turns.
 * @param seconds about how long that may take once all is compiled
 * @param now the clock, in milliseconds
 */
export async function timePlans(
  gpu: Gpu,
  work: Work,
  size: Size,
  { seconds, now }: { readonly seconds: number; readonly now: () => number },
): Promise<PlanRow[]> {
  const weights = randomWeights(size.width)
  const opened: (Runner & { readonly way: Way; readonly whole: Whole })[] = []
  try {
    for (const [way, plan] of plansOf(gpu, work, size)) {
      const whole = await Whole.open(gpu, plan, weights)
      const run = async () => {
        const started = now()
        await whole.run()
        return now() - started
      }
      opened.push({ way, whole, run, times: [] })
      await run() // a driver may compile
    }
    await takeTurns(opened, seconds)
    return opened.map(({ way, whole, times }) => ({ work, size, way, bytes: whole.bytes, times }))
  } finally {
    for (const { whole } of opened) whole.destroy()
  }
}

/** The usual plan, that of any adapter unless it is the same, and float16's and the matrices' where the adapter has them. */
export function plansOf(
  gpu: Pick<Gpu, 'device' | 'traits' | 'has'>,
  work: Work,
  { width, size, batch }: Size,
): Map<Way, Plan> {
  const limit = gpu.device.limits.maxStorageBufferBindingSize
  const network = reportNetwork({ classes: CLASSES, width })
  const image = { batch, height: size, width: size }
  const graph = work === 'colouring' ? inferenceGraph(network, image) : trainingGraph(network, image)
  const plans = new Map<Way, Plan>([['usual', compile(graph, limit, gpu.traits)]])
  const portable = compile(graph, limit, PORTABLE)
  if (!isSame(portable, plans.get('usual')!)) plans.set('portable', portable)
  if (gpu.has('shader-f16')) {
    // as `colouringPlan` and `train` make them
    const halved =
      work === 'colouring'
        ? rewriteForInference(graph, randomWeights(width))
        : trainingGraph(network, image, { scaled: true })
    plans.set('half', compile(halved, limit, { ...gpu.traits, matrices: [] }, { precision: 'f16' }))
    if (matricesOf(gpu.traits))
      plans.set('matrices', compile(halved, limit, gpu.traits, { precision: 'f16' }))
  }
  return plans
}

function isSame(a: Plan, b: Plan): boolean {
  const [one, other] = [a, b].map(({ steps }) => JSON.stringify(steps.map(({ dispatch }) => dispatch)))
  return one === other
}
