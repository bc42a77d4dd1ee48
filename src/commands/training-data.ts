/** What `train` trains on, as its command line names it. */
import { createHash } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EXIT, UserError } from '../errors.ts'
import { type ClassifierFile, findOrigin } from '../io/classify.ts'
import { findPhotos } from '../io/photos.ts'
import { isShard, originOfRecords, readSources } from '../io/shards.ts'
import { findTwins, findTwinsOf } from '../io/twins.ts'
import { type ClassVectorOrigin, type Fit, sameOrigin } from '../model/classifier.ts'
import { chosenClassifier } from './classifier.ts'
import { type Flags, wrong } from './command.ts'

const SAMPLES = fileURLToPath(new URL('../../samples/photos', import.meta.url))
/** Without --val every eighth photograph is held out, this many at most. */
const HOLD_OUT = { every: 8, most: 200 }

export interface TrainingData {
  readonly kind: 'samples' | 'photos' | 'records'
  readonly train: readonly string[]
  readonly val: readonly string[]
  /** Identifies the training pictures and their order. */
  readonly identity: string
}

export async function findData(positionals: readonly string[], flags: Flags): Promise<TrainingData> {
  const val = flags.text('val')
  const held = val === undefined ? [] : (await findPhotos([val])).map(({ path }) => path)
  const records = flags.text('records')
  if (records !== undefined) {
    if (positionals.length) throw wrong('give either PHOTOS or --records, not both')
    return { kind: 'records', train: [records], val: held, identity: hash(await shardsOf(records)) }
  }
  const kind = positionals.length ? 'photos' : 'samples'
  const roots = positionals.length ? positionals : [SAMPLES]
  const found = await findPhotos(roots)
  const isHeld = (i: number) =>
    val === undefined && i % HOLD_OUT.every === HOLD_OUT.every - 1 && i / HOLD_OUT.every < HOLD_OUT.most
  const photos = found.filter((_, i) => !isHeld(i))
  return {
    kind,
    train: photos.map(({ path }) => path),
    val: val === undefined ? found.filter((_, i) => isHeld(i)).map(({ path }) => path) : held,
    identity: hash(photos.map((photo) => photo.relative)),
  }
}

/** Throws a `UserError` when pictures are both trained and validated on. Of records only those know that name their sources. */
export async function refuseTwins({ kind, train, val }: TrainingData): Promise<void> {
  const twins =
    kind === 'records' ? await findTwinsOf(val, await readSources(train[0]!)) : await findTwins(val, train)
  const [first] = twins
  if (!first) return
  throw wrong(
    `${twins.length} of the ${val.length} pictures to validate on are also trained on, first ${first.val}, which is the same file as ${first.train}: take them out of --val`,
  )
}

/** Names and sizes of the shards, which tell one set from another. */
async function shardsOf(folder: string): Promise<string[]> {
  const names = (await readdir(folder).catch(() => [])).filter(isShard).sort()
  return Promise.all(names.map(async (name) => `${name} ${(await stat(join(folder, name))).size}`))
}

const hash = (names: readonly string[]) =>
  createHash('sha256').update(names.join('\n')).digest('hex').slice(0, 16)

/** Where a training's class vectors come from, and the classifier itself where photographs are still to be shown to it. */
export interface ClassVectorSource {
  readonly origin: ClassVectorOrigin | null
  readonly file: ClassifierFile | null
}

/**
 * @param resumed where the class vectors of the training that is continued come from; undefined for a fresh one
 * @param usualFit how pictures come into the classifier's square where neither options nor records say it
 * @throws UserError when the options ask for another classifier than the records or the resumed training have
 */
export async function findClassVectors(
  flags: Flags,
  { kind, train, val }: TrainingData,
  resumed: ClassVectorOrigin | null | undefined,
  usualFit?: Fit,
): Promise<ClassVectorSource> {
  const isAsked = ['classifier', 'classifier-fit'].some((name) => flags.text(name) !== undefined)
  const chosen =
    isAsked || (kind !== 'records' && resumed === undefined) ? await chosenClassifier(flags, usualFit) : null
  const isShown = kind !== 'records' || val.length > 0
  if (resumed !== undefined) {
    if (isAsked && !sameOrigin(chosen?.origin ?? null, resumed)) {
      throw wrong(
        `the training to resume has class vectors of ${nameOf(resumed)}, not of ${nameOf(chosen?.origin)}`,
      )
    }
    return { origin: resumed, file: chosen?.file ?? (isShown && resumed ? await findOrigin(resumed) : null) }
  }
  if (kind !== 'records') return { origin: chosen?.origin ?? null, file: chosen?.file ?? null }
  if (flags.text('classifier') === 'none') return { origin: null, file: null }
  const origin = await originOfRecords(train[0]!)
  if (chosen && !sameOrigin(chosen.origin, origin)) {
    const have = origin
      ? `class vectors of ${nameOf(origin)}, not of ${nameOf(chosen.origin)}`
      : 'no class vectors'
    throw new UserError(
      `the records in ${train[0]} have ${have}: prepare them again with --classifier ${flags.text('classifier') ?? 'auto'}, or train without --classifier`,
      EXIT.badWeightsOrRecords,
    )
  }
  return { origin, file: chosen?.file ?? (isShown && origin ? await findOrigin(origin) : null) }
}

const nameOf = (origin: ClassVectorOrigin | null | undefined) =>
  origin ? `${origin.classifier} (${origin.fit})` : 'no classifier'
