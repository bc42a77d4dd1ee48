/**
 * An S3 server on this machine with one bucket in memory. Those on npm are no stand-in for S3: their lists are in another order
 * and end after a page, and they check neither signatures of lists nor checksums.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { crc32 } from '../../src/io/image/png.ts'
import { readSignature } from './signature.ts'

export const KEYS = { AWS_ACCESS_KEY_ID: 'ANYONE', AWS_SECRET_ACCESS_KEY: 'a secret' }

/** What to do with a request instead of answering it. */
export type Trick =
  /** cuts the connection before an answer */
  | 'cut'
  /** cuts the connection in the middle of the answer's body */
  | 'half'
  /** changes a byte of the answer's body */
  | 'flip'
  /** the same, and gives no checksum of its own */
  | 'flip without checksum'
  /** refuses with this status and S3's name of an error, or with a page, as a gateway in front of S3 does */
  | readonly [status: number, name?: string]

/** Of a gateway: HTML, but no XML. */
const PAGE = '<html><body><h1>Bad Gateway</h1><hr><center>nginx</center></body></html>'

interface Kept {
  readonly content: Buffer
  readonly tag: string
  readonly metadata: Readonly<Record<string, string>>
}

class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code?: string,
  ) {
    super(code)
  }
}

const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest()
const checksumOf = (bytes: Uint8Array) => {
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(bytes))
  return sum.toString('base64')
}
const escaped = (text: string) => text.replace(/[<>&]/g, (sign) => `&#${sign.charCodeAt(0)};`)

export class BucketServer {
  /** Methods and paths of the requests so far. */
  readonly requests: string[] = []
  /** Which trick to play on a request, if any. */
  tricks: (method: string, path: string) => Trick | undefined = () => undefined
  /** Files on one page of a list. */
  page = 1000
  readonly files = new Map<string, Kept>()
  readonly #uploads = new Map<string, { metadata: Kept['metadata']; parts: Map<number, Buffer> }>()
  readonly #server = createServer((request, answer) => void this.#answer(request, answer))

  constructor(private readonly bucket: string) {}

  static async start(bucket: string): Promise<BucketServer> {
    const server = new BucketServer(bucket)
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve))
    return server
  }

  /** For AWS_ENDPOINT_URL. */
  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Large files that were begun and neither finished nor given up. */
  get unfinished(): number {
    return this.#uploads.size
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  async #answer(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    this.requests.push(`${request.method} ${request.url}`)
    const trick = this.tricks(request.method!, request.url!)
    if (trick === 'cut') return void request.socket.destroy()
    try {
      const body = await checkedBody(request)
      if (typeof trick === 'object') throw new Refused(...trick)
      this.#serve(request, body, answer, trick)
    } catch (error) {
      const { status, code } = error instanceof Refused ? error : new Refused(500, String(error))
      const told = code === undefined ? PAGE : `<Error><Code>${code}</Code></Error>`
      answer.writeHead(status).end(request.method === 'HEAD' ? '' : told)
    }
  }

  #serve(request: IncomingMessage, body: Buffer, answer: ServerResponse, trick?: Trick): void {
    const url = new URL(request.url!, this.endpoint)
    const [, bucket, ...steps] = url.pathname.split('/').map(decodeURIComponent)
    if (bucket !== this.bucket) throw new Refused(404, 'NoSuchBucket')
    const key = steps.join('/')
    if (key === '') return void answer.end(this.#list(url.searchParams))
    if (url.searchParams.has('uploads') || url.searchParams.has('uploadId'))
      this.#servePart(request, key, url.searchParams, body, answer)
    else if (request.method === 'PUT') {
      const kept = { content: body, tag: md5(body).toString('hex'), metadata: metadataOf(request) }
      this.files.set(key, kept)
      answer.setHeader('etag', `"${kept.tag}"`).end()
    } else if (request.method === 'DELETE') {
      this.files.delete(key)
      answer.writeHead(204).end()
    } else this.#send(request, key, answer, trick)
  }

  #send(request: IncomingMessage, key: string, answer: ServerResponse, trick?: Trick): void {
    const kept = this.files.get(key)
    if (!kept) throw new Refused(404, 'NoSuchKey')
    const { content, tag, metadata } = kept
    answer.setHeaders(
      new Map(Object.entries({ ...metadata, etag: `"${tag}"`, 'content-length': `${content.length}` })),
    )
    if (trick !== 'flip without checksum' && request.headers['x-amz-checksum-mode'] === 'ENABLED')
      answer.setHeader('x-amz-checksum-crc32', checksumOf(content))
    if (request.method === 'HEAD') return void answer.end()
    const sent = Buffer.from(content)
    if (trick === 'flip' || trick === 'flip without checksum') sent[0]! ^= 1
    if (trick === 'half') answer.write(sent.subarray(0, sent.length >> 1), () => request.socket.destroy())
    else answer.end(sent)
  }

  #list(asked: URLSearchParams): string {
    const [prefix, after] = [asked.get('prefix') ?? '', asked.get('continuation-token') ?? '']
    const all = [...this.files.keys()].filter((key) => key.startsWith(prefix))
    const inBytes = all.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    const rest = inBytes.filter((key) => Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0)
    const keys = rest.slice(0, Math.min(this.page, Number(asked.get('max-keys') ?? this.page)))
    const files = keys.map((key) => {
      const { content, tag } = this.files.get(key)!
      return `<Contents><Key>${escaped(key)}</Key><Size>${content.length}</Size><ETag>"${tag}"</ETag></Contents>`
    })
    const next = keys.length < rest.length ? escaped(keys.at(-1)!) : null
    const more = next === null ? '' : `<NextContinuationToken>${next}</NextContinuationToken>`
    return `<ListBucketResult><IsTruncated>${next !== null}</IsTruncated>${more}${files.join('')}</ListBucketResult>`
  }

  #servePart(
    request: IncomingMessage,
    key: string,
    asked: URLSearchParams,
    body: Buffer,
    answer: ServerResponse,
  ): void {
    if (asked.has('uploads')) {
      const id = `upload-${this.requests.length}`
      this.#uploads.set(id, { metadata: metadataOf(request), parts: new Map() })
      return void answer.end(
        `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
      )
    }
    const id = asked.get('uploadId')!
    const upload = this.#uploads.get(id)
    if (!upload) throw new Refused(404, 'NoSuchUpload')
    if (request.method === 'PUT') {
      upload.parts.set(Number(asked.get('partNumber')), body)
      return void answer.setHeader('etag', `"${md5(body).toString('hex')}"`).end()
    }
    this.#uploads.delete(id)
    if (request.method === 'DELETE') return void answer.writeHead(204).end()
    const named = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber>/g)].map((match) =>
      Number(match[1]),
    )
    const parts = named.map((number) => upload.parts.get(number)!)
    if (parts.slice(0, -1).some((part) => part.length < 5 * 1024 ** 2))
      throw new Refused(400, 'EntityTooSmall')
    const tag = `${md5(Buffer.concat(parts.map(md5))).toString('hex')}-${parts.length}`
    this.files.set(key, { content: Buffer.concat(parts), tag, metadata: upload.metadata })
    answer.end(`<CompleteMultipartUploadResult><ETag>"${tag}"</ETag></CompleteMultipartUploadResult>`)
  }
}

/** The body of a request that is signed, and that came as it was sent. */
async function checkedBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part)
  const body = Buffer.concat(parts)
  const { key, isRight } = readSignature(request, KEYS.AWS_SECRET_ACCESS_KEY)
  if (key !== KEYS.AWS_ACCESS_KEY_ID) throw new Refused(403, 'InvalidAccessKeyId')
  if (!isRight) throw new Refused(403, 'SignatureDoesNotMatch')
  const sha256 = createHash('sha256').update(body).digest('hex')
  if (request.headers['x-amz-content-sha256'] !== sha256) throw new Refused(400, 'XAmzContentSHA256Mismatch')
  if (request.method === 'PUT' && request.headers['x-amz-checksum-crc32'] !== checksumOf(body))
    throw new Refused(400, 'BadDigest')
  return body
}

function metadataOf({ headers }: IncomingMessage): Record<string, string> {
  const own = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-meta-'))
  return Object.fromEntries(own.map(([name, value]) => [name, String(value)]))
}
