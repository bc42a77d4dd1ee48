import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { GetObjectCommandOutput, S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import { UserError } from '../../errors.ts'
import { sha256Of } from '../digest.ts'
import { codeOf } from '../trouble.ts'
import { type Aws, loadAws } from './aws.ts'
import { bucketTrouble, isMissing, namedByStatus } from './bucket-trouble.ts'
import { type Storage, type StoredFile, thrown } from './interface.ts'
import { checkedPath, isPassedOver } from './paths.ts'

/** Files larger than this go up in parts of this size. */
const PART_BYTES = 8 * 1024 ** 2
/** S3 takes no more parts of one file. */
const MOST_PARTS = 10_000
/** Tries of one request before it is given up, pauses of up to 20 s between them. */
const TRIES = 8
const LONGEST_PAUSE_MS = 20_000
const CONNECT_MS = 10_000
const SILENCE_MS = 60_000
/** The metadata in which a file written here has its checksum, whatever the server knows of checksums. */
const CHECKSUM = 'sha256'
const CHANGED = 'its bytes are not those that were written'

/** What a bucket answered with, and was changed on its way. */
class BrokenAnswer extends Error {}

/** The same, cut off. */
class CutAnswer extends BrokenAnswer {
  override readonly name = 'CutAnswer'
}

/**
 * The storage at `s3://BUCKET/PREFIX`. Endpoint, region and keys are those of the client's usual environment variables and files.
 * @throws UserError: not installed, malformed address, no such bucket, no access, wrong keys, no answer
 */
export async function openBucket(address: string): Promise<Storage> {
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)(?:\/(.*?))?\/?$/.exec(address) ?? []
  if (!bucket)
    throw new UserError(`cannot open ${address}: s3://BUCKET or s3://BUCKET/PREFIX is expected`, 'usage')
  const aws = await loadAws()
  const storage = new BucketStorage(aws, new aws.S3Client(clientSettings()), {
    address: prefix ? `s3://${bucket}/${prefix}` : `s3://${bucket}`,
    bucket,
    prefix: prefix && `${checkedPath(prefix)}/`,
  })
  await storage.check()
  return storage
}

/** The URL of a server other than Amazon's. */
const endpointIn = (env = process.env) => env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL

const clientSettings = (env = process.env): S3ClientConfig => ({
  forcePathStyle: endpointIn(env) !== undefined, // other servers seldom have a name for each bucket
  maxAttempts: Number(env.AWS_MAX_ATTEMPTS ?? TRIES),
  requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: SILENCE_MS },
})

interface Place {
  readonly address: string
  readonly bucket: string
  /** Empty, or with a `/` at its end. */
  readonly prefix: string
}

class BucketStorage implements Storage {
  readonly address: string

  constructor(
    private readonly aws: Aws,
    private readonly client: S3Client,
    private readonly place: Place,
  ) {
    this.address = place.address
  }

  /** Throws a UserError when the bucket is not there, or is not for us. */
  async check(): Promise<void> {
    await this.#tell('open', this.address, () => this.#page(undefined, 1))
  }

  async *list(told: (error: UserError) => void = thrown): AsyncGenerator<StoredFile, void> {
    let token: string | undefined
    do {
      const page = await this.#tell('read', this.address, () => this.#page(token))
      for (const { Key = '', Size = 0, ETag } of page.Contents ?? []) {
        const path = Key.slice(this.place.prefix.length)
        if (path === '' || path.endsWith('/') || path.split('/').some(isPassedOver)) continue
        try {
          yield storedFile(checkedPath(path), Size, ETag)
        } catch (error) {
          told(error as UserError)
        }
      }
      token = page.NextContinuationToken
    } while (token !== undefined)
  }

  async read(path: string): Promise<Uint8Array> {
    const target = this.#target(path)
    return this.#tell('read', `${this.address}/${path}`, async () => {
      for (let tried = 1; ; tried++) {
        try {
          return await this.#readOnce(target)
        } catch (error) {
          if (!(error instanceof BrokenAnswer) || tried === TRIES) throw error
          await sleep(Math.random() * Math.min(LONGEST_PAUSE_MS, 100 * 2 ** tried))
        }
      }
    })
  }

  async stat(path: string): Promise<StoredFile | null> {
    const target = this.#target(path)
    return this.#tell('read', `${this.address}/${path}`, async () => {
      try {
        const head = await this.client.send(new this.aws.HeadObjectCommand(target))
        return storedFile(path, head.ContentLength ?? 0, head.ETag)
      } catch (error) {
        if (isMissing(error)) return null
        throw namedByStatus(error)
      }
    })
  }

  /** @param ready is called before the bytes are sent: a bucket has no later moment */
  async write(path: string, parts: readonly Uint8Array[], ready?: () => Promise<void>): Promise<void> {
    const target = this.#target(path)
    const bytes = parts.reduce((sum, part) => sum + part.length, 0)
    const Metadata = { [CHECKSUM]: sha256Of(parts) }
    const Body = bytes > PART_BYTES ? Readable.from(parts) : Buffer.concat(parts)
    const upload = new this.aws.Upload({
      client: this.client,
      params: { ...target, Body, Metadata },
      partSize: Math.max(PART_BYTES, Math.ceil(bytes / MOST_PARTS)),
    })
    await ready?.()
    await this.#tell('write', `${this.address}/${path}`, () => upload.done())
  }

  async remove(path: string): Promise<void> {
    const target = this.#target(path)
    await this.#tell('write', `${this.address}/${path}`, () =>
      this.client.send(new this.aws.DeleteObjectCommand(target)),
    )
  }

  async #readOnce(target: Target): Promise<Uint8Array> {
    const answer = await this.client.send(new this.aws.GetObjectCommand(target))
    const content = await bodyOf(answer).catch((cause) => {
      // the client's own error, of its checksum, has no code
      if (codeOf(cause) === undefined) throw new BrokenAnswer(CHANGED, { cause })
      throw new CutAnswer(`its bytes stopped coming (${cause.message})`, { cause })
    })
    const expected = answer.Metadata?.[CHECKSUM]
    if (content.length !== (answer.ContentLength ?? content.length))
      throw new CutAnswer(`only ${content.length} of ${answer.ContentLength} bytes came`)
    if (expected !== undefined && expected !== sha256Of([content])) throw new BrokenAnswer(CHANGED)
    return content
  }

  #page(token: string | undefined, most = 1000) {
    const { bucket, prefix } = this.place
    const request = { Bucket: bucket, Prefix: prefix, MaxKeys: most, ContinuationToken: token }
    return this.client.send(new this.aws.ListObjectsV2Command(request))
  }

  #target(path: string): Target {
    return { Bucket: this.place.bucket, Key: this.place.prefix + checkedPath(path) }
  }

  async #tell<T>(verb: 'read' | 'write' | 'open', what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw bucketTrouble({ verb, what, bucket: this.place.bucket, endpoint: endpointIn() }, error)
    }
  }
}

const bodyOf = async ({ Body }: GetObjectCommandOutput) =>
  (await Body?.transformToByteArray()) ?? new Uint8Array()

interface Target {
  readonly Bucket: string
  readonly Key: string
}

const storedFile = (path: string, size: number, tag = ''): StoredFile => ({
  ...{ path, size },
  stamp: `${size}-${tag.replaceAll('"', '')}`,
})
