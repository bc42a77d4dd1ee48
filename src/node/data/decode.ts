/** Opens the samples of training batches: photographs' files, and records in their shards. Runs in the decoding workers. */

import type { Sharp } from 'sharp'
import { decodeRecord, photoOf } from '../../io/records.ts'
import type { Rect } from '../../rect.ts'
import type { OpenedSample } from '../../train/samples.ts'
import { photoSize, readPhotoFile } from '../image.ts'
import { decodePhoto, editPhoto } from '../pixels.ts'
import { type RecordSource, readShardAt } from './shards.ts'

/** A photograph's file, or a record in its shard. */
export type SampleSource = { path: string } | RecordSource

/** Throws a UserError when the file or the record cannot be read. */
export function openSample(source: SampleSource): Promise<OpenedSample> {
  return 'path' in source ? openPhoto(source.path) : openRecord(source)
}

async function openPhoto(path: string): Promise<OpenedSample> {
  const bytes = await readPhotoFile(path)
  const shown = await photoSize(bytes, path)
  return { ...shown, vectors: [], decode: (...scaled) => decodePhoto(bytes, path, framed(...scaled)) }
}

async function openRecord({ shard, ...place }: RecordSource): Promise<OpenedSample> {
  const where = `${shard}, record at byte ${place.offset}`
  const record = decodeRecord(await readShardAt(shard, place), where)
  const { taps = null } = record
  const { width, height } = record.content
  const vectors = record.vectors.map(({ probabilities }) => probabilities)
  const decode: OpenedSample['decode'] = (...scaled) => editPhoto(photoOf(record), framed(...scaled))
  return { width, height, vectors, stored: { where, taps }, decode }
}

/** Scales a picture, and takes a part of it. */
export const framed = (width: number, height: number, { x, y, ...size }: Rect) => {
  const window = { left: x, top: y, ...size }
  return (image: Sharp) => image.resize(width, height, { fit: 'fill', kernel: 'lanczos3' }).extract(window)
}
