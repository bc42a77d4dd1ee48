import type { Gpu } from '../../device/gpu.ts'
import type { Graph } from '../../graph/graph.ts'
import { classifierGraph } from '../../infer/classifier.ts'
import { CLASSIFIERS } from '../../model/classifier.ts'
import { inferenceGraph, trainingGraph } from '../../model/graphs.ts'
import { USUAL_NETWORK } from '../../model/registry.ts'
import { openGpu } from '../../node/dawn.ts'
import { readModel } from '../../node/onnx-file.ts'
import { locate } from '../../node/store/cache.ts'
import { NODE_NETWORKS } from '../../node/store/networks.ts'
import { choicesOf, formatPrecision, saveTuning } from '../../node/store/tuning.ts'
import { type Convolution, candidatesOf, convolutionsOf, formatConvolution } from '../../tune/convolutions.ts'
import { type Timing, tune, tunePrecision } from '../../tune/tune.ts'
import { bar } from '../terminal.ts'
import { type Call, type Command, exitCode, type Flags, wrong } from './command.ts'

const SIZE = { width: 1, size: 224, batch: 1 }
const BUDGET_SECONDS = 60
/** Share of the time that a colouring's precision may take. */
const PRECISION_SHARE = 0.1

export const tuneCommand: Command = {
  summary: 'measures which kernels are fastest on this adapter; from then on they are taken',
  positionals: '',
  options: {
    width: { value: 'F', help: `width of the network (default ${SIZE.width})` },
    size: { value: 'PX', help: `side of its pictures, a multiple of 32 (default ${SIZE.size})` },
    batch: { value: 'N', help: `pictures a training step and a colouring (default ${SIZE.batch})` },
    budget: { value: 'SECONDS', help: `about how long it may take (default ${BUDGET_SECONDS})` },
  },
  examples: [
    'colorizer tune',
    'colorizer tune --size 128 --batch 32    what a training on a CPU takes unless told otherwise',
  ],

  async run(call) {
    const { positionals, flags } = call
    if (positionals.length) throw wrong(`"${positionals[0]}": tune takes options only`)
    const seconds = flags.number('budget', { exclusive: true }) ?? BUDGET_SECONDS
    const all = convolutionsOf(await graphs(flags))
    const gpu = await openGpu({ adapter: flags.text('adapter') })
    try {
      const convolutions = all.filter((convolution) => candidatesOf(convolution, gpu.traits).length > 1)
      return await tuneOn(gpu, convolutions, seconds, call)
    } finally {
      gpu.destroy()
    }
  },
}

async function networkOf(flags: Flags) {
  const width = flags.number('width', { exclusive: true }) ?? SIZE.width
  const kind = NODE_NETWORKS.get(USUAL_NETWORK)!
  const network = await kind.create({ ...kind.sizes.lite, width })
  const { multiple } = network
  return { network, size: flags.integer('size', { min: multiple, multipleOf: multiple }) ?? SIZE.size }
}

/** What the commands compute: training, colouring, and the classifiers that are here. Throws as `locate`. */
async function graphs(flags: Flags): Promise<Graph[]> {
  const { network, size } = await networkOf(flags)
  const image = { batch: flags.integer('batch') ?? SIZE.batch, height: size, width: size }
  const { bins } = network
  // its weights change no kernel
  const rarity = bins ? { bins, weights: new Float32Array(bins.count).fill(1) } : undefined
  const found = [trainingGraph(network, image, { rarity }), inferenceGraph(network, image, { even: true })]
  for (const { name } of CLASSIFIERS) {
    const file = await locate(name)
    if (file) found.push(classifierGraph({ name, model: await readModel(file.path) }).graph)
  }
  return found
}

async function tuneOn(gpu: Gpu, convolutions: Convolution[], seconds: number, call: Call) {
  const { terminal, interrupted: signal, flags } = call
  const measured = await tune(gpu, convolutions, {
    seconds: (1 - PRECISION_SHARE) * seconds,
    signal,
    progress(done, convolution) {
      const what = `${convolution.op}, ${convolution.layers[0]}`
      terminal.progress(`${bar(done / convolutions.length)} ${done + 1} of ${convolutions.length} · ${what}`)
    },
  })
  const shapes = Object.fromEntries(measured)
  terminal.progress('a colouring in float32 and in float16')
  const { network, size } = await networkOf(flags)
  const options = { seconds: PRECISION_SHARE * seconds, signal, choices: choicesOf({ shapes }) }
  const precision = await tunePrecision(gpu, network, size, options)
  const file = await saveTuning(gpu, shapes, precision)
  const rows = convolutions.flatMap((convolution) => {
    const result = measured.get(convolution.key)
    return result ? [describe(convolution, result)] : []
  })
  const left = convolutions.length - measured.size
  return {
    json: { adapter: gpu.adapterName, file, measured: measured.size, left, convolutions: rows, precision },
    text: format(rows, left, precision, file),
    code: exitCode(signal.aborted, 0),
  }
}

type Row = ReturnType<typeof describe>

function describe({ op, geometry, layers }: Convolution, measured: Timing) {
  return { op, layers, shape: formatConvolution(geometry), ...measured }
}

function format(rows: readonly Row[], left: number, precision: Timing | null, file: string): string {
  const changed = rows.filter(({ best, usual }) => best !== usual)
  const lines = changed.map(({ op, layers, shape, best, usual, milliseconds }) => {
    const ratio = milliseconds[usual]! / milliseconds[best]!
    return `  ${op}, ${layers[0]} (${shape}): ${best} instead of ${usual}, ${ratio.toFixed(2)} times as fast`
  })
  const unmeasured = left ? `; there was no time for ${left} more, a longer --budget has it` : ''
  return [
    `measured ${rows.length} convolutions${unmeasured}; for ${changed.length} other kernels than usual are taken`,
    ...lines,
    ...(precision ? [`colouring takes ${formatPrecision(precision)}`] : []),
    file,
  ].join('\n')
}
