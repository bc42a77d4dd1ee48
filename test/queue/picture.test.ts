/** One picture's way through a worker, with storage that fails on purpose. */
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { UserError } from '../../src/errors.ts'
import type { Storage } from '../../src/node/storage/interface.ts'
import { openStorage } from '../../src/node/storage/storage.ts'
import type { Server } from '../../src/queue/connection.ts'
import { JournalTail } from '../../src/queue/journal.ts'
import type { Ledger } from '../../src/queue/ledger.ts'
import { type Paint, PictureWork, type Places } from '../../src/queue/picture.ts'
import { Halt, LostLease, MachineTrouble } from '../../src/queue/work.ts'
import { BucketServer, KEYS } from './bucket-server.ts'
import { SERVER } from './redis-server.ts'
import { SETTINGS } from './stub.ts'
import { useQueue } from './use-queue.ts'

describe.skipIf(!SERVER)('a picture', () => {
  let server: Server
  let ledger: Ledger
  let told: string[] = []
  useQueue((given) => {
    server = given.server
    ledger = given.queue.ledger
    told = []
  })
  beforeEach(() => server.redis.set('lock', 'mine'))

  const picture = { input: 'a.png', output: 'a.png', size: 1, stamp: '1' }
  const paint: Paint = async (bytes) => ({
    parts: [Buffer.from('coloured '), bytes],
    width: 1,
    height: 1,
    classes: [],
    remarks: [],
  })

  /** Storage in memory; `write` is called before a file takes its place. */
  function memory(
    write: () => void | Promise<void> = () => {},
  ): Storage & { files: Map<string, Uint8Array> } {
    const files = new Map<string, Uint8Array>()
    return {
      ...{ files, address: 'memory', list: async function* () {} },
      read: async (path) => files.get(path)!,
      stat: async (path) => (files.has(path) ? { path, size: 1, stamp: '1' } : null),
      write: async (path, parts, ready) => {
        await write()
        await ready?.()
        files.set(path, Buffer.concat(parts))
      },
      remove: async () => {},
    }
  }

  interface Machine {
    readonly paint?: Paint
    readonly trial?: Paint
    /** Reads the photograph. */
    readonly read?: () => Promise<Uint8Array>
    /** Throws where the photographs' folder is not mounted. */
    readonly photographs?: () => Promise<void>
  }

  function run(to: Storage, machine: Machine = {}) {
    const { read = async () => Buffer.from('grey'), photographs = async () => {}, ...services } = machine
    const job = { from: 'scans', to: 'out', settings: SETTINGS.digest, pictures: [picture] }
    const at: Places = {
      ...{ job, to, from: memory(), lease: { key: 'lock', token: 'mine' } },
      ...{
        journal: new JournalTail(null, null),
        mounted: { photographs, pictures: async () => {} },
        sweep: async () => {},
      },
    }
    const tell = (sentence: string) => told.push(sentence)
    const work = new PictureWork({
      ledger,
      paint,
      trial: paint,
      worker: 'w',
      fullDiskMs: 20,
      tell,
      ...services,
    })
    return ledger.entries(['out/a.png']).then(([entry]) => work.run(picture, read(), entry!, at))
  }

  const failing = (code: string) => {
    throw new UserError(`cannot write a.png: ${code}`, 'input', {
      cause: Object.assign(new Error(), { code }),
    })
  }

  it('waits while the disk is full, and says so once', async () => {
    let tries = 0
    const to = memory(() => {
      if (++tries < 4) failing('ENOSPC')
    })
    expect(await run(to)).toBe('made')
    expect(Buffer.from(to.files.get('a.png')!).toString()).toBe('coloured grey')
    expect([tries, told]).toEqual([4, ['cannot write a.png: ENOSPC: waiting for room']])
  })

  it('is not waited for on a full disk once its job is given away', async () => {
    const full = memory(async () => {
      await server.redis.set('lock', 'of another')
      failing('ENOSPC')
    })
    await expect(run(full)).rejects.toThrow(LostLease)
  })

  it('is tried again after trouble that passes, and set aside after other trouble', async () => {
    await expect(run(memory(() => failing('EIO')))).rejects.toThrow('EIO')
    expect(await ledger.counts()).toMatchObject({ completed: 0, failed: 0 })
    for (const code of ['EROFS', 'EACCES', 'EPERM'])
      await expect(run(memory(() => failing(code)))).rejects.toThrow(code)
    expect(await ledger.counts()).toMatchObject({ completed: 0, failed: 0 })
    expect(await run(memory(() => failing('ENAMETOOLONG')))).toBe('failed')
    expect(await ledger.counts()).toMatchObject({ completed: 0, failed: 1 })
  })

  it('is tried again after trouble of a bucket or of a gateway in front of it, and set aside where its bytes have changed', async () => {
    const bucket = await BucketServer.start('photos')
    onTestFinished(async () => {
      vi.restoreAllMocks()
      vi.unstubAllEnvs()
      await bucket.close()
    })
    const environment = { AWS_ENDPOINT_URL: bucket.endpoint, AWS_REGION: 'eu-central-1', ...KEYS }
    for (const [name, value] of Object.entries({ ...environment, AWS_MAX_ATTEMPTS: '1' }))
      vi.stubEnv(name, value)
    vi.spyOn(Math, 'random').mockReturnValue(0) // it does not pause
    const scans = await openStorage('s3://photos')
    await scans.write('a.png', [Buffer.from('grey')])
    const machine = { read: () => scans.read('a.png') }
    for (const status of [429, 500, 502, 503, 504]) {
      bucket.tricks = () => [status]
      const message = `cannot read s3://photos/a.png: the endpoint ${bucket.endpoint} (AWS_ENDPOINT_URL) answers with status ${status}`
      await expect(run(memory(), machine)).rejects.toThrow(message)
    }
    bucket.tricks = () => [507, 'XMinioStorageFull']
    await expect(run(memory(), machine)).rejects.toThrow(/a\.png: (?!.*answers with)/) // its own words
    bucket.tricks = () => 'half'
    await expect(run(memory(), machine)).rejects.toThrow(/its bytes stopped coming/)
    expect(await ledger.counts()).toMatchObject({ completed: 0, failed: 0 })
    for (const trick of ['flip', 'flip without checksum'] as const) {
      bucket.tricks = () => trick
      expect(await run(memory(), machine)).toBe('failed')
      expect(told.at(-1)).toMatch(/its bytes are not those that were written/)
    }
  })

  it('is not tried alone for trouble of the machine, however often, and only what it did itself is counted', async () => {
    const broken = memory(() => failing('EIO'))
    for (const _ of [1, 2, 3]) await expect(run(broken)).rejects.toThrow('EIO')
    const busy = async () => failing('SlowDown')
    for (const _ of [1, 2, 3]) await expect(run(memory(), { paint: busy })).rejects.toThrow('SlowDown')
    const gone: Paint = () => Promise.reject(new Halt(new Error('no adapter')))
    for (const _ of [1, 2, 3]) await expect(run(memory(), { paint: gone })).rejects.toThrow(Halt)
    const crash: Paint = () => Promise.reject(new Error('the GPU is lost'))
    await expect(run(memory(), { paint: crash })).rejects.toThrow('the GPU is lost')
    await expect(run(broken)).rejects.toThrow('EIO')
    expect(await ledger.attempt({ key: 'lock', token: 'mine' }, 'out/a.png')).toBe(2)
  })

  it('is tried again where its photograph is not there since the folder is not mounted, else set aside', async () => {
    const read = async () => failing('ENOENT')
    const photographs = async () => {
      throw new MachineTrouble('not mounted')
    }
    await expect(run(memory(), { read, photographs })).rejects.toThrow('not mounted')
    expect(await run(memory(), { read })).toBe('failed')
  })

  it('is left alone when its job is given away while it is painted, and right before it takes its place', async () => {
    const give = () => server.redis.set('lock', 'of another')
    const files = memory(async () => void (await give()))
    await expect(run(files)).rejects.toThrow(LostLease)
    expect([...files.files]).toEqual([])
    await server.redis.set('lock', 'mine')
    const slow: Paint = async (...photograph) => {
      await give()
      return paint(...photograph)
    }
    let writes = 0
    await expect(
      run(
        memory(() => void writes++),
        { paint: slow },
      ),
    ).rejects.toThrow(LostLease)
    expect([writes, await ledger.counts()]).toEqual([0, { pictures: 0, completed: 0, failed: 0 }])
  })

  it('is painted twice, the third time alone, and is then set aside', async () => {
    const crash: Paint = () => Promise.reject(new Error('the GPU is lost'))
    for (const _ of [1, 2]) await expect(run(memory(), { paint: crash })).rejects.toThrow('the GPU is lost')
    const alone: Paint = () => Promise.reject(new UserError('a.png was tried alone and crashed'))
    expect(await run(memory(), { paint: crash, trial: alone })).toBe('failed')
    for await (const failure of ledger.everyFailure())
      expect(failure).toMatchObject({
        input: 'a.png',
        attempts: 3,
        reason: 'a.png was tried alone and crashed',
      })
    expect(await ledger.counts()).toMatchObject({ failed: 1 })
  })

  it('takes the place of its own earlier file, whoever was killed before it was written down', async () => {
    const to = memory()
    await ledger.begin({ key: 'lock', token: 'mine' }, 'out/a.png', 'ce9e4dd7') // of a file that nobody finished
    to.files.set('a.png', Buffer.from('somebody else’s'))
    expect(await run(to)).toBe('failed')
    await server.redis.flushall()
    await server.redis.set('lock', 'mine')
    to.files.set('a.png', Buffer.from('coloured grey')) // the same bytes: written, but not written down
    expect(await run(to)).toBe('made')
    expect(await run(to)).toBe('found')
  })
})
