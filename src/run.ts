import { join } from 'node:path'
import { EXIT, UserError } from './errors.ts'
import type { Variables } from './graph/execute.ts'
import { type Checkpoint, type TrainingSettings, type Validation, writeCheckpoint } from './io/checkpoint.ts'
import type { Batch } from './io/dataset.ts'
import { STREAM, uniform4 } from './io/random.ts'
import type { Gpu } from './kernels/gpu.ts'
import { type Arena, initialParameters, initialStatistics, layoutOf } from './model/layout.ts'
import type { Profiler } from './profile.ts'

export interface TrainOptions {
  readonly settings: TrainingSettings
  /** Training ends at whichever of the two comes first. */
  readonly epochs: number
  readonly steps: number
  /** Folder of the checkpoint and the pictures. */
  readonly out: string
  readonly checkpointEvery: number
  readonly validateEvery: number
  /** Looks on and notes where the time goes. */
  readonly profiler?: Profiler | undefined
  /** Where to start from: a checkpoint to continue, or weights to begin with. */
  readonly start: Start
}

export type Start =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'weights'; readonly parameters: Float32Array; readonly statistics: Float32Array }
  | { readonly kind: 'resume'; readonly checkpoint: Checkpoint }

export const checkpointPath = (out: string) => join(out, 'checkpoint.safetensors')

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
    private readonly measure: () => Promise<number | null>,
  ) {
    const initial = initialState(options)
    ;({ step: this.step, epoch: this.epoch, position: this.position } = initial)
    this.validations = [...initial.validations]
    this.losses = [...initial.losses]
    this.#initial = initial
  }

  load(): void {
    const { raw, average, statistics, m, v } = this.#initial
    this.variables.set('parameters', raw)
    this.variables.set('average', average)
    this.variables.set('statistics', statistics)
    this.variables.set('adam.m', m)
    this.variables.set('adam.v', v)
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
    if (!Number.isFinite(loss)) throw stopped(`the loss became ${loss} at step ${step}`)
    this.losses.push(loss)
  }

  /** Adds the validation of this step to the history, once. */
  async validate(): Promise<void> {
    if (this.validations.at(-1)?.step === this.step) return
    const abMse = await this.measure()
    if (abMse !== null) this.validations.push({ step: this.step, abMse })
  }

  async save(): Promise<Checkpoint> {
    await this.gpu.idle()
    const [raw, average, statistics, m, v] = (await Promise.all(
      ['parameters', 'average', 'statistics', 'adam.m', 'adam.v'].map((name) => this.variables.get(name)),
    )) as [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array]
    const { settings, out } = this.options
    const { step, epoch, position, validations } = this
    const architecture = { width: settings.width, classes: settings.classes }
    const layout = layoutOf(architecture)
    const wild =
      [raw, average, m, v].map((flat) => firstWild(layout.parameters, flat)).find(Boolean) ??
      firstWild(layout.statistics, statistics)
    // the loss of this step came before its update, so it does not tell whether that went well
    if (wild) throw stopped(`${wild.name} is ${wild.value} after step ${step}`)
    const weights = { architecture, parameters: average, statistics }
    const losses = Float32Array.from(this.losses)
    const checkpoint = { weights, raw, m, v, step, epoch, position, settings, losses, validations }
    await writeCheckpoint(checkpointPath(out), checkpoint)
    return checkpoint
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
  'raw' | 'm' | 'v' | 'step' | 'epoch' | 'position' | 'validations' | 'losses'
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
  const parameters = begun?.parameters ?? initialParameters(layout.parameters, uniform)
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
