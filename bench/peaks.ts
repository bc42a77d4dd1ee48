import type { Gpu } from '../src/device/gpu.ts'
import type { Repeatable, Timer } from '../src/device/timer.ts'
import { grid } from '../src/kernels/op.ts'
import { run } from './run.ts'

/** What the adapter can do at best, measured in the same run as the kernels that are held against it. */
export interface Peaks {
  readonly gflops: number
  /** GB/s of a copy, by the bytes it moves (read and written); small ones show what starting a kernel costs. */
  readonly copies: readonly { readonly bytes: number; readonly gbPerSecond: number }[]
}

const FMA_GROUPS = 4096
const FMA_FLOPS = 2 * 96 * 64 * FMA_GROUPS
/** Long enough that starting the workgroups doesn't show, and short enough to pass undisturbed on a busy machine. */
const FMA_MS = 50
const COPY_BYTES = [2 ** 17, 2 ** 21, 2 ** 25, 2 ** 27]
/** vec4s that one invocation copies: which is best depends on the adapter. */
const COPY_EACH = [1, 4, 16]
const PASSES = 15

const own = (memory: number, bytes: number) => ({ bytes, memory })

export async function measurePeaks(gpu: Gpu, timer: Timer, sizes = COPY_BYTES): Promise<Peaks> {
  const copies = []
  for (const bytes of sizes) {
    if (bytes / 2 <= gpu.device.limits.maxStorageBufferBindingSize)
      copies.push({ bytes, gbPerSecond: await copyRate(gpu, timer, bytes) })
  }
  return { gflops: await fmaRate(gpu, timer), copies }
}

/** The better of two measurements: others on the machine can only make one worse. */
export function bestPeaks(a: Peaks, b: Peaks): Peaks {
  const copies = a.copies.map(({ bytes, gbPerSecond }, i) => ({
    bytes,
    gbPerSecond: Math.max(gbPerSecond, b.copies[i]!.gbPerSecond),
  }))
  return { gflops: Math.max(a.gflops, b.gflops), copies }
}

/** Trusts the GPU's clock only when it says the same of a long kernel as the wall. Returns whether it is used. */
export async function checkClock(gpu: Gpu, timer: Timer): Promise<boolean> {
  await withFma(gpu, async (work, setIterations) => {
    setIterations(await iterationsFor(timer, work, setIterations))
    await timer.check(work)
  })
  return timer.clock === 'gpu'
}

/** The copy whose size is nearest to `bytes`. */
export function copyRateAt({ copies }: Peaks, bytes: number): number {
  const distance = (size: number) => Math.abs(Math.log(size / bytes))
  return copies.reduce((best, copy) => (distance(copy.bytes) < distance(best.bytes) ? copy : best))
    .gbPerSecond
}

function fmaRate(gpu: Gpu, timer: Timer): Promise<number> {
  return withFma(gpu, async (work, setIterations) => {
    const iterations = await iterationsFor(timer, work, setIterations)
    setIterations(iterations)
    return (FMA_FLOPS * iterations) / 1e6 / (await best(timer, work, 1))
  })
}

async function copyRate(gpu: Gpu, timer: Timer, bytes: number): Promise<number> {
  const vectors = bytes / 32
  let rate = 0
  for (const each of COPY_EACH) {
    const dispatch = {
      shader: 'bench/copy',
      constants: { EACH: each },
      params: { vectors },
      workgroups: grid(Math.ceil(vectors / (64 * each))),
    }
    await run(gpu, dispatch, [own(0, bytes / 2), own(1, bytes / 2)], async (work) => {
      const repeats = Math.max(1, Math.round(2 ** 25 / bytes))
      rate = Math.max(rate, bytes / 1e6 / (await best(timer, work, repeats)))
    })
  }
  return rate
}

/** The shortest of several passes, ms of one dispatch. */
async function best(timer: Timer, work: Repeatable, repeats: number): Promise<number> {
  let ms = Number.POSITIVE_INFINITY
  await timer.mean(work, repeats)
  for (let i = 0; i < PASSES; i++) ms = Math.min(ms, await timer.mean(work, repeats))
  return ms
}

/** Doubles the iterations until the kernel takes long enough. */
async function iterationsFor(
  timer: Timer,
  work: Repeatable,
  setIterations: (n: number) => void,
): Promise<number> {
  let iterations = 1
  for (;;) {
    setIterations(iterations)
    if ((await timer.pass(work, 1)).wall >= FMA_MS || iterations >= 2 ** 24) return iterations
    iterations *= 2
  }
}

function withFma<T>(
  gpu: Gpu,
  use: (work: Repeatable, setIterations: (n: number) => void) => Promise<T>,
): Promise<T> {
  const params = { iterations: 1, a: 0.999, b: 0.001 }
  const dispatch = { shader: 'bench/fma', params, workgroups: grid(FMA_GROUPS) }
  return run(gpu, dispatch, [own(0, FMA_GROUPS * 64 * 16)], (work, setParams) =>
    use(work, (iterations) => setParams({ ...params, iterations })),
  )
}
