/** A job of photographs in this process, on machines that fail on purpose. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { UserError } from '../../src/errors.ts'
import { CheckPicture } from '../../src/queue/check.ts'
import { ChunkWork } from '../../src/queue/chunk.ts'
import type { Server } from '../../src/queue/connection.ts'
import type { Paint } from '../../src/queue/picture.ts'
import type { PictureQueue } from '../../src/queue/queue.ts'
import { Roots } from '../../src/queue/roots.ts'
import { Halt } from '../../src/queue/work.ts'
import { SERVER } from './redis-server.ts'
import { addScans, SETTINGS, writeScans } from './stub.ts'
import { useQueue } from './use-queue.ts'

const [LEASE, PICTURE_MS] = [{ key: 'lock', token: 'mine' }, 200]

describe.skipIf(!SERVER)('a job of photographs', () => {
  let server: Server
  let queue: PictureQueue
  let root: string
  useQueue((given) => {
    server = given.server
    queue = given.queue
    root = given.root
  })
  beforeEach(async () => {
    await server.redis.set(LEASE.key, LEASE.token)
    await writeScans(root, ['a.png'])
    await addScans(queue, root)
  })

  const paint: Paint = async (bytes) => ({ parts: [bytes], width: 8, height: 6, classes: [], remarks: [] })

  async function run(machine: { paint?: Paint; check?: () => Promise<void> }): Promise<void> {
    const { ledger } = queue
    const { check = async () => {}, ...rest } = machine
    const work = new ChunkWork({
      ...{ ledger, settings: SETTINGS, roots: new Roots([root]), worker: 'w', paint, trial: paint },
      ...{ pictures: 1, pictureMs: PICTURE_MS, fullDiskMs: 20, reset: () => {}, tell: () => {} },
      ...{ check: { run: check, next: check }, ...rest },
    })
    const [job] = await queue.jobs.getJobs('waiting')
    const signal = new AbortController().signal
    await work.run(job!, { lease: LEASE, signal, count: () => {} })
  }

  it('is tried again where the check picture fails or hangs, and ends a worker whose adapter is gone', async () => {
    const lost = async () => {
      throw new Error('the GPU is lost')
    }
    await expect(run({ check: lost })).rejects.toThrow(new Error('the GPU is lost'))
    await expect(run({ check: () => new Promise(() => {}) })).rejects.toThrow(/took longer than/)
    const none = new UserError('no WebGPU adapter on this machine', 'adapter')
    await server.redis.del(queue.ledger.key('attempts'))
    await expect(run({ paint: () => Promise.reject(none) })).rejects.toThrow(Halt)
    expect(await queue.ledger.counts()).toEqual({ pictures: 1, completed: 0, failed: 0 })
  })

  it('waits where the photographs are not mounted any more, and where there are none of them', async () => {
    await writeScans(root, ['a.png', 'b.png'])
    await addScans(queue, root)
    const unmount = () => renameSync(join(root, 'scans'), join(root, 'elsewhere'))
    unmount()
    mkdirSync(join(root, 'scans'))
    await expect(run({})).rejects.toThrow(/there is nothing in .*scans .* look whether it is mounted/)
    rmSync(join(root, 'scans'), { recursive: true })
    await expect(run({})).rejects.toThrow(/there is no folder .*scans .* look whether it is mounted/)
    expect(await queue.ledger.counts()).toMatchObject({ completed: 0, failed: 0 })
  })

  it('writes nothing where the folder of results is not mounted any more', async () => {
    const late: Paint = async (...photograph) => {
      renameSync(join(root, 'out'), join(root, 'elsewhere'))
      mkdirSync(join(root, 'out')) // where it was mounted
      return paint(...photograph)
    }
    await expect(run({ paint: late })).rejects.toThrow(/out is not the folder .* look whether it is mounted/)
    expect(readdirSync(join(root, 'out'))).toEqual([])
    expect(await queue.ledger.counts()).toMatchObject({ completed: 0, failed: 0 })
  })

  it('is checked against workers of the same version only', async () => {
    const check = async (Check: typeof CheckPicture, photograph: Uint8Array) => {
      const paint: Paint = async () => ({
        parts: [photograph],
        width: 8,
        height: 6,
        classes: [],
        remarks: [],
      })
      const options = { ledger: queue.ledger, redis: server.redis, adapter: 'stub', every: 1 }
      await new Check({ ...options, paint, settings: SETTINGS.digest }).run()
    }
    await writeScans(root, ['a.png', 'b.png'])
    const [before, after] = ['a.png', 'b.png'].map((name) => readFileSync(join(root, 'scans', name)))
    await check(CheckPicture, before!)
    await expect(check(CheckPicture, after!)).rejects.toThrow(/its check picture differs/)
    vi.doMock('../../src/version.ts', () => ({ VERSION: 'the next one' }))
    vi.resetModules()
    const next = await import('../../src/queue/check.ts')
    vi.doUnmock('../../src/version.ts')
    await check(next.CheckPicture, after!)
  })
})
