import type { Gpu } from '../../src/device/gpu.ts'
import { repeatsFor, type Timer } from '../../src/device/timer.ts'
import type { Traits } from '../../src/device/traits.ts'
import { median } from '../../src/numbers.ts'
import { Alone } from '../../src/tune/alone.ts'
import { type Convolution, candidatesOf } from '../../src/tune/convolutions.ts'
import { Speeds, winnerOf } from '../../src/tune/tune.ts'
import { type Described, describe } from '../roofline.ts'
import { type Runner, takeTurns } from './turns.ts'

/** Who takes so many times as long as the fastest, and longer than all together may take, is left out. */
const HOPELESS = 8

/** A convolution by every candidate that its operator offers on an adapter. */
export interface CandidateRow extends Described {
  /** Median of each candidate, the usual one first; null for one that is left out because it would take too long. */
  readonly milliseconds: Readonly<Record<string, number | null>>
  /** The candidate that was clearly faster than the one that is taken, if any. */
  readonly faster: string | null
}

/** Milliseconds of each candidate that is named, the usual one first. */
type Race = (
  convolution: Convolution,
  names: readonly string[],
) => Promise<(readonly [string, readonly number[]])[]>

/** Times all candidates of one convolution after the other; small ones tell of which candidates large ones are spared. */
export class CandidateTimer {
  readonly #speeds = new Speeds()

  /** @param seconds about how long the candidates of one convolution may take turns */
  constructor(
    private readonly traits: Traits,
    private readonly seconds: number,
    private readonly race: Race,
  ) {}

  static on(gpu: Gpu, timer: Timer, seconds: number): CandidateTimer {
    return new CandidateTimer(gpu.traits, seconds, (...work) => race(gpu, timer, seconds, ...work))
  }

  /** The subgroups' matrices, which need float16, come last: they are not taken unless asked for. */
  #namesFor(convolution: Convolution): string[] {
    const names = (traits: Traits) => candidatesOf(convolution, traits).map(({ name }) => name)
    return [...new Set([...names({ ...this.traits, matrices: [] }), ...names(this.traits)])]
  }

  async measure(convolution: Convolution): Promise<CandidateRow> {
    const names = this.#namesFor(convolution)
    const expected = names.map((name) => this.#speeds.expected(convolution, name))
    const most = Math.max(1000 * this.seconds, HOPELESS * Math.min(...expected))
    const times = await this.race(
      convolution,
      names.filter((_, i) => i === 0 || expected[i]! <= most),
    )
    const medians = new Map(times.map(([name, all]) => [name, median(all)]))
    for (const [name, ms] of medians) this.#speeds.note(convolution, name, ms)
    const { best, usual } = winnerOf(times)
    return {
      ...describe(convolution, { ...this.traits, matrices: [] }),
      milliseconds: Object.fromEntries(names.map((name) => [name, medians.get(name) ?? null])),
      faster: best === usual ? null : best,
    }
  }
}

async function race(
  gpu: Gpu,
  timer: Timer,
  seconds: number,
  convolution: Convolution,
  names: readonly string[],
) {
  const single = new Alone(gpu, convolution)
  try {
    const runners: (Runner & { readonly name: string })[] = []
    for (const name of names) {
      const work = await single.by(name)
      await timer.once(work) // a driver may compile
      const repeats = repeatsFor(await timer.once(work))
      runners.push({ name, run: () => timer.mean(work, repeats), times: [] })
    }
    await takeTurns(runners, seconds)
    return runners.map(({ name, times }) => [name, times] as const)
  } finally {
    single.destroy()
  }
}
