/** A classifier that came as an ONNX model, as the trunk of a network. */
import { UserError } from '../../errors.ts'
import { liveNodes } from '../../graph/compile.ts'
import { Derivations } from '../../graph/derivations.ts'
import type { Graph } from '../../graph/graph.ts'
import { include } from '../../graph/include.ts'
import { rewriteForInference } from '../../graph/rewrite.ts'
import type { Conv2dAttrs } from '../../kernels/conv/conv2d.ts'
import type { ClipAttrs } from '../../kernels/elementwise/clip.ts'
import type { Tensor } from '../../kernels/op.ts'
import type { OwnWeights, TapRange, Trunk, TrunkName, TrunkWeight } from '../../model/trunk.ts'
import { importOnnx } from './import.ts'
import type { OnnxModel } from './model.ts'
import { cutAt, findTaps } from './taps.ts'
import { storedShape } from './values.ts'

export interface TrunkModel extends TrunkName {
  readonly model: OnnxModel
}

/** Side of the picture at which the taps' channels are counted, which are the same at any size. */
const COUNTING_SIZE = 224

/**
 * A trunk of the layers that `findTaps` finds.
 * @throws UserError about weights when no picture goes in, or layers of some size are missing
 */
export function trunkOf({ name, sha256, model }: TrunkModel): Trunk {
  const isChannelsLast = expectPicture(model)
  const taps = findTaps(model)
  const cut = cutAt(model, taps)
  const derivations = new Derivations()
  const layersFor = (size: readonly number[]) => {
    const [batch, height, width] = size as [number, number, number, number]
    const shape = isChannelsLast ? [batch, height, width, 3] : [batch, 3, height, width]
    const shapes = new Map([[cut.inputs[0]!.name, shape]])
    const { graph: layers, inputs } = importOnnx(cut, { shapes, derivations })
    const source = rewriteForInference(layers, undefined, derivations)
    return { source, stored: storedShape(shape, inputs[0]!.layout) }
  }
  const build = (graph: Graph, picture: Tensor, own: OwnWeights = new Map()): Tensor[] => {
    const { source, stored } = layersFor(graph.shape(picture))
    const standIns = standInsFor(source, own)
    return graph.scope('trunk', () => {
      const colours = inThreeChannels(graph, picture, stored)
      const included = include(graph, source, (t) =>
        source.origin(t).kind === 'input' ? colours : (standIns.get(t) ?? null),
      )
      return taps.map((tap) => included(source.outputs.get(tap)!))
    })
  }
  const { source } = layersFor([1, COUNTING_SIZE, COUNTING_SIZE, 1])
  const counted = taps.map((tap) => source.outputs.get(tap)!)
  return {
    ...{ name, sha256, build },
    channels: counted.map((tap) => source.shape(tap)[3]!),
    ranges: counted.map((tap) => rangeOf(source, tap)),
    layers: layersIn(source).map((layer) => layer.map(({ weight }) => weight)),
  }
}

/** The convolutions of a graph with their constant weights. Weights that two of them share are those of the first. */
function layersIn(graph: Graph): { readonly tensor: Tensor; readonly weight: TrunkWeight }[][] {
  const seen = new Set<Tensor>()
  const convolutions = liveNodes(graph).filter(({ op }) => op === 'conv2d')
  return convolutions.map(({ inputs: [, ...operands] }, i) =>
    ['weight', 'bias'].flatMap((part, at) => {
      const tensor = operands[at]
      const origin = tensor === undefined ? undefined : graph.origin(tensor)
      if (tensor === undefined || origin?.kind !== 'constant' || seen.has(tensor)) return []
      seen.add(tensor)
      const weight = { name: `trunk.${i + 1}.${part}`, shape: graph.shape(tensor), data: origin.data }
      return [{ tensor, weight }]
    }),
  )
}

/** What stands for which constant. */
const standInsFor = (graph: Graph, own: OwnWeights): Map<Tensor, Tensor> =>
  new Map(
    layersIn(graph)
      .flat()
      .flatMap(({ tensor, weight }) => {
        const standIn = own.get(weight.name)
        return standIn === undefined ? [] : [[tensor, standIn]]
      }),
  )

/** What an activation cuts its values off at; null for one that has no bound on either side. */
function rangeOf(graph: Graph, tap: Tensor): TapRange | null {
  const origin = graph.origin(tap)
  const node = origin.kind === 'node' ? graph.nodes[origin.node] : undefined
  const isClipped = node?.op === 'clip' || (node?.attrs as Partial<Conv2dAttrs>)?.activation === 'clip'
  if (!isClipped) return null
  const { min, max } = node!.attrs as ClipAttrs
  return min > Number.NEGATIVE_INFINITY && max < Number.POSITIVE_INFINITY ? { low: min, high: max } : null
}

/** Whether the one input, a picture, has its channels last. */
function expectPicture({ path, inputs }: OnnxModel): boolean {
  const [input, ...others] = inputs
  const sizes = others.length === 0 && input?.shape?.length === 4 ? input.shape : null
  const isChannelsLast = sizes?.[3] === 3 && sizes[1] !== 3
  if (isChannelsLast || sizes?.[1] === 3 || typeof sizes?.[1] === 'string') return isChannelsLast
  const told = inputs.map(({ name, shape }) => `${name} ${shape ? `[${shape.join('×')}]` : 'of any shape'}`)
  throw new UserError(
    `${path} takes no picture of 3 channels: its inputs are ${told.join(', ') || 'none'}`,
    'weights',
  )
}

/** A picture in colour [N,H,W,3], or a grey one [N,H,W,1] in three equal channels, which lie where `shape` is 3. */
function inThreeChannels(graph: Graph, picture: Tensor, shape: readonly number[]): Tensor {
  const axis = shape[3] === 3 ? 3 : 1
  if (graph.shape(picture)[3] === 3)
    return axis === 3 ? picture : graph.op('transpose', [picture], { perm: [0, 3, 1, 2] })
  const channel =
    axis === 3 ? picture : graph.op('view', [picture], { offset: 0, shape: shape.with(axis, 1) })
  return graph.op('concat', [channel, channel, channel], { axis })
}
