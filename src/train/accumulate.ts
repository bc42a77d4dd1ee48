import type { Gpu } from '../device/gpu.ts'
import type { GpuSpan } from '../device/timestamps.ts'
import type { Plan } from '../graph/compile.ts'
import { Executor, type Variables } from '../graph/execute.ts'
import { mean } from '../numbers.ts'

/** What takes training steps. */
export type Stepper = Pick<Executor, 'upload' | 'run' | 'runChecked' | 'runTimed' | 'destroy'> & {
  readonly plan: Pick<Plan, 'steps' | 'inputs'>
}

/** The plans of a step over a batch in equal parts. */
export interface AccumulatingPlan {
  readonly parts: number
  /** Of `trainingGraph` with `accumulate`. */
  readonly part: Plan
  /** Of `updateGraph`. */
  readonly update: Plan
}

/**
 * Takes steps over batches in equal parts, each small enough for the adapter: stands in for the executor of a step over the
 * whole batch. One submission a part, and one for the update behind them.
 */
export class AccumulatingExecutor implements Stepper {
  readonly #uploads = new Map<string, Float32Array>()
  readonly plan: Stepper['plan']

  private constructor(
    private readonly parts: number,
    private readonly part: Executor,
    private readonly update: Executor,
  ) {
    const ofParts = Array.from({ length: parts }, () => part.plan.steps)
    this.plan = {
      steps: [...ofParts.flat(), ...update.plan.steps],
      inputs: new Map([...part.plan.inputs, ...update.plan.inputs]),
    }
  }

  static async create(gpu: Gpu, { parts, part, update }: AccumulatingPlan, variables: Variables) {
    const [length] = update.variables.get('gradients')!
    variables.set('gradients', new Float32Array(length!)) // the first part overwrites it
    const executor = await Executor.create(gpu, part, variables)
    try {
      return new AccumulatingExecutor(parts, executor, await Executor.create(gpu, update, variables))
    } catch (error) {
      executor.destroy()
      throw error
    }
  }

  /** Of the whole batch, or of the update. */
  upload(name: string, data: Float32Array): void {
    this.#uploads.set(name, data)
  }

  /** Means over the parts of what is read. */
  async run(read: readonly string[] = []): Promise<Float32Array[]> {
    return meansOf(await this.#submitAll((executor, names) => executor.run(names), read))
  }

  async runTimed(read: readonly string[] = []): Promise<{ results: Float32Array[]; spans: GpuSpan[] }> {
    const timed = await this.#submitAll((executor, names) => executor.runTimed(names), read)
    return {
      results: meansOf(timed.map(({ results }) => results)),
      spans: timed.flatMap(({ spans }) => spans),
    }
  }

  async runChecked(
    read: readonly string[] = [],
    isWatched?: (label: string) => boolean,
  ): Promise<Float32Array[]> {
    const results: Float32Array[][] = []
    for (let k = 0; k < this.parts; k++) {
      this.#uploadPart(k)
      results.push(await this.part.runChecked(read, isWatched))
    }
    this.#uploadUpdate()
    return meansOf([...results, await this.update.runChecked()])
  }

  destroy(): void {
    this.part.destroy()
    this.update.destroy()
  }

  /** Uploads and submits everything before it waits, so that the next step may be submitted behind it. */
  #submitAll<T>(run: (executor: Executor, read: readonly string[]) => Promise<T>, read: readonly string[]) {
    const submitted = Array.from({ length: this.parts }, (_, k) => {
      this.#uploadPart(k)
      return run(this.part, read)
    })
    this.#uploadUpdate()
    return Promise.all([...submitted, run(this.update, [])])
  }

  #uploadPart(k: number): void {
    this.part.upload('accumulate.rate', Float32Array.of(1 / (k + 1)))
    for (const [name, data] of this.#uploads) {
      const size = data.length / this.parts
      if (this.part.plan.inputs.has(name)) this.part.upload(name, data.subarray(k * size, (k + 1) * size))
    }
  }

  #uploadUpdate(): void {
    for (const [name, data] of this.#uploads)
      if (this.update.plan.inputs.has(name)) this.update.upload(name, data)
  }
}

/** Means of what the parts gave; the update, which comes last, gives nothing. */
function meansOf(results: readonly (readonly Float32Array[])[]): Float32Array[] {
  const parts = results.slice(0, -1)
  return parts[0]!.map((first, i) => first.map((_, at) => mean(parts.map((part) => part[i]![at]!))))
}
