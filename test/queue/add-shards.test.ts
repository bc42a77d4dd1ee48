/** What `queue prepare` puts into the queue, without workers. */
import { describe, expect, it, vi } from 'vitest'
import { addShards } from '../../src/queue/add-shards.ts'
import { retryJobs } from '../../src/queue/again.ts'
import type { Server } from '../../src/queue/connection.ts'
import { KIND, keyOf, PREFIX } from '../../src/queue/jobs.ts'
import type { PictureQueue } from '../../src/queue/queue.ts'
import { shardOutput } from '../../src/queue/shard.ts'
import { SERVER } from './redis-server.ts'
import { SETTINGS } from './stub.ts'
import { useQueue } from './use-queue.ts'

describe.skipIf(!SERVER)('adding shards', () => {
  let server: Server
  let queue: PictureQueue
  useQueue((given) => {
    server = given.server
    queue = given.queue
  })

  const set = {
    from: '.',
    to: 'out',
    settings: SETTINGS.digest,
    photographs: ['a.jpg', 'b.jpg', 'c.jpg'],
    shardSize: 1,
  }

  it('queues failed shards again before their set, which waits for them', async () => {
    await queue.agreeOn({ ...SETTINGS, task: 'prepare' })
    await addShards(queue, set)
    const engine = new server.engine.bullmq.Worker(
      queue.name,
      async () => {
        throw new server.engine.bullmq.UnrecoverableError('not today')
      },
      { connection: server.another(), prefix: PREFIX },
    )
    await vi.waitFor(async () => expect(await queue.jobs.getFailedCount()).toBe(4), 10_000)
    await engine.close()
    expect(await retryJobs(queue)).toBe(4)
    const waiting = await queue.jobs.getJobs(['waiting'], 0, -1, true)
    expect([waiting.length, waiting.at(-1)!.name]).toEqual([4, KIND.set])
  })

  it('leaves shards that are done though the program that added them was killed', async () => {
    await addShards(queue, set)
    const keys = [0, 1, 2].map((shard) => keyOf('out', shardOutput(shard)))
    await server.redis.set('lock', 'mine')
    const entry = {
      from: '.',
      input: 'x',
      to: 'out',
      output: 'x',
      of: 'x',
      settings: set.settings,
      worker: 'w',
    }
    await queue.ledger.finish({ key: 'lock', token: 'mine' }, keys[0]!, entry)
    await server.redis.del(queue.ledger.key('known')) // it is written last
    expect(await addShards(queue, set)).toEqual({ added: 2, known: 1, jobs: 3 })
    expect(await queue.ledger.entries(keys)).toEqual([entry, null, null])
    expect(await queue.ledger.counts()).toEqual({ pictures: 4, completed: 1, failed: 0 })
    expect(await addShards(queue, set)).toEqual({ added: 0, known: 3, jobs: 0 })
  })
})
