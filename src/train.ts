import { existsSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { adamHyper } from './autograd/adam.ts'
import { EXIT, UserError } from './errors.ts'
import { BindingLimitError, compile, type Plan } from './graph/compile.ts'
import { Executor, type Variables } from './graph/execute.ts'
import {
  type Checkpoint,
  readCheckpoint,
  type TrainingSettings,
  type Validation,
  writeCheckpoint,
} from './io/checkpoint.ts'
import type { Batch, TrainingSource } from './io/dataset.ts'
import { STREAM, uniform4 } from './io/random.ts'
import type { Gpu } from './kernels/gpu.ts'
import { initialParameters, initialStatistics, layoutOf } from './model/layout.ts'
import { trainingGraph } from './model/training.ts'
import { bar, duration, type Terminal } from './terminal.ts'

/** The report divides the learning rate by ten at each of these epochs. */
const RATE_DROPS = [100, 150, 200, 300]
/** Steps that may be on the GPU while the host prepares the next. */
const STEPS_IN_FLIGHT = 2

export interface TrainOptions {
  readonly settings: TrainingSettings
  /** Training ends at whichever of the two comes first. */
  readonly epochs: number
  readonly steps: number
  /** Folder of the checkpoint and the pictures. */
  readonly out: string
  readonly checkpointEvery: number
  readonly validateEvery: number
  /** Where to start from: a checkpoint to continue, or weights to begin with. */
  readonly start: Start
}

export type Start =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'weights'; readonly parameters: Float32Array; readonly statistics: Float32Array }
  | { readonly kind: 'resume'; readonly checkpoint: Checkpoint }

export interface Training {
  readonly checkpoint: Checkpoint
  readonly interrupted: boolean
  readonly imagesPerSecond: number
  /** Mean a*² + b*² of the pictures of the first epoch: the loss of a network that leaves all grey. */
  readonly grayLoss: number
}

/** Where trainings go that name no folder of their own. */
export const RUNS = 'runs'

export const checkpointPath = (out: string) => join(out, 'checkpoint.safetensors')

/** The folder below `runs/` with the newest training (they are named by time), or null. */
export async function newestRun(): Promise<string | null> {
  const runs = (await readdir(RUNS).catch(() => [])).sort()
  const newest = runs.findLast((name) => existsSync(checkpointPath(join(RUNS, name))))
  return newest === undefined ? null : join(RUNS, newest)
}

/** The learning rate of an epoch, which counts from 0. */
export const rateAt = (base: number, epoch: number) =>
  base / 10 ** RATE_DROPS.filter((drop) => epoch >= drop).length

/**
 * Trains until `epochs` or `steps` are done or `signal` is raised, and leaves a checkpoint either way.
 * @param validate the mean ab error over the validation pictures with the weights in `variables`
 * @throws UserError when the batch does not fit the adapter, the disk is full, or the loss stops being a number; the
 *   last good checkpoint stays
 */
export async function train(
  gpu: Gpu,
  source: TrainingSource,
  variables: Variables,
  options: TrainOptions,
  validate: () => Promise<number | null>,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Training> {
  const run = new Run(gpu, variables, options, initialState(options))
  run.load()
  await mkdir(options.out, { recursive: true })
  const executor = await Executor.create(gpu, compileStep(gpu, options.settings), variables)
  const started = performance.now()
  const firstStep = run.step
  const gray = new GrayLoss()

  const validateNow = async () => {
    const abMse = await validate()
    if (abMse !== null) run.validations.push({ step: run.step, abMse })
  }
  const settle = async ({ step, loss }: Submitted) => {
    run.record(step, (await loss)[0]![0]!)
    terminal.progress(
      describe(run, source, options, step - firstStep, (performance.now() - started) / 1000, gray.mean),
    )
  }
  const inFlight: Submitted[] = []
  const drain = async (left = 0) => {
    while (inFlight.length > left) await settle(inFlight.shift()!)
  }
  try {
    if (!run.isDone(options)) {
      for await (const batch of source.batches({ epoch: run.epoch, position: run.position })) {
        gray.add(batch)
        inFlight.push(submit(executor, run, batch, options.settings))
        await drain(STEPS_IN_FLIGHT - 1)
        const ending = signal.aborted || run.isDone(options)
        const validating = run.step % options.validateEvery === 0 && !ending
        if (ending || validating || run.step % options.checkpointEvery === 0) await drain()
        if (validating) await validateNow()
        if (ending) break
        if (run.step % options.checkpointEvery === 0) await run.save()
      }
    }
    const imagesPerSecond =
      ((run.step - firstStep) * options.settings.batch * 1000) / (performance.now() - started)
    if (!signal.aborted) await validateNow()
    const checkpoint = await run.save()
    return { checkpoint, interrupted: signal.aborted, imagesPerSecond, grayLoss: gray.mean }
  } finally {
    await Promise.allSettled(inFlight.map(({ loss }) => loss))
    executor.destroy()
  }
}

interface Submitted {
  readonly step: number
  readonly loss: Promise<Float32Array[]>
}

/** Uploads the batch, submits the step once and returns without waiting for it. */
function submit(executor: Executor, run: Run, batch: Batch, settings: TrainingSettings): Submitted {
  executor.upload('L', batch.L)
  executor.upload('ab', batch.ab)
  executor.upload('features', batch.features)
  executor.upload('adam.hyper', adamHyper(rateAt(settings.learningRate, batch.epoch), run.step + 1))
  run.advance(batch)
  const checked = process.env.DEBUG === '1'
  const loss = checked ? executor.runChecked(['loss']) : executor.run(['loss'])
  loss.catch(() => {}) // reported when it is settled
  return { step: run.step, loss }
}

/** The compiled step. Throws a `UserError` that says the largest batch that fits, when this one doesn't. */
function compileStep(gpu: Gpu, { width, classes, batch, size }: TrainingSettings): Plan {
  const limit = gpu.device.limits.maxStorageBufferBindingSize
  const plan = (n: number) =>
    compile(trainingGraph({ width, classes }, { batch: n, height: size, width: size }), limit)
  const fits = (n: number) => {
    try {
      return plan(n) !== null
    } catch (error) {
      if (error instanceof BindingLimitError) return false
      throw error
    }
  }
  try {
    return plan(batch)
  } catch (error) {
    if (!(error instanceof BindingLimitError)) throw error
    let [largest, tooLarge] = [0, batch]
    while (tooLarge - largest > 1) {
      const middle = Math.floor((largest + tooLarge) / 2)
      if (fits(middle)) largest = middle
      else tooLarge = middle
    }
    const remedy =
      largest > 0 ? `the largest batch that fits is ${largest}` : 'choose a smaller --size or --width'
    throw new UserError(`batch ${batch} at ${size} px is too large: ${error.message}; ${remedy}`, EXIT.usage)
  }
}

type State = Pick<Checkpoint, 'm' | 'v' | 'step' | 'epoch' | 'position' | 'validations' | 'losses'> & {
  readonly parameters: Float32Array
  readonly statistics: Float32Array
}

function initialState({ settings, start }: TrainOptions): State {
  if (start.kind === 'resume') return { ...start.checkpoint, ...start.checkpoint.weights }
  const layout = layoutOf(settings)
  const uniform = (index: number) => uniform4(settings.seed, STREAM.weights, index)[0]
  const zeros = () => new Float32Array(layout.parameters.length)
  const begun = start.kind === 'weights' ? start : null
  return {
    parameters: begun?.parameters ?? initialParameters(layout.parameters, uniform),
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

/** The training so far: where it stands in the data, its history, and its weights on the GPU. */
class Run {
  step: number
  epoch: number
  position: number
  readonly validations: Validation[]
  readonly losses: number[]

  constructor(
    private readonly gpu: Gpu,
    private readonly variables: Variables,
    private readonly options: TrainOptions,
    private readonly initial: State,
  ) {
    ;({ step: this.step, epoch: this.epoch, position: this.position } = initial)
    this.validations = [...initial.validations]
    this.losses = [...initial.losses]
  }

  load(): void {
    this.variables.set('parameters', this.initial.parameters)
    this.variables.set('statistics', this.initial.statistics)
    this.variables.set('adam.m', this.initial.m)
    this.variables.set('adam.v', this.initial.v)
  }

  isDone({ epochs, steps }: TrainOptions): boolean {
    return this.step >= steps || this.epoch >= epochs
  }

  advance({ epoch, position, lastOfEpoch }: Batch): void {
    this.step++
    this.epoch = lastOfEpoch ? epoch + 1 : epoch
    this.position = lastOfEpoch ? 0 : position
  }

  record(step: number, loss: number): void {
    if (!Number.isFinite(loss)) {
      throw new UserError(
        `the loss became ${loss} at step ${step}: training stopped, the last good checkpoint is kept; lower --lr or run with DEBUG=1 to see where it began`,
      )
    }
    this.losses.push(loss)
  }

  async save(): Promise<Checkpoint> {
    await this.gpu.idle()
    const [parameters, statistics, m, v] = await Promise.all(
      ['parameters', 'statistics', 'adam.m', 'adam.v'].map((name) => this.variables.get(name)),
    )
    const { settings, out } = this.options
    const { step, epoch, position, validations } = this
    const architecture = { width: settings.width, classes: settings.classes }
    const weights = { architecture, parameters: parameters!, statistics: statistics! }
    const losses = Float32Array.from(this.losses)
    const checkpoint = { weights, m: m!, v: v!, step, epoch, position, settings, losses, validations }
    await writeCheckpoint(checkpointPath(out), checkpoint)
    return checkpoint
  }
}

/** The loss of painting nothing, over the batches seen: what training has to get below. */
class GrayLoss {
  #sum = 0
  #count = 0

  add({ ab }: Batch): void {
    for (const value of ab) this.#sum += value * value
    this.#count += ab.length
  }

  get mean(): number {
    return this.#count ? this.#sum / this.#count : 0
  }
}

function describe(
  run: Run,
  source: TrainingSource,
  options: TrainOptions,
  done: number,
  seconds: number,
  gray: number,
) {
  const { batch } = options.settings
  const stepsPerEpoch = Math.max(1, Math.floor(source.length / batch))
  const total = Math.min(options.steps, options.epochs * stepsPerEpoch)
  const recent = run.losses.slice(-20)
  const loss = recent.reduce((a, b) => a + b, 0) / recent.length
  const rate = done / seconds
  const eta = duration((total - run.step) / rate)
  return `step ${run.step} of ${total} ${bar(run.step / total)} · loss ${loss.toFixed(1)} (grey ${gray.toFixed(1)}) · ${(rate * batch).toFixed(1)} images/s · ${eta} left`
}

/** Settings as a command line gives them: what it leaves out is undefined. */
export type AskedSettings = { readonly [S in keyof TrainingSettings]?: TrainingSettings[S] | undefined }

/** The checkpoint to resume. Throws a `UserError` when it was trained with other settings than asked for now. */
export async function resumable(out: string, asked: AskedSettings): Promise<Checkpoint> {
  const checkpoint = await readCheckpoint(checkpointPath(out))
  for (const [name, value] of Object.entries(asked)) {
    const was = checkpoint.settings[name as keyof TrainingSettings]
    if (value !== undefined && value !== was) {
      const what = name === 'data' ? 'other training pictures' : `${name} ${was}, not ${value}`
      throw new UserError(
        `${checkpointPath(out)} was trained with ${what}: a resumed training must not change that`,
        EXIT.usage,
      )
    }
  }
  return checkpoint
}
