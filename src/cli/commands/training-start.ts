/** How a training starts: afresh, with weights that are there, or where another one stopped. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Gpu } from '../../device/gpu.ts'
import type { Choices } from '../../device/traits.ts'
import { EXIT, UserError } from '../../errors.ts'
import { readWeights } from '../../io/weights.ts'
import { matricesOf } from '../../kernels/matrix/gemm.ts'
import { CLASSES } from '../../model/classifier.ts'
import { type Architecture, layersOf } from '../../model/report/layers.ts'
import { checkpointPath } from '../../node/store/run-folder.ts'
import {
  type AskedSettings,
  newestRun,
  RUNS,
  resumable,
  type Start,
  type TrainOptions,
} from '../../train/loop.ts'
import { Profiler } from '../../train/profile.ts'
import { type Flags, wrong } from './command.ts'
import { findClassVectors, type TrainingData } from './training-data.ts'
import { type Asked, courseOf, settingsOf } from './training-options.ts'

/** Where a training is kept, and what it starts from. */
export interface Beginning {
  readonly out: string
  readonly start: BegunStart
}

type BegunStart =
  | Exclude<Start, { kind: 'weights' }>
  | (Extract<Start, { kind: 'weights' }> & { architecture: Architecture })

/**
 * Reads what the training starts from.
 * @throws UserError: what is asked for and what is there do not go together
 */
export async function beginningOf(flags: Flags, asked: Asked, data: TrainingData): Promise<Beginning> {
  const out = flags.text('out') ?? (flags.on('resume') ? await runToResume() : newRun())
  return { out, start: await startOf(flags, out, { ...asked.settings, data: data.identity }) }
}

/**
 * The kernels that a training takes: it goes on with those that it began with, whatever was tuned since, so that it goes on to
 * the same bits.
 */
export function choicesAt({ start }: Beginning, tuned: Choices, say: (line: string) => void): Choices {
  if (start.kind !== 'resume') return tuned
  const begun = new Map(Object.entries(start.checkpoint.settings.choices ?? {}))
  if (tuned.size !== begun.size || ![...tuned].every(([key, name]) => begun.get(key) === name))
    say('it goes on with the kernels that it began with, not with those of the tuning')
  return begun
}

/**
 * What is asked for, together with what a checkpoint or weights to begin with say; and the classifiers to open.
 * @throws UserError: what is asked for and what is there do not go together
 */
export async function optionsOf(
  flags: Flags,
  asked: Asked,
  data: TrainingData,
  { out, start }: Beginning,
  gpu: Gpu,
) {
  const begunWith = start.kind === 'resume' ? start.checkpoint : undefined
  const resumed = begunWith?.settings
  const vectors = await findClassVectors(flags, data, resumed?.classVectors, asked.classifierFit)
  const begun = start.kind === 'weights' ? start.architecture : undefined
  const { choices, isSoftware } = gpu.traits
  const options: TrainOptions = {
    ...{ ...courseOf(asked, data, begunWith?.course), checkpointEvery: asked.checkpointEvery, start, out },
    settings: resumed ?? {
      ...settingsOf(asked, data, vectors.origins, isSoftware, begun),
      ...(choices.size ? { choices: Object.fromEntries(choices) } : {}),
      ...(matricesOf(gpu.traits) ? { subgroupMatrices: true } : {}),
    },
    profiler: flags.text('profile') === undefined ? undefined : new Profiler(),
  }
  return { options, classifiers: vectors.files }
}

/** Where training starts. Throws rather than let a fresh training overwrite another one's checkpoint. */
async function startOf(flags: Flags, out: string, asked: AskedSettings): Promise<BegunStart> {
  const init = flags.text('init')
  if (flags.on('resume')) {
    if (init !== undefined) throw wrong('--init begins a training, --resume continues one; give one of them')
    return { kind: 'resume', checkpoint: await resumable(out, asked) }
  }
  if (existsSync(checkpointPath(out))) {
    throw wrong(`${out} already holds a training: add --resume to continue it, or choose another --out`)
  }
  if (init === undefined) return { kind: 'fresh' }
  const { architecture, parameters, statistics } = await readWeights(init)
  for (const key of ['width', 'head'] as const) {
    const value = asked[key]
    if (value === undefined || isSameNetwork(architecture, { ...architecture, [key]: value })) continue
    throw new UserError(`${init} has ${key} ${architecture[key]}, not ${value}`, EXIT.badWeightsOrRecords)
  }
  if (architecture.classes !== CLASSES) {
    throw new UserError(
      `${init} has ${architecture.classes} classes, not ${CLASSES}`,
      EXIT.badWeightsOrRecords,
    )
  }
  return { kind: 'weights', parameters, statistics, architecture }
}

/** Several widths round to the same channel counts. */
const isSameNetwork = (...[a, b]: [Architecture, Architecture]) =>
  JSON.stringify(layersOf(a)) === JSON.stringify(layersOf(b))

async function runToResume(): Promise<string> {
  const run = await newestRun()
  if (run === null) throw wrong(`there is no training to resume below ${RUNS}/; name its folder with --out`)
  return run
}

function newRun(): string {
  const now = new Date().toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15)
  return join(RUNS, now)
}
