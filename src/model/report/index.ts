/** The network of the course report (Zhao 2019), after Deep Koalarization (Baldassarre et al. 2017). */
import * as v from 'valibot'
import { product } from '../../numbers.ts'
import { initialStatistics } from '../arena.ts'
import { adjustBinRows } from '../bin-rows.ts'
import { COARSE_BINS } from '../bins.ts'
import { adjustClassRows } from '../class-rows.ts'
import { CLASSES } from '../classifier.ts'
import { MisfitError, misshapen, type Network, type NetworkKind, type WeightDescription } from '../network.ts'
import {
  type Architecture,
  allLayers,
  architectureOf,
  architectureSchema,
  layersOf,
  scaledChannels,
} from './layers.ts'
import { initialParameters, layoutOf } from './layout.ts'
import { buildColorizer, STATISTICS_RATE, TEMPERATURE } from './network.ts'

const HEAD = { weight: 'decoder.conv5.weight', bias: 'decoder.conv5.bias' } as const

export type { Architecture } from './layers.ts'

/** The network of this architecture. */
export function reportNetwork(chosen: Architecture): Network {
  const architecture = v.parse(architectureSchema, chosen)
  const layout = layoutOf(architecture)
  return {
    name: 'report',
    architecture,
    layout,
    classes: architecture.classes,
    multiple: 8,
    bins: architecture.head === 'bins' ? COARSE_BINS : null,
    colourStride: 2,
    takesHints: false,
    statisticsRate: STATISTICS_RATE,
    build: (graph, size, mode) => buildColorizer(graph, architecture, size, mode),
    initial: (uniform) => ({
      parameters: initialParameters(architecture, uniform),
      statistics: initialStatistics(layout.statistics),
    }),
    isTrained(parameters) {
      // the last layer begins at zero
      const { offset, shape } = layout.parameters.tensors.find(({ name }) => name === HEAD.weight)!
      const size = product(shape)
      return parameters.subarray(offset, offset + size).some((value) => value !== 0)
    },
    variant: (change) => reportNetwork({ ...architecture, ...change }),
    ...(architecture.head === 'bins' ? { adjustBins } : {}),
    adjustClasses: (tensors, influence) =>
      adjustClassRows(tensors.get('fusion.conv.weight')!, architecture.classes, influence),
  }
}

const adjustBins: NonNullable<Network['adjustBins']> = (tensors, change) =>
  adjustBinRows(
    { weight: tensors.get(HEAD.weight)!, bias: tensors.get(HEAD.bias)! },
    COARSE_BINS,
    change,
    TEMPERATURE,
  )

export const report: NetworkKind<Architecture> = {
  name: 'report',
  schema: architectureSchema,
  sizes: {
    lite: { classes: CLASSES, width: 0.25, squaredClasses: true },
    full: { classes: CLASSES, width: 1, squaredClasses: true },
  },
  create: reportNetwork,
  read(file) {
    const parsed = v.safeParse(architectureSchema, file.architecture ?? recognised(file))
    if (parsed.success) return reportNetwork(parsed.output)
    throw new MisfitError(`its architecture is none of the report's network: ${parsed.issues[0].message}`)
  },
}

/** The architecture of weights from before files said it: by the shapes of the tensors, and by the training's settings. */
function recognised({ shapeOf, settings }: WeightDescription): Architecture {
  const shaped = architectureOf(shapeOf)
  if (!shaped) throw new MisfitError(nearestMisfit(shapeOf))
  return { ...shaped, squaredClasses: settings.squaredClasses === true }
}

/** Why no width fits the file: the first tensor that is missing or misshapen next to the width that most layers have. */
function nearestMisfit(shapeOf: WeightDescription['shapeOf']): string {
  const misfits = allLayers(layersOf({ classes: 1, width: 1 })).map(({ name, outputs }) => {
    const width = (shapeOf(`${name}.weight`)?.[0] ?? 0) / outputs
    const fusionInputs = shapeOf('fusion.conv.weight')?.[1] ?? 0
    const classes = Math.max(1, fusionInputs - scaledChannels(256, width))
    const expected = layoutOf({ classes, width }).parameters.tensors
    return expected.filter(({ name, fileShape }) => shapeOf(name)?.join() !== fileShape.join())
  })
  const [first] = misfits.reduce((a, b) => (b.length < a.length ? b : a))
  return misshapen(first!.name, shapeOf(first!.name), first!.fileShape)
}
