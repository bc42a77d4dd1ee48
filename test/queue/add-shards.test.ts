/** What `queue prepare` puts into the queue, without workers. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { addShards } from '../../src/queue/add-shards.ts'
import type { Server } from '../../src/queue/connection.ts'
import { keyOf } from '../../src/queue/jobs.ts'
import { PictureQueue } from '../../src/queue/queue.ts'
import { shardOutput } from '../../src/queue/shard.ts'
import { SERVER, TestServer } from './redis-server.ts'
import { SETTINGS } from './stub.ts'

describe.skipIf(!SERVER)('adding shards', () => {
  let redis: TestServer
  let server: Server
  let queue: PictureQueue
  beforeAll(async () => {
    redis = await TestServer.start()
  })
  afterAll(() => redis.remove())
  beforeEach(async () => {
    server = await redis.connect()
    queue = new PictureQueue(server, 'shards')
  })
  afterEach(async () => {
    await queue.close()
    server.close()
  })

  const set = { to: 'out', settings: SETTINGS.digest, photographs: ['a.jpg', 'b.jpg', 'c.jpg'], shardSize: 1 }

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
