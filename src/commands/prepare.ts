import { EXIT } from '../errors.ts'
import { openClassifier } from '../io/classify.ts'
import { openGpu } from '../io/dawn.ts'
import type { Photo } from '../io/image.ts'
import { findPhotos } from '../io/photos.ts'
import type { ClassVector } from '../io/records.ts'
import { prepareRecords } from '../prepare.ts'
import { bar } from '../terminal.ts'
import { CLASSIFIER_OPTIONS, chosenClassifier } from './classifier.ts'
import { type Command, type Flags, wrong } from './command.ts'

export const prepareCommand: Command = {
  summary: 'photographs → TFRecord shards for `train --records`',
  positionals: 'PHOTOS… --out DIR',
  options: {
    out: { value: 'DIR', short: 'o', help: 'folder for the shards; a set that is in it is replaced' },
    'shard-size': { value: 'N', help: 'photographs a shard (default 256)' },
    ...CLASSIFIER_OPTIONS,
    ab: { value: 'int8|float32', help: 'how colours are stored (default int8, a quarter of the size)' },
  },
  examples: ['colorizer prepare photos/ --out records/', 'colorizer train --records records/'],

  async run({ positionals, flags, terminal, interrupted }) {
    const out = flags.text('out')
    if (positionals.length === 0) throw wrong('prepare needs PHOTOS: files, folders or globs')
    if (out === undefined) throw wrong('prepare needs --out DIR, the folder for the shards')
    const shardSize = flags.integer('shard-size')
    const ab = flags.choice('ab', ['int8', 'float32'])
    const photos = await findPhotos(positionals)
    const options = {
      out,
      ...(shardSize === undefined ? {} : { shardSize }),
      ...(ab === undefined ? {} : { ab }),
      onProgress: (done: number, total: number) =>
        terminal.progress(`${bar(done / total)} ${done} of ${total} photographs`),
      onSkipped: (_path: string, reason: string) => terminal.warn(`left out: ${reason}`),
      signal: interrupted,
    }
    const paths = photos.map(({ path }) => path)
    const prepared = await withClassVectors(flags, (classVector) =>
      prepareRecords(paths, { ...options, ...(classVector ? { classVector } : {}) }),
    )
    const { records, shards, skipped } = prepared
    return {
      json: prepared,
      text: `${records} records in ${shards.length} shards → ${out}${skipped.length ? `; ${skipped.length} left out` : ''}`,
      code: skipped.length ? EXIT.someInputFailed : EXIT.ok,
    }
  },
}

/** Gives `work` what computes class vectors, or null when none are wanted: then no GPU is needed either. */
async function withClassVectors<T>(
  flags: Flags,
  work: (classVector: ((photo: Photo) => Promise<ClassVector>) | null) => Promise<T>,
): Promise<T> {
  const chosen = await chosenClassifier(flags)
  if (!chosen) return work(null)
  const { file, origin } = chosen
  const gpu = await openGpu({ adapter: flags.text('adapter') })
  try {
    const classifier = await openClassifier(gpu, file, { fit: origin.fit })
    return await work(async (photo) => {
      const [probabilities] = await classifier.classify([photo])
      return { probabilities: probabilities!, origin }
    })
  } finally {
    gpu.destroy()
  }
}
