/** `npm run bench:peers`: the same work here and in what people would use instead, in one run. */

import { type Flags, wrong } from '../../src/cli/commands/command.ts'
import { EXIT } from '../../src/cli/exit.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import { UserError } from '../../src/errors.ts'
import { adapterSummary, openGpu } from '../../src/node/dawn.ts'
import { median } from '../../src/numbers.ts'
import { withRandomModel } from '../inception-resnet-v2.ts'
import { start } from '../program.ts'
import { formatRows, type Row } from '../rows.ts'
import { relativeError, stepError } from './agreement.ts'
import { Contestant } from './contestant.ts'
import { installPeers } from './install.ts'
import { largestBatch } from './ours.ts'
import { findTorch, type Torch } from './pytorch.ts'
import {
  type PeerName,
  peersOf,
  SIZE,
  TORCH_PRECISIONS,
  type TorchPrecision,
  type Work,
  worksOf,
} from './work.ts'

const RUNS = 5
/** Largest difference between two outputs (or first losses), relative to the largest value. */
const TOLERANCE = 1e-3
/** The same where products are of rounded operands: three to five times what rounding them so on the CPU gave. */
const ROUNDED = new Map<PeerName, number>([
  ['pytorch tf32', 0.01],
  ['pytorch bf16', 0.06],
])
/**
 * The same for what the first step changes of the loss. Adam's first step is the learning rate times the sign of each
 * gradient, so rounding alone turns steps round where a gradient is next to nothing: 0.005 was seen. Golden files and
 * kernel tests hold gradients far closer.
 */
const STEP_TOLERANCE = 0.02
const OTHER_WORK = 'what it computes is not the same'
/** Pictures of a training step: the report's, and what a CPU can do while one waits. */
const [USUAL_BATCH, SOFTWARE_BATCH] = [32, 2]
const NO_TORCH = 'no rows of PyTorch: there is no python3 with torch; --python names another one'

interface Options {
  readonly runs: number
  readonly adapter: string | undefined
  readonly python: string
  readonly torch: readonly TorchPrecision[]
}

interface Comparison {
  readonly adapter: string
  readonly rows: readonly Row[]
  /** What was left out, and why. */
  readonly remarks: readonly string[]
}

interface Plan {
  readonly works: readonly Work[]
  readonly remarks: readonly string[]
}

/** Ours and its peers take turns. */
async function measure(
  work: Work,
  options: Options,
  terminal: Terminal,
): Promise<Omit<Comparison, 'remarks'>> {
  const opened: Contestant[] = []
  const open = async (who: PeerName) => {
    terminal.progress(`${work.name}: warming up ${who}`)
    const contestant = await Contestant.open({ work, who, ...options })
    opened.push(contestant)
    return contestant
  }
  try {
    const ours = await open('ours')
    const peers: { name: PeerName; result: Contestant | string }[] = []
    for (const name of peersOf(work, options.torch))
      peers.push({ name, result: await open(name).catch(reasonOf) })
    for (let run = 1; run <= options.runs; run++) {
      for (const contestant of opened) {
        terminal.progress(`${work.name}: run ${run} of ${options.runs}`)
        await contestant.run()
      }
    }
    return { adapter: ours.title, rows: peers.map(({ name, result }) => rowOf(work, ours, name, result)) }
  } finally {
    for (const contestant of opened) contestant.close()
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof UserError) return error.message
  throw error
}

function rowOf({ name, kind }: Work, ours: Contestant, who: PeerName, peer: Contestant | string): Row {
  const common = { work: name, ours: median(ours.milliseconds) }
  if (typeof peer === 'string') {
    return { ...common, peer: null, peerName: who, ratio: null, difference: null, trouble: peer }
  }
  const milliseconds = median(peer.milliseconds)
  const isTraining = kind === 'training'
  const first = (output: Float32Array) => (isTraining ? output.subarray(0, 1) : output)
  const difference = relativeError(first(ours.output), first(peer.output))
  const tolerance = ROUNDED.get(who) ?? TOLERANCE
  const stepTolerance = Math.max(STEP_TOLERANCE, ROUNDED.get(who) ?? 0)
  const trouble =
    troubleOf(ours, peer, difference, tolerance) ??
    (isTraining && !(stepError(ours.output, peer.output) <= stepTolerance) ? OTHER_WORK : null)
  return {
    ...{ ...common, peer: milliseconds, peerName: peer.title, ratio: milliseconds / common.ours, difference },
    ...(trouble ? { trouble } : {}),
  }
}

function troubleOf(ours: Contestant, peer: Contestant, difference: number, tolerance: number): string | null {
  if (ours.parameters !== peer.parameters)
    return `${peer.parameters} parameters instead of ${ours.parameters}`
  return difference <= tolerance ? null : OTHER_WORK
}

async function benchPeers(plan: Plan, options: Options, terminal: Terminal): Promise<Comparison> {
  const all: Omit<Comparison, 'remarks'>[] = []
  for (const work of plan.works) {
    const isMade = work.kind === 'onnx' && work.path === null
    const measured = isMade
      ? withRandomModel((path) => measure({ ...work, path }, options, terminal))
      : measure(work, options, terminal)
    all.push(await measured)
  }
  return { adapter: all[0]!.adapter, rows: all.flatMap(({ rows }) => rows), remarks: plan.remarks }
}

/** Throws as `openGpu`, and a `UserError` (exit code 2) for options that mean nothing. */
async function planFor(flags: Flags, torch: Torch | null): Promise<Plan> {
  const largest = await batchFor(flags)
  const filter = flags.text('filter')?.toLowerCase() ?? ''
  const works = worksOf(largest.batch).filter(({ name }) => name.includes(filter))
  if (!works.length) throw wrong(`no work contains "${filter}"`)
  const remarks = [
    ...(works.some(({ kind }) => kind === 'training') ? largest.remarks : []),
    ...(torch || works.every(({ kind }) => kind === 'onnx') ? [] : [NO_TORCH]),
  ]
  return { works, remarks }
}

/** Pictures of the larger training step. */
async function batchFor(
  flags: Flags,
): Promise<{ readonly batch: number; readonly remarks: readonly string[] }> {
  const asked = flags.text('batch') === 'max' ? 'max' : flags.integer('batch')
  if (typeof asked === 'number') return { batch: asked, remarks: [] }
  const gpu = await openGpu({ adapter: flags.text('adapter') })
  try {
    const fits = largestBatch(gpu, SIZE)
    const { isSoftware } = adapterSummary(gpu)
    const batch = asked === 'max' ? fits : Math.min(fits, isSoftware ? SOFTWARE_BATCH : USUAL_BATCH)
    const kind = isSoftware ? 'on a software adapter that would take long' : 'that is what trainings take'
    const remark = `training steps of at most ${batch} pictures: ${kind}; --batch max takes ${fits}, the most that fit`
    return { batch, remarks: batch < fits ? [remark] : [] }
  } finally {
    gpu.destroy()
  }
}

await start({
  name: 'bench:peers',
  summary: 'the same work here, in TF.js, ONNX Runtime and PyTorch, taking turns in one run',
  positionals: '',
  options: {
    filter: { value: 'TEXT', help: 'only work whose name contains TEXT' },
    runs: { value: 'N', help: `runs of each after a first one that does not count (${RUNS})` },
    batch: {
      value: 'N|max',
      help: `pictures of the larger training step; max: as many as fit (${USUAL_BATCH} if they fit, ${SOFTWARE_BATCH} without a GPU)`,
    },
    python: { value: 'FILE', help: 'the Python that has PyTorch, whose rows are left out without (python3)' },
  },
  notes: `Medians, from arrays to arrays. The peers compute the same network from the same weights; outputs, or the first loss, have to
agree to ${TOLERANCE} of the largest value (0.01 and 0.06 for PyTorch's tf32 and bf16), and what the first step changes of the
loss to ${STEP_TOLERANCE} of it (0.06): exit code 1 otherwise. ONNX Runtime chooses its adapter itself. What is compared with is installed by the first run (npm, 400 MB).`,
  async run(flags, positionals, terminal) {
    if (positionals.length) throw wrong(`"${positionals[0]}": the benchmark takes options only`)
    const python = flags.text('python') ?? 'python3'
    const torch = findTorch(python)
    const plan = await planFor(flags, torch)
    const options: Options = {
      ...{ runs: flags.integer('runs') ?? RUNS, adapter: flags.text('adapter'), python },
      torch: !torch ? [] : torch.cuda === null ? ['fp32'] : TORCH_PRECISIONS,
    }
    installPeers()
    const measured = await benchPeers(plan, options, terminal)
    const { adapter, rows, remarks } = measured
    const isFine = rows.every(({ trouble }) => trouble === undefined)
    return {
      json: measured,
      text: [formatRows(adapter, rows), ...remarks].join('\n'),
      code: isFine ? EXIT.ok : EXIT.someInputFailed,
    }
  },
})
