/** What a job says. It is data, and checked before anything is done with it: any program that reaches the server may add one. */
import { createHash } from 'node:crypto'
import * as v from 'valibot'
import { UserError } from '../errors.ts'

/** Of the server's keys that the engine uses. */
export const PREFIX = 'colorizer'

const MOST_PATH = 4096
const MOST_PICTURES = 100_000

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
})
export type Picture = Readonly<v.InferOutput<typeof pictureSchema>>

const jobSchema = v.strictObject({
  from: place,
  to: place,
  /** Digest of what the pictures are made with. */
  settings: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)),
  pictures: v.pipe(v.array(pictureSchema), v.minLength(1), v.maxLength(MOST_PICTURES)),
  /** How often the pictures were tried anew on a person's demand. */
  round: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
})
export type ChunkJob = Readonly<v.InferOutput<typeof jobSchema>>

/** Throws a `UserError` for what is no job of this program. */
export function parseJob(data: unknown): ChunkJob {
  const parsed = v.safeParse(jobSchema, data)
  if (parsed.success) return parsed.output
  const [issue] = parsed.issues
  throw new UserError(`the job is refused: ${v.getDotPath(issue) ?? 'it'}: ${issue.message}`)
}

/** The same for the same photographs and settings, whoever adds them, so that nothing waits twice. */
export function jobId({ from, to, settings, pictures, round }: ChunkJob): string {
  const files = pictures.map(({ input, output, stamp }) => [input, output, stamp])
  const text = JSON.stringify([from, to, settings, files, round ?? 0])
  return `c${createHash('sha256').update(text).digest('hex').slice(0, 31)}`
}

/** By which the ledger knows a picture: the same for names that not all file systems tell apart. */
export const keyOf = (to: string, output: string) => `${to}/${output}`.normalize('NFC').toLowerCase()
