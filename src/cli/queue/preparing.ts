/** `queue prepare`, and what `queue work` does for its queue: record sets by many workers. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Classifier } from '../../infer/classifier.ts'
import { CLASSIFIER_BATCH, settingsOf } from '../../node/data/prepare.ts'
import { findPhotos } from '../../node/photos.ts'
import { makeFolder } from '../../node/save.ts'
import { type ChosenClassifier, loadClassifier } from '../../node/store/classifiers.ts'
import { addShards } from '../../queue/add-shards.ts'
import { exclusively } from '../../queue/exclusive.ts'
import { keyOf, MOST_PICTURES } from '../../queue/jobs.ts'
import type { QueueSettings } from '../../queue/ledger.ts'
import type { PictureQueue } from '../../queue/queue.ts'
import { PARTS, SET_OUTPUT, ShardWork } from '../../queue/shard.ts'
import { VERSION } from '../../version.ts'
import { openAdapter } from '../commands/adapter.ts'
import { chosenClassifiers } from '../commands/classifier.ts'
import { type Call, type Result, wrong } from '../commands/command.ts'
import { EXIT } from '../exit.ts'
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
  const found = await findPhotos(inputs)
  const photographs = [...new Set(found.map(({ path }) => roots.placeOf(path)))]
  const settings = await setSettings(call, to, photographs)
  return withQueue(call, async (queue) => {
    const { shardSize } = settings.values as { shardSize: number }
    const set = { to, settings: settings.digest, photographs, shardSize, force: flags.on('force') }
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

/** All that decides about the bytes of a set. */
async function setSettings(call: Call, to: string, photographs: readonly string[]): Promise<QueueSettings> {
  const { flags } = call
  const set = settingsOf({
    shardSize: flags.integer('shard-size', { max: MOST_PICTURES }),
    ab: flags.choice('ab', ['int8', 'float32']),
    minSide: flags.integer('min-side'),
    classifiers: await chosenClassifiers(flags),
  })
  const values = { to, photographs: digestOf(photographs), ...set }
  return {
    ...{ task: 'prepare', version: VERSION, digest: digestOf(values).slice(0, 16), values },
    flags: toldFlags(onlyFlags(call, ['classifier', 'classifier-fit'])),
  }
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
  expectSame(settings, { ...settings, version: VERSION, values: { ...settings.values, classVectors } })
  const { adapter, classifiers, close } = await openClassifiers(own, chosen)
  const workers = call.flags.integer('jobs')
  const work = new ShardWork(queue, { settings, roots: rootsOf(call), worker, classifiers, workers })
  return { adapter, work, mostLosses: MOST_LOSSES, concurrency: 1, close }
}

/** Where none are wanted no GPU is needed. */
async function openClassifiers(call: Call, chosen: readonly ChosenClassifier[]) {
  const classifiers: Classifier[] = []
  if (chosen.length === 0) return { adapter: 'processor cores alone', classifiers, close: () => {} }
  const gpu = await openAdapter(call)
  try {
    for (const { file, origin } of chosen)
      classifiers.push(await loadClassifier(gpu, file, { fit: origin.fit, batch: CLASSIFIER_BATCH }))
    return { adapter: gpu.adapterName, classifiers, close: () => gpu.destroy() }
  } catch (error) {
    gpu.destroy()
    throw error
  }
}
