/** What `train` trains on, as its command line names it. */
import { createHash } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { UserError } from '../../errors.ts'
import { type ClassVectorOrigin, describeOrigins, type Fit, sameOrigins } from '../../model/classifier.ts'
import type { RecordFolder } from '../../node/data/dataset.ts'
import { isShard, type RecordTraits, readSources, traitsOfRecords } from '../../node/data/shards.ts'
import { findTwins, findTwinsOf } from '../../node/data/twins.ts'
import { packagePath } from '../../node/package.ts'
import { findPhotos } from '../../node/photos.ts'
import { type ClassifierFile, findOrigin } from '../../node/store/classifiers.ts'
import { numberOf, parseSetting } from '../../setting.ts'
import { chosenClassifiers } from './classifier.ts'
import { type Flags, wrong } from './command.ts'

const SAMPLES = packagePath('samples/photos')
/** Without --val every eighth photograph is held out, this many at most. */
const HOLD_OUT = { every: 8, most: 200 }

export interface ValidationSet {
  readonly name: string
  readonly paths: readonly string[]
}

export interface TrainingData {
  readonly kind: 'samples' | 'photos' | 'records'
  /** The photographs; none where records are trained on. */
  readonly train: readonly string[]
  /** The records; none where photographs are trained on. */
  readonly folders: readonly RecordFolder[]
  /** Sets of photographs to validate on; none of them is empty. */
  readonly val: readonly ValidationSet[]
  /** Identifies the training pictures and their order. */
  readonly identity: string
}

export async function findData(positionals: readonly string[], flags: Flags): Promise<TrainingData> {
  const val = await validationSets(flags.texts('val'))
  const folders = recordFolders(flags.texts('records'))
  if (folders.length) {
    if (positionals.length) throw wrong('give either PHOTOS or --records, not both')
    return { kind: 'records', train: [], folders, val, identity: await identityOf(folders) }
  }
  const kind = positionals.length ? 'photos' : 'samples'
  const roots = positionals.length ? positionals : [SAMPLES]
  const found = await findPhotos(roots)
  const isHeld = (i: number) =>
    !val.length && i % HOLD_OUT.every === HOLD_OUT.every - 1 && i / HOLD_OUT.every < HOLD_OUT.most
  const photos = found.filter((_, i) => !isHeld(i))
  const held = found.filter((_, i) => isHeld(i)).map(({ path }) => path)
  return {
    kind,
    train: photos.map(({ path }) => path),
    folders: [],
    val: held.length ? [{ name: 'held out', paths: held }] : val,
    identity: hash(photos.map((photo) => photo.relative)),
  }
}

/** Throws a `UserError` when pictures are both trained and validated on. Of records only those know that name their sources. */
export async function refuseTwins(data: TrainingData): Promise<void> {
  const { kind, train, folders } = data
  const val = heldOut(data)
  const sources = await Promise.all(folders.map(({ folder }) => readSources(folder)))
  const twins =
    kind === 'records'
      ? await findTwinsOf(val, new Map(sources.flatMap((each) => [...each])))
      : await findTwins(val, train)
  const [first] = twins
  if (!first) return
  throw wrong(
    `${twins.length} of the ${val.length} pictures to validate on are also trained on, first ${first.val}, which is the same file as ${first.train}: take them out of --val`,
  )
}

/** All photographs to validate on, a file in two sets once. */
export const heldOut = ({ val }: Pick<TrainingData, 'val'>): readonly string[] => [
  ...new Set(val.flatMap(({ paths }) => paths)),
]

/**
 * A set for each path, called by the path's last part, or by the whole path where two would be called the same.
 * @throws UserError as `findPhotos`, and (exit code 2) when a path is given twice
 */
async function validationSets(given: readonly string[]): Promise<ValidationSet[]> {
  const roots = given.map((root) => root.replace(/(?<=.)[/\\]+$/, ''))
  const twice = roots.find((root, i) => roots.indexOf(root) < i)
  if (twice !== undefined) throw wrong(`--val ${twice} is given twice`)
  const short = roots.map((root) => basename(root))
  const names = new Set(short).size === roots.length ? short : roots
  const sets = roots.map(async (root, i) => ({
    name: names[i]!,
    paths: (await findPhotos([root])).map(({ path }) => path),
  }))
  return Promise.all(sets)
}

/** DIR or DIR:WEIGHT each. Throws a `UserError` (exit code 2) when some have weights and some have none, or one is wrong. */
function recordFolders(texts: readonly string[]): RecordFolder[] {
  const folders = texts.map((text) => {
    const [, folder, weight] = /^(.+):([^:/\\]+)$/.exec(text) ?? []
    if (weight === undefined || Number.isNaN(Number(weight))) return { folder: text }
    try {
      return { folder: folder!, weight: parseSetting(numberOf({ exclusive: true }), weight) }
    } catch (error) {
      throw wrong(`--records ${text}: ${(error as RangeError).message}`)
    }
  })
  const missing = folders.find(({ weight }) => weight === undefined)
  if (missing && folders.some(({ weight }) => weight !== undefined))
    throw wrong(`--records ${missing.folder} has no weight: give all folders weights (DIR:WEIGHT) or none`)
  const twice = folders.find(({ folder }, i) => folders.findIndex((other) => other.folder === folder) < i)
  if (twice) throw wrong(`--records ${twice.folder} is given twice: a greater weight shows it more often`)
  return folders.length === 1 ? [{ folder: folders[0]!.folder }] : folders
}

/** By the shards' names and sizes, which tell one set from another, and the weights. */
async function identityOf(folders: readonly RecordFolder[]): Promise<string> {
  const parts = folders.map(async ({ folder, weight }) => [
    ...(await shardsOf(folder)),
    ...(weight === undefined ? [] : [`weight ${weight}`]),
  ])
  return hash((await Promise.all(parts)).flat())
}

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
  { kind, folders, val }: TrainingData,
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
  const records = resumed ? [] : await traitsIn(folders)
  const origins = resumed ?? (isFromRecords ? originsIn(records) : asked!)
  if (asked && !sameOrigins(asked, origins)) {
    const choices = flags.texts('classifier')
    const again = (choices.length ? choices : ['auto']).map((choice) => `--classifier ${choice}`).join(' ')
    const names = folders.map(({ folder }) => folder).join(', ')
    throw new UserError(
      `the records in ${names} have ${describeOrigins(origins)} where ${describeOrigins(asked)} are asked for: prepare them again with ${again}, or train without --classifier`,
      'weights',
    )
  }
  const shown = kind !== 'records' ? origins : val.length > 0 ? origins.slice(0, 1) : []
  const files: ClassifierFile[] = []
  for (const [i, origin] of shown.entries()) files.push(chosen?.[i]?.file ?? (await findOrigin(origin)))
  return { origins, files }
}

export interface FoundRecords extends RecordTraits {
  readonly folder: string
}

/** Of all records together. Throws a `UserError` about weights where they differ. */
function originsIn(records: readonly FoundRecords[]): readonly ClassVectorOrigin[] {
  const [first, ...others] = records
  const other = others.find(({ origins }) => !sameOrigins(origins, first!.origins))
  if (!other) return first?.origins ?? []
  throw new UserError(
    `the records in ${first!.folder} have ${describeOrigins(first!.origins)} and those in ${other.folder} have ${describeOrigins(other.origins)}: prepare them alike, or train with --classifier none`,
    'weights',
  )
}

/**
 * What the records of each folder have in common, without folders that have no whole record.
 * @throws UserError about weights when their pictures differ in size, and as `traitsOfRecords`
 */
export async function traitsIn(folders: readonly RecordFolder[]): Promise<FoundRecords[]> {
  const found: FoundRecords[] = []
  for (const { folder } of folders) {
    const traits = await traitsOfRecords(folder)
    if (traits) found.push({ folder, ...traits })
  }
  const [first, ...others] = found
  const other = others.find(({ size }) => size !== first!.size)
  if (!other) return found
  throw new UserError(
    `the records in ${first!.folder} are of ${first!.size} px and those in ${other.folder} of ${other.size} px: prepare them alike`,
    'weights',
  )
}
