/** What needs no server: jobs, their packing, places below the roots, addresses and figures. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import { expect, it } from 'vitest'
import { chosenGpus } from '../../src/cli/queue/crew.ts'
import { statusText } from '../../src/cli/queue/status.ts'
import { connect, nameOf, redacted, serverAddress } from '../../src/queue/connection.ts'
import { type ChunkJob, chunkId, keyOf, parseChunk } from '../../src/queue/jobs.ts'
import { metricsText, parseListen } from '../../src/queue/metrics.ts'
import { Packer, pixelsOf, workOf } from '../../src/queue/pack.ts'
import { Roots } from '../../src/queue/roots.ts'
import { trialBy } from '../../src/queue/trial.ts'
import { useFolder } from './use-queue.ts'

const root = useFolder()

const picture = { input: 'a/b.jpg', output: 'a/b.jpg', size: 10, stamp: '10-1' }
const job: ChunkJob = { from: 'scans', to: 'out', settings: '0123456789abcdef', pictures: [picture] }

it('takes jobs that say what jobs say, and no others', () => {
  expect(parseChunk(job)).toEqual(job)
  expect(parseChunk({ ...job, from: '.', to: 's3://bucket/out' }).to).toBe('s3://bucket/out')
  const bad: [object, RegExp][] = [
    [{ ...job, from: '../x' }, /from: a place outside of the root/],
    [{ ...job, to: '/etc' }, /to: a place outside/],
    [{ ...job, to: 's3://bucket/../other' }, /to: a place outside/],
    [
      { ...job, pictures: [{ ...picture, output: 'a/../../b.jpg' }] },
      /pictures\.0\.output: a path that leaves/,
    ],
    [{ ...job, pictures: [{ ...picture, input: 'a\0b' }] }, /pictures\.0\.input/],
    [{ ...job, pictures: [] }, /pictures/],
    [{ ...job, settings: 'x' }, /settings/],
    [{ ...job, run: 'rm -r' }, /the job is refused: run/],
  ]
  for (const [data, why] of bad) expect(() => parseChunk(data)).toThrow(why)
})

it('gives the same job the same number, and another one another', () => {
  expect(chunkId(job)).toBe(chunkId(structuredClone(job)))
  expect(chunkId(job)).not.toContain(':')
  const changes = [
    { settings: '0123456789abcdee' },
    { to: 'x' },
    { round: 1 },
    { pictures: [{ ...picture, stamp: '11-1' }] },
  ]
  expect(new Set([job, ...changes.map((change) => ({ ...job, ...change }))].map(chunkId)).size).toBe(5)
  expect(keyOf('out', 'É.JPG')).toBe(keyOf('out', 'e\u0301.jpg'))
})

it('packs photographs by their bytes', () => {
  const sizes = (megabytes: readonly number[]) => {
    const packer = new Packer(4)
    const full = megabytes.map((size) => packer.add({ ...picture, size: size * 2 ** 20 })?.length ?? 0)
    return [...full.filter(Boolean), packer.finish().length]
  }
  expect(sizes([2, 2, 2, 2, 2])).toEqual([4, 1])
  expect(sizes([8, 20, 1, 1])).toEqual([1, 1, 2])
  expect(sizes(Array(20).fill(0.01))).toEqual([16, 4])
})

it('packs photographs by their pixels where bytes do not tell', async () => {
  const create = { width: 6000, height: 4000, channels: 3, background: '#808080' } as const
  await sharp({ create }).png().toFile(join(root, 'flat.png'))
  const pixels = await pixelsOf(root, 'flat.png')
  expect(pixels).toBe(24e6)
  const small = { ...picture, size: 20_000 }
  const packer = new Packer(4)
  expect([1, 2, 3].map(() => packer.add(small, pixels)?.length ?? 0)).toEqual([0, 2, 0])
  expect(workOf(2 * 2 ** 20, null)).toBe(1)
  expect(workOf(64 * 2 ** 20, 12e6)).toBe(4)
  expect([await pixelsOf(root, 'a.jpg'), await pixelsOf(root, 'none.tif')]).toEqual([null, null])
})

it('uses places below its roots only', async () => {
  const [inside, outside] = [join(root, 'inside'), join(root, 'outside')]
  for (const folder of [inside, outside]) mkdirSync(folder)
  symlinkSync(outside, join(inside, 'link'))
  const roots = new Roots([inside, 's3://bucket/museum/'])
  expect(roots.placeOf(join(inside, 'a/b'))).toBe('a/b')
  expect(roots.placeOf(inside)).toBe('.')
  expect(roots.placeOf('s3://bucket/museum/scans/')).toBe('s3://bucket/museum/scans')
  expect(roots.folderOf('a')).toBe(join(inside, 'a'))
  for (const place of [outside, `${inside}-2`, 's3://bucket/museum2', 's3://other'])
    expect(() => roots.placeOf(place)).toThrow(/is not below/)
  expect((await roots.open('not/there/yet')).address).toBe(join(inside, 'not/there/yet'))
  await expect(roots.open('link/deeper')).rejects.toThrow(/a link leads out of/)
  await expect(roots.open('../outside')).rejects.toThrow(/is not below/)
  expect(() => new Roots([inside, outside])).toThrow(/one folder is the root/)
})

it('takes the address of the server from options, a file or the environment, but no password from an option', async () => {
  const file = join(root, 'address')
  writeFileSync(file, 'rediss://me:pa%20ss@far:6380/2\nmore\n')
  const [plain, secret] = [await serverAddress({}, {}), await serverAddress({ file }, {})]
  expect(nameOf(plain)).toBe('redis://127.0.0.1:6379')
  expect([secret.href, nameOf(secret)]).toEqual(['rediss://me:pa%20ss@far:6380/2', 'rediss://far:6380/2'])
  expect(redacted('AUTH me pa ss pa%20ss', secret)).toBe('AUTH me … …')
  const env = { REDIS_URL: 'redis://there', REDIS_USERNAME: 'u', REDIS_PASSWORD: 'p:w' }
  expect((await serverAddress({}, env)).href).toBe('redis://u:p%3Aw@there')
  expect((await serverAddress({ url: 'redis://here' }, env)).hostname).toBe('here')
  await expect(serverAddress({ url: 'redis://:secret@here' }, {})).rejects.toThrow(
    /all users of this machine/,
  )
  await expect(serverAddress({ url: 'redis://:secret@here' }, {})).rejects.not.toThrow(/secret/)
  const queries = ['password=secret', 'family=6'].map((query) => `redis://here?${query}`)
  for (const url of queries) {
    await expect(serverAddress({ url }, {})).rejects.toThrow(/--redis has options behind a "\?"/)
    await expect(serverAddress({ url }, {})).rejects.not.toThrow(/secret/)
  }
  await expect(serverAddress({}, { REDIS_URL: 'redis://:se%cret@here' })).rejects.toThrow(
    /^the user or password in REDIS_URL has a % of its own: write it as %25$/,
  )
  await expect(serverAddress({ url: 'http://here' }, {})).rejects.toThrow(/--redis is no address/)
  await expect(serverAddress({ url: 'redis://here', file }, {})).rejects.toThrow(/one too many/)
  await expect(serverAddress({ file: join(root, 'none') }, {})).rejects.toThrow(/cannot read/)
})

it('says what to type where its packages are not installed, and that no server answers', async () => {
  const missing = () => Promise.reject(new Error('Cannot find package'))
  await expect(connect(new URL('redis://127.0.0.1:1'), undefined, missing)).rejects.toThrow(
    /run "npm install bullmq@6 ioredis@6"/,
  )
  const refused = connect(new URL('redis://:secret@127.0.0.1:1'))
  await expect(refused).rejects.toThrow(/^no queue at redis:\/\/127\.0\.0\.1:1: connect ECONNREFUSED/)
})

it('gives figures as Prometheus reads them, on this machine unless told otherwise', () => {
  const worker = { name: 'a"b', adapter: 'GPU', picturesPerSecond: 1.5 }
  const counts = {
    task: 'colorize' as const,
    waiting: 1,
    active: 2,
    completed: 3,
    failed: 4,
    pictures: 10,
    refused: 0,
    paused: false,
  }
  const status = { ...counts, picturesPerSecond: 1.5, secondsLeft: 2, workers: [worker] }
  expect(statusText(status)).toContain('1.5 pictures/s')
  expect(statusText({ ...status, task: 'prepare' }).match(/90 parts\/min/g)).toHaveLength(2)
  const text = metricsText(status)
  expect(text).toContain('# TYPE colorizer_queue_waiting gauge\ncolorizer_queue_waiting 1\n')
  expect(text).toContain('colorizer_queue_pictures_per_second{worker="a\\"b",adapter="GPU"} 1.5\n')
  expect(parseListen('9464')).toEqual({ host: '127.0.0.1', port: 9464 })
  expect(parseListen('[::]:1')).toEqual({ host: '::', port: 1 })
  for (const text of ['x', '70000', '1:']) expect(() => parseListen(text)).toThrow(/expected PORT/)
})

it('says why a picture that was tried alone came to nothing', async () => {
  const by = (code: string, limits: { milliseconds?: number } = {}) =>
    trialBy([process.execPath, '-e', code], { milliseconds: 20_000, bytes: 2 ** 33, ...limits })(
      Buffer.of(1),
      'x.png',
      'x.png',
    )
  await expect(by('process.exit(3)')).rejects.toThrow(/^x\.png was tried alone and failed with exit code 3$/)
  await expect(by('setTimeout(() => {}, 60000)', { milliseconds: 300 })).rejects.toThrow(
    /took longer than 0 s/,
  )
  await expect(by(`console.log('{"error":"x.png is grey"}')`)).rejects.toThrow(/^x\.png is grey$/)
  process.env.REDIS_URL = 'redis://:secret@x'
  const seen = await by(
    `process.stdout.write(JSON.stringify({ width: 1, height: 1, classes: [], remarks: [process.env.REDIS_URL ?? 'none'] }) + '\\nbytes')`,
  ).finally(() => delete process.env.REDIS_URL)
  expect(seen).toMatchObject({ remarks: ['none'], parts: [Buffer.from('bytes')] })
})

it('leaves no process behind where the worker is gone before a picture is tried', async () => {
  const trial = new URL('../../dist/queue/trial.js', import.meta.url)
  const code = `const { answerTrial } = await import(${JSON.stringify(trial)})
process.once('disconnect', () => answerTrial(() => new Promise(() => setInterval(() => {}, 1000)), process.stdin))
process.send('ready')`
  const words = ['--input-type=module', '-e', code]
  const child = spawn(process.execPath, words, { stdio: ['pipe', 'inherit', 'inherit', 'ipc'] })
  child.stdin!.end('{ "name": "x.png", "output": "x.png" }\nbytes')
  await once(child, 'message')
  child.disconnect()
  const late = sleep(20_000, ['is left']).finally(() => child.kill('SIGKILL'))
  expect(await Promise.race([once(child, 'exit'), late])).toEqual([0, null])
})

it('takes the GPUs that --gpus means, each name once, and software only where there is nothing else', () => {
  const all = ['llvmpipe (LLVM 15)', 'Radeon', 'Tesla', 'Tesla']
  const [software, radeon, tesla] = ['llvmpipe (LLVM 15)', 'Radeon', 'Tesla'].map((name, number) => ({
    ...{ number, name },
  }))
  expect(chosenGpus('all', all)).toEqual({ gpus: [radeon, tesla], shared: ['Tesla'] })
  expect(chosenGpus('all', ['llvmpipe (LLVM 15)'])).toEqual({ gpus: [software], shared: [] })
  expect(chosenGpus('1,0,1', all)).toEqual({ gpus: [radeon, software], shared: [] })
  expect(chosenGpus('all', ['Tesla T4G', 'Tesla T4']).shared).toEqual(['Tesla T4'])
  expect(() => chosenGpus('0,3', all)).toThrow(
    /--gpus 3: there is no such adapter; this machine has 0 llvmpipe \(LLVM 15\), 1 Radeon, 2 Tesla/,
  )
  expect(() => chosenGpus('first', all)).toThrow(/expected all, or numbers/)
  expect(() => chosenGpus('all', [])).toThrow(/no WebGPU adapter/)
})
