import { INITIAL_SCALING, SCALING_VARIABLE } from '../autograd/scaling.ts'
import type { Gpu } from '../device/gpu.ts'
import { EXIT, UserError } from '../errors.ts'
import type { Variables } from '../graph/execute.ts'
import type { EncodedPicture } from '../io/events.ts'
import type { Weights } from '../io/weights.ts'
import type { Rarity } from '../model/losses.ts'
import { architectureIn } from '../model/report/layers.ts'
import { type Arena, initialParameters, initialStatistics, layoutOf } from '../model/report/layout.ts'
import type { Batch } from '../node/data/dataset.ts'
import { bestPath, checkpointPath, type RunFolder } from '../node/store/run-folder.ts'
import { STREAM, uniform4 } from '../random.ts'
import {
  type Checkpoint,
  type Course,
  type TrainingSettings,
  type Validation,
  writeBest,
  writeCheckpoint,
} from './checkpoint.ts'
import type { Profiler } from './profile.ts'

export interface TrainOptions extends Course {
  readonly settings: TrainingSettings
  /** Folder of the checkpoint and of the best weights. */
  readonly out: string
  /** Is told how training goes. */
  readonly log?: Pick<RunFolder, 'logStep' | 'logValidation'> | undefined
  readonly checkpointEvery: number
  /** For the losses that weigh colours by it. */
  readonly rarity?: Rarity | undefined
  /** Looks on and notes where the time goes. */
  readonly profiler?: Profiler | undefined
  /** Where to start from: a checkpoint to continue, or weights to begin with. */
  readonly start: Start
}

export type Start =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'weights'; readonly parameters: Float32Array; readonly statistics: Float32Array }
  | { readonly kind: 'resume'; readonly checkpoint: Checkpoint }

/** How well the weights colour the validation pictures. */
export interface Measured {
  readonly abMse: number
  readonly samples?: EncodedPicture
}

/** The training so far: where it stands in the data, its history, and its weights on the GPU. */
export class Run {
  step: number
  epoch: number
  position: number
  readonly validations: Validation[]
  readonly losses: number[]
  readonly #initial: State

  constructor(
    private readonly gpu: Gpu,
    private readonly variables: Variables,
    private readonly options: TrainOptions,
    private readonly measure: () => Promise<Measured | null>,
  ) {
    const initial = initialState(options)
    ;({ step: this.step, epoch: this.epoch, position: this.position } = initial)
    this.validations = [...initial.validations]
    this.losses = [...initial.losses]
    this.#initial = initial
  }

  load(): void {
    const { raw, average, statistics, m, v, scaling } = this.#initial
    this.variables.set('parameters', raw)
    this.variables.set('average', average)
    this.variables.set('statistics', statistics)
    this.variables.set('adam.m', m)
    this.variables.set('adam.v', v)
    if (this.#isScaled) this.variables.set(SCALING_VARIABLE, Float32Array.from(scaling ?? INITIAL_SCALING))
  }

  get #isScaled(): boolean {
    return this.options.settings.precision === 'f16'
  }

  get isDone(): boolean {
    return this.step >= this.options.steps || this.epoch >= this.options.epochs
  }

  get isCheckpointDue(): boolean {
    return this.step % this.options.checkpointEvery === 0
  }

  get isValidationDue(): boolean {
    const validated = this.validations.at(-1)?.step === this.step
    return this.step > 0 && this.step % this.options.validateEvery === 0 && !validated
  }

  advance({ epoch, position, lastOfEpoch }: Batch): void {
    this.step++
    this.epoch = lastOfEpoch ? epoch + 1 : epoch
    this.position = lastOfEpoch ? 0 : position
  }

  record(step: number, loss: number): void {
    if (!Number.isFinite(loss)) {
      const cause = this.#isScaled ? ', maybe since a value is too large for --precision f16' : ''
      throw stopped(`the loss became ${loss} at step ${step}${cause}`)
    }
    this.losses.push(loss)
  }

  /**
   * Adds the validation of this step to the history, once, and keeps the weights when no earlier ones were as good. A
   * training that was killed between that and its next checkpoint comes by here again, and writes the same bytes.
   */
  async validate(): Promise<void> {
    if (this.validations.at(-1)?.step === this.step) return
    const measured = await this.measure()
    if (!measured) return
    const { abMse, samples } = measured
    if (!Number.isFinite(abMse)) throw stopped(`the validation error became ${abMse} at step ${this.step}`)
    const { step } = this
    const isBest = this.validations.every((earlier) => abMse < earlier.abMse)
    if (isBest) {
      const { settings, out } = this.options
      await writeBest(bestPath(out), { weights: await this.#weights(), step, abMse, settings })
    }
    this.validations.push({ step, abMse })
    this.options.log?.logValidation({ step, val: abMse, isBest }, samples)
  }

  async save(): Promise<Checkpoint> {
    await this.gpu.idle()
    const weights = await this.#weights()
    const { parameters } = layoutOf(weights.architecture)
    const raw = await this.#finite(parameters, 'parameters')
    const m = await this.#finite(parameters, 'adam.m')
    const v = await this.#finite(parameters, 'adam.v')
    const { settings, epochs, steps, validateEvery, out } = this.options
    const course = { epochs, steps, validateEvery }
    const { step, epoch, position, validations } = this
    const losses = Float32Array.from(this.losses)
    const scaling = this.#isScaled ? { scaling: [...(await this.variables.get(SCALING_VARIABLE))] } : {}
    const state = { weights, raw, m, v, ...scaling }
    const checkpoint = { ...state, step, epoch, position, settings, course, losses, validations }
    await writeCheckpoint(checkpointPath(out), checkpoint)
    return checkpoint
  }

  /** What training is for. */
  async #weights(): Promise<Weights> {
    const architecture = architectureIn(this.options.settings)
    const layout = layoutOf(architecture)
    const parameters = await this.#finite(layout.parameters, 'average')
    return { architecture, parameters, statistics: await this.#finite(layout.statistics, 'statistics') }
  }

  /** A variable from the GPU. The loss of a step comes before its update, so it does not tell whether that went well. */
  async #finite(arena: Arena, variable: string): Promise<Float32Array> {
    const flat = await this.variables.get(variable)
    const wild = firstWild(arena, flat)
    if (wild) throw stopped(`${wild.name} is ${wild.value} after step ${this.step}`)
    return flat
  }
}

/** The first tensor with a value that is not finite. What lies between the tensors does not matter. */
function firstWild({ tensors }: Arena, flat: Float32Array): { name: string; value: number } | undefined {
  for (const { name, shape, offset } of tensors) {
    const end = offset + shape.reduce((a, b) => a * b, 1)
    for (let i = offset; i < end; i++) if (!Number.isFinite(flat[i]!)) return { name, value: flat[i]! }
  }
  return undefined
}

/** What ends a training whose numbers have run away. */
export const stopped = (what: string, options?: ErrorOptions) =>
  new UserError(
    `${what}: training stopped, the last good checkpoint is kept; lower --lr${isDebugging() ? '' : ' or run with DEBUG=1 to see where it began'}`,
    EXIT.someInputFailed,
    options,
  )

/** Runs node by node and looks at every value. */
export const isDebugging = () => process.env.DEBUG === '1'

type State = Pick<
  Checkpoint,
  'raw' | 'm' | 'v' | 'scaling' | 'step' | 'epoch' | 'position' | 'validations' | 'losses'
> & {
  readonly average: Float32Array
  readonly statistics: Float32Array
}

function initialState({ settings, start }: TrainOptions): State {
  if (start.kind === 'resume') {
    const { parameters, statistics } = start.checkpoint.weights
    return { ...start.checkpoint, average: parameters, statistics }
  }
  const layout = layoutOf(settings)
  const uniform = (index: number) => uniform4(settings.seed, STREAM.weights, index)[0]
  const zeros = () => new Float32Array(layout.parameters.length)
  const begun = start.kind === 'weights' ? start : null
  const parameters = begun?.parameters ?? initialParameters(settings, uniform)
  return {
    raw: parameters,
    average: parameters,
    statistics: begun?.statistics ?? initialStatistics(layout.statistics),
    m: zeros(),
    v: zeros(),
    step: 0,
    epoch: 0,
    position: 0,
    validations: [],
    losses: new Float32Array(),
  }
}
