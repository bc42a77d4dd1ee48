/** Record sets that many workers prepare, against the one that a single `prepare` makes. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { UserError } from '../../src/errors.ts'
import { writeImage } from '../../src/node/image.ts'
import { openStorage } from '../../src/node/storage/storage.ts'
import { fileTrouble } from '../../src/node/trouble.ts'
import type { PictureQueue } from '../../src/queue/queue.ts'
import { Roots } from '../../src/queue/roots.ts'
import { ShardWork } from '../../src/queue/shard.ts'
import { modelBytes } from '../onnx-models.ts'
import { appears, run, start } from '../program.ts'
import { chain } from '../trunk-models.ts'
import { BucketServer, KEYS } from './bucket-server.ts'
import { SERVER, type TestServer } from './redis-server.ts'
import { useFolder, useQueue } from './use-queue.ts'

const WIDTH = 40

describe.skipIf(!SERVER)('queue prepare', () => {
  const root = useFolder()
  const [photos, out] = [join(root, 'photos'), join(root, 'records')]
  let redis: TestServer
  let queue: PictureQueue
  useQueue((given) => {
    redis = given.redis
    queue = given.queue
  })
  beforeAll(async () => {
    mkdirSync(photos)
    for (let n = 0; n < 5; n++) {
      const rgb = new Uint8Array(3 * WIDTH * WIDTH).map((_, i) => (i % 3 === 0 ? 40 * n : i % 200))
      await writeImage(join(photos, `${n}.png`), { width: WIDTH, height: WIDTH, rgb })
    }
    copyFileSync(join(photos, '0.png'), join(photos, 'twin.png'))
    writeFileSync(join(photos, 'broken.jpg'), 'not a picture')
  })
  afterEach(() => rmSync(out, { recursive: true, force: true }))

  const line = (action: string, ...words: string[]) => {
    const options = ['--redis', redis.url, '--queue', queue.name, '--root', root, '--json']
    return ['queue', ...action.split(' '), ...options, ...words]
  }
  async function command(action: string, ...words: string[]) {
    const ended = await run(line(action, ...words))
    const text = ended.stdout.toString()
    return { ...ended, json: text === '' ? null : JSON.parse(text) }
  }
  const CHOICES = ['--shard-size', '2', '--classifier', 'none']
  const added = (...words: string[]) => command(`prepare ${photos}`, '--out', out, ...CHOICES, ...words)
  const worked = () => command('work', '--until-done', '--jobs', '1')
  const contents = (folder: string) =>
    Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'latin1')]))

  it('makes the bytes of a single prepare with two workers, and nothing the second time', async () => {
    expect((await added()).json).toEqual({ added: 7, known: 0, jobs: 5 })
    expect((await command('status')).json).toMatchObject({ task: 'prepare', pictures: 5, waiting: 5 })
    const beside = start(line('work', '--until-done', '--jobs', '1'))
    expect((await worked()).json).toEqual({ failed: 0 })
    expect((await beside.ended).code).toBe(0)
    const single = join(root, 'single')
    await start(['prepare', 'photos', '--out', single, ...CHOICES], { cwd: root }).ended
    expect(contents(out)).toEqual(contents(single))
    expect(contents(out)['skipped.txt']).toMatch(/photos\/twin\.png is the same file as photos\/0\.png/)
    expect((await command('status')).json).toMatchObject({ completed: 5, waiting: 0 })
    expect((await added()).json).toEqual({ added: 0, known: 7, jobs: 0 })
    expect(existsSync(join(out, 'parts'))).toBe(false)
    expect(await queue.jobs.getJobCounts('waiting', 'completed', 'failed')).toEqual({
      ...{ waiting: 0, completed: 0, failed: 0 },
    })
    const { digest: settings } = (await queue.ledger.settings())!
    mkdirSync(join(out, 'parts/shard-00000'), { recursive: true }) // as of a worker that was killed while it removed them
    await queue.addSet({ to: 'records', settings, shards: 4 })
    await worked()
    expect(contents(out)).toEqual(contents(single))
    rmSync(out, { recursive: true })
    expect((await added('--force')).json).toEqual({ added: 7, known: 0, jobs: 5 })
    await worked()
    expect(contents(out)).toEqual(contents(single))
  })

  it('makes the bytes of a single prepare with taps, and refuses workers that have another trunk', async () => {
    const parts = chain()
    const [model, other] = [join(root, 'small.onnx'), join(root, 'other.onnx')]
    writeFileSync(model, modelBytes(parts))
    parts.initializers![0]!.floatData![0]! += 1
    writeFileSync(other, modelBytes(parts))
    const taps = ['--taps', '--taps-size', '32', '--taps-views', '2']
    const queued = await added(...taps, '--trunk', model)
    expect(queued.stderr).toMatch(/take up to 0\.00\d+ GB, and twice that until the set is put together/)
    const refused = await command('work', '--trunk', other)
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/refused: .*\(taps\)/)])
    const worked = await command('work', '--until-done', '--jobs', '1', '--trunk', model)
    expect(worked.json).toEqual({ failed: 0 })
    const single = join(root, 'single-taps')
    await start(['prepare', 'photos', '--out', single, ...CHOICES, ...taps, '--trunk', model], { cwd: root })
      .ended
    expect(contents(out)).toEqual(contents(single))
    expect(JSON.parse(contents(out)['manifest.json']!).taps).toMatchObject({ size: 32, views: 2 })
  })

  it('makes the bytes of a single prepare from a bucket, and leaves out what is not there any more', async () => {
    const bucket = await BucketServer.start('photos')
    const environment = { AWS_ENDPOINT_URL: bucket.endpoint, AWS_REGION: 'eu-central-1', ...KEYS }
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
    const streets = await openStorage('s3://photos/streets')
    const names = readdirSync(photos)
    for (const name of names) await streets.write(name, [readFileSync(join(photos, name))])
    await streets.write('notes.txt', [Buffer.from('no photograph')])
    const place = ['--root', 's3://photos']
    const added = (...words: string[]) =>
      command('prepare s3://photos/streets', '--out', out, ...CHOICES, ...place, ...words)
    expect((await added()).json).toEqual({ added: 7, known: 0, jobs: 5 })
    expect((await command('work', '--until-done', ...place)).json).toEqual({ failed: 0 })
    const single = join(root, 'single-bucket')
    await start(['prepare', ...names, '--out', single, ...CHOICES], { cwd: photos }).ended
    expect(contents(out)).toEqual(contents(single))
    await added('--force')
    await streets.remove('3.png')
    expect((await command('work', '--until-done', ...place)).json).toEqual({ failed: 0 })
    expect(contents(out)['skipped.txt']).toContain('cannot read 3.png: no such file')
    const other = await command(`prepare s3://photos/streets ${photos}`, '--out', out, ...place)
    expect([other.code, other.stderr]).toEqual([
      2,
      expect.stringMatching(/one s3:\/\/BUCKET\/PREFIX, or files/),
    ])
    vi.unstubAllEnvs()
    await bucket.close()
  })

  it('goes on with the shard of a worker that was killed, to the same bytes', async () => {
    const one = ['--shard-size', '7', '--classifier', 'none']
    await command(`prepare ${photos}`, '--out', out, ...one)
    const killed = start(line('work', '--jobs', '1', '--lease', '1'))
    await appears(join(out, 'parts/shard-00000/unfinished/journal.jsonl'), killed)
    killed.child.kill('SIGKILL')
    expect((await killed.ended).code).toBe('SIGKILL')
    expect((await command('work', '--until-done', '--lease', '1')).json).toEqual({ failed: 0 })
    const single = join(root, 'single-shard')
    await start(['prepare', 'photos', '--out', single, ...one], { cwd: root }).ended
    expect(contents(out)).toEqual(contents(single))
  })

  it('tries a shard again where a disk fails for a moment', async () => {
    await added()
    const [job] = await queue.jobs.getJobs('waiting', 0, 0, true)
    const roots = new Roots([root])
    vi.spyOn(roots, 'open').mockImplementation(async (place) => {
      const stat = async () => {
        throw fileTrouble('read', 'a.png', Object.assign(new Error(), { code: 'ESTALE' }))
      }
      return Object.assign(await openStorage(join(root, place)), { stat })
    })
    const settings = (await queue.ledger.settings())!
    const work = new ShardWork(queue, { settings, roots, worker: 'w' })
    const hand = { lease: { key: 'lock', token: '' }, signal: new AbortController().signal, count: () => {} }
    await expect(work.run(job!, hand)).rejects.toThrow(UserError)
  })

  it('ends with a reason where no photograph can be used', async () => {
    await command(`prepare ${join(photos, 'broken.jpg')}`, '--out', out, ...CHOICES)
    expect((await worked()).json).toEqual({ failed: 1 })
    const [{ reason }] = (await command('failed')).json.refused
    expect(reason).toMatch(/none of the 1 photographs can be used/)
  })

  it('waits for a folder that is not mounted, refuses photographs behind links, and other classifiers', async () => {
    await added()
    rmSync(join(out, 'parts'), { recursive: true })
    const stop = setTimeout(() => mkdirSync(join(out, 'parts')), 3000)
    const { code, stderr } = await worked()
    clearTimeout(stop)
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/no folder .*parts on this machine: look whether it is mounted/),
    ])
    expect(existsSync(join(out, 'manifest.json'))).toBe(true)
    symlinkSync('/etc/hostname', join(photos, 'link.png'))
    await added('--force')
    const refused = await worked()
    rmSync(join(photos, 'link.png'))
    expect(refused.json.failed).toBeGreaterThan(0)
    const reasons = (await command('failed')).json.refused.map((job: { reason: string }) => job.reason)
    expect(reasons.join()).toMatch(/a link on its way leads out of/)
    await command('drain')
    await command(`prepare ${photos}`, '--out', out, '--classifier', 'mobilenet-v1')
    expect((await command('status')).json).toMatchObject({ pictures: 2, completed: 0, failed: 0, refused: 0 })
    const colouring = await command(`add ${photos}`, '--out', out)
    expect([colouring.code, colouring.stderr]).toEqual([
      2,
      expect.stringMatching(/is there to prepare: name another with --queue/),
    ])
    const other = await command('work', '--classifier', 'none')
    expect([other.code, other.stderr]).toEqual([2, expect.stringMatching(/refused: .*\(classVectors\)/)])
  })
})
