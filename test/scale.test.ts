import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Colouring, simulateColouring } from '../bench/scale/colouring.ts'
import { tables } from '../bench/scale/tables.ts'
import { simulateRing, simulateSteps } from '../bench/scale/training.ts'

const GB = 1e9
const WORK: Colouring = {
  ...{ gpus: 1, servers: 1, bandwidth: GB, chunk: 10, bytes: { read: 1e6, written: 2e6 } },
  ...{
    pictureSeconds: 0.1,
    jobSeconds: 0.002,
    spread: 0,
    crashSeconds: Number.POSITIVE_INFINITY,
    leaseSeconds: 30,
  },
}

describe('simulated colouring', () => {
  it('finishes every job once, however often workers crash', () => {
    const work = { ...WORK, gpus: 7, servers: 3, spread: 0.5, crashSeconds: 20, leaseSeconds: 5 }
    const { finished, begun, rate } = simulateColouring(work, 1000, 1)
    expect([...finished].every((times) => times === 1)).toBe(true)
    expect(begun).toBeGreaterThan(1100) // a crash loses the jobs in hand, and they are begun again
    expect(rate).toBeLessThan(70)
  })

  it('takes the time of all pictures one after the other on one GPU, with the first reading and the last writing', () => {
    const { seconds, busy } = simulateColouring(WORK, 50, 1)
    expect(seconds).toBeCloseTo(0.002 + 0.01 + 50 * 1 + 0.02, 9)
    expect(busy.workers).toBeCloseTo(50 / seconds, 9)
    expect(busy.storage).toBeCloseTo((50 * 0.03) / seconds, 9)
  })

  it.each([
    ['workers', { gpus: 20 }, 20 / 0.1],
    ['storage', { gpus: 20, bandwidth: 3e7 }, 10],
    ['one server', { gpus: 200, jobSeconds: 0.1, bandwidth: 100 * GB }, 100],
    ['four servers', { gpus: 200, jobSeconds: 0.1, bandwidth: 100 * GB, servers: 4 }, 400],
  ] as const)('is as fast as its slowest part allows: %s', (_, change, rate) => {
    const work = { ...WORK, ...change }
    expect(simulateColouring(work, 40 * work.gpus, 1).rate / rate).toBeCloseTo(1, 1)
    expect(simulateColouring({ ...work, spread: 0.3 }, 40 * work.gpus, 1).rate / rate).toBeCloseTo(1, 1)
  })

  it('is the same for the same seed', () => {
    const run = (seed: number) =>
      simulateColouring({ ...WORK, gpus: 5, spread: 0.5, crashSeconds: 30 }, 200, seed)
    expect(run(1)).toEqual(run(1))
    expect(run(2).seconds).not.toBe(run(1).seconds)
  })
})

describe('simulated training', () => {
  const ring = { workers: 8, bytes: 8e6, bandwidth: GB, latency: 1e-4 }

  it('adds gradients up in 2 (n - 1) rounds of an n-th each', () => {
    expect(simulateRing(ring, new Array(8).fill(3))).toBeCloseTo(3 + 14 * (1e-4 + 1e-3), 12)
    expect(simulateRing({ ...ring, workers: 1 }, [3])).toBe(3)
  })

  it('waits for the slowest', () => {
    expect(simulateRing(ring, [0, 0, 0, 5, 0, 0, 0, 0])).toBeCloseTo(5 + 14 * (1e-4 + 1e-3), 12)
    const fast = {
      ...ring,
      latency: 0,
      bandwidth: Number.POSITIVE_INFINITY,
      seconds: 1,
      spread: 1,
      staging: 0,
    }
    // the latest of 8 times that are uniform between 1 and 2
    expect(simulateSteps(fast, 4000, 1)).toBeCloseTo(1 + 8 / 9, 2)
  })
})

it('prints the tables of docs/scale.md', () => {
  const page = readFileSync(new URL('../docs/scale.md', import.meta.url), 'utf8')
  for (const table of tables()) expect(page, 'run: npm run bench:scale').toContain(table)
})
