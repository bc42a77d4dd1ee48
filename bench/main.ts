/** `npm run bench`: every kernel at the network's own shapes, held against what the adapter can do. */

import {
  COMMON_OPTIONS,
  type Flags,
  formatOptions,
  type Option,
  parse,
  wrong,
} from '../src/commands/command.ts'
import { EXIT, type ExitCode, UserError } from '../src/errors.ts'
import type { Plan } from '../src/graph/compile.ts'
import { Executor, Variables } from '../src/graph/execute.ts'
import { openGpu } from '../src/io/dawn.ts'
import { type Gpu, GpuError } from '../src/kernels/gpu.ts'
import { PORTABLE } from '../src/kernels/op.ts'
import { initialParameters, initialStatistics, layoutOf } from '../src/model/layout.ts'
import { openTerminal, type Terminal } from '../src/terminal.ts'
import { bestPeaks, checkClock, measurePeaks } from './peaks.ts'
import { formatReport, type Report, rowOf, type Totals, totalsOf } from './report.ts'
import { loadBenchShader, run } from './run.ts'
import { median, Timer } from './timer.ts'
import { CLASSES, plansOf, type Size, type Work, workOf } from './workload.ts'

const OPTIONS: Readonly<Record<string, Option>> = {
  filter: { value: 'TEXT', help: 'only kernels whose operator, shader or layer contains TEXT' },
  width: { value: 'F', help: 'width of the network (1)' },
  size: { value: 'PX', help: 'side of the picture, a multiple of 8 (224)' },
  batch: { value: 'N', help: 'pictures at once (1)' },
  portable: { help: 'the kernels that any adapter can run, not those made for this one' },
  time: { value: 'SECONDS', help: 'how long each kernel is measured (0.5)' },
  adapter: COMMON_OPTIONS.adapter!,
  json: COMMON_OPTIONS.json!,
  quiet: COMMON_OPTIONS.quiet!,
  help: COMMON_OPTIONS.help!,
}

const HELP = `npm run bench: times every kernel at the network's own shapes

Usage: npm run bench -- [OPTIONS]

${formatOptions(OPTIONS)}

GFLOP/s count two for each product of a real pixel and a weight, padding left out; Winograd's products are the fewer ones that
are done, and its transforms have none. GB/s count every binding once. "of
peak" is the larger of a kernel's share of the multiply-add peak and of a copy of as many bytes; a kernel that only
reads, or works in a cache, can be above 100%.`

/** The whole plan is run once and then at most so often, and for about so long. */
const WHOLE_RUNS = 5
const WHOLE_MS = 5000

interface Options extends Size {
  readonly filter: string
  readonly seconds: number
  readonly isPortable: boolean
  readonly adapter: string | undefined
}

async function main(args: readonly string[]): Promise<ExitCode> {
  const { flags, positionals } = parse(args, OPTIONS)
  if (flags.on('help')) return print(HELP)
  if (positionals.length) throw wrong(`"${positionals[0]}": the benchmark takes options only`)
  const report = await bench(optionsOf(flags), openTerminal(flags.on('quiet')))
  return print(flags.on('json') ? JSON.stringify(report, null, 2) : formatReport(report))
}

function optionsOf(flags: Flags): Options {
  return {
    filter: flags.text('filter')?.toLowerCase() ?? '',
    width: flags.number('width', { exclusive: true }) ?? 1,
    size: flags.integer('size', { min: 8, multipleOf: 8 }) ?? 224,
    batch: flags.integer('batch') ?? 1,
    seconds: flags.number('time') ?? 0.5,
    isPortable: flags.on('portable'),
    adapter: flags.text('adapter'),
  }
}

async function bench(options: Options, terminal: Terminal): Promise<Report> {
  const gpu = await openGpu({ adapter: options.adapter, loadShader: loadBenchShader })
  const timer = new Timer(gpu)
  try {
    const plans = plansOf(
      options,
      gpu.device.limits.maxStorageBufferBindingSize,
      options.isPortable ? PORTABLE : gpu.traits,
    )
    const work = workOf(plans).filter((item) => matches(item, options.filter))
    if (!work.length) throw wrong(`no operator, shader or layer contains "${options.filter}"`)
    const hasClock = timer.clock === 'gpu'
    if (hasClock && !(await checkClock(gpu, timer)))
      terminal.warn("the GPU's timestamps disagree with the wall clock, which is used instead")
    terminal.progress('what the adapter can do')
    const before = await measurePeaks(gpu, timer)
    const times: number[] = []
    for (const { op, layers, dispatch, bindings } of work) {
      terminal.progress(`${times.length + 1} of ${work.length}: ${op}, ${layers[0]}`)
      times.push(await run(gpu, dispatch, bindings, (ready) => timer.median(ready, options.seconds)))
    }
    const peaks = bestPeaks(before, await measurePeaks(gpu, timer))
    const rows = work.map((item, i) => rowOf(item, times[i]!, peaks))
    const whole = options.filter ? null : await wholePlans(gpu, plans, options, terminal)
    const { width, size, batch } = options
    return {
      adapter: gpu.adapterName,
      date: new Date().toISOString(),
      clock: timer.clock,
      size: { width, size, batch },
      peaks,
      rows,
      totals: totalsOf(rows),
      whole,
    }
  } finally {
    timer.destroy()
    gpu.destroy()
  }
}

function matches({ op, dispatch, layers }: Work, filter: string): boolean {
  return [op, dispatch.shader, ...layers].some((name) => name.toLowerCase().includes(filter))
}

/** Whole plans as the commands run them, from submit to idle. */
async function wholePlans(
  gpu: Gpu,
  plans: Record<keyof Totals, Plan>,
  { width }: Size,
  terminal: Terminal,
): Promise<Totals> {
  const layout = layoutOf({ width, classes: CLASSES })
  const variables = new Variables(gpu)
  variables.set(
    'parameters',
    initialParameters(layout.parameters, (i) => (i * 0.6180339887) % 1),
  )
  variables.set('statistics', initialStatistics(layout.statistics))
  for (const name of ['adam.m', 'adam.v']) variables.set(name, new Float32Array(layout.parameters.length))
  const measure = async (plan: keyof Totals) => {
    terminal.progress(`the whole ${plan} plan`)
    const executor = await Executor.create(gpu, plans[plan], variables)
    const times: number[] = []
    for (let total = 0; times.length <= WHOLE_RUNS && (times.length < 2 || total < WHOLE_MS); ) {
      const started = performance.now()
      await Promise.all([executor.run(), gpu.idle()])
      times.push(performance.now() - started)
      total += times.at(-1)!
    }
    executor.destroy()
    return median(times.slice(1))
  }
  return { forward: await measure('forward'), training: await measure('training') }
}

function print(text: string): ExitCode {
  process.stdout.write(`${text}\n`)
  return EXIT.ok
}

function report(error: unknown): ExitCode {
  const isExpected = (error instanceof UserError || error instanceof GpuError) && process.env.DEBUG !== '1'
  process.stderr.write(`bench: ${isExpected ? error.message : ((error as Error).stack ?? error)}\n`)
  return error instanceof UserError ? error.code : EXIT.someInputFailed
}

process.exitCode = await main(process.argv.slice(2)).catch(report)
