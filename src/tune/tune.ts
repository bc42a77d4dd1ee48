import * as v from 'valibot'
import type { Gpu } from '../device/gpu.ts'
import { type Repeatable, repeatsFor, Timer } from '../device/timer.ts'
import type { Choices } from '../device/traits.ts'
import { Executor, uploadNeeded, Variables } from '../graph/execute.ts'
import type { Precision } from '../graph/half.ts'
import { networkInputs } from '../infer/inputs.ts'
import { colouringPlan } from '../infer/plans.ts'
import type { Network } from '../model/network.ts'
import { median, sum } from '../numbers.ts'
import { Alone, alone } from './alone.ts'
import { type Convolution, candidatesOf } from './convolutions.ts'

/** Whoever is faster by less than this share has won by chance: then the usual candidate stays. */
const NOISE = 0.03
const MIN_ROUNDS = 5
const MAX_ROUNDS = 25
/** Who takes so many times as long as the fastest at first is not looked at again. */
const HOPELESS = 3
/** Share of all operations that hardly counts. */
const MINOR = 0.01

/** What measuring the candidates of one convolution gave. */
export const measuredSchema = v.object({
  /** The candidate to take, and the one that is taken without measuring. */
  best: v.string(),
  usual: v.string(),
  /** Median of each candidate that was measured. */
  milliseconds: v.record(v.string(), v.number()),
})
export type Timing = Readonly<v.InferOutput<typeof measuredSchema>>

export interface TuneOptions {
  /** About how long it may take. */
  readonly seconds: number
  /** Told before each convolution. */
  readonly progress: (done: number, convolution: Convolution) => void
  readonly signal: AbortSignal
}

/**
 * Times the candidates of each convolution in turns and returns what is to be taken, by `choiceKey`. Smaller ones come
 * first: what they tell of a candidate's speed saves trying it where it would take up all the time. Half of the time is
 * dealt out evenly, half by work; convolutions for which too little is left to compare are missing from the result.
 */
export async function tune(
  gpu: Gpu,
  convolutions: readonly Convolution[],
  { seconds, progress, signal }: TuneOptions,
): Promise<Map<string, Timing>> {
  const ordered = inOrder(convolutions)
  const measured = new Map<string, Timing>()
  const track = { gpu, timer: new Timer(gpu), speeds: new Speeds() }
  try {
    if (ordered.length) await alone(gpu, ordered[0]!, (work) => track.timer.check(work))
    const end = performance.now() + seconds * 1000 // however short, there is time for one
    for (const [i, convolution] of ordered.entries()) {
      const left = end - performance.now()
      if (signal.aborted || left <= 0) break
      progress(i, convolution)
      const milliseconds = left * shareOf(ordered.slice(i))
      const names = candidatesOf(convolution, gpu.traits).map(({ name }) => name)
      const isAffordable = (name: string) =>
        MIN_ROUNDS * track.speeds.expected(convolution, name) < milliseconds
      const tried = names.filter((name, n) => n === 0 || isAffordable(name))
      if (tried.length > 1) measured.set(convolution.key, await race(track, convolution, tried, milliseconds))
    }
  } finally {
    track.timer.destroy()
  }
  return measured
}

/** From small to large, but last of all the small ones that together hardly count. */
function inOrder(convolutions: readonly Convolution[]): Convolution[] {
  const ascending = [...convolutions].sort((a, b) => a.flops - b.flops)
  let rest = MINOR * sum(ascending.map(({ flops }) => flops))
  const minor = ascending.findIndex(({ flops }) => {
    rest -= flops
    return rest < 0
  })
  return [...ascending.slice(minor), ...ascending.slice(0, minor)]
}

/**
 * Times the colouring of one picture of `size` × `size` in float32 and, where the adapter has it, in float16, in turns; random
 * weights are as good as any. Convolutions are computed by `choices`. Null without 16-bit floats, or when interrupted.
 */
export async function tunePrecision(
  gpu: Gpu,
  network: Network,
  size: number,
  { seconds, signal, choices }: Pick<TuneOptions, 'seconds' | 'signal'> & { readonly choices: Choices },
): Promise<Timing | null> {
  if (!gpu.has('shader-f16')) return null
  const weights = new Map(Object.entries(network.initial(noise)))
  const variables = new Variables(gpu)
  for (const [name, values] of weights) variables.set(name, values)
  const L = Float32Array.from({ length: size * size }, (_, i) => 2 * noise(i) - 1)
  const features = new Float32Array(network.classes).fill(1 / network.classes)
  const executors: Executor[] = []
  const chosen = { device: gpu.device, traits: { ...gpu.traits, choices } }
  try {
    const runners: { name: Precision; times: number[]; run: () => Promise<unknown> }[] = []
    for (const name of ['f32', 'f16'] as const) {
      const plan = colouringPlan(
        chosen,
        network,
        { width: size, height: size },
        name === 'f16' ? weights : null,
      )
      const executor = await Executor.create(gpu, plan, variables)
      executors.push(executor)
      const run = () => {
        uploadNeeded(executor, networkInputs({ L, features }))
        return executor.run(['ab'])
      }
      await run() // a driver may compile
      runners.push({ name, times: [], run })
    }
    const end = performance.now() + seconds * 1000
    for (let round = 0; round < MAX_ROUNDS; round++) {
      if (round >= MIN_ROUNDS && performance.now() > end) break
      for (const { times, run } of runners) {
        if (signal.aborted) return null
        const started = performance.now()
        await run()
        times.push(performance.now() - started)
      }
    }
    return winnerOf(runners.map(({ name, times }) => [name, times]))
  } finally {
    for (const executor of executors) executor.destroy()
    variables.destroy()
    gpu.pool.trim()
  }
}

/** Ordinary numbers in 0…1. */
const noise = (i: number) => (i * 0.6180339887) % 1

interface Track {
  readonly gpu: Gpu
  readonly timer: Timer
  readonly speeds: Speeds
}

/** The first one's share of the time that is left for all of them. */
function shareOf([first, ...others]: readonly Convolution[]): number {
  const all = first!.flops + sum(others.map(({ flops }) => flops))
  return (1 / (1 + others.length) + first!.flops / all) / 2
}

/** How fast each candidate has been at best. */
export class Speeds {
  readonly #flopsPerMs = new Map<string, number>()

  note({ op, flops }: Convolution, candidate: string, milliseconds: number): void {
    const key = `${op} ${candidate}`
    this.#flopsPerMs.set(key, Math.max(flops / milliseconds, this.#flopsPerMs.get(key) ?? 0))
  }

  /** Milliseconds that it would take; 0 when nothing is known of it. */
  expected({ op, flops }: Convolution, candidate: string): number {
    return flops / (this.#flopsPerMs.get(`${op} ${candidate}`) ?? Number.POSITIVE_INFINITY)
  }
}

interface Runner {
  readonly name: string
  readonly work: Repeatable
  /** Milliseconds at first. */
  readonly once: number
  /** And later, in turns with the others. */
  readonly times: number[]
}

/** @param names candidates, the usual one first */
async function race(
  { gpu, timer, speeds }: Track,
  convolution: Convolution,
  names: readonly string[],
  milliseconds: number,
): Promise<Timing> {
  const end = performance.now() + milliseconds
  const single = new Alone(gpu, convolution)
  try {
    const runners: Runner[] = []
    for (const name of names) {
      const work = await single.by(name)
      const once = await firstTime(timer, work, milliseconds)
      speeds.note(convolution, name, once)
      runners.push({ name, work, once, times: [] })
    }
    const fastest = Math.min(...runners.map(({ once }) => once))
    const hopeful = runners.filter(({ once }, n) => n === 0 || once < HOPELESS * fastest)
    for (let round = 0; round < MAX_ROUNDS && hopeful.length > 1; round++) {
      if (round >= MIN_ROUNDS && performance.now() > end) break
      for (const { work, once, times } of hopeful) times.push(await timer.mean(work, repeatsFor(once)))
    }
    return winnerOf(runners.map(({ name, once, times }) => [name, times.length ? times : [once]]))
  } finally {
    single.destroy()
  }
}

/** A driver may compile when a kernel first runs, so the first time counts only where there is no time for a second. */
async function firstTime(timer: Timer, work: Repeatable, milliseconds: number): Promise<number> {
  const first = await timer.once(work)
  return first > milliseconds / 2 ? first : Math.min(first, await timer.once(work))
}

/**
 * The usual candidate wins unless another is clearly faster: by its median, and by its shortest time too, since others
 * on the machine can only make one slower.
 * @param times milliseconds of each candidate, the usual one first
 */
export function winnerOf(times: readonly (readonly [string, readonly number[]])[]): Timing {
  const timed = times.map(([name, all]) => ({ name, median: median(all), least: Math.min(...all) }))
  const [usual] = timed
  const fastest = timed.reduce((best, one) => (one.median < best.median ? one : best))
  const isAhead = (by: 'median' | 'least') => fastest[by] < usual![by] * (1 - NOISE)
  return {
    best: isAhead('median') && isAhead('least') ? fastest.name : usual!.name,
    usual: usual!.name,
    milliseconds: Object.fromEntries(timed.map(({ name, median }) => [name, median])),
  }
}
