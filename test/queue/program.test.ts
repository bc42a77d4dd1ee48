/** The real program as a worker, in processes of its own. */
import { type ChildProcess, execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Server } from '../../src/queue/connection.ts'
import { PictureQueue } from '../../src/queue/queue.ts'
import { run, start } from '../program.ts'
import { reportWeights } from '../report-weights.ts'
import { SERVER, type TestServer } from './redis-server.ts'
import { digestsIn, writeScans } from './stub.ts'
import { useFolder, useQueue } from './use-queue.ts'

describe.skipIf(!SERVER)('queue work', () => {
  const root = useFolder()
  const [scans, out, weights] = [join(root, 'scans'), join(root, 'out'), join(root, 'weights.safetensors')]
  let redis: TestServer
  let server: Server
  useQueue((given) => {
    redis = given.redis
    server = given.server
  })
  beforeAll(async () => writeFileSync(weights, await reportWeights()))

  const line = (action: string, name: string, ...words: string[]) => {
    const options = ['--redis', redis.url, '--queue', name, '--root', root, '--weights', weights]
    return ['queue', ...action.split(' '), ...options, ...words]
  }
  const add = (name: string) => run(line(`add ${scans}`, name, '--out', out, '--classifier', 'none'))

  it('works on each GPU until all is done, and says which GPUs there are', async () => {
    await writeScans(root, ['a.png', 'b.png'])
    await add('gpus')
    const missing = await start(line('work', 'gpus', '--gpus', '7')).ended
    expect([missing.code, missing.stderr]).toEqual([
      3,
      expect.stringMatching(/--gpus 7: there is no such adapter; this machine has 0 /),
    ])
    const ended = await start(line('work', 'gpus', '--gpus', 'all', '--until-done', '--json')).ended
    expect([ended.code, JSON.parse(ended.stdout.toString()).workers[0].code]).toEqual([0, 0])
    expect(Object.keys(digestsIn(out))).toEqual(['a.png', 'b.png'])
  })

  it('ends where its check picture differs, with --until-done, too', async () => {
    await writeScans(root, ['a.png'])
    await add('differs')
    const queue = new PictureQueue(server, 'differs')
    const { version, digest } = (await queue.ledger.settings())!
    const levels = Buffer.alloc(1).toString('base64') // no picture has so few
    await server.redis.hset(queue.ledger.key(`check-${version}-${digest}`), { levels })
    const { child, ended } = start(line('work', 'differs', '--until-done'))
    const late = sleep(60_000).then(() => ({ code: 'it goes on', stderr: '' }))
    const { code, stderr } = await Promise.race([ended, late])
    child.kill('SIGKILL')
    expect([code, stderr]).toEqual([3, expect.stringMatching(/its check picture differs/)])
    await queue.close()
  })

  it('tells at once of a worker of a crew that was killed', async () => {
    const { child, ended } = start(line('work', 'killed', '--gpus', '0'))
    await new Promise((resolve) => child.stderr!.on('data', (text) => /is empty/.test(text) && resolve(text)))
    process.kill(childOf(child.pid!), 'SIGKILL')
    const { code, stderr } = await ended
    expect([code, stderr]).toEqual([1, expect.stringMatching(/the worker on .+ ended by SIGKILL/)])
  })

  it.each([
    ['', []],
    [' of a crew', ['--gpus', '0']],
  ])('gives its chunk back at the second SIGTERM%s', async (_, words) => {
    mkdirSync(scans, { recursive: true })
    const name = `signals${words.length}`
    const create = { width: 1500, height: 1500, channels: 3, background: '#808080' } as const
    const large = await sharp({ create }).toColourspace('b-w').png().toBuffer()
    for (let n = 0; n < 30; n++) writeFileSync(join(scans, `${name}-${n}.png`), large)
    await add(name)
    const queue = new PictureQueue(server, name)
    const { child, ended } = start(line('work', name, ...words))
    while ((await queue.jobs.getActiveCount()) === 0) await sleep(50)
    const processes = words.length ? 2 : 1
    const heard = saidBy(child, processes)
    child.kill('SIGTERM')
    await heard
    await sleep(1500) // two signals within a second are one that came twice
    expect(child.exitCode).toBeNull()
    child.kill('SIGTERM')
    expect((await ended).code).toBe(130)
    expect(await queue.jobs.getJobCounts('active', 'waiting')).toEqual({ active: 0, waiting: 1 })
    await queue.close()
  })
})

/** The process that another one has started. */
function childOf(parent: number): number {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=']).toString().trim().split('\n')
  return lines.map((line) => line.trim().split(/\s+/).map(Number)).find(([, of]) => of === parent)![0]!
}

/** Until so many processes have said that they stop. */
function saidBy(child: ChildProcess, processes: number): Promise<void> {
  let said = ''
  return new Promise((resolve) => {
    child.stderr!.on('data', (chunk) => {
      said += chunk
      if (said.split('stopping after the work in hand').length > processes) resolve()
    })
  })
}
