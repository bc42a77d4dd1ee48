import type { SmallAb } from '../color/guided.ts'
import type { Gpu } from '../device/gpu.ts'
import { UserError } from '../errors.ts'
import type { Plan } from '../graph/compile.ts'
import { Executor, kernelsOf, type NamedBuffers, uploadNeeded, Variables } from '../graph/execute.ts'
import { expectFinite } from '../graph/half.ts'
import type { FixedVariables } from '../graph/rewrite.ts'
import { splitAtInput } from '../graph/split.ts'
import type { Bins } from '../model/bins.ts'
import { type Finish, inferenceGraph, leaningGraph } from '../model/graphs.ts'
import type { Network } from '../model/network.ts'
import type { Size } from '../rect.ts'
import { Turns } from '../turns.ts'
import { type Corner, cornerCells, cornerOf, toldIn } from './continued.ts'
import { hintInput, type ToldColour } from './hints.ts'
import { networkInputs, type Shown } from './inputs.ts'
import { expectBins, type Leaning, leanInputs, leans } from './leaning.ts'
import { inferencePlan } from './plans.ts'
import { Recent } from './recent.ts'

/** What computes: see `PredictorOptions`. */
export interface Studied {
  readonly gpu: Gpu
  readonly network: Network
  readonly variables: NamedBuffers
  readonly halved: FixedVariables | null
}

export interface LikelyColour {
  /** ab units, as b */
  readonly a: number
  readonly b: number
  readonly probability: number
}

/** How the probabilities of a study's colours are moved. */
export type StudyLeaning = Pick<Leaning, 'temperature' | 'variant'>

/** Temperatures whose plans are kept. */
const MAX_LEANERS = 2

/** What is done with the network's colours, as in a single colouring of the same hints. */
const FINISH: Finish = { even: true, spread: true }

/** What is shown to the network, in its pixels, and where in it the picture is. */
interface Stage extends Size {
  readonly corner: Corner
}

/** What one pass gives. */
interface Pass {
  readonly input: Float32Array
  /** `ab`, and behind it `logits` if the network has any. */
  readonly results: Promise<Float32Array[]>
}

/**
 * A picture that a network has looked at. It can be coloured any number of times: a pass computes only what depends on the
 * hints. Calls may overlap.
 */
export class Study {
  /** The last pass, for whoever asks again with the same hints. */
  #last: Pass | null = null
  readonly #leaners: Recent<Executor>
  readonly #turns = new Turns()
  #destroyed = false

  private constructor(
    private readonly studied: Studied,
    private readonly stage: Stage,
    private readonly shown: Shown,
    private readonly executor: Executor,
    private readonly kept: Variables,
    private readonly named: NamedBuffers,
  ) {
    this.#leaners = new Recent(MAX_LEANERS, () => studied.gpu.pool.trim())
  }

  /**
   * Looks at a picture. All kernels are compiled at once, also while what is shown is still found out.
   */
  static async create(studied: Studied, stage: Stage, showing: Promise<Shown>): Promise<Study> {
    const { gpu, network, variables, halved } = studied
    const { width, height } = stage
    showing.catch(() => {}) // told below, unless a plan cannot be made
    const whole = inferenceGraph(network, { batch: 1, width, height }, { logits: true, ...FINISH })
    const parts = splitAtInput(whole, 'hints')
    const early = inferencePlan(gpu, parts.early, halved)
    const late = inferencePlan(gpu, parts.late, halved)
    const kept = new Variables(gpu)
    const looking = look(studied, early, showing, kept)
    try {
      await Promise.all([looking, kernelsOf(gpu, late)])
      const named: NamedBuffers = {
        buffer: (name) => (early.outputs.has(name) ? kept : variables).buffer(name),
        writes: variables.writes,
      }
      const executor = await Executor.create(gpu, late, named)
      return new Study(studied, stage, await showing, executor, kept, named)
    } catch (error) {
      await Promise.allSettled([looking]) // what it keeps is freed, too
      kept.destroy()
      throw error
    }
  }

  /**
   * The picture's colours: those of `Predictor.predict`.
   * @throws UserError when a value in between was too large for float16, when the network gives no probabilities that could be
   *   moved, or after `destroy`
   */
  async colours(told: readonly ToldColour[] = [], leaning: StudyLeaning = {}): Promise<SmallAb> {
    const [ab] = await (leans(leaning) ? this.#leaningPass(told, leaning) : this.#pass(told))
    if (this.studied.halved) expectFinite(ab!, 'the colours')
    const [rows, columns] = this.#cells('ab')
    return cornerOf({ ab: ab!, width: columns, height: rows }, this.stage.corner)
  }

  /**
   * How likely each colour is at a place, by fractions of width and height: all that the network knows, the likeliest first.
   * Their mean by probability is what `colours` gives there, before blotches are evened out and hints go on to what is alike.
   * @throws UserError as `colours`, and when the network gives no probabilities
   */
  async likely(x: number, y: number, told: readonly ToldColour[] = []): Promise<LikelyColour[]> {
    const bins = expectBins('these weights', this.studied.network)
    const [, logits] = await this.#pass(told)
    if (this.studied.halved) expectFinite(logits!, 'the probabilities')
    const [rows, columns] = this.#cells('logits')
    const at = (place: number, count: number) => Math.min(count - 1, Math.floor(place * count))
    const own = cornerCells({ width: columns, height: rows }, this.stage.corner)
    const cell = at(y, own.height) * columns + at(x, own.width)
    return distribution(logits!.subarray(cell * bins.count, (cell + 1) * bins.count), bins)
  }

  /** Frees what is kept. */
  destroy(): void {
    if (this.#destroyed) return
    this.#destroyed = true
    this.executor.destroy()
    this.#leaners.destroy()
    this.kept.destroy()
  }

  /** Uploads and submits at once, so that calls cannot mix. */
  #pass(told: readonly ToldColour[]): Promise<Float32Array[]> {
    const input = this.#hintInput(told)
    if (this.#last?.input.every((value, i) => value === input[i])) return this.#last.results
    uploadNeeded(this.executor, networkInputs({ ...this.shown, hints: input }))
    const results = this.executor.run([...this.executor.plan.outputs.keys()])
    this.#last = { input, results }
    return results
  }

  /** The same of a plan for this temperature; only its colours. */
  #leaningPass(told: readonly ToldColour[], leaning: StudyLeaning): Promise<Float32Array[]> {
    return this.#turns.take(async () => {
      const hints = this.#hintInput(told)
      const bins = expectBins('these weights', this.studied.network)
      const key = String(leaning.temperature)
      const executor = await this.#leaners.get(key, () => this.#leaner(bins, leaning.temperature))
      const [height, width] = this.#cells('ab')
      uploadNeeded(executor, {
        ...networkInputs({ ...this.shown, hints }),
        ...leanInputs(bins, { width, height }, leaning),
      })
      return executor.run(['ab'])
    })
  }

  #leaner(bins: Bins, temperature: number | undefined): Promise<Executor> {
    const { gpu, network, halved } = this.studied
    const { width, height } = this.stage
    const whole = leaningGraph(network, bins, { batch: 1, width, height }, { temperature, ...FINISH })
    return Executor.create(gpu, inferencePlan(gpu, splitAtInput(whole, 'hints').late, halved), this.named)
  }

  #hintInput(told: readonly ToldColour[]): Float32Array {
    if (this.#destroyed) throw new UserError('this study was disposed of: begin another one', 'usage')
    return hintInput(toldIn(told, this.stage.corner), this.stage)
  }

  #cells(output: string): [rows: number, columns: number] {
    const [, rows, columns] = this.executor.plan.outputs.get(output)!.shape
    return [rows!, columns!]
  }
}

/** Runs the early part of a split graph once, and keeps what it gives. */
async function look(
  { gpu, variables }: Studied,
  plan: Plan,
  showing: Promise<Shown>,
  kept: Variables,
): Promise<void> {
  const executor = await Executor.create(gpu, plan, variables)
  try {
    uploadNeeded(executor, networkInputs(await showing))
    const names = [...plan.outputs.keys()]
    const values = await executor.run(names)
    for (const [i, name] of names.entries()) kept.set(name, values[i]!)
  } finally {
    executor.destroy()
  }
}

/** The softmax of the bins' logits, sorted. */
function distribution(logits: Float32Array, { centres }: Bins): LikelyColour[] {
  const largest = logits.reduce((a, b) => Math.max(a, b))
  const weights = Array.from(logits, (logit) => Math.exp(logit - largest))
  const sum = weights.reduce((a, b) => a + b)
  return weights
    .map((weight, i) => ({ a: centres[2 * i]!, b: centres[2 * i + 1]!, probability: weight / sum }))
    .sort((one, other) => other.probability - one.probability)
}
