/** Photographs -> TFRecord shards. */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { EXIT, UserError } from './errors.ts'
import { type Photo, readPhoto } from './io/image.ts'
import { type AbEncoding, type ClassVector, encodeRecord, recordOf } from './io/records.ts'
import { isShard, shardName } from './io/shards.ts'
import { openRecordWriter, type RecordWriter } from './io/tfrecord.ts'
import { fileTrouble } from './io/trouble.ts'

export interface PrepareOptions {
  /** the folder for the shards; made when it is not there. A set that is in it is replaced, once the new one is whole */
  out: string
  /** photographs a shard, 256 by default */
  shardSize?: number
  ab?: AbEncoding
  /** a classifier's probabilities for a photograph; zeros without one */
  classVector?: (photo: Photo, path: string) => Promise<ClassVector> | ClassVector
  onProgress?: (done: number, total: number) => void
  /** told why a photograph is left out */
  onSkipped?: (path: string, reason: string) => void
  signal?: AbortSignal
}

export interface Prepared {
  records: number
  shards: string[]
  skipped: { path: string; reason: string }[]
}

const SHARD_SIZE = 256
/** Photographs decoded at the same time; records keep the photographs' order all the same. */
const AHEAD = 4

/**
 * Writes every photograph that can be decoded as a record. The shards are written aside and get their names when all
 * of them are whole, so that a folder has the old set or the new one.
 * @throws UserError: no photograph can be decoded, the file system refuses (disk full …), interrupted (exit code 130)
 */
export async function prepareRecords(paths: readonly string[], options: PrepareOptions): Promise<Prepared> {
  const { out, shardSize = SHARD_SIZE } = options
  if (!(Number.isInteger(shardSize) && shardSize > 0))
    throw new UserError(`a shard takes a whole number of photographs, not ${shardSize}`, EXIT.usage)
  await mkdir(out, { recursive: true }).catch((error) => {
    throw fileTrouble('write', out, error)
  })
  const count = Math.ceil(paths.length / shardSize)
  const shards = Array.from({ length: count }, (_, n) => join(out, shardName(n, count)))
  const prepared: Prepared = { records: 0, shards, skipped: [] }
  const writers: RecordWriter[] = []
  try {
    for (const [n, shard] of shards.entries()) {
      const writer = await openRecordWriter(shard)
      writers.push(writer)
      await fillShard(
        writer,
        paths,
        n * shardSize,
        Math.min(paths.length, (n + 1) * shardSize),
        prepared,
        options,
      )
      await writer.finish()
    }
    if (!prepared.records) throw new UserError(`none of the ${paths.length} photographs can be decoded`)
    await publish(out, shards, writers)
    return prepared
  } catch (error) {
    for (const writer of writers) await writer.discard()
    throw error
  }
}

/** Writes the records of photographs `from` to `to` and counts them in `prepared`. */
async function fillShard(
  writer: RecordWriter,
  paths: readonly string[],
  from: number,
  to: number,
  prepared: Prepared,
  options: PrepareOptions,
): Promise<void> {
  let done = from
  for await (const outcome of encoded(paths.slice(from, to), options)) {
    if (outcome instanceof Uint8Array) {
      await writer.write(outcome)
      prepared.records++
    } else {
      prepared.skipped.push(outcome)
      options.onSkipped?.(outcome.path, outcome.reason)
    }
    done++
    options.onProgress?.(done, paths.length)
  }
}

/** The records of the photographs in order, or why there is none; a few are worked on ahead. */
async function* encoded(paths: readonly string[], options: PrepareOptions) {
  const begun: ReturnType<typeof encode>[] = []
  const begin = (path: string | undefined) => {
    if (path === undefined) return
    const work = encode(path, options)
    work.catch(() => {}) // thrown where it is awaited
    begun.push(work)
  }
  for (const path of paths.slice(0, AHEAD)) begin(path)
  for (let n = 0; n < paths.length; n++) {
    if (options.signal?.aborted) throw new UserError('interrupted; no records were written', EXIT.interrupted)
    yield await begun.shift()!
    begin(paths[n + AHEAD])
  }
}

async function encode(path: string, { ab = 'int8', classVector }: PrepareOptions) {
  let photo: Photo
  try {
    photo = await readPhoto(path)
  } catch (error) {
    if (error instanceof UserError) return { path, reason: error.message }
    throw error
  }
  const vector = (await classVector?.(photo, path)) ?? null
  return encodeRecord(await recordOf(photo, basename(path), vector), ab)
}

/** Removes the shards of an older set, and what a killed run left aside; then gives the new ones their names. */
async function publish(out: string, shards: string[], writers: RecordWriter[]): Promise<void> {
  const fresh = new Set(shards)
  for (const name of await readdir(out)) {
    const leftover = /^photos-.*\.(\d+)\.part$/.exec(name)
    const old = leftover ? Number(leftover[1]) !== process.pid : isShard(name) && !fresh.has(join(out, name))
    if (old) await rm(join(out, name))
  }
  for (const writer of writers) await writer.publish()
}
