/** What tests of queues need: a server for each file, and for each test a connection, a queue and a folder of its own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import type { Server } from '../../src/queue/connection.ts'
import { PictureQueue } from '../../src/queue/queue.ts'
import { TestServer } from './redis-server.ts'

export interface QueueOfTest {
  readonly redis: TestServer
  readonly server: Server
  readonly queue: PictureQueue
  /** An empty folder. */
  readonly root: string
}

/**
 * Starts them, and removes them afterwards. To be called in a `describe` that is skipped where there is no `SERVER`.
 * @param take is given them before each test
 * @param options of the server
 */
export function useQueue(take: (given: QueueOfTest) => void, options: readonly string[] = []): void {
  let redis: TestServer
  let count = 0
  beforeAll(async () => {
    redis = await TestServer.start(options)
  })
  afterAll(() => redis.remove())
  beforeEach(async () => {
    const server = await redis.connect()
    const queue = new PictureQueue(server, `test-${++count}`)
    const root = mkdtempSync(join(tmpdir(), 'colorizer-queue-'))
    take({ redis, server, queue, root })
    return async () => {
      await queue.close()
      server.close()
      rmSync(root, { recursive: true, force: true })
    }
  })
}

/** A folder for all tests of a file, which is removed behind them. */
export function useFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'colorizer-queue-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
