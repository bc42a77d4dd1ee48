/** How a training starts: afresh, with weights that are there, or where another one stopped. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Gpu } from '../../device/gpu.ts'
import type { Choices } from '../../device/traits.ts'
import { UserError } from '../../errors.ts'
import { inVariant, type Weights } from '../../io/weights.ts'
import { matricesOf } from '../../kernels/matrix/gemm.ts'
import { CLASSES } from '../../model/classifier.ts'
import type { Network } from '../../model/network.ts'
import { bestPath, checkpointPath, foreignFile } from '../../node/store/run-folder.ts'
import { newestRun, RUNS } from '../../node/store/runs.ts'
import { readCheckpoint, readWeights, SHIPPED } from '../../node/weights.ts'
import { expectSame, otherNetwork } from '../../train/expect.ts'
import type { TrainingSettings } from '../../train/settings.ts'
import type { Start } from '../../train/state.ts'
import { type Flags, wrong } from './command.ts'
import { findClassVectors, type TrainingData } from './training-data.ts'
import { type Asked, courseOf, freshSettings, networkFor, refuseIdle } from './training-options.ts'

/** Where a training is kept, and what it starts from. */
export interface Beginning {
  readonly out: string
  readonly start: Start
  /** The file of the weights that it begins with, if there is one. */
  readonly init?: string
  /** That of the weights or of the checkpoint; none for a fresh training. */
  readonly network?: Network
}

/** What a training is asked for, and what was found to begin it with. */
export interface Found {
  readonly asked: Asked
  readonly data: TrainingData
  readonly beginning: Beginning
}

/**
 * Reads what the training starts from.
 * @throws UserError: what is asked for and what is there do not go together
 */
export async function beginningOf(flags: Flags, asked: Asked, data: TrainingData): Promise<Beginning> {
  if (asked.course.patience !== undefined && data.val.length === 0)
    throw wrong(
      '--patience counts validations, and there is nothing to validate on: name photographs with --val',
    )
  const out = flags.text('out') ?? (flags.on('resume') ? await runToResume() : newRun())
  return { out, ...(await startOf(flags, out, asked, data)) }
}

/**
 * The candidates that a training uses. A resumed training keeps those that it began with, even if `tune` has found others
 * since, so that it ends in the same bits.
 */
export function choicesAt({ start }: Beginning, tuned: Choices, say: (line: string) => void): Choices {
  if (start.kind !== 'resume') return tuned
  const begun = new Map(Object.entries(start.checkpoint.settings.choices ?? {}))
  if (tuned.size !== begun.size || ![...tuned].every(([key, name]) => begun.get(key) === name))
    say('it goes on with the kernels that it began with, not with those of the tuning')
  return begun
}

/**
 * The settings that were asked for, completed from a checkpoint or from the weights to begin with, and the classifiers to
 * open.
 * @throws UserError: what is asked for and what is there do not go together
 */
export async function optionsOf(
  flags: Flags,
  { asked, data, beginning: { out, init, start, network } }: Found,
  { traits }: Pick<Gpu, 'traits'>,
) {
  const { choices, isSoftware } = traits
  const checkpoint = start.kind === 'resume' ? start.checkpoint : undefined
  const vectors = await findClassVectors(flags, data, checkpoint?.settings.classVectors, asked.classifierFit)
  const chosen = await networkFor(asked, data, isSoftware, network)
  const fresh = (): TrainingSettings => ({
    ...freshSettings(
      asked,
      { network: chosen.name, isBegun: start.kind === 'weights' },
      data,
      [...vectors.origins],
      isSoftware,
    ),
    ...(choices.size ? { choices: Object.fromEntries(choices) } : {}),
    ...(matricesOf(traits) ? { subgroupMatrices: true } : {}),
  })
  return {
    out,
    init,
    start,
    network: chosen,
    settings: checkpoint?.settings ?? fresh(),
    course: courseOf(asked, data, checkpoint?.course),
    checkpointEvery: asked.checkpointEvery,
    classifiers: vectors.files,
  }
}

export type StartOptions = Awaited<ReturnType<typeof optionsOf>>

/** Where training starts. Throws rather than let a fresh training overwrite another one's checkpoint. */
async function startOf(
  flags: Flags,
  out: string,
  asked: Asked,
  data: Pick<TrainingData, 'identity' | 'kind'>,
): Promise<Omit<Beginning, 'out'>> {
  if (flags.on('resume')) {
    if (flags.text('init') !== undefined)
      throw wrong('--init begins a training, --resume continues one; give one of them')
    const checkpoint = await readCheckpoint(checkpointPath(out))
    expectSame(checkpointPath(out), checkpoint, {
      ...asked,
      settings: { data: data.identity, ...asked.settings },
    })
    return { start: { kind: 'resume', checkpoint }, network: checkpoint.weights.network }
  }
  if (existsSync(checkpointPath(out))) {
    throw wrong(`${out} already holds a training: add --resume to continue it, or choose another --out`)
  }
  if (existsSync(bestPath(out)))
    throw wrong(
      `${bestPath(out)} is of a training whose checkpoint is gone: move it away, or choose another --out`,
    )
  const foreign = await foreignFile(out)
  if (foreign !== null)
    throw wrong(`${foreign} is not of a training, and would be overwritten: choose another --out`)
  const init = flags.text('init') ?? (isDemonstration(asked, data) ? SHIPPED : 'none')
  if (init === 'none') return { start: { kind: 'fresh' } }
  const { network, parameters, statistics } = fineTuned(await readWeights(init), asked)
  const other = otherNetwork(network, asked)
  if (other) throw new UserError(`${init} has ${other}`, 'weights')
  refuseIdle(asked.settings, network.architecture)
  if (network.classes !== 0 && network.classes !== CLASSES) {
    throw new UserError(`${init} has ${network.classes} classes, not ${CLASSES}`, 'weights')
  }
  return { init, start: { kind: 'weights', parameters, statistics }, network }
}

/**
 * Whether it is the training of the sample photographs as it comes. They are too few to teach a network what colour
 * grass has, so it begins with the shipped weights.
 */
const isDemonstration = ({ network, architecture }: Asked, { kind }: Pick<TrainingData, 'kind'>) =>
  kind === 'samples' && network === undefined && Object.keys(architecture).length === 0 && existsSync(SHIPPED)

/** Weights whose trunk is to be fine-tuned for the first time. */
function fineTuned(weights: Weights, { architecture: { fineTune } }: Asked): Weights {
  const { network } = weights
  const isFirst = fineTune !== undefined && network.trunk && network.fineTunedFrom === undefined
  return isFirst ? inVariant(network.variant({ fineTune }), weights) : weights
}

async function runToResume(): Promise<string> {
  const run = await newestRun()
  if (run === null) throw wrong(`there is no training to resume below ${RUNS}/; name its folder with --out`)
  return run
}

function newRun(): string {
  const now = new Date().toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15)
  return join(RUNS, now)
}
