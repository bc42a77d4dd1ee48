import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { adamHyper } from '../autograd/adam.ts'
import { bar, duration, type Terminal } from '../cli/terminal.ts'
import type { Gpu } from '../device/gpu.ts'
import { EXIT, UserError } from '../errors.ts'
import { BindingLimitError, compile, type Plan } from '../graph/compile.ts'
import { Executor, type Variables } from '../graph/execute.ts'
import { GraphError } from '../graph/graph.ts'
import { isSquaredError } from '../model/losses.ts'
import { trainingGraph, updateGraph } from '../model/report/training.ts'
import type { Batch, TrainingSource } from '../node/data/dataset.ts'
import { makeFolder } from '../node/save.ts'
import { bestPath, checkpointPath } from '../node/store/run-folder.ts'
import { mean } from '../numbers.ts'
import { AccumulatingExecutor, type Stepper } from './accumulate.ts'
import {
  type Checkpoint,
  type Course,
  readCheckpoint,
  stepBatch,
  type TrainingSettings,
} from './checkpoint.ts'
import { isDebugging, type Measured, Run, stopped, type TrainOptions } from './run.ts'
import { averagingRate, rateAt } from './schedule.ts'

/** Steps that may be on the GPU while the host prepares the next. */
const STEPS_IN_FLIGHT = 2
/** Steps from one line of the log to the next. */
const LOG_EVERY = 10

export type { Measured, Start, TrainOptions } from './run.ts'

export interface Training {
  readonly checkpoint: Checkpoint
  readonly interrupted: boolean
  readonly imagesPerSecond: number
  /** The squared error of a network that leaves all grey: that of the pictures that were shown. */
  readonly grayLoss: number
}

/** Where trainings go that name no folder of their own. */
export const RUNS = 'runs'

/** The folder below `runs/` with the newest training (they are named by time), or null. */
export async function newestRun(): Promise<string | null> {
  const runs = (await readdir(RUNS).catch(() => [])).sort()
  const newest = runs.findLast((name) => existsSync(checkpointPath(join(RUNS, name))))
  return newest === undefined ? null : join(RUNS, newest)
}

/** The weights of a training to colour with: those that did best on its validation pictures, if it had any. */
export const weightsOf = (run: string) => (existsSync(bestPath(run)) ? bestPath(run) : checkpointPath(run))

/**
 * Trains until `epochs` or `steps` are done or `signal` is raised, and leaves a checkpoint either way.
 * @param validate looks at the validation pictures with the weights in `variables`; null: there are none, or `signal` was
 *   raised before it had seen all of them
 * @throws UserError when the batch does not fit the adapter, the disk is full, or the loss stops being a number; the
 *   last good checkpoint stays
 */
export async function train(
  gpu: Gpu,
  source: TrainingSource,
  variables: Variables,
  options: TrainOptions,
  validate: () => Promise<Measured | null>,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Training> {
  const plan = compileStep(gpu, options)
  const run = new Run(gpu, variables, options, validate)
  run.load()
  await makeFolder(options.out)
  const executor = await openStepper(gpu, plan, variables, options.settings)
  try {
    const meter = new Meter(run.step, stepBatch(options.settings))
    await takeSteps(executor, source, run, options, meter, terminal, signal)
    const { imagesPerSecond, grayLoss } = meter.read(run.step)
    if (!signal.aborted) await run.validate()
    const checkpoint = await run.save()
    return { checkpoint, interrupted: signal.aborted, imagesPerSecond, grayLoss }
  } finally {
    executor.destroy()
  }
}

/** Keeps the GPU busy: a step's loss is waited for only when the next step is already submitted. */
async function takeSteps(
  executor: Stepper,
  source: TrainingSource,
  run: Run,
  options: TrainOptions,
  meter: Meter,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  if (run.isDone) return
  const ahead = isDebugging() ? 0 : STEPS_IN_FLIGHT - 1
  const inFlight: Submitted[] = []
  const settle = async (left: number) => {
    while (inFlight.length > left) {
      const { step, epoch, learningRate, loss } = inFlight.shift()!
      run.record(step, await loss)
      terminal.progress(describe(run, source, options, meter))
      if (step % LOG_EVERY === 0 && options.log) {
        options.log.logStep({
          step,
          epoch: epoch + 1,
          loss: mean(run.losses.slice(-LOG_EVERY)),
          learningRate,
          imagesPerSecond: meter.lap(step),
        })
      }
    }
  }
  try {
    if (run.isValidationDue) await meter.pause(() => run.validate()) // an interruption came before it
    const { profiler } = options
    const total = stepsOf(source, options)
    let idleSince = performance.now()
    for await (const batch of source.batches({ epoch: run.epoch, position: run.position })) {
      profiler?.waited('wait for the batch', idleSince)
      meter.add(batch)
      inFlight.push(submit(executor, run, batch, total, options))
      const submitted = performance.now()
      await settle(ahead)
      profiler?.waited('wait for the GPU', submitted)
      const ending = signal.aborted || run.isDone
      if (ending || run.isValidationDue || run.isCheckpointDue) await settle(0)
      if (ending) return
      if (run.isValidationDue) await meter.pause(() => run.validate())
      if (signal.aborted) return
      if (run.isCheckpointDue) await meter.pause(() => run.save())
      idleSince = performance.now()
    }
  } finally {
    await Promise.allSettled(inFlight.map(({ loss }) => loss))
  }
}

/** Of the whole training. */
export const stepsOf = (
  { batchesPerEpoch }: Pick<TrainingSource, 'batchesPerEpoch'>,
  { steps, epochs }: Pick<Course, 'steps' | 'epochs'>,
) => Math.min(steps, epochs * batchesPerEpoch)

interface Submitted {
  readonly step: number
  readonly epoch: number
  readonly learningRate: number
  readonly loss: Promise<number>
}

/** Uploads the batch, submits the step and returns without waiting for it. */
function submit(
  executor: Stepper,
  run: Run,
  batch: Batch,
  total: number,
  { settings, profiler }: TrainOptions,
): Submitted {
  const { epoch } = batch
  const learningRate = rateAt(settings, { step: run.step, epoch, total })
  const upload = () => {
    executor.upload('L', batch.L)
    executor.upload('ab', batch.ab)
    executor.upload('features', batch.features)
    executor.upload('adam.hyper', adamHyper(learningRate, run.step + 1))
    executor.upload('average.rate', Float32Array.of(averagingRate(settings.averaging, run.step)))
  }
  if (profiler) profiler.host('upload', upload)
  else upload()
  run.advance(batch)
  const step = run.step
  const runStep = () => profiler?.run(executor, ['loss']) ?? executor.run(['loss'])
  // scaled gradients may overflow
  const isWatched = (label: string) => settings.precision === 'f32' || !isGradient(label)
  const results = isDebugging() ? executor.runChecked(['loss'], isWatched) : runStep()
  const loss = results.then(
    ([loss]) => loss![0]!,
    (cause) => {
      throw cause instanceof GraphError ? stopped(`step ${step}, ${cause.message}`, { cause }) : cause
    },
  )
  loss.catch(() => {}) // reported when it is settled
  return { step, epoch, learningRate, loss }
}

const isGradient = (label: string) => /\.grad$|^gradients$/.test(label)

function openStepper(gpu: Gpu, plan: Plan, variables: Variables, settings: TrainingSettings) {
  if (settings.accumulate === 1) return Executor.create(gpu, plan, variables)
  const limit = gpu.device.limits.maxStorageBufferBindingSize
  const step = { average: true, scaled: settings.precision === 'f16' }
  const update = compile(updateGraph(settings, step), limit, gpu.traits)
  return AccumulatingExecutor.create(gpu, settings.accumulate, plan, update, variables)
}

/** The compiled step, of a part of its batch where gradients are accumulated. Throws a `UserError` that says the largest batch that fits, when this one doesn't. */
function compileStep(gpu: Gpu, { settings, rarity }: TrainOptions): Plan {
  const { batch, size, loss, precision } = settings
  const limit = gpu.device.limits.maxStorageBufferBindingSize
  const accumulate = settings.accumulate > 1
  const step = { average: true, loss, rarity, accumulate, scaled: precision === 'f16' }
  const plan = (n: number) => {
    const graph = trainingGraph(settings, { batch: n, height: size, width: size }, step)
    return compile(graph, limit, gpu.traits, { precision })
  }
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
      largest > 0
        ? `the largest batch that fits is ${largest}, and with --accumulate several of them make a step`
        : 'choose a smaller --size or --width'
    throw new UserError(`batch ${batch} at ${size} px is too large: ${error.message}; ${remedy}`, EXIT.usage)
  }
}

/** Speed of the steps themselves, and the loss of painting nothing: what training has to get below. */
class Meter {
  readonly #started = performance.now()
  #paused = 0
  #lap: { readonly step: number; readonly seconds: number }
  #sum = 0
  #count = 0

  constructor(
    private readonly firstStep: number,
    private readonly batch: number,
  ) {
    this.#lap = { step: firstStep, seconds: 0 }
  }

  add({ ab }: Batch): void {
    for (const value of ab) this.#sum += value * value
    this.#count += ab.length
  }

  /** Does work that is not training. */
  async pause(work: () => Promise<unknown>): Promise<void> {
    const begun = performance.now()
    await work()
    this.#paused += performance.now() - begun
  }

  read(step: number): { imagesPerSecond: number; grayLoss: number } {
    return {
      imagesPerSecond: ((step - this.firstStep) * this.batch) / this.#seconds,
      grayLoss: this.#count ? this.#sum / this.#count : 0,
    }
  }

  /** Images a second since the last call. */
  lap(step: number): number {
    const last = this.#lap
    this.#lap = { step, seconds: this.#seconds }
    return ((step - last.step) * this.batch) / (this.#lap.seconds - last.seconds)
  }

  get #seconds(): number {
    return (performance.now() - this.#started - this.#paused) / 1000
  }
}

function describe(run: Run, source: TrainingSource, options: TrainOptions, meter: Meter): string {
  const batch = stepBatch(options.settings)
  const total = stepsOf(source, options)
  const loss = mean(run.losses.slice(-20))
  const { imagesPerSecond, grayLoss } = meter.read(run.step)
  const gray = isSquaredError(options.settings) ? ` (grey ${grayLoss.toPrecision(4)})` : ''
  const eta = duration(((total - run.step) * batch) / imagesPerSecond)
  return `step ${run.step} of ${total} ${bar(run.step / total)} · loss ${loss.toPrecision(4)}${gray} · ${imagesPerSecond.toFixed(1)} images/s · ${eta} left`
}

/** Settings as a command line gives them: what it leaves out is undefined. */
export type AskedSettings = { readonly [S in keyof TrainingSettings]?: TrainingSettings[S] | undefined }

/** The checkpoint to resume. Throws a `UserError` when it was trained with other settings than asked for now. */
export async function resumable(out: string, asked: AskedSettings): Promise<Checkpoint> {
  const checkpoint = await readCheckpoint(checkpointPath(out))
  for (const [name, value] of Object.entries(asked)) {
    const was = checkpoint.settings[name as keyof TrainingSettings]
    if (value !== undefined && JSON.stringify(value) !== JSON.stringify(was)) {
      const what = name === 'data' ? 'other training pictures' : `${name} ${was}, not ${value}`
      throw new UserError(
        `${checkpointPath(out)} was trained with ${what}: a resumed training must not change that`,
        EXIT.usage,
      )
    }
  }
  return checkpoint
}
