/** `npm run bench:peers`: the same work here and in what people would use instead, in one run. */

import { type Flags, wrong } from '../../src/commands/command.ts'
import { EXIT, UserError } from '../../src/errors.ts'
import { median } from '../../src/numbers.ts'
import type { Terminal } from '../../src/terminal.ts'
import { withRandomModel } from '../inception-resnet-v2.ts'
import { start } from '../program.ts'
import { relativeError, stepError } from './agreement.ts'
import { Contestant } from './contestant.ts'
import { installPeers } from './install.ts'
import { type PeerName, peersOf, type Work, worksOf } from './work.ts'

const RUNS = 5
/** Largest difference between two outputs (or first losses), relative to the largest value. */
const TOLERANCE = 1e-3
/**
 * The same for what the first step changes of the loss. Adam's first step is the learning rate times the sign of each
 * gradient, so rounding alone turns steps round where a gradient is next to nothing: 0.005 was seen. Golden files and
 * kernel tests hold gradients far closer.
 */
const STEP_TOLERANCE = 0.02
const OTHER_WORK = 'what it computes is not the same'

interface Row {
  readonly work: string
  /** Medians in milliseconds. */
  readonly ours: number
  readonly peer: number | null
  readonly peerName: string
  /** peer / ours */
  readonly ratio: number | null
  /** max |Δ| / max of what both computed. */
  readonly difference: number | null
  /** Why there is no figure, or none to trust. */
  readonly trouble?: string
}

interface Options {
  readonly runs: number
  readonly adapter: string | undefined
}

interface Measured {
  readonly adapter: string
  readonly rows: Row[]
}

/** Ours and its peers take turns. */
async function measure(work: Work, { runs, adapter }: Options, terminal: Terminal): Promise<Measured> {
  const opened: Contestant[] = []
  const open = async (who: PeerName) => {
    terminal.progress(`${work.name}: warming up ${who}`)
    const contestant = await Contestant.open(who, work, adapter)
    opened.push(contestant)
    return contestant
  }
  try {
    const ours = await open('ours')
    const peers: { name: PeerName; result: Contestant | string }[] = []
    for (const name of peersOf(work)) peers.push({ name, result: await open(name).catch(reasonOf) })
    for (let run = 1; run <= runs; run++) {
      for (const contestant of opened) {
        terminal.progress(`${work.name}: run ${run} of ${runs}`)
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
  const trouble =
    troubleOf(ours, peer, difference) ??
    (isTraining && !(stepError(ours.output, peer.output) <= STEP_TOLERANCE) ? OTHER_WORK : null)
  return {
    ...{ ...common, peer: milliseconds, peerName: peer.title, ratio: milliseconds / common.ours, difference },
    ...(trouble ? { trouble } : {}),
  }
}

function troubleOf(ours: Contestant, peer: Contestant, difference: number): string | null {
  if (ours.parameters !== peer.parameters)
    return `${peer.parameters} parameters instead of ${ours.parameters}`
  return difference <= TOLERANCE ? null : OTHER_WORK
}

function formatTable({ adapter, rows }: Measured): string {
  const number = (value: number | null, digits: number) => value?.toFixed(digits) ?? '-'
  const cells = rows.map(({ work, ours, peer, peerName, ratio, difference, trouble }) => [
    ...[work, number(ours, 0), number(peer, 0), number(ratio, 2)],
    ...[difference?.toExponential(0) ?? '-', trouble ? `${peerName}: ${trouble.toUpperCase()}` : peerName],
  ])
  const table = [['work', 'ours ms', 'peer ms', 'peer/ours', 'difference', 'peer'], ...cells]
  const widths = table[0]!.map((_, i) => Math.max(...table.map((row) => row[i]!.length)))
  const lines = table.map((row) =>
    row
      .map((cell, i) => (i === 0 || i === 5 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd(),
  )
  return [`${adapter}, ${new Date().toISOString()}`, ...lines].join('\n')
}

async function benchPeers(works: readonly Work[], options: Options, terminal: Terminal): Promise<Measured> {
  const all: Measured[] = []
  for (const work of works) {
    const isMade = work.kind === 'onnx' && work.path === null
    const measured = isMade
      ? withRandomModel((path) => measure({ ...work, path }, options, terminal))
      : measure(work, options, terminal)
    all.push(await measured)
  }
  return { adapter: all[0]!.adapter, rows: all.flatMap(({ rows }) => rows) }
}

function worksFor(flags: Flags): Work[] {
  const filter = flags.text('filter')?.toLowerCase() ?? ''
  const works = worksOf(flags.integer('batch') ?? 1).filter(({ name }) => name.includes(filter))
  if (!works.length) throw wrong(`no work contains "${filter}"`)
  return works
}

await start({
  name: 'bench:peers',
  summary: 'the same work here, in TF.js and in ONNX Runtime, taking turns in one run',
  positionals: '',
  options: {
    filter: { value: 'TEXT', help: 'only work whose name contains TEXT' },
    runs: { value: 'N', help: `runs of each after a first one that does not count (${RUNS})` },
    batch: { value: 'N', help: 'pictures at once in the work of the colouriser (1)' },
  },
  notes: `Medians, from arrays to arrays. The peers compute the same network from the same weights; outputs, or the first loss, have to
agree to ${TOLERANCE} of the largest value, and what the first step changes of the loss to ${STEP_TOLERANCE} of it: exit code 1
otherwise. ONNX Runtime chooses its adapter itself. What is compared with is installed by the first run (npm, 400 MB).`,
  async run(flags, positionals, terminal) {
    if (positionals.length) throw wrong(`"${positionals[0]}": the benchmark takes options only`)
    const works = worksFor(flags)
    const options = { runs: flags.integer('runs') ?? RUNS, adapter: flags.text('adapter') }
    installPeers()
    const measured = await benchPeers(works, options, terminal)
    const isFine = measured.rows.every(({ trouble }) => trouble === undefined)
    return { json: measured, text: formatTable(measured), code: isFine ? EXIT.ok : EXIT.someInputFailed }
  },
})
