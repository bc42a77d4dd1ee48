/** What jobs say. They are data, and checked before anything is done with them: any program that reaches the server may add one. */
import { createHash } from 'node:crypto'
import * as v from 'valibot'
import { UserError } from '../errors.ts'

/** Of the server's keys that the engine uses. */
export const PREFIX = 'colorizer'

const MOST_PATH = 4096
/** Of a job. */
export const MOST_PICTURES = 100_000

/** With `/`, below a folder. */
const path = v.pipe(
  v.string(),
  v.maxLength(MOST_PATH),
  v.check(isPlainPath, 'a path that leaves its folder, or is none'),
)

function isPlainPath(text: string): boolean {
  return !text.includes('\0') && text.split('/').every((step) => !['', '.', '..'].includes(step))
}

/** A folder below the workers' root, '.' for the root itself, or s3://BUCKET/PREFIX. */
const place = v.pipe(
  v.string(),
  v.maxLength(MOST_PATH),
  v.check((text) => text === '.' || isPlainPath(text.replace(/^s3:\/\//, '')), 'a place outside of the root'),
)

const pictureSchema = v.strictObject({
  /** The photograph, below `from`. */
  input: path,
  /** Its picture, below `to`. */
  output: path,
  /** In bytes. */
  size: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** Of the photograph when it was added. */
  stamp: v.pipe(v.string(), v.maxLength(256)),
  /** Which of several versions of the photograph it is, from 1. */
  variant: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
})
export type Picture = Readonly<v.InferOutput<typeof pictureSchema>>

/** Of what the pictures or records are made with. */
const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/))

const chunkSchema = v.strictObject({
  from: place,
  to: place,
  settings: digest,
  pictures: v.pipe(v.array(pictureSchema), v.minLength(1), v.maxLength(MOST_PICTURES)),
  /** How often the pictures were tried anew on a person's demand. */
  round: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
})
/** Photographs to colour. */
export type ChunkJob = Readonly<v.InferOutput<typeof chunkSchema>>

const shardSchema = v.strictObject({
  from: v.optional(place, '.'),
  to: place,
  settings: digest,
  shard: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** Below `from`. */
  photographs: v.pipe(v.array(path), v.minLength(1), v.maxLength(MOST_PICTURES)),
})
/** Photographs to make records of: one shard of a set. */
export type ShardJob = Readonly<v.InferOutput<typeof shardSchema>>

const setSchema = v.strictObject({
  to: place,
  settings: digest,
  shards: v.pipe(v.number(), v.integer(), v.minValue(1)),
})
/** All shards of a set to put together. */
export type SetJob = Readonly<v.InferOutput<typeof setSchema>>

/** How the engine calls each kind. */
export const KIND = { chunk: 'colour', shard: 'shard', set: 'set' } as const

const parser =
  <S extends v.GenericSchema>(schema: S) =>
  (data: unknown): v.InferOutput<S> => {
    const parsed = v.safeParse(schema, data)
    if (parsed.success) return parsed.output
    const [issue] = parsed.issues
    throw new UserError(`the job is refused: ${v.getDotPath(issue) ?? 'it'}: ${issue.message}`)
  }

/** Each throws a `UserError` for what is no such job. */
export const parseChunk = parser(chunkSchema)
export const parseShard = parser(shardSchema)
export const parseSet = parser(setSchema)

/** The same for the same photographs and settings, whoever adds them, so that nothing waits twice. */
export function chunkId({ from, to, settings, pictures, round }: ChunkJob): string {
  const files = pictures.map(({ input, output, stamp }) => [input, output, stamp])
  const text = JSON.stringify([from, to, settings, files, round ?? 0])
  return `c${createHash('sha256').update(text).digest('hex').slice(0, 31)}`
}

/** Settings of a set say which photographs are in it, so its shards are known by their numbers. */
export const shardId = (settings: string, shard: number) => `s${settings}-${shard}`
export const setId = (settings: string) => `s${settings}`

/** By which the ledger knows a picture: the same for names that not all file systems tell apart. */
export const keyOf = (to: string, output: string) => `${to}/${output}`.normalize('NFC').toLowerCase()
