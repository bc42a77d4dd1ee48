import { afterEach, describe, expect, it, vi } from 'vitest'
import { patiently } from '../src/node/patience.ts'

/** Keeps the event loop turning without a pause, as Dawn's bindings do. */
let isPolling = false
const poll = () => void (isPolling && setImmediate(poll))
afterEach(() => {
  isPolling = false
})

describe('patiently', () => {
  it('leaves most of a core to others while it waits', async () => {
    isPolling = true
    poll()
    const shareOfACore = async (wait: (work: Promise<unknown>) => Promise<unknown>) => {
      const [begun, before] = [performance.now(), process.cpuUsage()]
      await wait(new Promise((resolve) => setTimeout(resolve, 400)))
      const { user, system } = process.cpuUsage(before)
      return (user + system) / 1000 / (performance.now() - begun)
    }
    expect(await shareOfACore(patiently)).toBeLessThan(0.4)
    await expect(patiently(Promise.reject(new Error('lost')))).rejects.toThrow('lost')
  })

  it('sleeps once a turn of the event loop, however many wait or have waited', async () => {
    isPolling = true
    poll()
    const turns = async (count: number) => {
      for (let n = 0; n < count; n++) await new Promise(setImmediate)
    }
    for (let n = 0; n < 200; n++) await patiently(Promise.resolve())
    const sleeping = vi.spyOn(Atomics, 'wait')
    await Promise.all([1, 2, 3].map(() => patiently(turns(20))))
    const longest = Math.max(...sleeping.mock.calls.map(([, , , ms]) => ms ?? Number.POSITIVE_INFINITY))
    const times = sleeping.mock.calls.length
    sleeping.mockRestore()
    expect(times).toBeGreaterThan(10)
    expect(times).toBeLessThanOrEqual(21)
    expect(longest).toBeLessThanOrEqual(2)
  })
})
