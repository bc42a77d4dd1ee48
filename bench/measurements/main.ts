/** `npm run bench:report`: all figures of `docs/performance.md` that a command can bring back, in one run. */

import { join } from 'node:path'
import { type Flags, wrong } from '../../src/cli/commands/command.ts'
import { EXIT } from '../../src/cli/exit.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import type { Gpu } from '../../src/device/gpu.ts'
import { Timer } from '../../src/device/timer.ts'
import { adapterSummary, openGpu } from '../../src/node/dawn.ts'
import { makeFolder, saveFile } from '../../src/node/save.ts'
import { convolutionsOf } from '../../src/tune/convolutions.ts'
import { type Bench, measureAll } from '../measure.ts'
import { largestBatch } from '../peers/ours.ts'
import { start } from '../program.ts'
import { formatSize } from '../report.ts'
import { rooflineOf } from '../roofline.ts'
import { rooflineSvg } from '../roofline-svg.ts'
import { loadBenchShader } from '../run.ts'
import { graphsOf, type Size } from '../workload.ts'
import { type CandidateRow, CandidateTimer } from './candidates.ts'
import { formatMeasurements, type Measurements, ROOFLINE_FILE } from './document.ts'
import { cpuTime, machineOf } from './machine.ts'
import { peersTable } from './peers.ts'
import { type PhaseRow, timePhases } from './phases.ts'
import { type PlanRow, timePlans, WORKS } from './plans.ts'

const FILE = 'measurements.md'
const FOLDER = 'measurements'
const SECONDS = 1
/** Whole plans are few, and get so many times what a convolution gets. */
const PLAN_SHARE = 30

/** The paper's network on one picture, and what trains on a CPU; a GPU has work enough only with a batch. */
const FULL: Size = { width: 1, size: 224, batch: 1 }
const SMALL: Size = { width: 0.25, size: 96, batch: 8 }
const GPU_BATCH = 32

interface Options {
  readonly out: string
  readonly seconds: number
  /** Whole plans only. */
  readonly plansOnly: boolean
  readonly adapter: string | undefined
}

function optionsOf(flags: Flags): Options {
  return {
    out: flags.text('out') ?? FOLDER,
    seconds: flags.number('time', { exclusive: true }) ?? SECONDS,
    plansOnly: flags.on('plans-only'),
    adapter: flags.text('adapter'),
  }
}

/** Where it writes makes no difference to what it writes. */
function commandOf({ seconds, plansOnly, adapter }: Options): string {
  const time = seconds === SECONDS ? [] : [`--time ${seconds}`]
  const named = adapter === undefined ? [] : [`--adapter ${JSON.stringify(adapter)}`]
  const options = [...time, ...(plansOnly ? ['--plans-only'] : []), ...named]
  return ['npm run bench:report', ...(options.length ? ['--', ...options] : [])].join(' ')
}

function sizesFor(gpu: Gpu): Size[] {
  if (adapterSummary(gpu).isSoftware) return [FULL, SMALL]
  return [FULL, SMALL, { ...FULL, batch: Math.min(GPU_BATCH, largestBatch(gpu, FULL.size)) }]
}

type OwnMeasurements = Omit<Measurements, 'command' | 'peers'>

async function measure(
  { adapter, seconds, plansOnly }: Options,
  terminal: Terminal,
): Promise<OwnMeasurements> {
  // not the tuned one: a report is of what everybody gets
  const gpu = await openGpu({ adapter, subgroupMatrices: true, loadShader: loadBenchShader })
  const { isSoftware } = adapterSummary(gpu)
  const timer = new Timer(gpu, isSoftware ? cpuTime : null)
  try {
    const machine = machineOf(gpu)
    const date = new Date().toISOString()
    const sizes = sizesFor(gpu)
    const clock = isSoftware ? 'cpu' : 'wall'
    const clocks = { convolutions: timer.clock, plans: clock } as const
    const plans = await measurePlans(gpu, sizes, PLAN_SHARE * seconds, clock, terminal)
    const whole = { machine, date, clocks, plans }
    if (plansOnly) return { ...whole, convolutions: [], phases: [], roofline: null }
    const { timed, peaks } = await measureConvolutions({ gpu, timer, terminal }, sizes, seconds)
    const phases: { size: Size; rows: PhaseRow[] }[] = []
    for (const size of sizes) {
      terminal.progress(`phases: ${formatSize(size)}`)
      phases.push({ size, rows: await timePhases({ gpu, timer }, size, seconds) })
    }
    const of = (size: Size) => timed.filter((one) => one.size === size)
    const convolutions = of(FULL).map(({ convolution }) => convolution)
    const times = of(FULL).map(({ row: { kernel, milliseconds } }) => milliseconds[kernel]!)
    const head = { adapter: gpu.adapterName, date, clock: timer.clock, size: FULL, tuned: 0 }
    return {
      ...{ ...whole, phases },
      convolutions: sizes.map((size) => ({ size, rows: of(size).map(({ row }) => row) })),
      roofline: { ...head, ...rooflineOf(convolutions, times, peaks, { ...gpu.traits, matrices: [] }) },
    }
  } finally {
    timer.destroy()
    gpu.destroy()
  }
}

/** Every convolution of the network at every size, by all of its candidates. */
async function measureConvolutions(bench: Bench, sizes: readonly Size[], seconds: number) {
  const candidates = CandidateTimer.on(bench.gpu, bench.timer, seconds)
  const work = sizes.flatMap((size) =>
    convolutionsOf(graphsOf(size)).map((convolution) => ({ size, convolution })),
  )
  const { results, peaks } = await measureAll(
    bench,
    work.toSorted((a, b) => a.convolution.flops - b.convolution.flops),
    ({ size, convolution: { op, layers } }) => `${formatSize(size)}: ${op}, ${layers[0]}`,
    async (item) => [item, await candidates.measure(item.convolution)] as const,
  )
  const rows = new Map<object, CandidateRow>(results)
  return { timed: work.map((item) => ({ ...item, row: rows.get(item)! })), peaks }
}

async function measurePlans(
  gpu: Gpu,
  sizes: readonly Size[],
  seconds: number,
  clock: 'cpu' | 'wall',
  terminal: Terminal,
): Promise<PlanRow[]> {
  const now = clock === 'cpu' ? cpuTime : () => performance.now()
  const rows: PlanRow[] = []
  for (const size of sizes) {
    for (const work of WORKS) {
      terminal.progress(`whole plans: ${work}, ${formatSize(size)}`)
      rows.push(...(await timePlans(gpu, work, size, { seconds, now })))
    }
  }
  return rows
}

await start({
  name: 'bench:report',
  summary: `measures all that docs/performance.md has figures of, and writes ${FILE} and ${ROOFLINE_FILE}`,
  positionals: '',
  options: {
    out: { value: 'FOLDER', help: `where the two files are written (${FOLDER})` },
    time: {
      value: 'SECONDS',
      help: `how long the candidates of a convolution take turns; ${PLAN_SHARE} times as long for whole plans (${SECONDS})`,
    },
    'plans-only': { help: 'colouring and training steps as wholes, and no single convolutions' },
    peers: {
      help: "also what bench:peers measures, which installs 400 MB of others' packages when first run",
    },
  },
  notes: `Whole plans (colouring and training step, by the usual kernels, by those of any adapter, in float16 and in the
subgroups' matrices where there are such), every convolution by
every candidate that the adapter has, and the roofline. On a software adapter all is CPU time of the process, which
others on the machine hardly change; elsewhere GPU timestamps, and the wall clock for whole plans. What tune found is
not used. Ctrl-C writes nothing.`,
  async run(flags, positionals, terminal) {
    if (positionals.length) throw wrong(`"${positionals[0]}": the report takes options only`)
    const options = optionsOf(flags)
    await makeFolder(options.out)
    const measured = await measure(options, terminal)
    const { adapter } = options
    const passedOn = [
      ...(adapter === undefined ? [] : [`--adapter=${adapter}`]),
      ...(flags.on('quiet') ? ['--quiet'] : []),
    ]
    const peers = flags.on('peers') ? await peersTable(passedOn) : null
    const all: Measurements = { ...measured, command: commandOf(options), peers }
    if (all.roofline) await saveFile(join(options.out, ROOFLINE_FILE), Buffer.from(rooflineSvg(all.roofline)))
    const file = join(options.out, FILE)
    await saveFile(file, Buffer.from(formatMeasurements(all)))
    return { json: all, text: file, code: EXIT.ok }
  },
})
