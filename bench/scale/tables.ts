import { pyramidOn } from '../../src/model/pyramid/index.ts'
import { type Architecture, layersOf } from '../../src/model/pyramid/layers.ts'
import { layoutOf } from '../../src/model/pyramid/layout.ts'
import * as assumed from './assumed.ts'
import { type Colouring, simulateColouring } from './colouring.ts'
import { type Ring, simulateRing, simulateSteps } from './training.ts'

const SEED = 1
/** Jobs that are simulated for each GPU, and training steps. */
const JOBS_A_GPU = 40
const STEPS = 200

type Row = readonly (string | number)[]

/** All tables of docs/scale.md, as Markdown. The same on every machine. */
export const tables = (): readonly string[] => [rates(), servers(), costs(), gradients(), speedUps()]

function markdown(head: readonly string[], rows: readonly Row[]): string {
  const line = (cells: Row) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

const percent = (share: number) => `${Math.round(100 * share)}%`
const digits = (value: number) => Number(value.toPrecision(2)).toString()
const grouped = (value: number) => Math.round(value).toLocaleString('en')

/** Seconds that a worker takes for a picture: what is slower, the GPU or the cores beside it. */
const PICTURE_SECONDS = Math.max(assumed.GPU_SECONDS, assumed.CORE_SECONDS / assumed.CORES_A_GPU)

const workOf = (gpus: number, storage: keyof typeof assumed.STORAGES, servers: number): Colouring => ({
  ...{ gpus, servers, bandwidth: assumed.STORAGES[storage], chunk: assumed.CHUNK, bytes: assumed.BYTES },
  ...{ pictureSeconds: PICTURE_SECONDS, jobSeconds: assumed.QUEUE.jobSeconds, spread: assumed.SPREAD },
  ...{ crashSeconds: assumed.CRASH_SECONDS, leaseSeconds: assumed.LEASE_SECONDS },
})

function rates(): string {
  const plans = [
    [20, 'one file server', 1],
    [20, 'a parallel file system', 1],
    [100, 'a parallel file system', 1],
    [1000, 'a parallel file system', 1],
    [1000, 'a bucket', 1],
    [1000, 'a bucket', 4],
  ] as const
  const rows = plans.map(([gpus, storage, servers]) => {
    const { rate, busy } = simulateColouring(workOf(gpus, storage, servers), JOBS_A_GPU * gpus, SEED)
    const shares = [busy.workers, busy.storage, busy.servers].map(percent)
    const days = assumed.PICTURES / rate / 86400
    return [gpus, storage, servers, grouped(rate), ...shares, digits(days)]
  })
  const head = [
    'GPUs',
    'storage',
    'queue servers',
    'pictures/s',
    'workers busy',
    'storage busy',
    'servers busy',
  ]
  return markdown([...head, 'days for 10⁹'], rows)
}

function servers(): string {
  const { jobSeconds, bytes } = assumed.QUEUE
  const jobs = 1 / jobSeconds
  const gpus = jobs * assumed.CHUNK * PICTURE_SECONDS
  const memory = (each: number) => [`${each} bytes`, `10⁸ take ${digits((1e8 * each) / 1e9)} GB`]
  return markdown(
    ['of one queue server', 'measured', 'so'],
    [
      [
        `a job of ${assumed.CHUNK} pictures`,
        `${1000 * jobSeconds} ms`,
        `${digits(jobs)} a second, ${digits(gpus)} GPUs`,
      ],
      ['a picture that waits', ...memory(bytes.waiting)],
      ['a picture that is done', ...memory(bytes.done)],
    ],
  )
}

function costs(): string {
  const { PRICES, BYTES } = assumed
  const hours = (1e6 * PICTURE_SECONDS) / 3600
  const gigabytes = (1e6 * (BYTES.read + BYTES.written)) / 1e9
  const dollars = (value: number) => `$${value.toFixed(2)}`
  return markdown(
    ['for a million pictures', 'how much', 'cost'],
    [
      ['GPU with its cores', `${hours.toFixed(1)} hours`, dollars(hours * PRICES.gpuHour)],
      [
        'the same, if cores were no limit',
        `${((1e6 * assumed.GPU_SECONDS) / 3600).toFixed(1)} hours`,
        dollars(((1e6 * assumed.GPU_SECONDS) / 3600) * PRICES.gpuHour),
      ],
      ['requests to a bucket', '10⁶ read, 10⁶ written', dollars(1e6 * (PRICES.reads + PRICES.writes))],
      [
        'keeping both in a bucket',
        `${grouped(gigabytes)} GB, a month`,
        dollars(gigabytes * PRICES.gigabyteMonth),
      ],
    ],
  )
}

/** Parameters of networks on trunks with these channels, by the real layout, each number 4 bytes. */
function parameterCounts(): readonly (readonly [string, number])[] {
  const { lite, full } = pyramidOn(async () => {
    throw new Error('the trunks themselves are not needed')
  }).sizes as Record<'lite' | 'full', Architecture>
  const count = (architecture: Architecture, { channels }: { channels: readonly number[] }) =>
    layoutOf(layersOf(architecture, channels), architecture.classes).parameters.length
  const onInception = count(full, assumed.INCEPTION_V3)
  return [
    ['pyramid on MobileNet v1', count(lite, assumed.MOBILENET_V1)],
    ['pyramid on Inception V3', onInception],
    ['the same with all of the trunk trained', onInception + assumed.INCEPTION_V3.weights],
  ]
}

/** One link and the bus: what the gradients' way costs each step. */
const stagingOf = (bytes: number) => 2 * (assumed.BUS.latency + bytes / assumed.BUS.bandwidth)

function gradients(): string {
  const rows = parameterCounts().map(([name, count]) => {
    const bytes = 4 * count
    const times = Object.values(assumed.NETWORKS).map((network) => {
      const ring = { workers: 8, bytes, ...network }
      return digits(1000 * simulateRing(ring, new Array(ring.workers).fill(0)))
    })
    return [
      name,
      (count / 1e6).toFixed(2),
      (bytes / 1e6).toFixed(1),
      digits(1000 * stagingOf(bytes)),
      ...times,
    ]
  })
  const head = ['network', 'million parameters', 'MB a step', 'GPU to network and back, ms']
  return markdown([...head, ...Object.keys(assumed.NETWORKS).map((name) => `ring of 8, ${name}, ms`)], rows)
}

function speedUps(): string {
  const [, bytes] = parameterCounts().map(([, count]) => 4 * count)
  const timeOf = (ring: Ring, share: number) => {
    const { seconds, spread } = assumed.STEP
    return simulateSteps(
      { ...ring, seconds: seconds * share, spread, staging: stagingOf(bytes!) },
      STEPS,
      SEED,
    )
  }
  const rows = [2, 4, 8, 16, 64].map((workers) => {
    const cells = Object.values(assumed.NETWORKS).flatMap((network) => {
      const ring = { workers, bytes: bytes!, ...network }
      const alone = timeOf({ ...ring, workers: 1 }, 1)
      return [(workers * alone) / timeOf(ring, 1), alone / timeOf(ring, 1 / workers)].map((value) =>
        value.toFixed(1),
      )
    })
    return [workers, ...cells]
  })
  const head = Object.keys(assumed.NETWORKS).flatMap((name) => [`${name}: 32 each`, '32 in all'])
  return markdown(['workers', ...head], rows)
}
