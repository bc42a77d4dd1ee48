import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWorkerPool } from '../src/node/worker-pool.ts'

const folder = mkdtempSync(join(tmpdir(), 'worker-pool-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('the worker pool', () => {
  const module = join(folder, 'worker.mjs')
  beforeAll(() => {
    writeFileSync(
      module,
      `import { parentPort } from 'node:worker_threads'
       parentPort.on('message', (task) => {
         if (task === 'throw') throw new Error('out of luck')
         if (task === 'exit') process.exit(3)
         if (task !== 'hang') parentPort.postMessage(2 * task)
       })`,
    )
  })
  const open = (count: number) => openWorkerPool<number | string, number>(pathToFileURL(module), count)

  it('answers each task with its own result', async () => {
    const pool = open(3)
    const tasks = Array.from({ length: 50 }, (_, i) => i)
    expect(await Promise.all(tasks.map((n) => pool.run(n)))).toEqual(tasks.map((n) => 2 * n))
    await pool.close()
  })

  it.each([
    ['throw', /a decoding worker crashed: Error: out of luck/],
    ['exit', /a decoding worker stopped by itself \(exit code 3\)/],
  ])('a worker that dies (%s) fails its task, those behind it and all later ones', async (how, message) => {
    const pool = open(1)
    const outcomes = await Promise.allSettled([pool.run(1), pool.run(how), pool.run(2)])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
    for (const outcome of outcomes.slice(1))
      expect(String((outcome as PromiseRejectedResult).reason)).toMatch(message)
    await expect(pool.run(3)).rejects.toThrow(message)
    await pool.close()
  })

  it('close rejects what runs and what waits', async () => {
    const pool = open(1)
    const running = pool.run('hang')
    const waiting = pool.run(1)
    await Promise.all([
      expect(running).rejects.toMatchObject({ name: 'PoolClosed' }),
      expect(waiting).rejects.toMatchObject({ name: 'PoolClosed' }),
      pool.close(),
    ])
  })

  it('close ends also where an answer is on its way, and the program after it', async () => {
    const program = join(folder, 'close.mts')
    writeFileSync(
      program,
      `import { openWorkerPool } from ${JSON.stringify(new URL('../src/node/worker-pool.ts', import.meta.url))}
       const pool = openWorkerPool(new URL(${JSON.stringify(pathToFileURL(module))}), 1)
       await pool.run(1)
       const late = pool.run(2).catch(({ name }) => name)
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20) // the answer is there when the pool is closed
       await pool.close()
       console.log(await late)`,
    )
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', program])
    expect(stdout).toBe('PoolClosed\n')
  })

  it('a module that is not there is an error, not a hang', async () => {
    const pool = openWorkerPool<number, number>(pathToFileURL(join(folder, 'none.mjs')), 1)
    await expect(pool.run(1)).rejects.toThrow(/a decoding worker crashed/)
    await pool.close()
  })
})
