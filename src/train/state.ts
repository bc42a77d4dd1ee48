import { INITIAL_SCALING, SCALING_VARIABLE } from '../autograd/scaling.ts'
import type { Gpu } from '../device/gpu.ts'
import { UserError } from '../errors.ts'
import type { NamedBuffers, Variables } from '../graph/execute.ts'
import type { Weights } from '../io/weights.ts'
import type { Arena } from '../model/arena.ts'
import type { Network } from '../model/network.ts'
import { mean, product } from '../numbers.ts'
import { STREAM, uniform4 } from '../random.ts'
import type { Batch } from './batches.ts'
import type { Best, Checkpoint, Validation } from './checkpoint.ts'
import type { Course, TrainingSettings } from './settings.ts'

/** Where a training begins: afresh, with weights, or where another one stopped. */
export type Start =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'weights'; readonly parameters: Float32Array; readonly statistics: Float32Array }
  | { readonly kind: 'resume'; readonly checkpoint: Checkpoint }

/** Keeps what a training makes. What it throws ends the training. */
export interface TrainingStore {
  /** Replaces the checkpoint, whole: the old one stays until the new one is there. */
  saveCheckpoint(checkpoint: Checkpoint): Promise<void>
  /** Keeps the weights of the lowest validation error so far. */
  saveBest(best: Best): Promise<void>
}

/** The ab errors on several sets of pictures, by the sets' names. */
export type SetErrors = Readonly<Record<string, number>>

/**
 * How well the weights colour: the ab error on a set of pictures, or those on several. Null when there are no pictures for
 * it, or it was stopped.
 */
export type Validate = (weights: NamedBuffers) => Promise<number | SetErrors | null>

export interface RunOptions {
  readonly network: Network
  readonly settings: TrainingSettings
  readonly course: Course
  /** Steps from one checkpoint to the next. */
  readonly checkpointEvery: number
  readonly start: Start
  readonly store: TrainingStore
  readonly validate: Validate
  readonly onValidation: (validation: Validation & { readonly isBest: boolean }) => void
}

/** The training so far: where it stands in the data, its history, and its weights on the GPU. */
export class TrainingState {
  step: number
  epoch: number
  position: number
  readonly validations: Validation[]
  readonly losses: number[]
  readonly #initial: State

  constructor(
    private readonly gpu: Gpu,
    private readonly variables: Variables,
    private readonly options: RunOptions,
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
    if (statistics.length) this.variables.set('statistics', statistics)
    this.variables.set('adam.m', m)
    this.variables.set('adam.v', v)
    if (this.#isScaled) this.variables.set(SCALING_VARIABLE, Float32Array.from(scaling ?? INITIAL_SCALING))
  }

  get #isScaled(): boolean {
    return this.options.settings.precision === 'f16'
  }

  get isDone(): boolean {
    const { steps, epochs } = this.options.course
    return this.step >= steps || this.epoch >= epochs || this.isOutOfPatience
  }

  /** Whether so many validations in a row were no better than the best one that the training is to end. */
  get isOutOfPatience(): boolean {
    const { patience = Number.POSITIVE_INFINITY } = this.options.course
    const errors = this.validations.map(({ abMse }) => abMse)
    return errors.length > 0 && errors.length - 1 - errors.indexOf(Math.min(...errors)) >= patience
  }

  get isCheckpointDue(): boolean {
    return this.step % this.options.checkpointEvery === 0
  }

  get isValidationDue(): boolean {
    const validated = this.validations.at(-1)?.step === this.step
    return this.step > 0 && this.step % this.options.course.validateEvery === 0 && !validated
  }

  advance({ epoch, position, lastOfEpoch }: Batch): void {
    this.step++
    this.epoch = lastOfEpoch ? epoch + 1 : epoch
    this.position = lastOfEpoch ? 0 : position
  }

  record(step: number, loss: number): void {
    if (!Number.isFinite(loss)) {
      const cause = this.#isScaled ? ', maybe since a value is too large for float16' : ''
      throw stopped(`the loss became ${loss} at step ${step}${cause}`)
    }
    this.losses.push(loss)
  }

  /**
   * Adds the validation of this step to the history, once, and keeps the weights when no earlier ones were as good, by the
   * mean over the sets of pictures. A
   * training that is killed before its next checkpoint validates this step again when it is resumed, and writes the same bytes.
   */
  async validate(): Promise<void> {
    if (this.validations.at(-1)?.step === this.step) return
    const { settings, store, validate, onValidation } = this.options
    const found = await validate(averaged(this.variables))
    if (found === null) return
    const sets = typeof found === 'number' ? undefined : found
    const abMse = typeof found === 'number' ? found : mean(Object.values(found))
    if (!Number.isFinite(abMse)) throw stopped(`the validation error became ${abMse} at step ${this.step}`)
    const { step } = this
    const isBest = this.validations.every((earlier) => abMse < earlier.abMse)
    if (isBest) await store.saveBest({ weights: await this.#weights(), step, abMse, settings })
    const validation = { step, abMse, ...(sets ? { sets } : {}) }
    this.validations.push(validation)
    onValidation({ ...validation, isBest })
  }

  async save(): Promise<Checkpoint> {
    await this.gpu.idle()
    const weights = await this.#weights()
    const { parameters } = weights.network.layout
    const raw = await this.#finite(parameters, 'parameters')
    const m = await this.#finite(parameters, 'adam.m')
    const v = await this.#finite(parameters, 'adam.v')
    const { settings, course, store } = this.options
    const { step, epoch, position, validations } = this
    const losses = Float32Array.from(this.losses)
    const scaling = this.#isScaled ? { scaling: [...(await this.variables.get(SCALING_VARIABLE))] } : {}
    const state = { weights, raw, m, v, ...scaling }
    const checkpoint = { ...state, step, epoch, position, settings, course, losses, validations }
    await store.saveCheckpoint(checkpoint)
    return checkpoint
  }

  /** What training is for. */
  async #weights(): Promise<Weights> {
    const { network } = this.options
    const parameters = await this.#finite(network.layout.parameters, 'average')
    return { network, parameters, statistics: await this.#finite(network.layout.statistics, 'statistics') }
  }

  /** A variable from the GPU. The loss of a step comes before its update, so it does not tell whether that went well. */
  async #finite(arena: Arena, variable: string): Promise<Float32Array> {
    if (arena.length === 0) return new Float32Array()
    const flat = await this.variables.get(variable)
    const wild = firstWild(arena, flat)
    if (wild) throw stopped(`${wild.name} is ${wild.value} after step ${this.step}`)
    return flat
  }
}

/** The variables of a training, with the average of the weights in place of the weights: what validations and files use. */
const averaged = (variables: Variables): NamedBuffers => ({
  buffer: (name) => variables.buffer(name === 'parameters' ? 'average' : name),
  writes: variables.writes,
})

/** The first tensor with a value that is not finite. What lies between the tensors does not matter. */
function firstWild({ tensors }: Arena, flat: Float32Array): { name: string; value: number } | undefined {
  for (const { name, shape, offset } of tensors) {
    const end = offset + product(shape)
    for (let i = offset; i < end; i++) if (!Number.isFinite(flat[i]!)) return { name, value: flat[i]! }
  }
  return undefined
}

/** What ends a training whose numbers have run away. */
export const stopped = (what: string, options?: ErrorOptions) =>
  new UserError(
    `${what}: training stopped, the last good checkpoint is kept; lower the learning rate`,
    'input',
    { ...options, mend: ['learningRate'] },
  )

type State = Pick<
  Checkpoint,
  'raw' | 'm' | 'v' | 'scaling' | 'step' | 'epoch' | 'position' | 'validations' | 'losses'
> & {
  readonly average: Float32Array
  readonly statistics: Float32Array
}

function initialState({ network, settings, start }: RunOptions): State {
  if (start.kind === 'resume') {
    const { parameters, statistics } = start.checkpoint.weights
    return { ...start.checkpoint, average: parameters, statistics }
  }
  const uniform = (index: number) => uniform4(settings.seed, STREAM.weights, index)[0]
  const zeros = () => new Float32Array(network.layout.parameters.length)
  const { parameters, statistics } = start.kind === 'weights' ? start : network.initial(uniform)
  return {
    raw: parameters,
    average: parameters,
    statistics,
    m: zeros(),
    v: zeros(),
    step: 0,
    epoch: 0,
    position: 0,
    validations: [],
    losses: new Float32Array(),
  }
}
