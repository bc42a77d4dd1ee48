/** `colorizer queue` as people type it. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Server } from '../../src/queue/connection.ts'
import { exclusively } from '../../src/queue/exclusive.ts'
import { serveMetrics } from '../../src/queue/metrics.ts'
import { PictureQueue } from '../../src/queue/queue.ts'
import { statusOf } from '../../src/queue/status.ts'
import { run } from '../program.ts'
import { reportWeights } from '../report-weights.ts'
import { SERVER, type TestServer } from './redis-server.ts'
import { digestsIn, writeScans } from './stub.ts'
import { type QueueOfTest, useFolder, useQueue } from './use-queue.ts'

describe.skipIf(!SERVER)('queue', () => {
  const root = useFolder()
  const [scans, out, weights] = [join(root, 'scans'), join(root, 'out'), join(root, 'weights.safetensors')]
  let redis: TestServer
  let server: Server
  const take = (given: QueueOfTest) => {
    redis = given.redis
    server = given.server
  }
  useQueue(take, ['--requirepass', 'geheim'])
  beforeAll(async () => {
    writeFileSync(weights, await reportWeights())
    await writeScans(root, ['a.png', 'deep/b.png', 'c.png'])
    writeFileSync(join(scans, 'd.bmp'), 'BM and nothing else')
  })

  async function queue(action: string, name: string, ...words: string[]) {
    const file = join(root, 'address')
    writeFileSync(file, redis.url)
    const place = words.includes('--root') ? [] : ['--root', root]
    const options = ['--redis-file', file, '--queue', name, ...place, '--json']
    const ended = await run(['queue', ...action.split(' '), ...options, ...words])
    const text = ended.stdout.toString()
    return { ...ended, json: text === '' ? null : JSON.parse(text) }
  }
  const added = (name: string, ...words: string[]) =>
    queue(`add ${scans}`, name, '--out', out, '--weights', weights, '--classifier', 'none', ...words)

  it('adds photographs once, tells how many wait, and takes them out again', async () => {
    expect((await added('once')).json).toEqual({ added: 4, known: 0, jobs: 1, failures: [] })
    expect((await added('once')).json).toMatchObject({ added: 0, known: 4 })
    expect((await queue('status', 'once')).json).toEqual({
      ...{ task: 'colorize', waiting: 4, active: 0, completed: 0, failed: 0, pictures: 4, refused: 0 },
      ...{ picturesPerSecond: 0, secondsLeft: null, paused: false, workers: [] },
    })
    const other = await added('once', '--saturation', '2')
    expect([other.code, other.stderr]).toEqual([
      2,
      expect.stringMatching(/is at work with other settings \(saturation\)/),
    ])
    const forced = await added('once', '--force')
    expect([forced.code, forced.stderr]).toEqual([
      2,
      expect.stringMatching(/--force is for one that is done/),
    ])
    expect((await queue('drain', 'once')).json).toEqual({ pictures: 4 })
    expect((await added('once', '--saturation', '2')).json).toMatchObject({ added: 4, known: 0 })
  })

  it('leaves the settings of a queue to which somebody is adding', async () => {
    const alone = new PictureQueue(server, 'alone')
    await added('alone')
    await alone.jobs.drain()
    const before = await alone.ledger.settings()
    const second = await exclusively(alone, () => added('alone', '--saturation', '2'))
    expect([second.code, second.stderr]).toEqual([1, expect.stringMatching(/somebody is adding/)])
    expect(await alone.ledger.settings()).toEqual(before)
    await alone.close()
  })

  it('colours as colorize does, to the byte, sets aside what is no picture, and shows all of it', async () => {
    await added('whole')
    const worked = await queue('work', 'whole', '--weights', weights, '--until-done', '--name', 'one')
    expect([worked.code, worked.json]).toEqual([1, { failed: 1 }])
    const alone = join(root, 'alone')
    await run(['colorize', scans, '-o', alone, '--weights', weights, '--classifier', 'none', '--quiet'])
    expect(Object.keys(digestsIn(out))).toEqual(['a.png', 'c.png', 'deep/b.png'])
    expect(digestsIn(out)).toEqual(digestsIn(alone))
    expect((await queue('status', 'whole')).json).toMatchObject({ completed: 3, failed: 1, waiting: 0 })
    const { json } = await queue('failed', 'whole')
    expect(json.failed).toEqual([
      { input: 'scans/d.bmp', attempts: 1, reason: expect.stringMatching(/d\.bmp/) },
    ])
    const { stdout } = await run([
      'queue',
      'failed',
      '--redis-file',
      join(root, 'address'),
      '--queue',
      'whole',
    ])
    expect(stdout.toString()).toMatch(/^scans\/d\.bmp: .*d\.bmp.* \(tried once\)\n$/)
    await queue(`report ${join(root, 'page')}`, 'whole')
    const page = readFileSync(join(root, 'page/index.html'), 'utf8')
    expect(page).toContain('3 of 4 photographs done, 1 failed')
    expect(page.match(/<section>/g)).toHaveLength(3)
    expect((await queue('retry', 'whole')).json).toEqual({ pictures: 1, jobs: 0 })
    expect((await queue('status', 'whole')).json).toMatchObject({ failed: 0, waiting: 1 })
  })

  it('counts jobs that were refused as failed, and queues them again', async () => {
    const empty = join(root, 'elsewhere')
    mkdirSync(empty)
    symlinkSync(tmpdir(), join(empty, 'scans'))
    await added('refused')
    const wrong = await queue('work', 'refused', '--weights', weights, '--until-done', '--root', empty)
    expect([wrong.code, wrong.json]).toEqual([1, { failed: 1 }])
    expect((await queue('failed', 'refused')).json).toEqual({
      ...{
        failed: [],
        refused: [{ job: expect.any(String), reason: expect.stringMatching(/leads out of/) }],
      },
    })
    expect((await queue('retry', 'refused')).json).toEqual({ pictures: 0, jobs: 1 })
    expect((await queue('failed', 'refused')).json).toEqual({ failed: [], refused: [] })
    expect((await queue('status', 'refused')).json).toMatchObject({ waiting: 4, refused: 0 })
  })

  it('makes versions as colorize does, to the byte', async () => {
    const [versions, alone] = [join(root, 'versions'), join(root, 'versions-alone')]
    const choices = ['--variants', '2', '--seed', '3', '--classifier', 'none']
    const added = await queue(`add ${join(scans, 'deep')}`, 'versions', '--out', versions, ...choices)
    expect(added.json).toMatchObject({ added: 2, jobs: 1 })
    expect((await queue('work', 'versions', '--until-done')).json).toEqual({ failed: 0 })
    await run(['colorize', join(scans, 'deep'), '-o', alone, ...choices, '--quiet'])
    expect(Object.keys(digestsIn(versions))).toEqual(['b.1.png', 'b.2.png'])
    expect(digestsIn(versions)).toEqual(digestsIn(alone))
    expect(new Set(Object.values(digestsIn(versions))).size).toBe(2)
  })

  it('leaves pictures behind that a later colorize knows as done', async () => {
    const again = await run([
      'colorize',
      scans,
      '-o',
      out,
      '--weights',
      weights,
      '--classifier',
      'none',
      '--json',
    ])
    const { files } = JSON.parse(again.stdout.toString())
    const skipped = (name: string) =>
      files.find(({ input }: { input: string }) => input === join(scans, name)).skipped
    expect(['a.png', 'c.png', 'deep/b.png', 'd.bmp'].map(skipped)).toEqual([
      'done',
      'done',
      'done',
      undefined,
    ])
    expect(readdirSync(out).sort()).toEqual(expect.arrayContaining(['a.png', 'c.png', 'deep']))
  })

  it('refuses workers that have other weights', async () => {
    await added('weights')
    const others = join(root, 'others.safetensors')
    writeFileSync(others, await reportWeights({ seed: 'others' }))
    const { code, stderr } = await queue('work', 'weights', '--weights', others)
    expect([code, stderr]).toEqual([2, expect.stringMatching(/this worker is refused: .*\(weights\)/)])
  })

  it('refuses folders outside of the root, and operands that nobody takes', async () => {
    const { code, stderr } = await queue(`add ${tmpdir()}`, 'root', '--out', out, '--weights', weights)
    expect([code, stderr]).toEqual([2, expect.stringMatching(/is not below/)])
    expect((await queue('status now', 'root')).code).toBe(2)
    expect((await queue('nothing', 'root')).code).toBe(2)
  })

  it('serves its state for Prometheus on this machine', async () => {
    const whole = new PictureQueue(server, 'whole')
    const { server: http, url } = await serveMetrics({ host: '127.0.0.1', port: 0 }, () => statusOf(whole))
    expect(await (await fetch(url)).text()).toContain('\ncolorizer_queue_completed 3\n')
    expect((await fetch(new URL('/', url))).status).toBe(404)
    http.close()
    await whole.close()
  })

  it('tells no password, neither of a server that refuses it nor of one that is gone', async () => {
    const file = join(root, 'wrong')
    writeFileSync(file, redis.url.replace('geheim', 'falsch'))
    const { code, stderr } = await run(['queue', 'status', '--redis-file', file])
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^colorizer: no queue at redis:\/\/127.*WRONGPASS/),
    ])
    expect(stderr).not.toMatch(/falsch|geheim/)
  })
})
