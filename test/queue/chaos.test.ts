import { expect, it } from 'vitest'
import { chaos } from './chaos.ts'
import { SERVER } from './redis-server.ts'

/** COLORIZER_CHAOS_SECONDS=600 for a longer one. */
const SECONDS = Number(process.env.COLORIZER_CHAOS_SECONDS ?? 60)
const PICTURES = SECONDS < 300 ? 500 : 2000

it.skipIf(!SERVER)(
  'makes every picture once and whole, whoever is killed, stopped or started anew',
  { timeout: 1000 * (SECONDS + 800) },
  async () => {
    const log = (line: string) => console.log(line)
    const outcome = await chaos({ seconds: SECONDS, pictures: PICTURES, workers: 4, moment: 1, log })
    console.log(outcome)
    expect(outcome.problems).toEqual([])
    expect(outcome.kills + outcome.stops).toBeGreaterThan(5)
    expect(outcome.restarts).toBeGreaterThan(0)
  },
)
