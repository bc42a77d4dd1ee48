import { describeSkipped, prepareRecords } from '../../node/data/prepare.ts'
import { gigabytes } from '../../node/data/taps.ts'
import { findPhotos } from '../../node/photos.ts'
import { EXIT } from '../exit.ts'
import { openModels } from '../preparing-models.ts'
import { bar, duration } from '../terminal.ts'
import { CLASSIFIERS_OPTIONS, chosenClassifiers } from './classifier.ts'
import { type Command, type Option, wrong } from './command.ts'
import { TAPS_OPTIONS, wantedTaps } from './taps.ts'

/** What decides about every record of a set, beside classifiers and taps. */
export const SET_OPTIONS: Readonly<Record<string, Option>> = {
  'shard-size': { value: 'N', help: 'photographs a shard (default 256)' },
  ab: { value: 'int8|float32', help: 'how colours are stored (default int8, a quarter of the size)' },
  'min-side': { value: 'PX', help: 'photographs with a shorter side are left out (default 32)' },
}

export const prepareCommand: Command = {
  summary: 'photographs → TFRecord shards for `train --records`',
  positionals: 'PHOTOS… --out DIR',
  options: {
    out: { value: 'DIR', short: 'o', help: 'folder for the shards; a set that is in it is replaced' },
    ...SET_OPTIONS,
    ...CLASSIFIERS_OPTIONS,
    ...TAPS_OPTIONS,
    workers: { value: 'N', help: 'photographs decoded at the same time (default: one a core, 16 at most)' },
  },
  examples: [
    'colorizer prepare photos/ --out records/',
    'colorizer train --records records/',
    'colorizer prepare photos/ --out records/ --taps --trunk mobilenet-v1',
    'colorizer train --records records/ --taps',
  ],

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
      onWait: terminal.say,
      onSize: (bytes: number) => terminal.say(`the records with their taps take up to ${gigabytes(bytes)}`),
    }
    const wanted = await wantedTaps(flags)
    const paths = (await findPhotos(positionals)).map(({ path }) => path)
    const { models, close } = await openModels(call, await chosenClassifiers(flags), wanted)
    const manifest = await prepareRecords(paths, { ...options, ...models }).finally(close)
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
