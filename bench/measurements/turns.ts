const MIN_ROUNDS = 3
const MAX_ROUNDS = 25

/** One of several that take turns. */
export interface Runner {
  /** Does the work and returns the milliseconds that it took. */
  run(): Promise<number>
  /** Of each turn. */
  readonly times: number[]
}

/** Lets all run in turns, to and fro, for about so many seconds. Whatever else the machine does then hits all of them alike. */
export async function takeTurns(runners: readonly Runner[], seconds: number): Promise<void> {
  const end = performance.now() + 1000 * seconds
  for (let round = 0; round < MAX_ROUNDS; round++) {
    if (round >= MIN_ROUNDS && performance.now() > end) break
    for (const { run, times } of round % 2 ? runners.toReversed() : runners) times.push(await run())
  }
}
