/** A network that looks at the picture through a pretrained classifier's layers, and paints from what they see. */
import * as v from 'valibot'
import { UserError } from '../../errors.ts'
import { elems } from '../../kernels/op.ts'
import { initialStatistics } from '../arena.ts'
import { adjustBinRows } from '../bin-rows.ts'
import { FINE_BINS } from '../bins.ts'
import { adjustClassRows } from '../class-rows.ts'
import { MisfitError, type Network, type NetworkKind } from '../network.ts'
import {
  type AddTaps,
  type LoadTrunk,
  leavingOut,
  looking,
  remembering,
  TAP_STRIDES,
  type Trunk,
  type TrunkName,
  type TrunkWeight,
} from '../trunk.ts'
import { type Architecture, architectureSchema, layersOf } from './layers.ts'
import { GLOBAL_MAPS, HEAD, initialParameters, layoutOf } from './layout.ts'
import { buildPyramid, STATISTICS_RATE } from './network.ts'

export type { Architecture } from './layers.ts'

const NAME = 'pyramid'

/** The classifier that is looked through unless another is named, by the checksum of its file: the one that every copy brings. */
export const USUAL_TRUNK = {
  name: 'mobilenet-v1',
  sha256: 'aebafe13047c0e460ee9ec909070f6c77a20ed51d46f93c0a22e9e12f72fcdb4',
} as const satisfies TrunkName

/** The network of this architecture, on its trunk, at which it looks as `addTaps` does. */
export function pyramidNetwork(
  architecture: Architecture,
  trunk: Trunk,
  addTaps: AddTaps = looking(trunk),
): Network {
  const layers = layersOf(architecture, trunk.channels)
  const own = ownWeights(architecture, trunk)
  const layout = layoutOf(layers, architecture.classes, own)
  return {
    name: NAME,
    architecture,
    layout,
    classes: architecture.classes,
    multiple: TAP_STRIDES.at(-1)!,
    bins: architecture.head === 'bins' ? FINE_BINS : null,
    colourStride: TAP_STRIDES[0],
    takesHints: architecture.hints,
    statisticsRate: STATISTICS_RATE,
    build: (graph, size, mode) => buildPyramid(graph, { architecture, addTaps, layers, layout }, size, mode),
    initial: (uniform) => ({
      parameters: initialParameters(layout, uniform, own),
      statistics: initialStatistics(layout.statistics),
    }),
    isTrained(parameters) {
      const head = layout.parameters.tensors.find(({ name }) => name === HEAD.weight)!
      return parameters.subarray(head.offset, head.offset + elems(head)).some((value) => value !== 0)
    },
    leavingOutChannels: () => pyramidNetwork(architecture, trunk, leavingOut(addTaps)),
    variant: (change) =>
      pyramidNetwork(v.parse(architectureSchema, { ...architecture, ...change }), trunk, addTaps),
    trunk,
    ...(own.length
      ? { fineTunedFrom: layout.parameters.tensors.find(({ name }) => name === own[0]!.name)!.offset }
      : { fromTaps: () => pyramidNetwork(architecture, trunk, remembering(trunk)) }),
    ...(architecture.head === 'bins' ? { adjustBins } : {}),
    adjustClasses: (tensors, influence) =>
      adjustClassRows(tensors.get(GLOBAL_MAPS.classes)!, architecture.classes, influence),
  }
}

const adjustBins: NonNullable<Network['adjustBins']> = (tensors, change) =>
  adjustBinRows({ weight: tensors.get(HEAD.weight)!, bias: tensors.get(HEAD.bias)! }, FINE_BINS, change)

/** The weights of the trunk that are trained: of its last convolutions. Throws a `UserError` when it has not so many. */
function ownWeights(architecture: Architecture, trunk: Trunk): readonly TrunkWeight[] {
  const excess = tooMany(architecture, trunk)
  if (excess) throw new UserError(excess, 'usage', { mend: ['fineTune'] })
  return trunk.layers.slice(trunk.layers.length - (architecture.fineTune ?? 0)).flat()
}

const tooMany = ({ fineTune = 0 }: Architecture, { name, layers }: Trunk): string | null =>
  fineTune <= layers.length
    ? null
    : `${fineTune} convolutions of ${name} are to be fine-tuned, but up to the last that a colouriser looks at it has ${layers.length}`

/** The networks on trunks that are brought when they are asked for. Throws as `LoadTrunk`. */
export function pyramidOn(loadTrunk: LoadTrunk): NetworkKind<Architecture> {
  const create = async (architecture: Architecture) =>
    pyramidNetwork(architecture, await loadTrunk(architecture.trunk))
  const read = async (architecture: Architecture) => {
    const trunk = await loadTrunk(architecture.trunk)
    const excess = tooMany(architecture, trunk)
    if (excess) throw new MisfitError(excess)
    return pyramidNetwork(architecture, trunk)
  }
  const usual = v.parse(architectureSchema, { trunk: USUAL_TRUNK, hints: true })
  return {
    name: NAME,
    schema: architectureSchema,
    sizes: { lite: usual, full: usual }, // nothing larger was better yet: docs/losses.md
    create: (chosen) => create(v.parse(architectureSchema, chosen)),
    read({ architecture }) {
      const { success, output, issues } = v.safeParse(architectureSchema, architecture)
      if (success) return read(output)
      throw new MisfitError(`its architecture is none of the network ${NAME}: ${issues[0].message}`)
    },
  }
}
