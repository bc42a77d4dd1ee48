import { EXIT } from '../errors.ts'
import { findPhotos } from '../io/photos.ts'
import { prepareRecords } from '../prepare.ts'
import { bar } from '../terminal.ts'
import { type Command, wrong } from './command.ts'

export const prepareCommand: Command = {
  summary: 'photographs → TFRecord shards for `train --records`',
  positionals: 'PHOTOS… --out DIR',
  options: {
    out: { value: 'DIR', short: 'o', help: 'folder for the shards; a set that is in it is replaced' },
    'shard-size': { value: 'N', help: 'photographs a shard (default 256)' },
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
    const prepared = await prepareRecords(
      photos.map(({ path }) => path),
      {
        out,
        ...(shardSize === undefined ? {} : { shardSize }),
        ...(ab === undefined ? {} : { ab }),
        onProgress: (done, total) =>
          terminal.progress(`${bar(done / total)} ${done} of ${total} photographs`),
        onSkipped: (_path, reason) => terminal.warn(`left out: ${reason}`),
        signal: interrupted,
      },
    )
    const { records, shards, skipped } = prepared
    return {
      json: prepared,
      text: `${records} records in ${shards.length} shards → ${out}${skipped.length ? `; ${skipped.length} left out` : ''}`,
      code: skipped.length ? EXIT.someInputFailed : EXIT.ok,
    }
  },
}
