/** `npm run bench`: every kernel at the network's own shapes, held against what the adapter can do. */

import { type Flags, wrong } from '../src/commands/command.ts'
import { EXIT } from '../src/errors.ts'
import type { Plan } from '../src/graph/compile.ts'
import { Executor, Variables } from '../src/graph/execute.ts'
import { openGpu } from '../src/io/dawn.ts'
import type { Gpu } from '../src/kernels/gpu.ts'
import { elems, PORTABLE } from '../src/kernels/op.ts'
import { initialParameters, initialStatistics, layoutOf } from '../src/model/layout.ts'
import type { Terminal } from '../src/terminal.ts'
import { namedClassifiers, timeClassifiers } from './classifiers.ts'
import { bestPeaks, checkClock, measurePeaks } from './peaks.ts'
import { start } from './program.ts'
import { formatReport, type Report, rowOf, type Totals, totalsOf } from './report.ts'
import { loadBenchShader, run } from './run.ts'
import { medianRun, Timer } from './timer.ts'
import { CLASSES, plansOf, type Size, type Work, workOf } from './workload.ts'

const NOTES = `GFLOP/s count two for each product of a real pixel and a weight, padding left out; Winograd's products are the
fewer ones that are done, and its transforms have none. GB/s count every binding once. "of
peak" is the larger of a kernel's share of the multiply-add peak and of a copy of as many bytes; a kernel that only
reads, or works in a cache, can be above 100%. Classifiers are run on one picture; their GFLOP/s count padding as well.`

interface Options extends Size {
  readonly filter: string
  readonly seconds: number
  readonly isPortable: boolean
  readonly adapter: string | undefined
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
    const named = await namedClassifiers(options.filter)
    if (!work.length && !named.length) {
      throw wrong(`no operator, shader, layer or classifier contains "${options.filter}"`)
    }
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
    const classifiers = await timeClassifiers(gpu, named, terminal)
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
      classifiers,
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
    const inputs = [...plans[plan].inputs].map(([name, { shape }]) => [name, elems({ shape })] as const)
    const ms = await medianRun(() => {
      for (const [name, count] of inputs) executor.upload(name, new Float32Array(count))
      return Promise.all([executor.run(), gpu.idle()])
    })
    executor.destroy()
    return ms
  }
  return { forward: await measure('forward'), training: await measure('training') }
}

await start({
  name: 'bench',
  summary: "times every kernel at the network's own shapes, and the classifiers as wholes",
  positionals: '',
  options: {
    filter: {
      value: 'TEXT',
      help: 'only kernels whose operator, shader or layer contains TEXT, or classifiers',
    },
    width: { value: 'F', help: 'width of the network (1)' },
    size: { value: 'PX', help: 'side of the picture, a multiple of 8 (224)' },
    batch: { value: 'N', help: 'pictures at once (1)' },
    portable: { help: 'the kernels that any adapter can run, not those made for this one' },
    time: { value: 'SECONDS', help: 'how long each kernel is measured (0.5)' },
  },
  notes: NOTES,
  async run(flags, positionals, terminal) {
    if (positionals.length) throw wrong(`"${positionals[0]}": the benchmark takes options only`)
    const report = await bench(optionsOf(flags), terminal)
    return { json: report, text: formatReport(report), code: EXIT.ok }
  },
})
