import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Lock, type LockOptions, lock } from '../src/node/lock.ts'
import { isRunning, startOf } from '../src/node/processes.ts'
import { lockText } from './locks.ts'

const folder = mkdtempSync(join(tmpdir(), 'lock-'))
afterAll(() => rmSync(folder, { recursive: true }))
let path = ''
beforeEach(() => {
  path = join(mkdtempSync(join(folder, 'of-')), 'a.lock')
})

const BUSY = /is at work on photographs; wait for it, or choose another folder$/
const QUICK = { beatMs: 20, staleMs: 400 }
/** As a process of another machine would. */
const from = (place: string, options: LockOptions = {}) =>
  lock(path, 'photographs', { ...QUICK, place, ...options })
const isLost = (held: Lock) => expect(() => held.check()).toThrow(/has lost its hold on photographs/)

/** A process that runs, one that was killed, and one that was killed and whose parent has not asked for it. */
async function processes() {
  const child = spawn('sh', ['-c', 'sleep 0.5 & echo $!; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [text] = await once(child.stdout!, 'data')
  const gone = spawn('true')
  await once(gone, 'exit')
  await vi.waitFor(() => expect(readFileSync(`/proc/${Number(text)}/stat`, 'utf8')).toContain(' Z '), 20_000)
  return { running: child.pid!, zombie: Number(text), gone: gone.pid!, end: () => child.kill('SIGKILL') }
}

describe('a lock of this machine', () => {
  it('is one process’s until it is given back', async () => {
    const held = await lock(path, 'photographs')
    await expect(lock(path, 'photographs')).rejects.toThrow(BUSY)
    held.check()
    await held.release()
    expect(readdirSync(join(path, '..'))).toEqual([])
    await (await lock(path, 'photographs')).release()
  })

  it('leaves nothing where it cannot be written', async () => {
    const other = await open(join(path, '..', 'other'), 'w')
    const handles = Object.getPrototypeOf(other)
    await other.close()
    vi.spyOn(handles, 'sync').mockRejectedValueOnce(Object.assign(new Error(), { code: 'ENOSPC' }))
    try {
      await expect(lock(path, 'photographs')).rejects.toThrow(/cannot write .*a\.lock: the disk is full/)
      expect(existsSync(path)).toBe(false)
    } finally {
      vi.restoreAllMocks()
    }
    await (await lock(path, 'photographs')).release()
  })

  it.runIf(process.platform === 'linux')(
    'is taken over at once from a process that ended, a zombie too',
    async () => {
      const { running, zombie, gone, end } = await processes()
      try {
        expect([running, zombie, gone].map((pid) => isRunning(pid))).toEqual([true, false, false])
        for (const pid of [zombie, gone]) {
          writeFileSync(path, lockText({ pid }))
          await (await lock(path, 'photographs')).release()
        }
        writeFileSync(path, lockText({ pid: running }))
        await expect(lock(path, 'photographs')).rejects.toThrow(`process ${running} is at work`)
        writeFileSync(path, lockText({ pid: running, started: `${Number(startOf(running)) - 1}` }))
        await (await lock(path, 'photographs')).release()
      } finally {
        end()
      }
    },
  )

  it('is nobody’s whom the system cannot ask about, where that was another machine', async () => {
    writeFileSync(path, lockText({ place: 'elsewhere' })) // this process has the number, and runs
    const started = performance.now()
    const held = await lock(path, 'photographs', QUICK)
    expect(performance.now() - started).toBeGreaterThanOrEqual(QUICK.staleMs)
    await held.release()
  })
})

describe('a lock of another machine', () => {
  it('holds as long as its heart beats, whatever the clocks say', async () => {
    writeFileSync(path, lockText({ place: 'b', pid: 999999999, host: 'far' }))
    const waits: string[] = []
    let beats = 0
    const heart = setInterval(() => utimesSync(path, 1, ++beats), 50) // in 1970
    const taking = from('a', { onWait: (line) => waits.push(line) }).finally(() => clearInterval(heart))
    await expect(taking).rejects.toThrow(/^process 999999999 of the machine far is at work on photographs/)
    expect(waits).toEqual([
      'waiting to see whether process 999999999 of the machine far is still at work on photographs',
    ])
  })

  it('holds with the heartbeat of a real holder, and is free after it', async () => {
    const held = await from('b')
    await expect(from('a')).rejects.toThrow(BUSY)
    held.check()
    await held.release()
    await (await from('a')).release()
  })

  it('is taken over when it stands still, be its time in the future; the one before notices, and leaves it alone', async () => {
    const before = await from('b', { beatMs: 1e9 })
    utimesSync(path, 4e9, 4e9)
    const held = await from('a')
    isLost(before)
    await before.release()
    held.check()
    expect(JSON.parse(readFileSync(path, 'utf8')).place).toBe('a')
    await held.release()
    expect(existsSync(path)).toBe(false)
  })

  it.skipIf(process.platform === 'win32')(
    'is not written under by a process that was stopped for too long',
    async () => {
      const written = join(path, '..', 'written')
      const options = { place: 'b', ...QUICK }
      const program = `import { appendFileSync } from 'node:fs'
      import { lock } from ${JSON.stringify(new URL('../dist/node/lock.js', import.meta.url))}
      const held = await lock(${JSON.stringify(path)}, 'photographs', ${JSON.stringify(options)})
      setInterval(() => { held.check(); appendFileSync(${JSON.stringify(written)}, 'x') }, 10)`
      const child = spawn(process.execPath, ['--input-type=module', '--eval', program])
      try {
        await vi.waitFor(() => expect(existsSync(written)).toBe(true), 20_000)
        child.kill('SIGSTOP')
        const held = await from('a')
        const before = readFileSync(written, 'utf8')
        child.kill('SIGCONT')
        const [said] = await once(child.stderr, 'data')
        expect(String(said)).toContain('has lost its hold on photographs')
        expect(readFileSync(written, 'utf8')).toBe(before)
        held.check()
        await held.release()
      } finally {
        child.kill('SIGKILL')
      }
    },
  )

  it('is watched, too, when its file says nothing', async () => {
    writeFileSync(path, '')
    const taking = from('a')
    await sleep(100)
    writeFileSync(path, lockText({ place: 'a' })) // then it was being made
    await expect(taking).rejects.toThrow(BUSY)
    writeFileSync(path, '1234\n') // of an older version
    await (await from('a')).release()
  })

  const hasKept = (held: Lock): boolean => {
    try {
      held.check()
      return true
    } catch {
      return false
    }
  }

  it('goes to one of many who take it over at once', async () => {
    for (let round = 0; round < 5; round++) {
      writeFileSync(path, lockText({ place: 'gone', pid: round + 1 }))
      const takers = Array.from({ length: 12 }, (_, n) => from(`taker ${n}`, { staleMs: 120 }))
      const held = (await Promise.allSettled(takers)).flatMap((taken) =>
        taken.status === 'fulfilled' ? [taken.value] : [],
      )
      // one that another has taken it from, since that one was held up for long, knows it
      expect(held.filter(hasKept)).toHaveLength(1)
      for (const each of held) await each.release()
      expect(readdirSync(join(path, '..'))).toEqual([])
    }
  })

  it('is lost when its file was removed', async () => {
    const held = await from('a')
    rmSync(path)
    isLost(held)
    await held.release()
  })
})
