/** What `train` trains on, as its command line names it. */
import { createHash } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../../errors.ts'
import { type ClassVectorOrigin, describeOrigins, type Fit, sameOrigins } from '../../model/classifier.ts'
import { isShard, originsOfRecords, readSources } from '../../node/data/shards.ts'
import { findTwins, findTwinsOf } from '../../node/data/twins.ts'
import { packagePath } from '../../node/package.ts'
import { findPhotos } from '../../node/photos.ts'
import { type ClassifierFile, findOrigin } from '../../node/store/classifiers.ts'
import { chosenClassifiers } from './classifier.ts'
import { type Flags, wrong } from './command.ts'

const SAMPLES = packagePath('samples/photos')
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

/** Where a training's class vectors come from, and the classifiers themselves that photographs are still to be shown to. */
export interface ClassVectorSource {
  readonly origins: readonly ClassVectorOrigin[]
  /** Of the first origins: validation asks the first one, training all that records do not have. */
  readonly files: readonly ClassifierFile[]
}

/**
 * @param resumed where the class vectors of the training that is continued come from; undefined for a fresh one
 * @param usualFit how pictures come into the classifier's square where neither options nor records say it
 * @throws UserError when the options ask for another classifier than the records or the resumed training have
 */
export async function findClassVectors(
  flags: Flags,
  { kind, train, val }: TrainingData,
  resumed: readonly ClassVectorOrigin[] | undefined,
  usualFit?: Fit,
): Promise<ClassVectorSource> {
  const isAsked = ['classifier', 'classifier-fit'].some((name) => flags.texts(name).length)
  const chosen =
    isAsked || (kind !== 'records' && resumed === undefined) ? await chosenClassifiers(flags, usualFit) : null
  const asked = chosen?.map(({ origin }) => origin)
  if (resumed && asked && !sameOrigins(asked, resumed)) {
    throw wrong(
      `the training to resume has ${describeOrigins(resumed)} where ${describeOrigins(asked)} are asked for`,
    )
  }
  const isFromRecords = kind === 'records' && asked?.length !== 0
  const origins = resumed ?? (isFromRecords ? await originsOfRecords(train[0]!) : asked!)
  if (asked && !sameOrigins(asked, origins)) {
    const choices = flags.texts('classifier')
    const again = (choices.length ? choices : ['auto']).map((choice) => `--classifier ${choice}`).join(' ')
    throw new UserError(
      `the records in ${train[0]} have ${describeOrigins(origins)} where ${describeOrigins(asked)} are asked for: prepare them again with ${again}, or train without --classifier`,
      'weights',
    )
  }
  const shown = kind !== 'records' ? origins : val.length > 0 ? origins.slice(0, 1) : []
  const files: ClassifierFile[] = []
  for (const [i, origin] of shown.entries()) files.push(chosen?.[i]?.file ?? (await findOrigin(origin)))
  return { origins, files }
}
