/** `npm run bench`: every kernel at the network's own shapes, held against what the adapter can do. */

import { type Flags, wrong } from '../src/cli/commands/command.ts'
import { EXIT } from '../src/cli/exit.ts'
import type { Terminal } from '../src/cli/terminal.ts'
import type { Gpu } from '../src/device/gpu.ts'
import { medianRun, Timer } from '../src/device/timer.ts'
import { PORTABLE, type Traits } from '../src/device/traits.ts'
import type { Plan } from '../src/graph/compile.ts'
import { saveFile } from '../src/node/save.ts'
import { openTunedGpu } from '../src/node/store/tuning.ts'
import { alone } from '../src/tune/alone.ts'
import { convolutionsOf } from '../src/tune/convolutions.ts'
import { namedClassifiers, timeClassifiers } from './classifiers.ts'
import { type Bench, measureAll } from './measure.ts'
import { start } from './program.ts'
import { formatReport, type Head, type Report, rowOf, type Totals, totalsOf } from './report.ts'
import { formatRoofline, type Roofline, rooflineOf } from './roofline.ts'
import { rooflineSvg } from './roofline-svg.ts'
import { loadBenchShader, run } from './run.ts'
import { randomWeights, Whole } from './whole.ts'
import { graphsOf, plansOf, type Size, type Work, workOf } from './workload.ts'

const NOTES = `GFLOP/s count two for each product of a real pixel and a weight, padding left out; Winograd's products are the
fewer ones that are done, and its transforms have none. GB/s count every binding once. "of
peak" is the larger of a kernel's share of the multiply-add peak and of a copy of as many bytes; a kernel that only
reads, or works in a cache, can be above 100%. Classifiers are run on one picture; their GFLOP/s count padding as well.
--roofline counts the direct convolution's operations, and inputs, weights and outputs once; its floor is what these take
at the adapter's best rates. Winograd's algorithm needs fewer operations and can be below it: above 100%.`

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

interface KernelBench extends Bench {
  readonly traits: Traits
  readonly options: Options
}

async function withBench<T>(
  options: Options,
  terminal: Terminal,
  work: (bench: KernelBench) => Promise<T>,
): Promise<T> {
  const gpu = await openTunedGpu({ adapter: options.adapter, loadShader: loadBenchShader }, terminal.warn)
  const timer = new Timer(gpu)
  try {
    return await work({
      gpu,
      traits: options.isPortable ? PORTABLE : gpu.traits,
      timer,
      options,
      terminal,
    })
  } finally {
    timer.destroy()
    gpu.destroy()
  }
}

/** What was measured when, on what. */
function headOf({ gpu, traits, timer, options: { width, size, batch } }: KernelBench): Head {
  return {
    adapter: gpu.adapterName,
    date: new Date().toISOString(),
    clock: timer.clock,
    size: { width, size, batch },
    tuned: traits.choices?.size ?? 0,
  }
}

async function benchKernels(bench: KernelBench): Promise<Report> {
  const { gpu, traits, timer, options, terminal } = bench
  const plans = plansOf(options, gpu.device.limits.maxStorageBufferBindingSize, traits)
  const work = workOf(plans).filter((item) => matches(item, options.filter))
  const named = await namedClassifiers(options.filter)
  if (!work.length && !named.length) {
    throw wrong(`no operator, shader, layer or classifier contains "${options.filter}"`)
  }
  const { results: times, peaks } = await measureAll(
    bench,
    work,
    ({ op, layers }) => `${op}, ${layers[0]}`,
    ({ dispatch, bindings }) => run(gpu, dispatch, bindings, (ready) => timer.median(ready, options.seconds)),
  )
  const rows = work.map((item, i) => rowOf(item, times[i]!, peaks))
  const whole = options.filter ? null : await wholePlans(gpu, plans, options, terminal)
  const classifiers = await timeClassifiers(gpu, named, terminal)
  return { ...headOf(bench), peaks, rows, totals: totalsOf(rows), whole, classifiers }
}

async function benchRoofline(bench: KernelBench): Promise<Roofline> {
  const { gpu, traits, timer, options } = bench
  const all = convolutionsOf(graphsOf(options))
  const work = all.filter(({ op, layers }) => [op, ...layers].some((name) => contains(name, options.filter)))
  if (!work.length) throw wrong(`no convolution's operator or layer contains "${options.filter}"`)
  const { results: times, peaks } = await measureAll(
    bench,
    work,
    ({ op, layers }) => `${op}, ${layers[0]}`,
    (convolution) => alone(gpu, convolution, (ready) => timer.median(ready, options.seconds), traits),
  )
  return { ...headOf(bench), ...rooflineOf(work, times, peaks, traits) }
}

function matches({ op, dispatch, layers }: Work, filter: string): boolean {
  return [op, dispatch.shader, ...layers].some((name) => contains(name, filter))
}

const contains = (name: string, filter: string) => name.toLowerCase().includes(filter)

/** Whole plans as the commands run them, from submit to idle. */
async function wholePlans(
  gpu: Gpu,
  plans: Record<keyof Totals, Plan>,
  { width }: Size,
  terminal: Terminal,
): Promise<Totals> {
  const measure = async (plan: keyof Totals) => {
    terminal.progress(`the whole ${plan} plan`)
    const whole = await Whole.open(gpu, plans[plan], randomWeights(width))
    const ms = await medianRun(() => whole.run())
    whole.destroy()
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
    roofline: {
      value: 'FILE.svg',
      help: 'instead: every convolution as a whole against its floor, as a table and a picture',
    },
    portable: { help: 'the kernels that any adapter can run, not those made for this one' },
    time: { value: 'SECONDS', help: 'how long each kernel is measured (0.5)' },
  },
  notes: NOTES,
  async run(flags, positionals, terminal) {
    if (positionals.length) throw wrong(`"${positionals[0]}": the benchmark takes options only`)
    const options = optionsOf(flags)
    const picture = flags.text('roofline')
    if (picture === undefined) {
      const report = await withBench(options, terminal, benchKernels)
      return { json: report, text: formatReport(report), code: EXIT.ok }
    }
    const roofline = await withBench(options, terminal, benchRoofline)
    await saveFile(picture, Buffer.from(rooflineSvg(roofline)))
    return { json: roofline, text: formatRoofline(roofline), code: EXIT.ok }
  },
})
