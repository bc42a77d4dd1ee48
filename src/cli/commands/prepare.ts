import type { Classifier } from '../../infer/classifier.ts'
import { CLASSIFIER_BATCH, describeSkipped, prepareRecords } from '../../node/data/prepare.ts'
import { findPhotos } from '../../node/photos.ts'
import { loadClassifier } from '../../node/store/classifiers.ts'
import { EXIT } from '../exit.ts'
import { bar, duration } from '../terminal.ts'
import { openAdapter } from './adapter.ts'
import { CLASSIFIERS_OPTIONS, chosenClassifiers } from './classifier.ts'
import { type Call, type Command, wrong } from './command.ts'

export const prepareCommand: Command = {
  summary: 'photographs → TFRecord shards for `train --records`',
  positionals: 'PHOTOS… --out DIR',
  options: {
    out: { value: 'DIR', short: 'o', help: 'folder for the shards; a set that is in it is replaced' },
    'shard-size': { value: 'N', help: 'photographs a shard (default 256)' },
    ...CLASSIFIERS_OPTIONS,
    ab: { value: 'int8|float32', help: 'how colours are stored (default int8, a quarter of the size)' },
    'min-side': { value: 'PX', help: 'photographs with a shorter side are left out (default 32)' },
    workers: { value: 'N', help: 'photographs decoded at the same time (default: one a core, 8 at most)' },
  },
  examples: ['colorizer prepare photos/ --out records/', 'colorizer train --records records/'],

  async run(call) {
    const { positionals, flags, terminal, interrupted } = call
    const out = flags.text('out')
    if (positionals.length === 0) throw wrong('prepare needs PHOTOS: files, folders or globs')
    if (out === undefined) throw wrong('prepare needs --out DIR, the folder for the shards')
    const options = {
      out,
      shardSize: flags.integer('shard-size'),
      ab: flags.choice('ab', ['int8', 'float32']),
      minSide: flags.integer('min-side'),
      workers: flags.integer('workers'),
      signal: interrupted,
      onProgress: meter(terminal.progress),
    }
    const paths = (await findPhotos(positionals)).map(({ path }) => path)
    const manifest = await withClassifiers(call, (classifiers) =>
      prepareRecords(paths, { ...options, classifiers }),
    )
    const { records, shards, skipped } = manifest
    const left = describeSkipped(skipped)
    return {
      json: { out, ...manifest },
      text: `${records} records in ${shards.length} shards → ${out}${left ? `; left out: ${left} (see ${out}/skipped.txt)` : ''}`,
      code: skipped.undecodable ? EXIT.someInputFailed : EXIT.ok,
    }
  },
}

/** "━━━━──── 812 of 8000 · 21.3 photographs/s · 6 min left" */
function meter(draw: (state: string) => void) {
  let begun: { readonly at: number; readonly done: number } | null = null
  return (done: number, total: number) => {
    begun ??= { at: performance.now(), done }
    const perSecond = (done - begun.done) / ((performance.now() - begun.at) / 1000)
    const left =
      perSecond > 0
        ? ` · ${perSecond.toFixed(1)} photographs/s · ${duration((total - done) / perSecond)} left`
        : ''
    draw(`${bar(done / total)} ${done} of ${total}${left}`)
  }
}

/** Gives `work` the classifiers; when none is wanted no GPU is needed either. */
async function withClassifiers<T>(
  call: Call,
  work: (classifiers: readonly Classifier[]) => Promise<T>,
): Promise<T> {
  const chosen = await chosenClassifiers(call.flags)
  if (!chosen.length) return work([])
  const gpu = await openAdapter(call)
  try {
    const classifiers: Classifier[] = []
    for (const { file, origin } of chosen)
      classifiers.push(await loadClassifier(gpu, file, { fit: origin.fit, batch: CLASSIFIER_BATCH }))
    return await work(classifiers)
  } finally {
    gpu.destroy()
  }
}
