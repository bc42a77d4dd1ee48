import type { Classifier } from '../../infer/classifier.ts'
import { openTapMaker } from '../../infer/tap-maker.ts'
import { TRUNKS } from '../../model/pyramid/index.ts'
import { TAP_STRIDES, type Trunk } from '../../model/trunk.ts'
import {
  CLASSIFIER_BATCH,
  describeSkipped,
  type PrepareOptions,
  prepareRecords,
} from '../../node/data/prepare.ts'
import { gigabytes } from '../../node/data/taps.ts'
import { findPhotos } from '../../node/photos.ts'
import { findClassifier, loadClassifier } from '../../node/store/classifiers.ts'
import { loadTrunk } from '../../node/store/networks.ts'
import { EXIT } from '../exit.ts'
import { bar, duration } from '../terminal.ts'
import { openAdapter } from './adapter.ts'
import { CLASSIFIERS_OPTIONS, chosenClassifiers } from './classifier.ts'
import { type Call, type Command, type Flags, type Option, wrong } from './command.ts'

const TAPS_MULTIPLE = TAP_STRIDES.at(-1)!
const USUAL_TAPS = { size: 128, views: 1 }

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
    taps: {
      help: 'also keep what a trunk sees of the photographs, for `train --taps`; says first how much room that takes',
    },
    trunk: {
      value: 'NAME',
      help: `the classifier whose taps are kept: a name (\`colorizer weights list\`) or FILE.onnx (default ${TRUNKS.mobilenetV1.name})`,
    },
    'taps-size': {
      value: 'PX',
      help: `side of the pictures that the trunk is shown, a multiple of ${TAPS_MULTIPLE} (default ${USUAL_TAPS.size})`,
    },
    'taps-views': {
      value: 'N',
      help: `parts of each photograph that the trunk is shown: the centre, and others cropped, scaled and mirrored by chance (default ${USUAL_TAPS.views})`,
    },
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
    const manifest = await withModels(call, wanted, (models) =>
      prepareRecords(paths, { ...options, ...models }),
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

interface WantedTaps {
  readonly trunk: Trunk
  readonly size: number
  readonly views: number
}

/** Null where none are asked for. */
async function wantedTaps(flags: Flags): Promise<WantedTaps | null> {
  const beside = ['trunk', 'taps-size', 'taps-views'].find((name) => flags.text(name) !== undefined)
  if (!flags.on('taps')) {
    if (beside) throw wrong(`--${beside} is about taps: add --taps to keep them`)
    return null
  }
  const size = flags.integer('taps-size', { multipleOf: TAPS_MULTIPLE, min: TAPS_MULTIPLE })
  const views = flags.integer('taps-views')
  const choice = flags.text('trunk') ?? TRUNKS.mobilenetV1.name
  const file = await findClassifier(choice)
  if (!file) throw wrong(`--trunk ${choice}: taps are those of a classifier`)
  const trunk = await loadTrunk(file)
  return { trunk, size: size ?? USUAL_TAPS.size, views: views ?? USUAL_TAPS.views }
}

/** Gives `work` the classifiers and the trunk; when none is wanted no GPU is needed either. */
async function withModels<T>(
  call: Call,
  wanted: WantedTaps | null,
  work: (models: Pick<PrepareOptions, 'classifiers' | 'taps'>) => Promise<T>,
): Promise<T> {
  const chosen = await chosenClassifiers(call.flags)
  if (!chosen.length && !wanted) return work({})
  const gpu = await openAdapter(call)
  try {
    const classifiers: Classifier[] = []
    for (const { file, origin } of chosen)
      classifiers.push(await loadClassifier(gpu, file, { fit: origin.fit, batch: CLASSIFIER_BATCH }))
    if (!wanted) return await work({ classifiers })
    const { trunk, size, views } = wanted
    const maker = await openTapMaker(gpu, trunk, { size, batch: CLASSIFIER_BATCH })
    return await work({ classifiers, taps: { maker, views } })
  } finally {
    gpu.destroy()
  }
}
