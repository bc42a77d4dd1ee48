/** `queue prepare`, and what `queue work` does for its queue: record sets by many workers. */
import { createHash } from 'node:crypto'
import { extname, join } from 'node:path'
import { UserError } from '../../errors.ts'
import { tapShapes, trunkName } from '../../model/trunk.ts'
import { measuredTaps, recordSettings } from '../../node/data/prepare.ts'
import type { SetSettings, TapSettings } from '../../node/data/record-set.ts'
import { gigabytes, knownTapSettings, recordBytes } from '../../node/data/taps.ts'
import { WRITTEN_ENDINGS } from '../../node/formats/kinds.ts'
import { findPhotos } from '../../node/photos.ts'
import { makeFolder } from '../../node/save.ts'
import { addShards } from '../../queue/add-shards.ts'
import { exclusively } from '../../queue/exclusive.ts'
import { keyOf, MOST_PICTURES } from '../../queue/jobs.ts'
import type { QueueSettings } from '../../queue/ledger.ts'
import type { PictureQueue } from '../../queue/queue.ts'
import { isBucket, type Roots } from '../../queue/roots.ts'
import { PARTS, SET_OUTPUT, ShardWork, sourceAt } from '../../queue/shard.ts'
import { VERSION } from '../../version.ts'
import { chosenClassifiers } from '../commands/classifier.ts'
import { type Call, type Result, wrong } from '../commands/command.ts'
import { TAPS_OPTIONS, type WantedTaps, wantedTaps } from '../commands/taps.ts'
import { EXIT } from '../exit.ts'
import { openModels } from '../preparing-models.ts'
import { FORGETS } from './add.ts'
import type { Opened } from './opened.ts'
import { expectSame, onlyFlags, rootsOf, toldFlags, withQueue, workerFlags } from './options.ts'

/** Without a limit, a photograph that crashes workers would crash one after the other. */
const MOST_LOSSES = 5

/** Throws a `UserError` where photographs or DIR are outside of the root, and as `exclusively`. */
export async function prepare(call: Call, inputs: readonly string[]): Promise<Result> {
  const { flags } = call
  const out = flags.text('out')
  if (inputs.length === 0) throw wrong('queue prepare needs PHOTOS: files, folders or globs')
  if (out === undefined) throw wrong('queue prepare needs --out DIR, the folder for the shards')
  const roots = rootsOf(call)
  const to = roots.placeOf(out)
  const folder = roots.folderOf(to)
  if (folder === null) throw wrong('queue prepare makes records in a folder, not in a bucket')
  const photographs = await photographsIn(call, inputs, roots)
  const settings = await setSettings(call, { to, ...photographs, roots })
  return withQueue(call, async (queue) => {
    const { shardSize } = settings.values as { shardSize: number }
    const set = { to, ...photographs, settings: settings.digest, shardSize, force: flags.on('force') }
    const { added, known, jobs } = await exclusively(queue, async (expectAlone) => {
      if (set.force) await queue.expectIdle()
      await queue.agreeOn(settings)
      if (await queue.forgets()) call.terminal.warn(FORGETS)
      const [done] = await queue.ledger.entries([keyOf(to, SET_OUTPUT)])
      // a set that is there needs none, and no worker would remove it
      if (set.force || done?.settings !== settings.digest) await makeFolder(join(folder, PARTS))
      return addShards(queue, { ...set, expectAlone })
    })
    return {
      json: { added, known, jobs },
      text: `queued ${added} photographs in ${jobs} jobs; ${known} were queued or done before`,
      code: EXIT.ok,
    }
  })
}

/** Photographs below a place, as jobs name them. */
interface Photographs {
  readonly from: string
  readonly photographs: readonly string[]
}

/** Throws a `UserError` where there are none, and for a bucket beside others. */
async function photographsIn(
  { terminal }: Call,
  inputs: readonly string[],
  roots: Roots,
): Promise<Photographs> {
  const bucket = inputs.find(isBucket)
  if (bucket === undefined) {
    const found = await findPhotos(inputs)
    return { from: '.', photographs: [...new Set(found.map(({ path }) => roots.placeOf(path)))] }
  }
  if (inputs.length > 1) throw wrong('queue prepare takes one s3://BUCKET/PREFIX, or files and folders')
  const from = roots.placeOf(bucket)
  const storage = await roots.open(from)
  const photographs: string[] = []
  for await (const { path } of storage.list(({ message }) => terminal.warn(message)))
    if (WRITTEN_ENDINGS.includes(extname(path).toLowerCase())) photographs.push(path)
  if (photographs.length === 0) throw new UserError(`there are no photographs in ${storage.address}`)
  return { from, photographs }
}

interface SetParts extends Photographs {
  readonly to: string
  readonly roots: Roots
}

/** All that decides about the bytes of a set; says how much room one with taps takes. */
async function setSettings(call: Call, parts: SetParts): Promise<QueueSettings> {
  const { flags, terminal } = call
  const { to, from, photographs } = parts
  const wanted = await wantedTaps(flags)
  const set = recordSettings({
    shardSize: flags.integer('shard-size', { max: MOST_PICTURES }),
    ab: flags.choice('ab', ['int8', 'float32']),
    minSide: flags.integer('min-side'),
    classifiers: await chosenClassifiers(flags),
    ...(wanted ? { taps: { settings: await tapSettingsOf(call, wanted, parts) } } : {}),
  })
  if (wanted) terminal.say(roomText(wanted, set, photographs.length))
  const names = from === '.' ? photographs : [from, ...photographs]
  const values = { to, photographs: digestOf(names), ...set }
  return {
    ...{ task: 'prepare', version: VERSION, digest: digestOf(values).slice(0, 16), values },
    flags: toldFlags(onlyFlags(call, ['classifier', 'classifier-fit', ...Object.keys(TAPS_OPTIONS)])),
  }
}

/** What all parts need to know of taps; a GPU is needed only for a trunk whose values have no bounds. */
async function tapSettingsOf(
  call: Call,
  wanted: WantedTaps,
  { from, photographs, roots }: SetParts,
): Promise<TapSettings> {
  const { trunk, size, views } = wanted
  const known = knownTapSettings({ trunk: trunkName(trunk), size, ranges: trunk.ranges }, views)
  if (known) return known
  const source = await sourceAt(roots, from, [])
  const { models, close } = await openModels(call, [], wanted)
  return measuredTaps(photographs, { taps: models.taps!, ...source }).finally(close)
}

function roomText({ trunk, size, views }: WantedTaps, set: SetSettings, photographs: number): string {
  const maker = { size, shapes: tapShapes(trunk, { height: size, width: size }) }
  const sizes = { ab: set.ab, classifiers: set.classVectors.length }
  const room = gigabytes(photographs * recordBytes({ maker, views }, sizes))
  return `the records with their taps take up to ${room}, and twice that until the set is put together`
}

const digestOf = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex')

/** Opens classifiers and GPU. Throws a `UserError` where they are others than the queue's. */
export async function openPreparing(
  call: Call,
  queue: PictureQueue,
  settings: QueueSettings,
  worker: string,
): Promise<Opened> {
  const own = { ...call, flags: workerFlags(call, settings) }
  const chosen = await chosenClassifiers(own.flags)
  const classVectors = chosen.map(({ origin }) => origin)
  const wanted = await wantedTaps(own.flags)
  const taps = wanted && {
    taps: { ...(settings.values.taps as TapSettings), trunk: trunkName(wanted.trunk) },
  }
  expectSame(settings, {
    ...settings,
    version: VERSION,
    values: { ...settings.values, classVectors, ...taps },
  })
  const { adapter, models, close } = await openModels(own, chosen, wanted)
  const workers = call.flags.integer('jobs')
  const work = new ShardWork(queue, { settings, roots: rootsOf(call), worker, ...models, workers })
  return { adapter, work, mostLosses: MOST_LOSSES, concurrency: 1, close }
}
