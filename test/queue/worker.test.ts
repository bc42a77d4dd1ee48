/** Workers in processes of their own: what they make, and what becomes of it when they are killed, stopped or wrong. */

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { openStorage } from '../../src/node/storage/storage.ts'
import { addPictures } from '../../src/queue/add.ts'
import type { Server } from '../../src/queue/connection.ts'
import type { Entry, Failure } from '../../src/queue/ledger.ts'
import type { PictureQueue } from '../../src/queue/queue.ts'
import { VERSION } from '../../src/version.ts'
import { BucketServer, KEYS } from './bucket-server.ts'
import { freePort, SERVER, type TestServer } from './redis-server.ts'
import {
  addScans,
  digestOf,
  digestsIn,
  SETTINGS,
  type Stub,
  type StubOptions,
  startStub,
  whenDone,
  writeScans,
} from './stub.ts'
import { useQueue } from './use-queue.ts'

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe.skipIf(!SERVER)('workers', () => {
  let redis: TestServer
  let server: Server
  let queue: PictureQueue
  let root: string
  let stubs: Stub[] = []
  useQueue((given) => {
    redis = given.redis
    server = given.server
    queue = given.queue
    root = given.root
  })
  afterEach(async () => {
    for (const { child, ended } of stubs) {
      child.kill('SIGKILL')
      await ended
    }
    stubs = []
  })

  async function start(options: Partial<StubOptions> = {}): Promise<Stub> {
    const name = `worker-${stubs.length}`
    const stub = await startStub({ url: redis.url, queue: queue.name, root, name, ...options })
    stubs.push(stub)
    return stub
  }

  const entries = async () => {
    const found: Entry[] = []
    for await (const entry of queue.ledger.everyEntry()) found.push(entry)
    return found.sort((a, b) => (a.output < b.output ? -1 : 1))
  }
  const failures = async () => {
    const found: Failure[] = []
    for await (const failure of queue.ledger.everyFailure()) found.push(failure)
    return found.sort((a, b) => (a.input < b.input ? -1 : 1))
  }

  it('make every picture once, in the tree of the photographs, and write down of what', async () => {
    await writeScans(root, ['a.png', 'deep/b.png', 'c.png'])
    expect(await addScans(queue, root)).toEqual({ added: 3, known: 0, jobs: 1 })
    await Promise.all([start(), start()])
    await whenDone(queue)
    const made = digestsIn(join(root, 'out'))
    expect(Object.keys(made)).toEqual(['a.png', 'c.png', 'deep/b.png'])
    const ledger = await entries()
    expect(ledger.map(({ output, sha256 }) => [output, sha256])).toEqual(Object.entries(made))
    expect(ledger[0]).toMatchObject({ input: 'a.png', of: digestOf(join(root, 'scans/a.png')), width: 8 })
    const [journal] = readdirSync(join(root, 'out')).filter((name) => /^\.colorizer-.*\.jsonl$/.test(name))
    const lines = readFileSync(join(root, 'out', journal!), 'utf8')
      .trim()
      .split('\n')
    expect(lines.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({ output: 'a.png', input: '../scans/a.png', sha256: made['a.png'] }),
    )
  })

  it('add only what is new or changed the second time, and make only that', async () => {
    await writeScans(root, ['a.png', 'b.png'])
    await addScans(queue, root)
    await start()
    await whenDone(queue)
    const before = statSync(join(root, 'out/b.png')).mtimeMs
    expect(await addScans(queue, root)).toEqual({ added: 0, known: 2, jobs: 0 })
    await writeScans(root, ['new.png', 'a.png'])
    expect(await addScans(queue, root)).toEqual({ added: 2, known: 1, jobs: 1 })
    await whenDone(queue)
    expect((await entries()).map(({ input }) => input)).toEqual(['a.png', 'b.png', 'new.png'])
    expect((await entries())[0]!.of).toBe(digestOf(join(root, 'scans/a.png')))
    expect(statSync(join(root, 'out/b.png')).mtimeMs).toBe(before)
  })

  it('end a job that runs twice with the first result', async () => {
    await writeScans(root, ['a.png'])
    await addScans(queue, root)
    await start()
    await whenDone(queue)
    const before = statSync(join(root, 'out/a.png'))
    const [known] = await queue.ledger.known(['out/a.png'])
    await queue.add([
      {
        from: 'scans',
        to: 'out',
        settings: known![2],
        round: 1,
        pictures: [{ input: 'a.png', output: 'a.png', size: 1, stamp: known![1] }],
      },
    ])
    await sleep(500)
    await whenDone(queue)
    expect(statSync(join(root, 'out/a.png'))).toMatchObject({ mtimeMs: before.mtimeMs, ino: before.ino })
  })

  it('overwrite no file of somebody else, and set the photograph aside', async () => {
    await writeScans(root, ['a.png', 'b.png'])
    await addScans(queue, root)
    await writeScans(join(root, 'x'), ['other.png'])
    const foreign = readFileSync(join(root, 'x/scans/other.png'))
    writeFileSync(join(root, 'out/a.png'), foreign)
    await start()
    await whenDone(queue)
    expect(readFileSync(join(root, 'out/a.png'))).toEqual(foreign)
    expect((await failures()).map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/a\.png would overwrite .*out\/a\.png, which this program did not make of it/),
    ])
    expect(existsSync(join(root, 'out/b.png'))).toBe(true)
  })

  it('set a photograph aside that is no picture, with its reason, at the first try', async () => {
    await writeScans(root, ['a.png', 'bad.png'])
    await addScans(queue, root)
    await start()
    await whenDone(queue)
    expect(await failures()).toEqual([
      expect.objectContaining({
        input: 'bad.png',
        attempts: 1,
        reason: expect.stringMatching(/is no picture$/),
      }),
    ])
    expect(existsSync(join(root, 'out/a.png'))).toBe(true)
  })

  it('try a picture alone at the third attempt that crashes, hangs or is too greedy, and make the others', async () => {
    await writeScans(root, ['a.png', 'crash.png', 'hang.png', 'greedy.png', 'z.png'])
    await addScans(queue, root)
    const restart = async () => {
      for (let i = 0; i < 12; i++) {
        // limits that a process meets only by what it does, not by what else the machine does
        const stub = await start({ lease: 2000, pictureMs: 2000, trialMs: 20_000 })
        if ((await Promise.race([stub.ended, whenDone(queue)])) === undefined) return
      }
    }
    await restart()
    expect(
      (await failures()).map(({ input, reason, attempts }) => [
        input,
        attempts,
        reason.replace(/.* was tried alone and /, ''),
      ]),
    ).toEqual([
      ['crash.png', 3, 'crashed (SIGKILL)'],
      ['greedy.png', 3, 'needed more than 500 MiB of memory'],
      ['hang.png', 3, 'took longer than 20 s'],
    ])
    expect(Object.keys(digestsIn(join(root, 'out')))).toEqual(['a.png', 'z.png'])
  })

  it('leave no process behind that tries a picture alone, when they are killed', async () => {
    await writeScans(root, ['hang.png'])
    await addScans(queue, root)
    await server.redis.hset(queue.ledger.key('attempts'), 'out/hang.png', 2)
    const stub = await start({ trialMs: 100_000 })
    const children = () =>
      readFileSync(`/proc/${stub.child.pid}/task/${stub.child.pid}/children`, 'utf8').trim()
    while (children() === '') await sleep(50)
    await sleep(1000)
    stub.child.kill('SIGKILL')
    // its stderr is closed when nobody holds it any more
    const late = sleep(20_000).then(() => ({ code: 'somebody is left' }))
    expect((await Promise.race([stub.ended, late])).code).toBe('SIGKILL')
  })

  it('do not overwrite when they come back after their job was given away', async () => {
    await writeScans(root, ['a.png'])
    await addScans(queue, root)
    const stopped = await start({ lease: 1000, pause: 600, level: 40, adapter: 'other' })
    while (!(await queue.jobs.getActiveCount())) await sleep(20)
    await sleep(200)
    stopped.child.kill('SIGSTOP')
    await server.redis.del(queue.ledger.key(`check-${VERSION}-${SETTINGS.digest}`)) // its levels differ on purpose
    await start({ lease: 1000 })
    await whenDone(queue)
    const first = digestOf(join(root, 'out/a.png'))
    stopped.child.kill('SIGCONT')
    await sleep(2000)
    expect(digestOf(join(root, 'out/a.png'))).toBe(first)
    expect((await entries()).map(({ worker, sha256 }) => [worker, sha256])).toEqual([['worker-1', first]])
    expect(Object.keys(digestsIn(join(root, 'out')))).toEqual(['a.png'])
  })

  it('finish their jobs at the first signal and give them back at the second', async () => {
    await writeScans(root, ['a.png', 'b.png', 'c.png', 'd.png'])
    await addScans(queue, root, { chunk: 4 })
    const first = await start({ pause: 300 })
    while (!(await queue.jobs.getActiveCount())) await sleep(20)
    first.child.kill('SIGTERM')
    expect((await first.ended).code).toBe(0)
    expect(Object.keys(digestsIn(join(root, 'out')))).toHaveLength(4)

    await writeScans(root, ['e.png', 'f.png'])
    await addScans(queue, root)
    const second = await start({ pause: 20_000 })
    while (!(await queue.jobs.getActiveCount())) await sleep(20)
    second.child.kill('SIGTERM')
    await sleep(300)
    second.child.kill('SIGTERM')
    expect((await second.ended).code).toBe(130)
    expect(await queue.jobs.getJobCounts('active', 'waiting')).toEqual({ active: 0, waiting: 1 })
    expect(await server.redis.hlen(queue.ledger.key('attempts'))).toBe(0)
  })

  it('stop a machine whose results differ', async () => {
    await writeScans(root, ['a.png', 'b.png', 'c.png'])
    await addScans(queue, root)
    await start({ every: 1 })
    await whenDone(queue)
    const same = await start({ level: 1 })
    expect(await same.ended).toEqual({
      code: 1,
      said: expect.stringMatching(/differs: other bits than before on stub/),
    })
    const near = await start({ level: 1, adapter: 'another' })
    const far = await start({ level: 20, adapter: 'a third' })
    expect(await far.ended).toEqual({
      code: 1,
      said: expect.stringMatching(/up to 20 of 255 levels from other workers/),
    })
    expect(near.child.exitCode).toBeNull()
  })

  it('stop a machine whose results begin to differ, and give its job to others', async () => {
    await writeScans(root, ['a.png', 'b.png', 'c.png', 'd.png', 'e.png', 'f.png'])
    await addScans(queue, root, { chunk: 6 })
    const failing = await start({ every: 2, level: 1, soundPictures: 3, pause: 100 })
    expect(await failing.ended).toEqual({
      code: 1,
      said: expect.stringMatching(/this machine is stopped, since its check picture differs: other bits/),
    })
    expect(await queue.jobs.getJobCounts('active', 'waiting')).toEqual({ active: 0, waiting: 1 })
    expect((await queue.ledger.counts()).completed).toBeLessThan(6)
    await start()
    await whenDone(queue)
    expect(Object.keys(digestsIn(join(root, 'out')))).toHaveLength(6)
    expect(await failures()).toEqual([])
  })

  it('stop a machine whose results begin to differ after the first signal, too', async () => {
    await writeScans(root, ['a.png', 'b.png', 'c.png', 'd.png', 'e.png', 'f.png'])
    await addScans(queue, root, { chunk: 6 })
    const failing = await start({ every: 2, level: 1, soundPictures: 2, pause: 1000 })
    while (!(await queue.jobs.getActiveCount())) await sleep(20)
    failing.child.kill('SIGTERM')
    expect(await failing.ended).toEqual({
      code: 1,
      said: expect.stringMatching(/this machine is stopped, since its check picture differs: other bits/),
    })
    expect(await queue.jobs.getJobCounts('active', 'waiting')).toEqual({ active: 0, waiting: 1 })
    expect(await server.redis.hlen(queue.ledger.key('attempts'))).toBe(0)
  })

  it('write nothing while the folder of the results is not mounted, and go on when it is', async () => {
    await writeScans(root, ['a.png'])
    await addScans(queue, root)
    renameSync(join(root, 'out'), join(root, 'elsewhere'))
    mkdirSync(join(root, 'out')) // where it is to be mounted
    const stub = await start()
    const said = once(stub.child.stderr!, 'data')
    expect(String(await said)).toMatch(/out is not the folder .* look whether it is mounted on this machine/)
    expect(readdirSync(join(root, 'out'))).toEqual([])
    rmSync(join(root, 'out'), { recursive: true })
    renameSync(join(root, 'elsewhere'), join(root, 'out'))
    await whenDone(queue)
    expect(Object.keys(digestsIn(join(root, 'out')))).toEqual(['a.png'])
  })

  it('wait for a server that is gone, and go on when it is back', async () => {
    await writeScans(root, ['a.png', 'b.png', 'c.png', 'd.png', 'e.png', 'f.png'])
    await addScans(queue, root)
    const stub = await start({ pause: 200, lease: 2000 })
    while (!(await queue.jobs.getActiveCount())) await sleep(20)
    await redis.stop('SIGKILL')
    await sleep(1500)
    await redis.start()
    await whenDone(queue)
    expect(Object.keys(digestsIn(join(root, 'out')))).toHaveLength(6)
    expect(stub.child.exitCode).toBeNull()
  })

  it('read from buckets and write into them', async () => {
    const bucket = await BucketServer.start('photos')
    const environment = { AWS_ENDPOINT_URL: bucket.endpoint, AWS_REGION: 'eu-central-1', ...KEYS }
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
    const [scans, out] = [await openStorage('s3://photos/scans'), await openStorage('s3://photos/out')]
    await writeScans(root, ['a.png', 'deep/b.png'])
    for (const path of ['a.png', 'deep/b.png'])
      await scans.write(path, [readFileSync(join(root, 'scans', path))])
    await queue.agreeOn(SETTINGS)
    const places = { from: 's3://photos/scans', to: 's3://photos/out', settings: SETTINGS.digest }
    await addPictures(queue, { ...places, storage: scans, chunk: 8 })
    await start({ root: 's3://photos' })
    await whenDone(queue)
    const digests = await Promise.all(
      (await entries()).map(async ({ output }) => sha256(await out.read(output))),
    )
    expect((await entries()).map(({ output, sha256 }) => [output, sha256])).toEqual([
      ['a.png', digests[0]],
      ['deep/b.png', digests[1]],
    ])
    vi.unstubAllEnvs()
    await bucket.close()
  })

  it('keep jobs of a bucket that does not answer, and stop where they were started without it', async () => {
    const picture = { input: 'a.png', output: 'a.png', size: 1, stamp: '1' }
    const places = { from: 's3://photos/scans', to: 's3://photos/out', settings: SETTINGS.digest }
    await queue.agreeOn(SETTINGS)
    await queue.add([{ ...places, pictures: [picture] }])
    const endpoint = `http://127.0.0.1:${await freePort()}`
    const environment = { AWS_ENDPOINT_URL: endpoint, AWS_REGION: 'eu-central-1', AWS_MAX_ATTEMPTS: '1' }
    for (const [name, value] of Object.entries({ ...environment, ...KEYS })) vi.stubEnv(name, value)
    const stub = await start({ root: 's3://photos' })
    vi.unstubAllEnvs()
    while (!(await queue.jobs.getJobCountByTypes('delayed', 'failed'))) await sleep(20)
    stub.child.kill('SIGTERM')
    expect((await stub.ended).said).toMatch(/nothing listens at .* it is tried again/)
    expect(await (await start()).ended).toEqual({
      code: 1,
      said: expect.stringMatching(/s3:\/\/photos\/scans is not below a --root; give the bucket as one/),
    })
    expect(await queue.jobs.getFailedCount()).toBe(0)
    expect(await queue.isIdle()).toBe(false)
  })

  it('refuse jobs that lead out of their root, and do nothing for them', async () => {
    await writeScans(root, ['a.png'])
    await addScans(queue, root)
    const picture = { input: 'a.png', output: 'a.png', size: 1, stamp: '1' }
    const job = { from: 'scans', to: 'out', settings: '0123456789abcdef', pictures: [picture] }
    await queue.jobs.addBulk(
      [
        { ...job, to: '../elsewhere' },
        { ...job, to: '/tmp' },
        { ...job, pictures: [{ ...picture, output: '../../a.png' }] },
        { ...job, command: 'rm' },
      ].map((data) => ({ name: 'colour', data })),
    )
    await start()
    while ((await queue.jobs.getFailedCount()) < 4) await sleep(50)
    await whenDone(queue)
    expect(readdirSync(root).sort()).toEqual(['out', 'scans'])
    expect(Object.keys(digestsIn(join(root, 'out')))).toEqual(['a.png'])
  })
})
