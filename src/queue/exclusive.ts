/** One adds to a queue, or takes out of it, at a time. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '../errors.ts'
import type { PictureQueue } from './queue.ts'

/** While one adds, another one would give the same names. The lease ends by itself where its holder was killed. */
const LEASE_MS = 30_000

/** Throws a `UserError` where another one may add by now, since this program was silent for longer than its lease. */
export type ExpectAlone = () => Promise<void>

/**
 * The result of `work`, during which nobody else adds. Throws a `UserError` while another one does.
 * @param work calls what it is given before it changes anything
 */
export async function exclusively<T>(
  queue: PictureQueue,
  work: (expectAlone: ExpectAlone) => Promise<T>,
): Promise<T> {
  const { server, addingKey: key } = queue
  const token = randomUUID()
  if ((await server.redis.set(key, token, 'PX', LEASE_MS, 'NX')) === null)
    throw new UserError('somebody is adding to this queue, or takes something out: wait until that is done')
  const stop = new AbortController()
  const renewal = renew()
  async function renew() {
    while (!stop.signal.aborted) {
      await sleep(LEASE_MS / 3, undefined, { signal: stop.signal }).catch(() => {})
      if (!stop.signal.aborted) await server.redis.eval(RENEW, 1, key, token, LEASE_MS).catch(() => {})
    }
  }
  const expectAlone = async () => {
    if ((await server.redis.get(key)) === token) return
    throw new UserError(
      'this program was silent too long, so that others may add to the queue: start it again',
    )
  }
  try {
    await queue.jobs.resume() // a drain that was killed has left it paused
    return await work(expectAlone)
  } finally {
    stop.abort()
    await renewal
    await server.redis.eval(RELEASE, 1, key, token)
  }
}

const RENEW = `return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('PEXPIRE', KEYS[1], ARGV[2])`
const RELEASE = `return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1])`
