/** How a training starts: afresh, with weights that are there, or where another one stopped. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Gpu } from '../../device/gpu.ts'
import type { Choices } from '../../device/traits.ts'
import { UserError } from '../../errors.ts'
import { matricesOf } from '../../kernels/matrix/gemm.ts'
import { CLASSES } from '../../model/classifier.ts'
import type { Network } from '../../model/network.ts'
import { NETWORKS } from '../../model/registry.ts'
import { checkpointPath } from '../../node/store/run-folder.ts'
import { newestRun, RUNS } from '../../node/store/runs.ts'
import { readCheckpoint, readWeights } from '../../node/weights.ts'
import type { Checkpoint } from '../../train/checkpoint.ts'
import type { TrainingSettings } from '../../train/settings.ts'
import type { Start } from '../../train/state.ts'
import { type Flags, wrong } from './command.ts'
import { findClassVectors, type TrainingData } from './training-data.ts'
import { type Asked, courseOf, networkFor, settingsOf } from './training-options.ts'

/** Where a training is kept, and what it starts from. */
export interface Beginning {
  readonly out: string
  readonly start: Start
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
  const out = flags.text('out') ?? (flags.on('resume') ? await runToResume() : newRun())
  return { out, ...(await startOf(flags, out, asked, data.identity)) }
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
  { asked, data, beginning: { out, start, network } }: Found,
  { traits }: Pick<Gpu, 'traits'>,
) {
  const { choices, isSoftware } = traits
  const checkpoint = start.kind === 'resume' ? start.checkpoint : undefined
  const vectors = await findClassVectors(flags, data, checkpoint?.settings.classVectors, asked.classifierFit)
  const fresh = (): TrainingSettings => ({
    ...settingsOf(asked, data, [...vectors.origins], isSoftware),
    ...(choices.size ? { choices: Object.fromEntries(choices) } : {}),
    ...(matricesOf(traits) ? { subgroupMatrices: true } : {}),
  })
  return {
    out,
    start,
    network: networkFor(asked, data, isSoftware, network),
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
  data: string,
): Promise<Omit<Beginning, 'out'>> {
  const init = flags.text('init')
  if (flags.on('resume')) {
    if (init !== undefined) throw wrong('--init begins a training, --resume continues one; give one of them')
    const checkpoint = await readCheckpoint(checkpointPath(out))
    expectSame(checkpointPath(out), checkpoint, asked, data)
    return { start: { kind: 'resume', checkpoint }, network: checkpoint.weights.network }
  }
  if (existsSync(checkpointPath(out))) {
    throw wrong(`${out} already holds a training: add --resume to continue it, or choose another --out`)
  }
  if (init === undefined) return { start: { kind: 'fresh' } }
  const { network, parameters, statistics } = await readWeights(init)
  const other = otherNetwork(network, asked)
  if (other) throw new UserError(`${init} has ${other}`, 'weights')
  if (network.classes !== 0 && network.classes !== CLASSES) {
    throw new UserError(`${init} has ${network.classes} classes, not ${CLASSES}`, 'weights')
  }
  return { start: { kind: 'weights', parameters, statistics }, network }
}

/** Throws a `UserError` when the checkpoint was trained with other settings than are asked for now. */
function expectSame(path: string, { settings, weights }: Checkpoint, asked: Asked, data: string): void {
  const refuse = (what: string) =>
    wrong(`${path} was trained with ${what}: a resumed training must not change that`)
  const other = otherNetwork(weights.network, asked)
  if (other) throw refuse(other)
  if (settings.data !== data) throw refuse('other training pictures')
  for (const [name, value] of Object.entries(asked.settings)) {
    const was = settings[name as keyof TrainingSettings]
    if (JSON.stringify(value) !== JSON.stringify(was)) throw refuse(`${name} ${was}, not ${value}`)
  }
}

/** What of the network is not as asked for, "width 0.25, not 1"; null when all is. */
function otherNetwork({ name, architecture, layout }: Network, asked: Asked): string | null {
  if (asked.network !== undefined && asked.network !== name)
    return `the network ${name}, not ${asked.network}`
  const wanted = NETWORKS.get(name)?.create({ ...architecture, ...asked.architecture })
  for (const [key, value] of Object.entries(asked.architecture)) {
    if (architecture[key] === value) continue
    // several widths round to the same channel counts
    const isSame = key === 'width' && JSON.stringify(wanted?.layout) === JSON.stringify(layout)
    if (!isSame) return `${key} ${architecture[key]}, not ${value}`
  }
  return null
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
