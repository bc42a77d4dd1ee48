/** What a training must be like before its first step. Errors are of trouble 'usage'. */
import * as v from 'valibot'
import { UserError } from '../errors.ts'
import { type ClassVectorOrigin, describeOrigins } from '../model/classifier.ts'
import type { Network } from '../model/network.ts'
import { aboutOf } from '../setting.ts'
import type { Checkpoint } from './checkpoint.ts'
import { type Course, courseSchema, type TrainingSettings, trainingSchema } from './settings.ts'

/** Throws a `UserError` that names the first setting that its schema, or the network, does not allow. */
export function expectSettings(
  network: Pick<Network, 'name' | 'multiple' | 'bins' | 'trunk' | 'fineTunedFrom'>,
  settings: TrainingSettings,
  course: Course,
): void {
  for (const [schema, values] of [
    [trainingSchema, settings],
    [courseSchema, course],
  ] as const) {
    const issue = v.safeParse(schema, values).issues?.[0]
    if (!issue) continue
    const setting = String(issue.path?.[0]?.key)
    const value = (values as Readonly<Record<string, unknown>>)[setting]
    const what = value === undefined ? 'is missing' : `is ${textOf(value)}: ${issue.message}`
    throw new UserError(`the setting ${setting} ${what}`, 'usage', { mend: [setting] })
  }
  const { name, multiple } = network
  if (settings.taps) expectTaps(network, settings)
  if (settings.aged && settings.fit !== 'crop')
    throw bad(
      'pictures are made to look old where they are cropped, not where they are padded',
      'aged',
      'fit',
    )
  expectTrunk(network, settings)
  if (settings.meanHuber && network.bins === null)
    throw bad(
      "the setting meanHuber is of bins' mean colour, and the network has no bins",
      'meanHuber',
      'head',
    )
  if (settings.size % multiple === 0) return
  throw new UserError(
    `the setting size is ${settings.size}: the network ${name} takes pictures with sides of a multiple of ${multiple} pixels`,
    'usage',
    { mend: ['size'] },
  )
}

type Looking = Pick<Network, 'name' | 'trunk' | 'fineTunedFrom'>

const bad = (what: string, ...mend: string[]) => new UserError(what, 'usage', { mend })

function expectTrunk({ name, trunk, fineTunedFrom }: Looking, settings: TrainingSettings): void {
  if (settings.channelDropout && !trunk)
    throw bad(
      `the network ${name} looks through no trunk, so it has no channels that could be left out`,
      'channelDropout',
    )
  if (settings.perceptual && !trunk)
    throw bad(
      `the network ${name} looks through no trunk, so nothing can be unlike the original to it`,
      'perceptual',
    )
  if (settings.fineTuneRate !== undefined && fineTunedFrom === undefined)
    throw bad(
      'the setting fineTuneRate is for a trunk that is fine-tuned, and none of its layers is',
      'fineTune',
    )
}

/** A trunk has seen each picture once: it cannot be cropped, jittered or padded any more. */
function expectTaps({ name, trunk, fineTunedFrom }: Looking, settings: TrainingSettings): void {
  if (!trunk)
    throw bad(`the network ${name} looks through no trunk, so it cannot be trained from taps`, 'network')
  if (fineTunedFrom !== undefined)
    throw bad(
      'taps were stored of the trunk as it is, so it cannot be fine-tuned on them: train on the pictures',
      'fineTune',
    )
  if (settings.fit !== 'crop') throw bad('taps are stored of cropped pictures, not of padded ones', 'fit')
  if (settings.lightnessJitter > 0)
    throw bad('the lightness of pictures whose taps are stored cannot be changed', 'lightnessJitter')
  if (settings.aged) throw bad('pictures whose taps are stored cannot be made to look old', 'aged')
}

/** What is asked of a training; what nobody asks for is missing. */
export interface Wanted {
  readonly network?: string | undefined
  readonly architecture: Readonly<Record<string, unknown>>
  readonly settings: Partial<TrainingSettings>
}

/**
 * Throws a `UserError` when the checkpoint is of another network, or was trained with other settings than are asked for.
 * @param name what the error calls the checkpoint
 */
export function expectSame(name: string, { settings, weights }: Checkpoint, wanted: Wanted): void {
  const other = otherNetwork(weights.network, wanted) ?? otherSetting(settings, wanted.settings)
  if (other === null) return
  throw new UserError(`${name} was trained with ${other}: a resumed training must not change that`, 'usage')
}

/** What of the network is not as asked for, "width 0.25, not 1"; null when all is. */
export function otherNetwork(network: Network, wanted: Wanted): string | null {
  const { name, architecture, layout } = network
  if (wanted.network !== undefined && wanted.network !== name)
    return `the network ${name}, not ${wanted.network}`
  for (const [key, value] of Object.entries(wanted.architecture)) {
    if (textOf(architecture[key]) === textOf(value)) continue
    // several widths round to the same channel counts
    const isSame = key === 'width' && textOf(network.variant({ width: value }).layout) === textOf(layout)
    if (!isSame) return `${key} ${shown(architecture[key])}, not ${shown(value)}`
  }
  return null
}

function otherSetting(settings: TrainingSettings, wanted: Partial<TrainingSettings>): string | null {
  for (const name of Object.keys(wanted) as (keyof TrainingSettings)[]) {
    const [was, value] = [meant(name, settings), meant(name, wanted)]
    if (textOf(was) === textOf(value)) continue
    if (name === 'data') return 'other training pictures'
    if (name === 'choices') return 'other kernels'
    if (name === 'taps') return was ? 'stored taps, not pictures' : 'pictures, not stored taps'
    if (name !== 'classVectors') return `${name} ${shown(was)}, not ${shown(value)}`
    const origins = [was, value] as ClassVectorOrigin[][]
    return origins.map((each) => describeOrigins(each)).join(', not ')
  }
  return null
}

/** What a setting is, or means where it is missing. */
function meant(name: keyof TrainingSettings, settings: Partial<TrainingSettings>): unknown {
  const { usual } = aboutOf(trainingSchema.entries[name]) ?? {}
  return settings[name] ?? (usual === undefined ? undefined : Number(usual))
}

/** A text as it is, what has parts as JSON. */
const shown = (value: unknown) => (typeof value === 'object' ? textOf(value) : String(value ?? 'unset'))

/** Whatever the order in which objects were put together. */
const textOf = (value: unknown) =>
  JSON.stringify(value, (_, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort())
      : part,
  )
