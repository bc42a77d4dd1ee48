/** A classifier that came as an ONNX model, as the trunk of a network. */
import { UserError } from '../../errors.ts'
import { Derivations } from '../../graph/derivations.ts'
import { Graph } from '../../graph/graph.ts'
import { include } from '../../graph/include.ts'
import { rewriteForInference } from '../../graph/rewrite.ts'
import type { Conv2dAttrs } from '../../kernels/conv/conv2d.ts'
import type { ClipAttrs } from '../../kernels/elementwise/clip.ts'
import type { Tensor } from '../../kernels/op.ts'
import type { TapRange, Trunk, TrunkName } from '../../model/trunk.ts'
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
  const build = (graph: Graph, gray: Tensor): Tensor[] => {
    const [batch, height, width] = graph.shape(gray) as [number, number, number, number]
    const shape = isChannelsLast ? [batch, height, width, 3] : [batch, 3, height, width]
    const shapes = new Map([[cut.inputs[0]!.name, shape]])
    const { graph: layers, inputs } = importOnnx(cut, { shapes, derivations })
    const source = rewriteForInference(layers, undefined, derivations)
    return graph.scope('trunk', () => {
      const picture = inThreeChannels(graph, gray, storedShape(shape, inputs[0]!.layout))
      const included = include(graph, source, (t) => (source.origin(t).kind === 'input' ? picture : null))
      return taps.map((tap) => included(source.outputs.get(tap)!))
    })
  }
  const counting = new Graph()
  const counted = build(counting, counting.input('gray', [1, COUNTING_SIZE, COUNTING_SIZE, 1]))
  const channels = counted.map((tap) => counting.shape(tap)[3]!)
  return { name, sha256, channels, ranges: counted.map((tap) => rangeOf(counting, tap)), build }
}

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

/** The grey picture [N,H,W,1] in three equal channels, which lie where `shape` is 3. */
function inThreeChannels(graph: Graph, gray: Tensor, shape: readonly number[]): Tensor {
  const axis = shape[3] === 3 ? 3 : 1
  const channel = axis === 3 ? gray : graph.op('view', [gray], { offset: 0, shape: shape.with(axis, 1) })
  return graph.op('concat', [channel, channel, channel], { axis })
}
