/** The way to the server that keeps the queue: Redis or Valkey. Its password stands in no message and no list of processes. */
import { readFile } from 'node:fs/promises'
import type { Redis } from 'ioredis'
import { UserError } from '../errors.ts'
import { fileTrouble } from '../node/trouble.ts'
import { type Engine, loadEngine } from './engine.ts'

const LOCAL = 'redis://127.0.0.1:6379'
/** The longest wait between two tries to connect again. */
const MOST_WAIT_MS = 5000

export interface ServerOptions {
  /** redis:// or rediss:// with host, port and database, but without a password: other users of the machine see it. */
  readonly url?: string | undefined
  /** A file whose first line is the address, password and all. */
  readonly file?: string | undefined
}

/**
 * The address of the server: of the options, else REDIS_URL, else this machine's. REDIS_USERNAME and REDIS_PASSWORD fill in what
 * it leaves out. Throws a `UserError` (trouble 'usage').
 */
export async function serverAddress(
  { url, file }: ServerOptions,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<URL> {
  if (url !== undefined && file !== undefined) throw usage('--redis and --redis-file are one too many')
  const source = url !== undefined ? '--redis' : file !== undefined ? file : 'REDIS_URL'
  const text = url ?? (file === undefined ? env.REDIS_URL || LOCAL : await firstLine(file))
  const address = URL.canParse(text) ? new URL(text) : null
  if (!address || !/^rediss?:$/.test(address.protocol) || !address.hostname)
    throw usage(`${source} is no address such as redis://host:6379 or rediss://host:6379/0`)
  if (address.search)
    throw usage(
      `${source} has options behind a "?", which are not taken: host, port, database, user and password`,
    )
  expectDecodable(address, source)
  if (url !== undefined && address.password)
    throw usage(
      '--redis with a password would show it to all users of this machine: set REDIS_URL or REDIS_PASSWORD, or use --redis-file',
    )
  if (!address.username && env.REDIS_USERNAME) address.username = encodeURIComponent(env.REDIS_USERNAME)
  if (!address.password && env.REDIS_PASSWORD) address.password = encodeURIComponent(env.REDIS_PASSWORD)
  return address
}

function expectDecodable({ username, password }: URL, source: string): void {
  try {
    for (const part of [username, password]) decodeURIComponent(part)
  } catch {
    throw usage(`the user or password in ${source} has a % of its own: write it as %25`)
  }
}

const usage = (sentence: string) => new UserError(sentence, 'usage')

async function firstLine(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw fileTrouble('read', path, error, 'usage')
  })
  return text.split('\n')[0]!.trim()
}

/** The server as messages name it: "redis://host:6379/0". */
export function nameOf({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`
}

/** A text without the password of an address, however it came into it. */
export function redacted(text: string, { password }: URL): string {
  if (!password) return text
  return text.replaceAll(decodeURIComponent(password), '…').replaceAll(password, '…')
}

/** An open connection, and the packages that it was made with. */
export interface Server {
  readonly address: URL
  readonly engine: Engine
  readonly redis: Redis
  /** Another connection of the same kind. */
  another(): Redis
  close(): void
}

/**
 * Connects. A connection that is lost later is waited for, and commands wait with it.
 * @param tell is told when it is lost, and when it is there again
 * @throws UserError when there is no server, or it refuses
 */
export async function connect(
  address: URL,
  tell: (sentence: string) => void = () => {},
  load?: () => Promise<Engine>,
): Promise<Server> {
  const engine = await loadEngine(load)
  const opened: Redis[] = []
  const open = () => {
    const redis = new engine.Redis(address.href, {
      ...{ lazyConnect: true, maxRetriesPerRequest: null },
      retryStrategy: (times) => Math.min(50 * 2 ** times, MOST_WAIT_MS),
    })
    redis.on('error', () => {}) // `close` tells of it
    opened.push(redis)
    return redis
  }
  const close = () => {
    for (const redis of opened) redis.disconnect()
  }
  const redis = open()
  await firstConnection(redis, address).catch((error) => {
    close()
    throw error
  })
  tellOfLosses(redis, nameOf(address), tell)
  return { address, engine, redis, another: open, close }
}

/** Throws a `UserError` where it fails: whoever has just typed the address wants to know. */
async function firstConnection(redis: Redis, address: URL): Promise<void> {
  let why = ''
  const note = (error: Error) => {
    why ||= error.message
  }
  redis.on('error', note)
  try {
    await redis.connect()
    await redis.ping()
  } catch (cause) {
    const reason = redacted(why || (cause as Error).message, address)
    throw new UserError(`no queue at ${nameOf(address)}: ${reason || 'it does not answer'}`, 'input')
  } finally {
    redis.off('error', note)
  }
}

function tellOfLosses(redis: Redis, name: string, tell: (sentence: string) => void): void {
  let isLost = false
  redis.on('close', () => {
    if (!isLost && redis.status !== 'end') tell(`the connection to ${name} is lost: waiting for it`)
    isLost = true
  })
  redis.on('ready', () => {
    if (isLost) tell(`the connection to ${name} is back`)
    isLost = false
  })
}
