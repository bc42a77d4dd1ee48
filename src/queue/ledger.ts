/**
 * What the server knows of pictures: which are queued, which are there and of what they were made, which have failed. A worker
 * writes only while it holds the lease of the job, so what it wrote stands, and what another one wrote is not touched.
 */
import type { Redis } from 'ioredis'
import * as v from 'valibot'

/** A photograph that is queued or done, by its picture. */
const knownSchema = v.tuple([
  /** Where it is: `from` and `input` of the job. */
  v.string(),
  /** Of the photograph when it was added. */
  v.string(),
  /** Digest of what its picture is made with. */
  v.string(),
])
export type Known = v.InferOutput<typeof knownSchema>

const entrySchema = v.object({
  /** Places and paths, as in a job. */
  from: v.string(),
  input: v.string(),
  to: v.string(),
  output: v.string(),
  /** Digests of the photograph's bytes and of what the picture was made with. */
  of: v.string(),
  settings: v.string(),
  /** Of the picture's bytes; missing where none was made. */
  sha256: v.optional(v.string()),
  /** Why none was made. */
  skipped: v.optional(v.picklist(['in colour', 'made by this program'])),
  width: v.optional(v.number()),
  height: v.optional(v.number()),
  milliseconds: v.optional(v.number()),
  classes: v.optional(v.array(v.object({ name: v.string(), probability: v.number() }))),
  remarks: v.optional(v.array(v.string())),
  worker: v.string(),
})
export type Entry = Readonly<v.InferOutput<typeof entrySchema>>

const failureSchema = v.object({
  ...v.pick(entrySchema, ['from', 'input', 'to', 'output', 'settings', 'worker']).entries,
  size: v.number(),
  stamp: v.string(),
  variant: v.optional(v.number()),
  /** Of the job, where it was queued again. */
  round: v.optional(v.number()),
  reason: v.string(),
  attempts: v.number(),
})
export type Failure = Readonly<v.InferOutput<typeof failureSchema>>

/** What a queue's pictures or records are made with. */
const settingsSchema = v.object({
  /** What is done: photographs are coloured, or made into records. */
  task: v.optional(v.picklist(['colorize', 'prepare']), 'colorize'),
  /** Of this program. */
  version: v.string(),
  digest: v.string(),
  /** Options of `colorize` or `prepare`, as they were typed. */
  flags: v.record(v.string(), v.union([v.string(), v.boolean(), v.array(v.string())])),
  /** All that `digest` is of, files by their digests. */
  values: v.record(v.string(), v.unknown()),
})
export type QueueSettings = Readonly<v.InferOutput<typeof settingsSchema>>

/** The lock of a job that is in work. */
export interface Lease {
  /** Its key on the server. */
  readonly key: string
  readonly token: string
}

/** Pictures that one command names. */
const KEYS_AT_ONCE = 5000
/** Entries that are read at once when all are. */
const SCAN_COUNT = 500

export class Ledger {
  constructor(
    private readonly redis: Redis,
    private readonly queue: string,
  ) {}

  /** Of the server. */
  key(name: string): string {
    return `colorizer-ledger:${this.queue}:${name}`
  }

  async settings(): Promise<QueueSettings | null> {
    const text = await this.redis.get(this.key('settings'))
    return text === null ? null : v.parse(settingsSchema, JSON.parse(text))
  }

  async setSettings(settings: QueueSettings): Promise<void> {
    await this.redis.set(this.key('settings'), JSON.stringify(settings))
  }

  /** For each key what is queued or done there; null where nothing is. */
  known(keys: readonly string[]): Promise<(Known | null)[]> {
    return this.#all('known', keys, knownSchema)
  }

  /** Notes what is queued, once it is. */
  async remember(pictures: ReadonlyMap<string, Known>): Promise<void> {
    for (const some of slices([...pictures])) {
      const fields = some.flatMap(([key, known]) => [key, JSON.stringify(known)])
      await this.redis.hset(this.key('known'), ...fields)
    }
  }

  /** Takes back that these are queued. */
  async unremember(keys: readonly string[]): Promise<void> {
    for (const some of slices(keys)) await this.redis.hdel(this.key('known'), ...some)
  }

  /** Makes pictures undone, whose photographs or settings have changed. Their files stay known as this program's. */
  async forget(keys: readonly string[]): Promise<void> {
    const lists = ['entries', 'begun', 'attempts', 'failed'].map((name) => this.key(name))
    for (const some of slices(keys)) await this.redis.eval(FORGET, lists.length, ...lists, ...some)
  }

  /** Forgets all pictures. */
  async clear(): Promise<void> {
    const lists = ['known', 'entries', 'begun', 'attempts', 'failed']
    await this.redis.del(...lists.map((name) => this.key(name)))
  }

  /** For each key the picture that is there; null where none is. */
  entries(keys: readonly string[]): Promise<(Entry | null)[]> {
    return this.#all('entries', keys, entrySchema)
  }

  /** For each key why there is no picture; null where it has not failed. */
  failures(keys: readonly string[]): Promise<(Failure | null)[]> {
    return this.#all('failed', keys, failureSchema)
  }

  /** Counts a try of the picture. Returns how many there were with this one; null when the lease is lost. */
  async attempt(lease: Lease, key: string): Promise<number | null> {
    const count = await this.redis.eval(ATTEMPT, 2, lease.key, this.key('attempts'), lease.token, key)
    return (count as number) || null
  }

  /** Takes a counted try back that has told nothing of the picture. Does nothing when the lease is lost. */
  async uncount(lease: Lease, key: string): Promise<void> {
    await this.redis.eval(UNCOUNT, 2, lease.key, this.key('attempts'), lease.token, key)
  }

  /** Notes the digest of a picture that is about to be put in its place. False when the lease is lost. */
  async begin(lease: Lease, key: string, sha256: string): Promise<boolean> {
    return (await this.redis.eval(BEGIN, 2, lease.key, this.key('begun'), lease.token, key, sha256)) === 1
  }

  /** Digests of files that may lie in the picture's place though nobody finished them. */
  async begun(key: string): Promise<readonly string[]> {
    return (await this.redis.hget(this.key('begun'), key))?.split(' ') ?? []
  }

  /** Notes that a picture is there, or that none is made. False when the lease is lost. */
  finish(lease: Lease, key: string, entry: Entry): Promise<boolean> {
    return this.#end(lease, key, 'entries', entry)
  }

  /** Notes why there will be no picture. False when the lease is lost. */
  setAside(lease: Lease, key: string, failure: Failure): Promise<boolean> {
    return this.#end(lease, key, 'failed', failure)
  }

  async #end(lease: Lease, key: string, list: 'entries' | 'failed', value: object): Promise<boolean> {
    const lists = [list, 'begun', 'attempts', 'failed'].map((name) => this.key(name))
    const text = JSON.stringify(value)
    return (await this.redis.eval(END, 5, lease.key, ...lists, lease.token, key, text, list)) === 1
  }

  async isHeld({ key, token }: Lease): Promise<boolean> {
    return (await this.redis.get(key)) === token
  }

  /** Pictures that were added, are there or left out, and have failed. */
  async counts(): Promise<{ pictures: number; completed: number; failed: number }> {
    const count = (name: string) => this.redis.hlen(this.key(name))
    const [pictures, completed, failed] = await Promise.all(['known', 'entries', 'failed'].map(count))
    return { pictures: pictures!, completed: completed!, failed: failed! }
  }

  /** All pictures that are there, in no order. */
  everyEntry(): AsyncGenerator<Entry, void> {
    return this.#every('entries', entrySchema)
  }

  /** All that have failed, in no order. */
  everyFailure(): AsyncGenerator<Failure, void> {
    return this.#every('failed', failureSchema)
  }

  async *#every<S extends v.GenericSchema>(name: string, schema: S): AsyncGenerator<v.InferOutput<S>, void> {
    const seen = this.redis.hscanStream(this.key(name), { count: SCAN_COUNT })
    for await (const fields of seen as AsyncIterable<string[]>) {
      for (let i = 1; i < fields.length; i += 2) yield v.parse(schema, JSON.parse(fields[i]!))
    }
  }

  async #all<S extends v.GenericSchema>(name: string, keys: readonly string[], schema: S) {
    const found: (v.InferOutput<S> | null)[] = []
    for (const some of slices(keys)) {
      const texts = await this.redis.hmget(this.key(name), ...some)
      for (const text of texts) found.push(text === null ? null : v.parse(schema, JSON.parse(text)))
    }
    return found
  }
}

/** Parts of a list of at most `KEYS_AT_ONCE`: as arguments of one call, a long list would not fit on the stack. */
function* slices<T>(all: readonly T[]): Generator<readonly T[], void> {
  for (let at = 0; at < all.length; at += KEYS_AT_ONCE) yield all.slice(at, at + KEYS_AT_ONCE)
}

/** Of Lua: ends the script with 0 when the lease, KEYS[1], is no longer that of ARGV[1]. */
const FENCE = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end\n`

const ATTEMPT = `${FENCE}return redis.call('HINCRBY', KEYS[2], ARGV[2], 1)`

const UNCOUNT = `${FENCE}local left = redis.call('HINCRBY', KEYS[2], ARGV[2], -1)
if left < 1 then redis.call('HDEL', KEYS[2], ARGV[2]) end
return 1`

const BEGIN = `${FENCE}local before = redis.call('HGET', KEYS[2], ARGV[2])
if not before then redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
elseif not string.find(before, ARGV[3], 1, true) then redis.call('HSET', KEYS[2], ARGV[2], before .. ' ' .. ARGV[3]) end
return 1`

const END = `${FENCE}redis.call('HDEL', KEYS[3], ARGV[2])
redis.call('HDEL', KEYS[4], ARGV[2])
if ARGV[4] ~= 'failed' then redis.call('HDEL', KEYS[5], ARGV[2]) end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
return 1`

const FORGET = `for _, key in ipairs(ARGV) do
  local entry = redis.call('HGET', KEYS[1], key)
  local digest = entry and cjson.decode(entry).sha256
  if digest then
    local before = redis.call('HGET', KEYS[2], key)
    redis.call('HSET', KEYS[2], key, before and before .. ' ' .. digest or digest)
  end
  for _, list in ipairs({1, 3, 4}) do redis.call('HDEL', KEYS[list], key) end
end`
