/** The shards of a record set: photos-00000-of-00032.tfrecord … in one folder. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../../errors.ts'
import type { RecordTaps } from '../../io/record-taps.ts'
import { decodeRecord } from '../../io/records.ts'
import { indexRecords, type RecordPlace, readRecordAt } from '../../io/tfrecord.ts'
import type { ClassVectorOrigin } from '../../model/classifier.ts'
import { withFile } from '../read-at.ts'
import { codeOf, fileTrouble } from '../trouble.ts'

const NAME = /^photos-(\d{5,})-of-(\d{5,})\.tfrecord$/

/** The folder, below a set's own, of one that is being written. */
export const UNFINISHED = 'unfinished'
export const MANIFEST = 'manifest.json'
/** For each record, a line each, the SHA-256 of the photograph's file, two spaces, and its path. */
export const SOURCES = 'sources.txt'
/** Raised whenever records of an older version would not be read as they are meant. */
export const SET_VERSION = 1

/** A record and the shard it is in. */
export interface RecordSource extends RecordPlace {
  shard: string
}

export function shardName(n: number, count: number): string {
  const digits = (value: number) => String(value).padStart(5, '0')
  return `photos-${digits(n)}-of-${digits(count)}.tfrecord`
}

export function isShard(name: string): boolean {
  return NAME.test(name)
}

/**
 * Every record of the set in `folder`, shard by shard, without reading the records.
 * @param onDamage called for a truncated or corrupt shard instead of throwing; its records before the damage are used
 * @throws UserError about weights: no shards, shards missing, two sets mixed, a shard truncated or corrupt, no records
 */
export async function indexShards(
  folder: string,
  onDamage?: (reason: string) => void,
): Promise<RecordSource[]> {
  const records: RecordSource[] = []
  for (const name of await shardNames(folder)) {
    const shard = join(folder, name)
    for (const place of await placesIn(shard, onDamage)) records.push({ shard, ...place })
  }
  if (!records.length) throw bad(folder, 'its shards hold no records; prepare it again')
  return records
}

/** What the records of a set have in common. */
export interface RecordTraits {
  /** Side of the pictures in pixels. */
  readonly size: number
  /** Where the class vectors come from; nowhere when there are none. */
  readonly origins: readonly ClassVectorOrigin[]
  /** Whose taps they have, of pictures of how many pixels a side; null when they have none. */
  readonly taps: Pick<RecordTaps, 'trunk' | 'size'> | null
}

/** Of the set in `folder`, by its first record that is whole; null when none is. Throws as above. */
export async function traitsOfRecords(folder: string): Promise<RecordTraits | null> {
  for (const name of await shardNames(folder)) {
    const shard = join(folder, name)
    for (const place of await placesIn(shard, () => {})) {
      try {
        const { size, vectors, taps } = decodeRecord(await readShardAt(shard, place), shard)
        const origins = vectors.flatMap(({ origin }) => origin ?? [])
        return { size, origins, taps: taps ? { trunk: taps.trunk, size: taps.size } : null }
      } catch (error) {
        if (!(error instanceof UserError)) throw error // told when it is to be trained on
      }
    }
  }
  return null
}

async function placesIn(shard: string, onDamage?: (reason: string) => void): Promise<RecordPlace[]> {
  const places: RecordPlace[] = []
  try {
    await withFile(shard, 'weights', async (file) => {
      for await (const place of indexRecords(file)) places.push(place)
    })
  } catch (error) {
    if (!onDamage || !(error instanceof UserError)) throw error
    onDamage(`${error.message}; ${places.length} records before that are used`)
  }
  return places
}

/**
 * The data of one record.
 * @throws UserError about weights: the shard cannot be read, the record is corrupt
 */
export function readShardAt(shard: string, place: RecordPlace): Promise<Uint8Array> {
  return withFile(shard, 'weights', (file) => readRecordAt(file, place))
}

/** Paths of the photographs of which the records in `folder` were made, by the checksums of their files; none if it does not say. */
export async function readSources(folder: string): Promise<Map<string, string>> {
  const text = await readFile(join(folder, SOURCES), 'utf8').catch((error) => {
    if (codeOf(error) === 'ENOENT') return ''
    throw fileTrouble('read', join(folder, SOURCES), error, 'weights')
  })
  return new Map([...text.matchAll(/^([0-9a-f]{64}) {2}(.+)$/gm)].map(([, sha256, path]) => [sha256!, path!]))
}

async function shardNames(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error) => {
    throw fileTrouble('read', folder, error, 'weights')
  })
  await checkManifest(folder)
  const shards = names.filter(isShard).sort()
  if (!shards.length)
    throw bad(folder, `there are no records (photos-*.tfrecord) in it; make some with prepare`)
  const counts = new Set(shards.map((name) => Number(NAME.exec(name)![2])))
  if (counts.size > 1) throw bad(folder, `it has shards of ${counts.size} different sets; prepare it again`)
  const [count] = counts as unknown as [number]
  const missing = Array.from({ length: count }, (_, n) => shardName(n, count)).filter(
    (name) => !shards.includes(name),
  )
  if (missing.length)
    throw bad(folder, `${missing.length} of its ${count} shards are missing, ${missing[0]} first`)
  return shards
}

/** A set that others have written has no manifest. */
async function checkManifest(folder: string): Promise<void> {
  if (await stat(join(folder, UNFINISHED, MANIFEST)).catch(() => null))
    throw bad(folder, 'prepare was stopped while it put them in place; run the same command again')
  const text = await readFile(join(folder, MANIFEST), 'utf8').catch(() => null)
  if (text === null) return
  const version = versionIn(text)
  if (version !== SET_VERSION)
    throw bad(folder, `they are of version ${version}, this program reads ${SET_VERSION}; prepare them again`)
}

function versionIn(manifest: string): unknown {
  try {
    return JSON.parse(manifest).version
  } catch {
    return 'unknown'
  }
}

function bad(folder: string, what: string): UserError {
  return new UserError(`cannot read the records in ${folder}: ${what}`, 'weights')
}
