/** Downloads that survive cut connections: what has arrived is kept in a part file and continued from there. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rm, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { UserError } from '../../errors.ts'
import { codeOf, fileTrouble } from '../trouble.ts'

export interface Download {
  /** What errors call it. */
  readonly name: string
  /** Where it can be had, tried in turn. */
  readonly urls: readonly string[]
  /** Where it is written. What is there already is continued; it stays there when the connection is cut. */
  readonly part: string
  readonly bytes: number
  /** The file is right when its checksum, in hexadecimal, is one of these. */
  readonly sha256: readonly string[]
  /** What to do, in words, when it cannot be had. */
  readonly advice: string
  readonly signal: AbortSignal
  readonly onProgress?: (doneBytes: number) => void
  /** A server that sends nothing for so long is given up. */
  readonly stallMs?: number
}

const STALL_MS = 30_000
/** How often all locations are tried again as long as every round brings some more bytes. */
const ROUNDS = 5

/** Why a location did not give the file. */
class LocationError extends Error {
  /** @param kind whether another try may help (cut), nothing was reached (offline), or this is the wrong place (wrong) */
  constructor(
    message: string,
    readonly kind: 'cut' | 'offline' | 'wrong',
  ) {
    super(message)
  }
}

/**
 * Fills `part` until it has the right size and checksum, and returns the checksum. A part file with a wrong checksum is
 * removed, and so is one that the disk has no room for.
 * @throws UserError about weights with one sentence that says what each location answered, how much is kept and what to
 * do; about an interruption when `signal` was raised
 */
export async function download(request: Download): Promise<string> {
  const troubles = new Map<string, LocationError>()
  let received = 0
  const counted: Counted = {
    ...request,
    onReceived(bytes) {
      received += bytes
    },
  }
  for (let round = 0; round < ROUNDS; round++) {
    const before = received
    for (const url of request.urls.filter((url) => troubles.get(url)?.kind !== 'wrong')) {
      try {
        return await tryLocation(url, counted)
      } catch (error) {
        if (!(error instanceof LocationError)) throw error
        troubles.set(url, error)
      }
    }
    if (received === before) break
  }
  throw await failed(request, troubles)
}

/** The SHA-256 of a file's content, in hexadecimal. Throws what the file system throws. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

type Counted = Download & { readonly onReceived: (bytes: number) => void }

async function tryLocation(url: string, request: Counted): Promise<string> {
  const { part, bytes, sha256 } = request
  try {
    let at = await sizeOf(part)
    if (at >= bytes) {
      const kept = await sha256File(part)
      if (sha256.includes(kept)) return kept
      await rm(part) // of an earlier call: no location has sent it in this one
      at = 0
    }
    at = await transfer(url, at, request)
    const actual = await sha256File(part)
    if (sha256.includes(actual)) return actual
    await rm(part)
    // what came in pieces may have been the pieces of two files: worth a second try
    throw new LocationError(
      `what it sends has the checksum ${actual.slice(0, 12)}…, a wrong one`,
      at ? 'cut' : 'wrong',
    )
  } catch (error) {
    if (error instanceof LocationError || error instanceof UserError) throw error
    await rm(part, { force: true })
    throw fileTrouble('write', part, error)
  }
}

/** Fetches from byte `at` on, or from 0 when the server knows no ranges. Returns which of the two it was. */
async function transfer(url: string, at: number, request: Counted): Promise<number> {
  const stop = new AbortController()
  const stall = setTimeout(() => stop.abort(), request.stallMs ?? STALL_MS)
  const signal = AbortSignal.any([request.signal, stop.signal])
  try {
    const headers = {
      'accept-encoding': 'identity', // compressed, the sizes would not be those of the file
      connection: 'close', // on a connection that was used before, Node 20 sometimes never sees the answer
      ...(at ? { range: `bytes=${at}-` } : {}),
    }
    const response = await fetch(url, { headers, signal }).catch((error) => {
      throw networkTrouble(error, request, stop.signal)
    })
    const start = startOf(response, at, request)
    await write(response, start, request, { moved: () => stall.refresh(), stalled: stop.signal })
    return start
  } finally {
    clearTimeout(stall)
    stop.abort() // an answer that was not read to its end
  }
}

/** The byte that the answer begins with. Throws when it is not our file's. */
function startOf(response: Response, at: number, { bytes }: Download): number {
  const { status, statusText, headers } = response
  if (status === 416) return expectSize(Number.NaN, bytes)
  if (status >= 500 || status === 429)
    throw new LocationError(`answers ${status} ${statusText}`.trim(), 'cut')
  if (status !== 200 && status !== 206)
    throw new LocationError(`answers ${status} ${statusText}`.trim(), 'wrong')
  if (status === 200) {
    const length = headers.get('content-length')
    return length === null ? 0 : expectSize(Number(length), bytes)
  }
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '')
  if (Number(range?.[1]) !== at) throw new LocationError('sends another range than it was asked for', 'wrong')
  if (range![2] !== '*') expectSize(Number(range![2]), bytes)
  return at
}

function expectSize(actual: number, bytes: number): 0 {
  if (actual === bytes) return 0
  const what = Number.isNaN(actual) ? 'a shorter file' : `${actual} bytes`
  throw new LocationError(`has ${what} there instead of ${bytes} bytes`, 'wrong')
}

async function write(
  response: Response,
  start: number,
  request: Counted,
  { moved, stalled }: { moved(): void; stalled: AbortSignal },
): Promise<void> {
  const { part, bytes, onProgress, onReceived } = request
  const file = await open(part, start ? 'r+' : 'w')
  try {
    let at = start
    for await (const chunk of received(response, request, stalled)) {
      if (at + chunk.length > bytes) {
        await file.truncate(start) // then what came so far is not ours either
        throw new LocationError(`sends more than ${bytes} bytes`, 'wrong')
      }
      await writeAll(file, chunk, at)
      at += chunk.length
      onReceived(chunk.length)
      onProgress?.(at)
      moved()
    }
    await file.sync()
    if (at < bytes) throw new LocationError(`stopped after ${at} of ${bytes} bytes`, 'cut')
  } finally {
    await file.close()
  }
}

/** The answer's body; what goes wrong with it is the network's trouble, not the disk's. */
async function* received(response: Response, request: Download, stalled: AbortSignal) {
  try {
    for await (const chunk of response.body ?? []) yield chunk as Uint8Array
  } catch (error) {
    throw networkTrouble(error, request, stalled)
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    done += (await file.write(chunk, done, chunk.length - done, at + done)).bytesWritten
  }
}

const OFFLINE = ['ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH', 'EHOSTUNREACH', 'ENETDOWN', 'ECONNREFUSED']
const CUT = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH']

function networkTrouble(error: unknown, { signal, name }: Download, stalled: AbortSignal): Error {
  if (signal.aborted) return new UserError(`${name}: interrupted; run it again to continue`, 'interrupted')
  if (stalled.aborted) return new LocationError('sends nothing any more', 'cut')
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = codeOf(cause) ?? (cause instanceof AggregateError ? codeOf(cause.errors[0]) : undefined) ?? ''
  if (OFFLINE.includes(code)) return new LocationError('cannot be reached', 'offline')
  if (/TIMEOUT|ETIMEDOUT/.test(code)) return new LocationError('does not answer', 'offline')
  if (CUT.includes(code)) return new LocationError('cut the connection', 'cut')
  const why = cause instanceof Error ? cause.message : String(cause)
  return new LocationError(/redirect count/.test(why) ? 'redirects in a circle' : `fails: ${why}`, 'wrong')
}

async function failed({ name, part, bytes, advice }: Download, troubles: ReadonlyMap<string, LocationError>) {
  const all = [...troubles]
  const answers = new Set(all.map(([url, { message }]) => `${new URL(url).host} ${message}`))
  const isOffline = all.every(([, { kind }]) => kind === 'offline')
  const isHopeless = all.every(([, { kind }]) => kind === 'wrong')
  const keptBytes = await sizeOf(part)
  const kept = keptBytes ? `; ${keptBytes} of ${bytes} bytes are kept` : ''
  const again = isHopeless ? '' : `try again${keptBytes ? ' to continue' : ''} or `
  const what = `${[...answers].join('; ')}${isOffline ? '; this machine seems to be offline' : ''}${kept}`
  return new UserError(`cannot fetch ${name}: ${what}: ${again}${advice}`, 'weights')
}

/** 0 when there is no such file. */
async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  )
}
