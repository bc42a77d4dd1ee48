/** The compiled training step, and what takes it. */
import type { Gpu } from '../device/gpu.ts'
import { UserError } from '../errors.ts'
import { BindingLimitError, compile, type Plan } from '../graph/compile.ts'
import { Executor, type Variables } from '../graph/execute.ts'
import { trainingGraph, updateGraph } from '../model/graphs.ts'
import type { Rarity } from '../model/losses.ts'
import type { Network } from '../model/network.ts'
import { AccumulatingExecutor, type Stepper } from './accumulate.ts'
import type { TrainingSettings } from './settings.ts'

export interface StepOptions {
  readonly gpu: Gpu
  readonly network: Network
  readonly settings: TrainingSettings
  /** For the losses that weigh colours by it. */
  readonly rarity?: Rarity | undefined
}

/**
 * Compiles the step of a training, of a part of its batch where gradients are accumulated, and loads it onto the GPU.
 * @throws UserError that says the largest batch that fits the adapter when this one doesn't
 */
export async function openStepper(options: StepOptions, variables: Variables): Promise<Stepper> {
  const { gpu, network, settings } = options
  const plan = fittingPlan(options)
  if (settings.accumulate === 1) return Executor.create(gpu, plan, variables)
  const limit = gpu.device.limits.maxStorageBufferBindingSize
  const graph = updateGraph(network, {
    average: true,
    scaled: settings.precision === 'f16',
    fineTuneRate: settings.fineTuneRate,
  })
  const update = compile(graph, limit, gpu.traits)
  return AccumulatingExecutor.create(gpu, { parts: settings.accumulate, part: plan, update }, variables)
}

function fittingPlan(options: StepOptions): Plan {
  const { batch, size } = options.settings
  try {
    return planOf(options, batch)
  } catch (error) {
    if (!(error instanceof BindingLimitError)) throw error
    const largest = largestBatch(options)
    const remedy =
      largest > 0
        ? `the largest batch that fits is ${largest}, and several of them can be accumulated for a step`
        : 'choose smaller pictures or a narrower network'
    throw new UserError(`batch ${batch} at ${size} px is too large: ${error.message}; ${remedy}`, 'usage', {
      mend: largest > 0 ? ['batch', 'accumulate'] : ['size', 'width'],
    })
  }
}

function planOf({ gpu, network, settings, rarity }: StepOptions, batch: number): Plan {
  const { size, loss, precision, accumulate, fineTuneRate, perceptual, meanHuber } = settings
  const graph = trainingGraph(
    network,
    { batch, height: size, width: size },
    {
      ...{ average: true, accumulate: accumulate > 1, scaled: precision === 'f16', fineTuneRate },
      ...{ loss, rarity, perceptual, meanHuber },
    },
  )
  return compile(graph, gpu.device.limits.maxStorageBufferBindingSize, gpu.traits, { precision })
}

/** The largest batch below that of the settings that fits the adapter; 0 when not even one picture does. */
function largestBatch(options: StepOptions): number {
  let [largest, tooLarge] = [0, options.settings.batch]
  while (tooLarge - largest > 1) {
    const middle = Math.floor((largest + tooLarge) / 2)
    if (fits(options, middle)) largest = middle
    else tooLarge = middle
  }
  return largest
}

function fits(options: StepOptions, batch: number): boolean {
  try {
    return planOf(options, batch) !== null
  } catch (error) {
    if (error instanceof BindingLimitError) return false
    throw error
  }
}
