/** A record set put together from parts that many processes have prepared: the same bytes as if one had prepared all of it. */
import { readRecords } from '../../io/tfrecord.ts'
import { openFile } from '../read-at.ts'
import { published, withFolder } from './prepare.ts'
import { type Entry, ImpossibleSet, type Manifest, RecordSet, type SetSettings } from './record-set.ts'

export interface Part {
  /** Where `preparePart` has left it. */
  readonly folder: string
  /** The photographs' paths, as it was given them. */
  readonly paths: readonly string[]
}

/**
 * Copies the records of all parts into one set in `out`, and publishes it. Photographs whose file is in an earlier part as well
 * are left out. A run that was killed is continued by the next one.
 * @throws ImpossibleSet: a part is not whole, no photograph is left
 * @throws UserError: the file system refuses, another process is at work on the folder
 */
export async function joinParts(
  out: string,
  parts: readonly Part[],
  settings: SetSettings,
): Promise<Manifest> {
  return withFolder({ out }, async (held) => {
    const paths = parts.flatMap((part) => part.paths)
    const set = await RecordSet.open(out, paths, settings)
    try {
      let begin = 0
      for (const part of parts) {
        held.check()
        if (set.done < begin + part.paths.length) await append(set, part, begin)
        begin += part.paths.length
      }
      held.check()
      return await published(set, paths.length)
    } finally {
      await set.close()
    }
  })
}

/** @param begin the part's first photograph in the set, which may have some of the part already */
async function append(set: RecordSet, { folder, paths }: Part, begin: number): Promise<void> {
  const part = await RecordSet.open(folder, paths, set.settings)
  try {
    if (part.done < paths.length)
      throw new ImpossibleSet(`${folder} is not whole: prepare it again`, 'weights')
    let index = begin
    for await (const [entry, record] of contentOf(part))
      if (index++ === set.done) await copy(set, entry, record)
  } finally {
    await part.close()
  }
}

async function copy(set: RecordSet, entry: Entry, record: Uint8Array | null): Promise<void> {
  if ('skip' in entry) await set.skip(entry.skip, entry.reason)
  else if (!(await set.skipTwin(entry.sha256))) await set.add(record!, entry.sha256)
}

/** What became of each photograph of a part, with its record where it has one. */
async function* contentOf(part: RecordSet): AsyncGenerator<[Entry, Uint8Array | null], void> {
  const shard = part.counts.records > 0 ? await openFile(part.shardPath(0)) : null
  const records = shard && readRecords(shard)
  try {
    for await (const entry of part.entries())
      yield [entry, 'skip' in entry ? null : ((await records!.next()).value ?? null)]
  } finally {
    await shard?.close()
  }
}
