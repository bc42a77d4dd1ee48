/** What `queue add` puts into the queue and what else the server keeps, without workers at work. */
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { StoredFile } from '../../src/node/storage/interface.ts'
import { type AddOptions, addPictures } from '../../src/queue/add.ts'
import { drain, retryFailed, retryJobs } from '../../src/queue/again.ts'
import type { Server } from '../../src/queue/connection.ts'
import { exclusively } from '../../src/queue/exclusive.ts'
import { PREFIX, parseChunk } from '../../src/queue/jobs.ts'
import type { Failure } from '../../src/queue/ledger.ts'
import type { PictureQueue } from '../../src/queue/queue.ts'
import { Roll } from '../../src/queue/roll.ts'
import { statusOf } from '../../src/queue/status.ts'
import { SERVER } from './redis-server.ts'
import { SETTINGS } from './stub.ts'
import { useQueue } from './use-queue.ts'

describe.skipIf(!SERVER)('adding', () => {
  let server: Server
  let queue: PictureQueue
  useQueue((given) => {
    server = given.server
    queue = given.queue
  })
  beforeEach(() => queue.agreeOn(SETTINGS))

  /** A folder of files of these names, with stamps. */
  const storageOf = (files: Iterable<readonly [string, string]>) => ({
    async *list(): AsyncGenerator<StoredFile, void> {
      for (const [path, stamp] of files) yield { path, size: 1000, stamp }
    },
  })
  const add = (files: Iterable<readonly [string, string]>, options: Partial<AddOptions> = {}) => {
    const places = { from: 'scans', to: 'out', settings: SETTINGS.digest, chunk: 8 }
    return addPictures(queue, { ...places, storage: storageOf(files), ...options })
  }
  const stamped = (names: readonly string[], stamp = '1') => names.map((name) => [name, stamp] as const)

  async function waiting() {
    const jobs = await queue.jobs.getWaiting()
    return jobs
      .map(({ data }) => parseChunk(data))
      .flatMap(({ from, pictures }) => pictures.map(({ input, output }) => `${from}/${input} → ${output}`))
  }

  it('queues each version of a photograph under a name of its own', async () => {
    expect(await add(stamped(['a.jpg', 'a.png']), { variants: 2, format: 'png' })).toMatchObject({ added: 4 })
    expect(await waiting()).toEqual([
      'scans/a.jpg → a.1.png',
      'scans/a.jpg → a.2.png',
      'scans/a.png → a-2.1.png',
      'scans/a.png → a-2.2.png',
    ])
    const [job] = await queue.jobs.getWaiting()
    expect(parseChunk(job!.data).pictures.map(({ variant }) => variant)).toEqual([1, 2, 1, 2])
    expect(await add(stamped(['a.jpg', 'a.png']), { variants: 2, format: 'png' })).toMatchObject({ known: 4 })
  })

  it('takes pictures, and neither other files nor results that lie in the folder', async () => {
    const names = ['a.jpg', 'b.HEIC', 'c.txt', 'coloured/a.jpg', 'deep/d.tif', 'e.dng']
    expect(await add(stamped(names), { from: '.', to: 'coloured' })).toMatchObject({ added: 4 })
    expect((await waiting()).sort()).toEqual([
      './a.jpg → a.jpg',
      './b.HEIC → b.png',
      './deep/d.tif → deep/d.tif',
      './e.dng → e.png',
    ])
  })

  it('gives each photograph a name of its own, and the same one again', async () => {
    const names = ['a.heic', 'a.png', 'A.PNG', 'b.jpg']
    await add(stamped(names))
    await add(stamped(['b.jpg']), { from: 'more' })
    const all = await waiting()
    expect(new Set(all.map((line) => line.split(' → ')[1]!.toLowerCase())).size).toBe(5)
    expect(all).toContain('scans/a.heic → a.png')
    expect(all).toContain('more/b.jpg → b-2.jpg')
    expect(await add(stamped(names))).toEqual({ added: 0, known: 4, jobs: 0 })
    expect(await add(stamped(['b.jpg'], '2'), { from: 'more' })).toMatchObject({ added: 1, known: 0 })
    expect((await waiting()).filter((line) => line === 'more/b.jpg → b-2.jpg')).toHaveLength(2)
  })

  it('cuts names that a file system would refuse, and keeps them apart', async () => {
    const long = ['b', 'c'].map((end) => `deep/${'ä'.repeat(125)}${end}.jpg`)
    expect(await add(stamped(long), { variants: 2, format: 'avif' })).toMatchObject({ added: 4 })
    const outputs = (await waiting()).map((line) => line.split(' → ')[1]!)
    const stems = [`deep/${'ä'.repeat(124)}`, `deep/${'ä'.repeat(123)}-2`]
    expect(outputs).toEqual(stems.flatMap((stem) => [`${stem}.1.avif`, `${stem}.2.avif`]))
    expect(outputs.map((name) => Buffer.byteLength(name) - 'deep/'.length)).toEqual([255, 255, 255, 255])
    expect(await add(stamped(long), { variants: 2, format: 'avif' })).toMatchObject({ known: 4 })
  })

  it('loses nothing and queues nothing twice when it is cut off and starts anew', async () => {
    const names = Array.from({ length: 30_000 }, (_, i) => `${Math.floor(i / 500)}/${i}.jpg`)
    function* cut() {
      for (const [i, name] of names.entries()) {
        if (i === 17_321) throw new Error('the disk is gone')
        yield [name, '1'] as const
      }
    }
    await expect(add(cut())).rejects.toThrow('the disk is gone')
    const { pictures } = await queue.ledger.counts()
    expect(pictures).toBeLessThan(17_321)
    const added = await add(stamped(names))
    expect(added.added + added.known).toBe(30_000)
    const all = await waiting()
    expect([all.length, new Set(all).size]).toEqual([30_000, 30_000])
    expect(await queue.ledger.counts()).toEqual({ pictures: 30_000, completed: 0, failed: 0 })
  })

  it('adds no photograph behind its signal, neither early nor after thousands', async () => {
    const names = Array.from({ length: 5000 }, (_, i) => `${i}.jpg`)
    for (const [last, added] of [
      [10, 0],
      [2500, 2000],
    ]) {
      const controller = new AbortController()
      let listed = 0
      function* files() {
        for (const name of names) {
          if (listed++ === last) controller.abort()
          yield [`${last}/${name}`, '1'] as const
        }
      }
      expect(await add(files(), { signal: controller.signal })).toMatchObject({ added })
      expect(listed).toBe(last! + 1)
    }
    expect(await waiting()).toHaveLength(2000)
  })

  it('takes more pictures at once than a call has room for', async () => {
    const names = Array.from({ length: 150_000 }, (_, i) => `out/${i}.jpg`)
    const known = ['scans/x.jpg', '1', SETTINGS.digest] as [string, string, string]
    await queue.ledger.remember(new Map(names.map((name) => [name, known])))
    await queue.ledger.forget(names)
    expect((await queue.ledger.known(names)).filter((one) => one !== null)).toHaveLength(150_000)
    await queue.ledger.unremember(names)
    expect(await queue.ledger.counts()).toMatchObject({ pictures: 0 })
  })

  it('lets one add at a time', async () => {
    await exclusively(queue, async () => {
      const second = exclusively(queue, async () => 'added')
      await expect(second).rejects.toThrow(/somebody is adding to this queue/)
      expect([await queue.isIdle(), await queue.isDone()]).toEqual([true, false])
    })
    expect(await queue.isDone()).toBe(true)
  })

  it('adds no more when its lease has gone to another one', async () => {
    const late = exclusively(queue, async (expectAlone) => {
      await add(stamped(['a.jpg']), { expectAlone })
      await server.redis.set(queue.addingKey, 'another')
      return add(stamped(['b.jpg']), { expectAlone })
    })
    await expect(late).rejects.toThrow(/silent too long/)
    expect(await waiting()).toEqual(['scans/a.jpg → a.jpg'])
    await server.redis.del(queue.addingKey)
    expect(await exclusively(queue, async () => 'added')).toBe('added')
  })

  it('takes out nothing when its lease has gone to another one', async () => {
    await add(stamped(['a.jpg']))
    const late = exclusively(queue, async (expectAlone) => {
      await server.redis.set(queue.addingKey, 'another')
      return drain(queue, expectAlone)
    })
    await expect(late).rejects.toThrow(/silent too long/)
    expect(await waiting()).toEqual(['scans/a.jpg → a.jpg'])
    expect(await queue.jobs.isPaused()).toBe(false)
    expect(await add(stamped(['a.jpg']))).toMatchObject({ added: 0, known: 1 })
  })

  it('takes out what waits, so that it can be added anew', async () => {
    await add(stamped(['a.jpg', 'b.jpg']))
    expect(await drain(queue)).toBe(2)
    expect(await queue.isIdle()).toBe(true)
    expect(await queue.jobs.isPaused()).toBe(false)
    expect(await add(stamped(['a.jpg', 'b.jpg']))).toMatchObject({ added: 2 })
  })

  const failureOf = (name: string): Failure => ({
    ...{ from: 'scans', input: name, to: 'out', output: name, size: 1, stamp: '1' },
    ...{ settings: SETTINGS.digest, worker: 'w', reason: 'bad', attempts: 1 },
  })
  const LEASE = { key: 'lock', token: 'mine' }

  /** Adds two photographs, of which one is set aside then and the other one done. */
  async function setAside() {
    await add(stamped(['a.jpg', 'b.jpg']))
    const [job] = await queue.jobs.getWaiting()
    await job!.remove()
    await server.redis.set(LEASE.key, LEASE.token)
    const [key, failure] = ['out/a.jpg', failureOf('a.jpg')]
    expect(await queue.ledger.setAside({ ...LEASE, token: 'another' }, key, failure)).toBe(false)
    expect(await queue.ledger.setAside(LEASE, key, failure)).toBe(true)
  }

  it('keeps no workers on its list that were killed, once another one begins', async () => {
    const key = queue.ledger.key('workers')
    const killed = { name: 'killed', adapter: 'GPU', made: 1, picturesPerSecond: 1, at: 1 }
    await server.redis.hset(key, 'killed', JSON.stringify(killed))
    const roll = new Roll(queue.ledger, server.redis, { worker: 'new', adapter: 'GPU' })
    await roll.begin()
    expect(await server.redis.hkeys(key)).toEqual(['new'])
    await roll.end()
    expect(await server.redis.hkeys(key)).toEqual([])
  })

  it('ends the pause that a killed drain has left', async () => {
    await queue.jobs.pause()
    expect(await statusOf(queue)).toMatchObject({ paused: true })
    await exclusively(queue, () => add(stamped(['a.jpg'])))
    expect(await statusOf(queue)).toMatchObject({ paused: false, waiting: 1 })
  })

  it('queues again what was set aside', async () => {
    await setAside()
    expect(await retryFailed(queue, 32)).toBe(1)
    expect(await waiting()).toEqual(['scans/a.jpg → a.jpg'])
    expect(await queue.ledger.counts()).toMatchObject({ pictures: 2, failed: 0 })
    expect(await add(stamped(['a.jpg', 'b.jpg']))).toMatchObject({ added: 0, known: 2 })
  })

  it('queues thousands again, each once, and not those that have failed anew meanwhile', async () => {
    await server.redis.set(LEASE.key, LEASE.token)
    const names = Array.from({ length: 2500 }, (_, i) => `${i}.jpg`)
    const fail = (name: string, more: Partial<Failure> = {}) =>
      queue.ledger.setAside(LEASE, `out/${name}`, { ...failureOf(name), ...more })
    await Promise.all(names.map((name) => fail(name)))
    for (let i = 0; i < 100; i++) await fail(`again-${i}.jpg`, { round: 1 }) // the first one's
    expect(await retryFailed(queue, 32)).toBe(2500)
    const all = await waiting()
    expect([all.length, new Set(all).size]).toEqual([2500, 2500])
    expect(await queue.ledger.counts()).toMatchObject({ failed: 100 })
    expect(await retryFailed(queue, 32)).toBe(100)
  })

  /** Waits until a worker has refused so many jobs. */
  async function refuse(jobs: number): Promise<void> {
    const engine = new server.engine.bullmq.Worker(
      queue.name,
      async () => {
        throw new server.engine.bullmq.UnrecoverableError('not here')
      },
      { connection: server.another(), prefix: PREFIX, concurrency: 50 },
    )
    await vi.waitFor(async () => expect(await queue.jobs.getFailedCount()).toBe(jobs), 60_000)
    await engine.close()
  }

  it('queues photographs anew whose job was refused, by force or after other settings', async () => {
    const files = stamped(['a.jpg'])
    await add(files)
    await refuse(1)
    expect(await add(files)).toMatchObject({ added: 0, known: 1 })
    expect(await add(files, { force: true })).toMatchObject({ added: 1 })
    expect(await waiting()).toEqual(['scans/a.jpg → a.jpg'])
    await refuse(1)
    await add(files, { settings: 'fedcba9876543210' })
    await drain(queue)
    expect(await add(files)).toMatchObject({ added: 1 })
    expect(await queue.jobs.getJobCounts('waiting', 'failed')).toEqual({ waiting: 1, failed: 0 })
  })

  it('queues thousands of refused jobs again, and leaves those for other settings', async () => {
    await add(stamped(Array.from({ length: 1200 }, (_, i) => `${i}.jpg`)), { chunk: 0.25 })
    await add(stamped(['other.jpg']), { settings: 'fedcba9876543210' })
    await refuse(1201)
    expect(await retryJobs(queue)).toBe(1200)
    expect(await queue.jobs.getJobCounts('waiting', 'failed')).toEqual({ waiting: 1200, failed: 1 })
  })

  it('leaves what failed with other settings to those who add it again', async () => {
    await setAside()
    const digest = 'fedcba9876543210'
    await queue.agreeOn({ ...SETTINGS, digest })
    expect(await retryFailed(queue, 32)).toBe(0)
    expect(await add(stamped(['a.jpg']), { settings: digest })).toMatchObject({ added: 1 })
  })

  it('has pictures added anew that a retry which was cut off did not queue', async () => {
    await setAside()
    vi.spyOn(queue.jobs, 'addBulk').mockRejectedValueOnce(new Error('out of memory'))
    await expect(retryFailed(queue, 32)).rejects.toThrow('out of memory')
    expect(await add(stamped(['a.jpg', 'b.jpg']))).toMatchObject({ added: 1, known: 1 })
    expect(await waiting()).toEqual(['scans/a.jpg → a.jpg'])
  })
})
