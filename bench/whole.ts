import { adamHyper } from '../src/autograd/adam.ts'
import { INITIAL_SCALING, SCALING_VARIABLE } from '../src/autograd/scaling.ts'
import type { Gpu } from '../src/device/gpu.ts'
import type { Plan } from '../src/graph/compile.ts'
import { Executor, Variables } from '../src/graph/execute.ts'
import type { FixedVariables } from '../src/graph/rewrite.ts'
import { elems } from '../src/kernels/op.ts'
import { initialStatistics } from '../src/model/arena.ts'
import { initialParameters, layoutOf } from '../src/model/report/layout.ts'
import { CLASSES } from './workload.ts'

const LEARNING_RATE = 1e-3
/** Ordinary numbers in 0…1. */
const noise = (i: number) => (i * 0.6180339887) % 1

/** Inputs that look like a picture, a class vector and colours. */
const INPUTS: Readonly<Record<string, (i: number) => number>> = {
  L: (i) => 2 * noise(i) - 1,
  features: () => 1 / CLASSES,
  ab: (i) => 60 * noise(i) - 30,
}

/** Random weights, which are as good as any to be timed. */
export function randomWeights(width: number): FixedVariables {
  const architecture = { width, classes: CLASSES }
  return new Map([
    ['parameters', initialParameters(architecture, noise)],
    ['statistics', initialStatistics(layoutOf(architecture).statistics)],
  ])
}

/** The whole plan of a colouring or a training step with memory of its own, ready to be run any number of times. */
export class Whole {
  readonly #inputs: readonly (readonly [string, Float32Array])[]
  #step = 0

  private constructor(
    private readonly gpu: Gpu,
    private readonly executor: Executor,
    private readonly variables: Variables,
  ) {
    this.#inputs = [...executor.plan.inputs].map(([name, spec]) => [
      name,
      Float32Array.from({ length: elems(spec) }, (_, i) => INPUTS[name]?.(i) ?? 0),
    ])
  }

  static async open(gpu: Gpu, plan: Plan, weights: FixedVariables): Promise<Whole> {
    const variables = new Variables(gpu)
    for (const [name, shape] of plan.variables) {
      const values = name === SCALING_VARIABLE ? Float32Array.from(INITIAL_SCALING) : weights.get(name)
      variables.set(name, values ?? new Float32Array(elems({ shape })))
    }
    return new Whole(gpu, await Executor.create(gpu, plan, variables), variables)
  }

  /** From arrays on the host until the GPU is done. */
  async run(): Promise<void> {
    this.#step++
    for (const [name, values] of this.#inputs)
      this.executor.upload(name, name === 'adam.hyper' ? adamHyper(LEARNING_RATE, this.#step) : values)
    await Promise.all([this.executor.run(), this.gpu.idle()])
  }

  /** Of the plan, and of the weights and moments that outlive a run. */
  get bytes(): number {
    const { slotBytes, variables, constants } = this.executor.plan
    const lasting = [...variables.values()].map((shape) => 4 * elems({ shape }))
    const shared = constants.flatMap(({ place }) => ('constant' in place.buffer ? [place.sizeBytes] : []))
    return [...slotBytes, ...shared, ...lasting].reduce((a, b) => a + b, 0)
  }

  destroy(): void {
    this.executor.destroy()
    this.variables.destroy()
    this.gpu.pool.trim()
  }
}
