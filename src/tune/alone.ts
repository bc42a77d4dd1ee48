import type { Gpu } from '../device/gpu.ts'
import type { Repeatable } from '../device/timer.ts'
import type { Traits } from '../device/traits.ts'
import { compile } from '../graph/compile.ts'
import { Executor, Variables } from '../graph/execute.ts'
import { Graph } from '../graph/graph.ts'
import { elems } from '../kernels/op.ts'
import type { Convolution } from './convolutions.ts'

/** Ordinary numbers: zeros and denormals would be faster or slower than what a training sees. */
const noise = (_: unknown, i: number) => 0.1 + 0.9 * ((i * 0.6180339887) % 1)

/** A convolution alone on the GPU, by one or several of its candidates. */
export class Alone {
  readonly #variables: Variables
  readonly #graph = new Graph()
  readonly #executors: Executor[] = []

  constructor(
    private readonly gpu: Gpu,
    private readonly convolution: Convolution,
    private readonly traits: Traits = gpu.traits,
  ) {
    const { op, inputs, attrs } = convolution
    this.#variables = new Variables(gpu)
    // variables and not inputs: nothing is uploaded between runs
    const operands = inputs.map((spec, i) => {
      this.#variables.set(`${i}`, Float32Array.from({ length: elems(spec) }, noise))
      return this.#graph.variable(`${i}`, spec.shape)
    })
    this.#graph.output('result', this.#graph.op(op, operands, attrs as never))
  }

  /** Ready to be repeated; by the candidate that a plan takes unless one is named. */
  async by(candidate?: string): Promise<Repeatable> {
    const { gpu, traits, convolution } = this
    const choices = candidate === undefined ? {} : { choices: new Map([[convolution.key, candidate]]) }
    const limit = gpu.device.limits.maxStorageBufferBindingSize
    // the subgroups' matrices are not for float32; every run, as in a training, whose weights change
    const precision = candidate === 'matrix' ? 'f16' : 'f32'
    const plan = compile(this.#graph, limit, { ...traits, ...choices }, { everyRun: true, precision })
    const executor = await Executor.create(gpu, plan, this.#variables)
    this.#executors.push(executor)
    return executor
  }

  destroy(): void {
    for (const executor of this.#executors) executor.destroy()
    this.#variables.destroy()
    this.gpu.pool.trim()
  }
}

/** Runs `use` on a convolution alone, by the kernels that a plan takes. */
export async function alone<T>(
  gpu: Gpu,
  convolution: Convolution,
  use: (work: Repeatable) => Promise<T>,
  traits: Traits = gpu.traits,
): Promise<T> {
  const single = new Alone(gpu, convolution, traits)
  try {
    return await use(await single.by())
  } finally {
    single.destroy()
  }
}
