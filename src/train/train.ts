import { adamHyper } from '../autograd/adam.ts'
import type { Gpu } from '../device/gpu.ts'
import { uploadNeeded, Variables } from '../graph/execute.ts'
import { GraphError } from '../graph/graph.ts'
import { networkInputs } from '../infer/inputs.ts'
import { COARSE_BINS } from '../model/bins.ts'
import type { Network } from '../model/network.ts'
import { CHANNELS_INPUT } from '../model/trunk.ts'
import { mean } from '../numbers.ts'
import type { Stepper } from './accumulate.ts'
import type { Batch, DataPosition, TrainingSource } from './batches.ts'
import { drawChannels } from './channel-dropout.ts'
import type { Checkpoint, Validation } from './checkpoint.ts'
import { expectSame, expectSettings } from './expect.ts'
import { drawHints } from './hints.ts'
import { Meter } from './meter.ts'
import type { Profiler } from './profile.ts'
import { countRarity } from './rarity.ts'
import { averagingRate, rateAt } from './schedule.ts'
import { type Course, stepBatch, type TrainingSettings } from './settings.ts'
import { type Start, stopped, TrainingState, type TrainingStore, type Validate } from './state.ts'
import { openStepper } from './step.ts'

/** Steps that may be on the GPU while the host prepares the next. */
const STEPS_IN_FLIGHT = 2
/** Steps from one line of the log to the next. */
const LOG_EVERY = 10
/** Steps over which the loss that is shown is averaged. */
const SHOWN_STEPS = 20

/** Called as a training goes on. Every method may be left out. */
export interface TrainingObserver {
  /** After every step. */
  onStep?(progress: TrainingProgress): void
  /** After every tenth step. */
  onLog?(line: LoggedStep): void
  onValidation?(validation: Validation & { readonly isBest: boolean }): void
}

export interface TrainingProgress {
  readonly step: number
  /** Steps of the whole training. */
  readonly total: number
  /** Mean of the last steps. */
  readonly loss: number
  /** The squared error of leaving all grey, of the pictures that were shown. */
  readonly grayLoss: number
  readonly imagesPerSecond: number
  readonly secondsLeft: number
}

export interface LoggedStep {
  readonly step: number
  /** From 1. */
  readonly epoch: number
  /** Mean of the steps since the last one that was logged. */
  readonly loss: number
  readonly learningRate: number
  readonly imagesPerSecond: number
}

export interface TrainOptions {
  readonly gpu: Gpu
  readonly network: Network
  /** What is trained on. The caller closes it. */
  readonly source: TrainingSource
  readonly settings: TrainingSettings
  readonly course: Course
  /** Keeps checkpoints and the best weights. */
  readonly store: TrainingStore
  readonly observer?: TrainingObserver
  /** Without it nothing is validated. */
  readonly validate?: Validate
  /** Afresh, unless told otherwise. */
  readonly start?: Start
  /** Steps from one checkpoint to the next; the last one is always kept. */
  readonly checkpointEvery?: number
  /** Looks on and notes where the time goes. */
  readonly profiler?: Profiler | undefined
  /** Runs node by node and names the first one that gives a NaN or an infinity. Slow. */
  readonly checked?: boolean
  /** When raised, the training finishes the step in hand, saves and ends. */
  readonly signal?: AbortSignal
}

export interface Training {
  readonly checkpoint: Checkpoint
  readonly interrupted: boolean
  /** Whether it ended since validations became no better, see `patience`. */
  readonly outOfPatience: boolean
  readonly imagesPerSecond: number
  /** The squared error of a network that leaves all grey: that of the pictures that were shown. */
  readonly grayLoss: number
}

/**
 * Trains until `epochs` or `steps` are done, validations become no better or `signal` is raised, and leaves a checkpoint either way.
 * @throws UserError when settings or course are not what their schemas allow, or not those of the checkpoint to go on with;
 *   when the batch does not fit the adapter or the loss stops being a number; the last good checkpoint
 *   stays. And what `source`, `store` and `validate` throw.
 */
export async function train(options: TrainOptions): Promise<Training> {
  const { gpu, network, settings, signal } = options
  expectSound(options)
  const variables = new Variables(gpu)
  const loop = new Loop(options, variables)
  try {
    loop.state.load()
    const isWeighted = settings.loss === 'rarity' || network.bins !== null
    const bins = network.bins ?? COARSE_BINS
    const counted = { ...settings, bins, colourStride: network.colourStride, signal }
    const rarity = isWeighted ? await countRarity(gpu, options.source, counted) : undefined
    if (rarity !== null)
      await loop.takeSteps(
        await openStepper({ gpu, network: shownAs(settings, network), settings, rarity }, variables),
      )
    const { imagesPerSecond, grayLoss } = loop.meter.read(loop.state.step)
    if (!signal?.aborted) await loop.state.validate()
    const checkpoint = await loop.state.save()
    const { isOutOfPatience: outOfPatience } = loop.state
    return { checkpoint, interrupted: signal?.aborted ?? false, outOfPatience, imagesPerSecond, grayLoss }
  } finally {
    variables.destroy()
  }
}

/** The network as training shows it pictures. */
function shownAs({ taps, channelDropout }: TrainingSettings, network: Network): Network {
  const shown = taps ? network.fromTaps!() : network
  return channelDropout ? shown.leavingOutChannels!() : shown
}

function expectSound({ network, settings, course, start }: TrainOptions): void {
  expectSettings(network, settings, course)
  if (start?.kind !== 'resume') return
  const { name, architecture } = network
  const { weights, settings: begun } = start.checkpoint
  expectSame('the checkpoint', start.checkpoint, {
    network: name,
    architecture: { ...allMissing(weights.network.architecture), ...architecture },
    settings: { ...allMissing(begun), ...settings },
  })
}

/** Even what is missing is compared. */
const allMissing = (known: object) => Object.fromEntries(Object.keys(known).map((key) => [key, undefined]))

interface Submitted {
  readonly step: number
  readonly epoch: number
  readonly learningRate: number
  readonly loss: Promise<number>
}

/** Keeps the GPU busy: a step's loss is waited for only when the next step is already submitted. */
class Loop {
  readonly state: TrainingState
  readonly meter: Meter
  readonly #total: number
  readonly #inFlight: Submitted[] = []

  constructor(
    private readonly options: TrainOptions,
    variables: Variables,
  ) {
    const { gpu, source, course, observer, start = { kind: 'fresh' } } = options
    const { checkpointEvery = Number.POSITIVE_INFINITY, validate = async () => null } = options
    this.#total = stepsOf(source, course)
    const onValidation: Required<TrainingObserver>['onValidation'] = (validation) =>
      observer?.onValidation?.(validation)
    this.state = new TrainingState(gpu, variables, {
      ...options,
      start,
      checkpointEvery,
      validate,
      onValidation,
    })
    this.meter = new Meter(this.state.step, stepBatch(options.settings))
  }

  /** Takes the steps that are left, and frees the executor. */
  async takeSteps(executor: Stepper): Promise<void> {
    const { state } = this
    try {
      if (state.isDone) return
      if (state.isValidationDue) await state.validate() // an interruption came before it
      if (state.isDone || state.isValidationDue) return // or another one in it
      await this.#takeSteps(executor)
    } finally {
      await Promise.allSettled(this.#inFlight.map(({ loss }) => loss))
      executor.destroy()
    }
  }

  async #takeSteps(executor: Stepper): Promise<void> {
    const { state, meter } = this
    const { source, profiler, signal, checked = false } = this.options
    const ahead = checked ? 0 : STEPS_IN_FLIGHT - 1
    meter.start()
    let idleSince = performance.now()
    for await (const batch of source.batches({ epoch: state.epoch, position: state.position })) {
      profiler?.waited('wait for the batch', idleSince)
      meter.add(batch)
      this.#inFlight.push(this.#submit(executor, batch))
      const submitted = performance.now()
      await this.#settle(ahead)
      profiler?.waited('wait for the GPU', submitted)
      const isEnding = signal?.aborted || state.isDone
      if (isEnding || state.isValidationDue || state.isCheckpointDue) await this.#settle(0)
      if (isEnding) return
      if (state.isValidationDue) await meter.pause(() => state.validate())
      if (signal?.aborted || state.isDone) return
      if (state.isCheckpointDue) await meter.pause(() => state.save())
      idleSince = performance.now()
    }
  }

  /** Uploads the batch, submits the step and returns without waiting for it. */
  #submit(executor: Stepper, batch: Batch): Submitted {
    const { state } = this
    const { settings, profiler } = this.options
    const { epoch, L, ab, features, taps } = batch
    const learningRate = rateAt(settings, { step: state.step, epoch, total: this.#total })
    const inputs = {
      ...{ ...networkInputs({ L, features, taps }), ab, hints: () => this.#hints(batch) },
      [CHANNELS_INPUT]: () => this.#channels(batch),
      'adam.hyper': adamHyper(learningRate, state.step + 1, settings.decay),
      'average.rate': Float32Array.of(averagingRate(settings.averaging, state.step)),
    }
    const upload = () => uploadNeeded(executor, inputs)
    if (profiler) profiler.host('upload', upload)
    else upload()
    state.advance(batch)
    const { step } = state
    const loss = this.#lossOf(executor, step)
    loss.catch(() => {}) // reported when it is settled
    return { step, epoch, learningRate, loss }
  }

  /** What is told of the batch's colours. */
  #hints(batch: Batch): Float32Array {
    const { settings } = this.options
    const { seed, hinted, size } = settings
    return drawHints(batch.ab, { seed, hinted, size, place: this.#placeOf(batch) })
  }

  /** What the channels of its last tap are multiplied by. */
  #channels(batch: Batch): Float32Array {
    const { network, settings } = this.options
    const { seed, channelDropout: share = 0 } = settings
    const [channels, samples] = [network.trunk!.channels.at(-1)!, stepBatch(settings)]
    return drawChannels({ seed, share, channels, samples, place: this.#placeOf(batch) })
  }

  /** The place of a batch's first sample: `position` is behind the batch. */
  #placeOf({ epoch, position }: Batch): DataPosition {
    return { epoch, position: position - stepBatch(this.options.settings) }
  }

  async #lossOf(executor: Stepper, step: number): Promise<number> {
    const { settings, profiler, checked = false } = this.options
    // scaled gradients may overflow
    const isWatched = (label: string) => settings.precision === 'f32' || !isGradient(label)
    try {
      const [loss] = await (checked
        ? executor.runChecked(['loss'], isWatched)
        : (profiler?.run(executor, ['loss']) ?? executor.run(['loss'])))
      return loss![0]!
    } catch (cause) {
      throw cause instanceof GraphError ? stopped(`step ${step}, ${cause.message}`, { cause }) : cause
    }
  }

  /** Waits for all steps in flight but the last `left`, and tells of them. */
  async #settle(left: number): Promise<void> {
    const { state, meter } = this
    const { observer } = this.options
    while (this.#inFlight.length > left) {
      const { step, epoch, learningRate, loss } = this.#inFlight.shift()!
      state.record(step, await loss)
      observer?.onStep?.(this.#progress(step))
      if (step % LOG_EVERY !== 0 || !observer?.onLog) continue
      const recent = mean(state.losses.slice(-LOG_EVERY))
      observer.onLog({ step, epoch: epoch + 1, loss: recent, learningRate, imagesPerSecond: meter.lap(step) })
    }
  }

  #progress(step: number): TrainingProgress {
    const { state, meter } = this
    const { imagesPerSecond, grayLoss } = meter.read(step)
    const left = (this.#total - step) * stepBatch(this.options.settings)
    const loss = mean(state.losses.slice(-SHOWN_STEPS))
    return { step, total: this.#total, loss, grayLoss, imagesPerSecond, secondsLeft: left / imagesPerSecond }
  }
}

const isGradient = (label: string) => /\.grad$|^gradients$/.test(label)

/** Steps of the whole training. */
export const stepsOf = (
  { batchesPerEpoch }: Pick<TrainingSource, 'batchesPerEpoch'>,
  { steps, epochs }: Pick<Course, 'steps' | 'epochs'>,
) => Math.min(steps, epochs * batchesPerEpoch)
